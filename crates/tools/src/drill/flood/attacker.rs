//! Those who send as fast as they can.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::drill::DrillError;
use crate::drill::call::{Party, Remote};
use crate::drill::random::Random;
use crate::drill::rtp;

/// Packets in one go, so that the clock is read seldom.
const BATCH: u64 = 32;
/// A pause where nothing is due: the honest calls are generated on the same core.
const PAUSE: Duration = Duration::from_micros(100);
/// Hosts and ports that strangers send from.
const STRANGERS: u8 = 16;
/// The last packets come so late.
const DRAIN: Duration = Duration::from_millis(300);
/// Octets of an SRTP packet's tag.
const TAG: usize = 10;

/// What was sent, and what came out at the other party.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) packets: u64,
    pub(super) seconds: f64,
    pub(super) came_out: u64,
    /// Seconds from the first packet sent to the last that came out.
    pub(super) window: f64,
}

/// The pace of an attack: so many a second, and where that is too much as many as go.
struct Pace {
    began: Instant,
    rate: f64,
    sent: u64,
}

impl Pace {
    fn new(rate: u32) -> Self {
        Self { began: Instant::now(), rate: rate.into(), sent: 0 }
    }

    /// How many may be sent now, [`BATCH`] at most.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is above zero and far below 2^63"
    )]
    fn due(&self) -> u64 {
        let due = (self.began.elapsed().as_secs_f64() * self.rate) as u64;
        due.saturating_sub(self.sent).min(BATCH)
    }

    /// Sends what is due until it is over.
    fn run(
        &mut self,
        over: &AtomicBool,
        mut send: impl FnMut(u64) -> io::Result<()>,
        mut between: impl FnMut(),
    ) -> Result<f64, DrillError> {
        while !over.load(Ordering::Relaxed) {
            let due = self.due();
            for n in self.sent..self.sent + due {
                match send(n) {
                    // The kernel has no room, or a port was closed: as on a network, the packet is gone.
                    Err(error) if !is_of_the_network(&error) => return Err(error.into()),
                    _ => {}
                }
            }
            self.sent += due;
            between();
            if due < BATCH {
                thread::sleep(PAUSE);
            }
        }
        Ok(self.began.elapsed().as_secs_f64())
    }
}

fn is_of_the_network(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused | io::ErrorKind::OutOfMemory
    )
}

/// A party floods its own leg with packets in sequence; what comes out is counted at `victim`. Where it `forges`, each packet has
/// an SSRC of its own and an SRTP tag that is not authentic.
pub(super) fn party(
    (party, to, forges): (&Party, Remote, bool),
    victim: &Party,
    rate: u32,
    over: &AtomicBool,
) -> Result<Sent, DrillError> {
    let mut random = Random::new(3);
    let mut packet = rtp::packet(0, 0, 0, rtp::PAYLOAD + if forges { TAG } else { 0 });
    let mut pace = Pace::new(rate);
    let began = pace.began;
    let (mut came_out, mut window) = (0, 0.0);
    let mut buffer = [0; 2048];
    let mut take = || {
        while let Ok(len) = victim.rtp.recv(&mut buffer) {
            if !rtp::is_rtcp(buffer.get(..len).unwrap_or_default()) {
                came_out += 1;
                window = began.elapsed().as_secs_f64();
            }
        }
    };
    let send = |n: u64| {
        let timestamp = u32::try_from(n * 160 % (1 << 32)).unwrap_or(0);
        let ssrc = if forges { random.u32() } else { 0x0f10_0d00 };
        rtp::stamp(&mut packet, sequence(n), timestamp, ssrc);
        if forges && let Some(tag) = packet.get_mut(rtp::HEADER + rtp::PAYLOAD..) {
            random.fill(tag);
        }
        party.rtp.send_to(&packet, to.rtp).map(drop)
    };
    let seconds = pace.run(over, send, &mut take)?;
    let drained = Instant::now() + DRAIN;
    while Instant::now() < drained {
        take();
        thread::sleep(PAUSE);
    }
    Ok(Sent { packets: pace.sent, seconds, came_out, window })
}

fn sequence(n: u64) -> u16 {
    let [.., high, low] = n.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// Strangers on hosts and ports of their own.
pub(super) struct Strangers {
    sockets: Vec<UdpSocket>,
    targets: Vec<SocketAddr>,
}

impl Strangers {
    /// Strangers to the legs on these ports.
    pub(super) fn new(ports: Vec<u16>) -> Result<Self, DrillError> {
        let socket = |host: u8| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 1, host), 0))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        let sockets = (1..=STRANGERS).map(socket).collect::<io::Result<_>>()?;
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let targets = ports.into_iter().map(|port| SocketAddr::new(local, port)).collect();
        Ok(Self { sockets, targets })
    }

    /// Each of them in turn to each leg in turn, with packets in sequence of one SSRC.
    pub(super) fn flood(&self, rate: u32, over: &AtomicBool) -> Result<Sent, DrillError> {
        let mut packet = rtp::packet(0, 0, 0, rtp::PAYLOAD);
        let mut ways = self.targets.iter().cycle().zip(self.sockets.iter().cycle());
        let send = |n: u64| {
            let Some((target, socket)) = ways.next() else { return Ok(()) };
            rtp::stamp(&mut packet, sequence(n), 0, 0x0bad);
            socket.send_to(&packet, target).map(drop)
        };
        let mut pace = Pace::new(rate);
        let seconds = pace.run(over, send, || {})?;
        Ok(Sent { packets: pace.sent, seconds, ..Sent::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_reach_every_leg_until_it_is_over() {
        let legs: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let ports = legs.iter().map(|leg| leg.local_addr().unwrap().port()).collect();
        let strangers = Strangers::new(ports).unwrap();
        let over = AtomicBool::new(false);
        let sent = thread::scope(|scope| {
            let flood = scope.spawn(|| strangers.flood(50_000, &over).unwrap());
            let mut buffer = [0; 2048];
            for leg in &legs {
                let (len, from) = leg.recv_from(&mut buffer).unwrap();
                assert_eq!(len, rtp::HEADER + rtp::PAYLOAD);
                assert!(from.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST), "{from}");
            }
            over.store(true, Ordering::Relaxed);
            flood.join().unwrap()
        });
        assert!(sent.packets >= 3);
    }
}
