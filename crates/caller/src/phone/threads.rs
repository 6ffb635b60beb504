//! The threads of a phone: one sends on absolute deadlines, one listens on each port.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::Shared;
use super::state::Outgoing;
use crate::clock::{now, sleep_until};
use crate::pace::Pacer;

/// Packet interval.
const INTERVAL: Duration = Duration::from_millis(20);

/// Being held up for longer than this, the phone gives slots up instead of sending a burst.
const MAX_LATE: Duration = Duration::from_millis(200);

/// Larger than any packet a phone could make sense of.
const BUFFER: usize = 4_096;

pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Vec<JoinHandle<()>>> {
    let spawn = |name: &str, work: fn(&Shared)| {
        let shared = Arc::clone(shared);
        Builder::new().name(name.to_owned()).spawn(move || work(&shared))
    };
    let mut threads = Vec::new();
    for (name, work) in [
        ("phone-send", send as fn(&Shared)),
        ("phone-rtp", |s| listen(s, false)),
        ("phone-rtcp", |s| listen(s, true)),
    ] {
        match spawn(name, work) {
            Ok(thread) => threads.push(thread),
            Err(e) => {
                shared.lock().stop();
                return Err(e);
            }
        }
    }
    Ok(threads)
}

fn send(shared: &Shared) {
    let mut pacer = Pacer::new(now(), INTERVAL, 1);
    let interval = shared.lock().rtcp_interval();
    let mut next_report = now() + random_interval(interval) / 2;
    loop {
        sleep_until(pacer.next_deadline());
        let skipped = pacer.skip_late(now(), MAX_LATE);
        let mut due = Vec::new();
        {
            let mut state = shared.lock();
            if !state.is_running() {
                return;
            }
            // Read with the lock held, so that the time is that of sending and not of waiting.
            let at = now();
            state.skipped_slots += skipped;
            while let Some(slot) = pacer.poll(at) {
                due.extend(state.next_rtp(at, slot.round));
            }
            if !interval.is_zero() && at >= next_report {
                next_report = at + random_interval(interval);
                due.extend(state.next_rtcp(false));
            }
        }
        for outgoing in &due {
            send_one(shared, outgoing);
        }
        shared.changed.notify_all();
    }
}

fn send_one(shared: &Shared, outgoing: &Outgoing) {
    if let Err(e) = outgoing.socket.send_to(&outgoing.bytes, outgoing.to)
        // That nobody listened to an earlier datagram is reported here, and is the peer's affair.
        && e.kind() != io::ErrorKind::ConnectionRefused
    {
        shared.lock().send_errors += 1;
    }
}

fn listen(shared: &Shared, rtcp: bool) {
    let mut buffer = [0; BUFFER];
    loop {
        // Asked for each time, because the phone may move to other ports.
        let socket: Arc<UdpSocket> = {
            let state = shared.lock();
            if !state.is_running() {
                return;
            }
            state.socket(rtcp)
        };
        if let Ok((len, from)) = socket.recv_from(&mut buffer) {
            shared.lock().handle(from, buffer.get(..len).unwrap_or_default());
            shared.changed.notify_all();
        }
    }
}

/// Between half and one and a half times the mean, so that parties do not report in step [RFC3550 6.2].
fn random_interval(mean: Duration) -> Duration {
    mean.mul_f64(0.5 + rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    // test-of: [RFC3550 6.2]
    #[test]
    fn report_intervals_scatter_around_their_mean() {
        let mean = Duration::from_secs(5);
        let intervals: Vec<_> = (0..2_000).map(|_| random_interval(mean)).collect();
        assert!(intervals.iter().all(|interval| (mean / 2..=mean * 3 / 2).contains(interval)));
        let average = intervals.iter().sum::<Duration>() / 2_000;
        assert!((mean * 9 / 10..mean * 11 / 10).contains(&average), "{average:?}");
    }
}
