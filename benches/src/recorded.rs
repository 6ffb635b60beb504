//! Ticks of calls whose parties both talk, recorded or not.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::time::Duration;

use mediapoint_engine::session::Session;
use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::tap::Tap;
use mediapoint_engine::session::tap::audio::{AudioTap, TapFrame};
use mediapoint_engine::{AudioTapSpec, CallId, LegId, Source, TapId, TapSide};
use mediapoint_net::ring::{Consumer, channel};
use mediapoint_packet::Time;
use mediapoint_testkit::Sink;

use crate::step::{CALLS, Kind, Sender, Speech, calls};

/// Frames that a ring holds.
const FRAMES: usize = 100;

/// A session of [`CALLS`] calls, both parties of which talk.
pub struct RecordedCalls {
    session: Session,
    /// The parties of each call.
    senders: Vec<[Sender; 2]>,
    taps: Vec<Consumer<TapFrame>>,
    sink: Sink,
    done: u64,
    read: u64,
}

impl RecordedCalls {
    /// Calls of a kind; `recorded` with a tap on both directions of the first leg at 8000 Hz.
    ///
    /// # Panics
    /// Where the session refuses.
    #[must_use]
    pub fn new(kind: &Kind, recorded: bool) -> Self {
        let mut sink = Sink::new(8);
        let [speech, other] = [&kind.from, &kind.to].map(Speech::new);
        let (mut session, senders) = calls(CALLS, kind, [&speech, &other], &mut sink);
        let mut taps = Vec::new();
        let spec = |leg| AudioTapSpec {
            leg,
            side: TapSide::Both,
            rate: 8000,
            capacity: Duration::from_secs(2),
            mask_secure_input: true,
            beep: None,
        };
        for n in 0..CALLS {
            let (call, a, b) = (CallId::from_u64(n), LegId::from_u64(2 * n), LegId::from_u64(2 * n + 1));
            let feed = CallCommand::SetSource { leg: a, source: Source::Leg(b) };
            session.apply(Time::ZERO, call, feed, &mut sink).expect("a leg");
            if recorded {
                let (producer, consumer) = channel(FRAMES, || TapFrame::new(8000));
                let tap = Tap::Audio(AudioTap::new(TapId::from_u64(n), &spec(a), producer));
                let add = CallCommand::AddTap { tap: Box::new(tap) };
                session.apply(Time::ZERO, call, add, &mut sink).expect("room");
                taps.push(consumer);
            }
        }
        Self { session, senders, taps, sink, done: 0, read: 0 }
    }

    /// 20 ms of the next call in turn: a packet of each party, and the deadlines that have come. What a tap has written is
    /// passed over, as little work as its reader can have.
    pub fn tick(&mut self) {
        let index = usize::try_from(self.done % CALLS).unwrap_or(0);
        let now = Time::from_nanos(self.done * (20_000_000 / CALLS));
        self.done += 1;
        let Some(parties) = self.senders.get_mut(index) else { return };
        for party in parties {
            let Some(mut packet) = self.sink.pool.take() else { return };
            party.fill(&mut packet);
            self.session.handle_datagram(now, party.key, party.address, packet, &mut self.sink);
        }
        self.session.handle_timeouts(now, &mut self.sink);
        if let Some(tap) = self.taps.get_mut(index) {
            while tap.pop_with(|frame| frame.received.pcm().len()).is_some() {
                self.read += 1;
            }
        }
    }

    /// True where every packet went through, and each tap had a frame each tick; some wait in jitter buffers.
    #[must_use]
    pub fn all_done(&self) -> bool {
        let taps = self.taps.is_empty() || self.read + 3 * CALLS >= self.done;
        self.sink.sent + 6 * CALLS >= 2 * self.done && taps
    }
}

impl std::fmt::Debug for RecordedCalls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordedCalls").field("done", &self.done).finish_non_exhaustive()
    }
}
