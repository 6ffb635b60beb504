//! Rooms of a session: every member sends a packet of PCMU every 20 ms, three of a room speak and the others send the noise of a
//! quiet line, and each is sent one.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use mediapoint_engine::session::command::CallCommand;
use mediapoint_engine::session::port::{LegPorts, PortKey};
use mediapoint_engine::session::source::room::ConferenceRoom;
use mediapoint_engine::session::{Session, SessionConfig};
use mediapoint_engine::{
    CallId, Codec, LegId, LocalScope, PayloadCodec, PayloadType, RoomId, RoomMember, RoomSpec,
};
use mediapoint_packet::Time;
use mediapoint_testkit::Sink;

use crate::step::{Sender, Speech, leg};

/// Members of all rooms together where a room is small, so that every member is found out of the first-level cache.
const MEMBERS: u64 = 400;
/// Speakers of a room.
const SPEAKERS: u64 = 3;

/// A session of rooms and their members.
pub struct Rooms {
    session: Session,
    senders: Vec<Sender>,
    sink: Sink,
    done: u64,
}

/// Noise of a quiet line, some -65 dBov, the same on every machine.
fn quiet(rate: u32) -> Vec<i16> {
    let mut state = 1_u32;
    let sample = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i16::try_from(state >> 27).unwrap_or(0) - 16
    };
    (0..10 * rate).map(sample).collect()
}

impl Rooms {
    /// Rooms of so many members each: so many that all have 400, or one.
    #[must_use]
    pub fn new(members: u64) -> Self {
        let pcmu = PayloadCodec::new(PayloadType::PCMU, Codec::PCMU);
        let spoken = [Speech::of(&pcmu, crate::speech_like_at), Speech::of(&pcmu, quiet)];
        let mut sink = Sink::new(8);
        let mut session = Session::new(SessionConfig {
            max_legs: 4096,
            media_timeout: Duration::from_secs(3600),
            hold_timeout: Duration::from_secs(3600),
            seed: [7; 32],
            wall_at_zero: Duration::from_secs(1_700_000_000),
            remotes: Default::default(),
            kernel_forwarding: false,
        });
        let mut senders = Vec::new();
        for n in 0..(MEMBERS / members.max(1)).max(1) {
            let (call, room) = (CallId::from_u64(n), RoomId::from_u64(n));
            session.add_call(Time::ZERO, call).expect("room");
            let capacity = u16::try_from(members).expect("a room's size");
            let spec = RoomSpec { capacity, ..RoomSpec::default() };
            let made = Box::new(ConferenceRoom::new(room, spec).expect("a room"));
            session.apply(Time::ZERO, call, CallCommand::AddRoom { room: made }, &mut sink).expect("room");
            for member in 0..members {
                let number = n * members + member;
                let leg_id = LegId::from_u64(number);
                let port = PortKey(u32::try_from(number * 2).expect("a port"));
                let address =
                    SocketAddr::from(([192, 0, 2, 1], 20_000 + u16::try_from(number * 2).expect("a port")));
                let ports = LegPorts { rtp: port, rtcp: None, scope: LocalScope::Global };
                let config = Box::new(leg(address, &pcmu, None));
                let add = CallCommand::AddLeg { leg: leg_id, config, ports };
                session.apply(Time::ZERO, call, add, &mut sink).expect("room");
                let member_of = RoomMember::default();
                let join = CallCommand::JoinRoom { room, leg: leg_id, member: member_of };
                session.apply(Time::ZERO, call, join, &mut sink).expect("a place");
                let [speech, noise] = &spoken;
                let speech = if member < SPEAKERS { speech } else { noise };
                senders.push(Sender::new(port, address, Rc::clone(speech)));
            }
        }
        Self { session, senders, sink, done: 0 }
    }

    /// Members in all.
    #[must_use]
    pub fn members(&self) -> u64 {
        self.senders.len() as u64
    }

    /// One packet of the next member in turn, and the deadlines that have come: a member and tick.
    pub fn step(&mut self) {
        let count = self.senders.len().max(1);
        let index = usize::try_from(self.done % count as u64).unwrap_or(0);
        let now = Time::from_nanos(self.done * (20_000_000 / count as u64));
        self.done += 1;
        let Some(sender) = self.senders.get_mut(index) else { return };
        let Some(mut packet) = self.sink.pool.take() else { return };
        sender.fill(&mut packet);
        self.session.handle_datagram(now, sender.key, sender.address, packet, &mut self.sink);
        self.session.handle_timeouts(now, &mut self.sink);
    }

    /// True where every member was sent a packet in every tick but the first ones.
    #[must_use]
    pub const fn all_sent(&self, members: u64) -> bool {
        self.sink.sent + 4 * members >= self.done
    }
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rooms").field("done", &self.done).finish_non_exhaustive()
    }
}
