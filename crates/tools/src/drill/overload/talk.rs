//! The media of the drill's calls: one thread sends for all parties and takes what comes. Each packet says in its payload which
//! call, direction and window it is of and when it was sent, so that loss and delay are known for each call that is left.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mediapoint_caller::delay::{DelaySummary, Delays};
use serde::Serialize;

use crate::drill::DrillError;
use crate::drill::call::{Party, Remote};
use crate::drill::rtp::{HEADER, PAYLOAD, packet, stamp};

/// Time between two packets of a party.
const INTERVAL: Duration = Duration::from_millis(20);
/// How long the thread sleeps between two looks at its sockets: that much may be added to a delay.
const TICK: Duration = Duration::from_micros(250);
/// What the payload of each packet begins with.
const MAGIC: [u8; 4] = *b"ovld";
/// How long after a window packets of it are waited for.
const DRAIN: Duration = Duration::from_secs(1);

/// A call that was set up.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) number: u32,
    pub(super) parties: [Party; 2],
    /// Where each party sends to.
    pub(super) remotes: [Remote; 2],
}

/// What became of the packets of one window.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Window {
    pub(super) calls: u64,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) delay: DelaySummary,
    /// How late the drill itself sent: its own share of the delays.
    pub(super) held_up: DelaySummary,
}

enum Order {
    Add(Box<Talk>),
    /// Ends the media of a call; what was sent in the window is not judged any more.
    Drop(u32),
    /// Packets are counted from now on, those under way are not.
    Begin,
    /// Packets that are sent from now on are not counted.
    End,
    Report(Sender<Window>),
    Stop,
}

/// The thread. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct Talker {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Talker {
    pub(super) fn start() -> Result<Self, DrillError> {
        let (orders, taken) = channel();
        let thread =
            thread::Builder::new().name("talk".to_owned()).spawn(move || State::new().run(&taken))?;
        Ok(Self { orders, thread: Some(thread) })
    }

    pub(super) fn add(&self, talk: Talk) {
        self.order(Order::Add(Box::new(talk)));
    }

    pub(super) fn drop_call(&self, number: u32) {
        self.order(Order::Drop(number));
    }

    /// Counts what is sent from now on.
    pub(super) fn begin(&self) {
        self.order(Order::Begin);
    }

    /// Counts no more, waits for what is under way, and gives what was counted.
    pub(super) fn end(&self) -> Result<Window, DrillError> {
        self.order(Order::End);
        thread::sleep(DRAIN);
        let (report, reported) = channel();
        self.order(Order::Report(report));
        reported.recv().map_err(|_| DrillError::Panicked)
    }

    fn order(&self, order: Order) {
        // Where the thread has panicked, the report does not come either.
        drop(self.orders.send(order));
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One call, with the packets of this window that its parties sent and got.
struct Call {
    talk: Talk,
    due: Instant,
    next: u32,
    sent: u64,
    came: u64,
}

struct State {
    start: Instant,
    calls: BTreeMap<u32, Call>,
    /// Packets of another window are not counted; 0 is none.
    window: u32,
    windows: u32,
    delays: Delays,
    held_up: Delays,
    packet: Vec<u8>,
}

impl State {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            calls: BTreeMap::new(),
            window: 0,
            windows: 0,
            delays: Delays::new(),
            held_up: Delays::new(),
            packet: packet(0, 0, 0, PAYLOAD),
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            loop {
                match orders.try_recv() {
                    Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return,
                    Ok(order) => self.take(order),
                    Err(TryRecvError::Empty) => break,
                }
            }
            self.send_due();
            self.receive();
            thread::sleep(TICK);
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Add(talk) => {
                // Spread over the interval, as calls are.
                let due = Instant::now() + INTERVAL * (talk.number * 7 % 20) / 20;
                self.calls.insert(talk.number, Call { talk: *talk, due, next: 0, sent: 0, came: 0 });
            }
            Order::Drop(number) => drop(self.calls.remove(&number)),
            Order::Begin => {
                self.windows += 1;
                self.window = self.windows;
                (self.delays, self.held_up) = (Delays::new(), Delays::new());
                self.calls.values_mut().for_each(|call| (call.sent, call.came) = (0, 0));
            }
            Order::End => self.window = 0,
            Order::Report(to) => drop(to.send(self.report())),
            Order::Stop => {}
        }
    }

    fn report(&self) -> Window {
        let (sent, came) =
            self.calls.values().fold((0, 0), |(sent, came), call| (sent + call.sent, came + call.came));
        Window {
            calls: u64::try_from(self.calls.len()).unwrap_or(u64::MAX),
            sent,
            lost: sent.saturating_sub(came),
            delay: self.delays.summary(),
            held_up: self.held_up.summary(),
        }
    }

    fn send_due(&mut self) {
        for call in self.calls.values_mut() {
            let now = Instant::now();
            if now < call.due {
                continue;
            }
            if self.window != 0 {
                self.held_up.record(now - call.due);
            }
            call.due += INTERVAL;
            // Who was held up for long does not send it all at once.
            if now > call.due + INTERVAL {
                call.due = now;
            }
            let sequence = u16::try_from(call.next & 0xffff).unwrap_or_default();
            for (side, (party, remote)) in (0_u32..).zip(call.talk.parties.iter().zip(&call.talk.remotes)) {
                stamp(
                    &mut self.packet,
                    sequence,
                    call.next.wrapping_mul(160),
                    call.talk.number * 2 + side + 1,
                );
                let nanos = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                mark(&mut self.packet, self.window, call.talk.number, nanos);
                let sent = party.rtp.send_to(&self.packet, remote.rtp).is_ok();
                call.sent += u64::from(sent && self.window != 0);
            }
            call.next += 1;
        }
    }

    fn receive(&mut self) {
        let mut buffer = [0; 2048];
        for call in self.calls.values_mut() {
            for party in &call.talk.parties {
                while let Ok((len, from)) = receive_from(party, &mut buffer) {
                    let read = buffer.get(..len).and_then(read);
                    let is_its = call.talk.remotes.iter().any(|remote| remote.rtp == from);
                    let Some((window, number, nanos)) = read.filter(|_| is_its) else { continue };
                    // Of this window, or of the one that has just ended.
                    if window != self.windows || number != call.talk.number {
                        continue;
                    }
                    call.came += 1;
                    let sent = self.start + Duration::from_nanos(nanos);
                    self.delays.record(Instant::now().saturating_duration_since(sent));
                }
            }
        }
    }
}

fn receive_from(party: &Party, buffer: &mut [u8]) -> std::io::Result<(usize, SocketAddr)> {
    party.rtp.recv_from(buffer)
}

fn mark(packet: &mut [u8], window: u32, number: u32, nanos: u64) {
    let fields = MAGIC.into_iter().chain(window.to_be_bytes()).chain(number.to_be_bytes());
    let fields = fields.chain(nanos.to_be_bytes());
    if let Some(payload) = packet.get_mut(HEADER..) {
        payload.iter_mut().zip(fields).for_each(|(octet, value)| *octet = value);
    }
}

/// Window, call and time of a packet; `None` for what is none of the drill's or is not counted.
fn read(packet: &[u8]) -> Option<(u32, u32, u64)> {
    let payload = packet.get(HEADER..)?;
    let (magic, rest) = payload.split_first_chunk::<4>()?;
    let (window, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (nanos, _) = rest.split_first_chunk::<8>()?;
    let window = u32::from_be_bytes(*window);
    let is_counted = *magic == MAGIC && window != 0;
    is_counted.then_some((window, u32::from_be_bytes(*number), u64::from_be_bytes(*nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_says_what_it_is_of() {
        let mut marked = packet(1, 2, 3, PAYLOAD);
        mark(&mut marked, 4, 5, 6_000_000_000);
        assert_eq!(read(&marked), Some((4, 5, 6_000_000_000)));
        mark(&mut marked, 0, 5, 6);
        assert_eq!(read(&marked), None, "of no window");
        assert_eq!(read(&packet(1, 2, 3, PAYLOAD)), None);
        assert_eq!(read(&marked[..20]), None);
    }

    /// Two parties that send to each other without a server between them.
    fn direct(number: u32) -> Talk {
        let parties = [Party::new().unwrap(), Party::new().unwrap()];
        let remote = |party: &Party| {
            let at = party.rtp.local_addr().unwrap();
            Remote { rtp: at, rtcp: at }
        };
        let remotes = [remote(&parties[1]), remote(&parties[0])];
        Talk { number, parties, remotes }
    }

    #[test]
    fn what_arrives_is_counted_and_what_does_not_is_lost() {
        let talker = Talker::start().unwrap();
        talker.add(direct(0));
        let mut deaf = direct(1);
        let nobody = Party::new().unwrap().rtp.local_addr().unwrap();
        deaf.remotes[0].rtp = nobody;
        talker.add(deaf);
        let window = |millis| {
            talker.begin();
            thread::sleep(Duration::from_millis(millis));
            talker.end().unwrap()
        };
        let both = window(400);
        assert_eq!(both.calls, 2);
        // Each of the second call has a remote that is not where the other one sends from.
        assert!(both.sent >= 8 && both.lost > 0 && both.lost <= both.sent / 2, "{both:?}");
        assert_eq!(both.delay.count + both.lost, both.sent, "{both:?}");
        talker.drop_call(1);
        let one = window(200);
        assert_eq!((one.calls, one.lost), (1, 0), "{one:?}");
    }
}
