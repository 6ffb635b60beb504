//! The tick of a call's media clock, in phases: every source that somebody wants is pulled once, mixes are summed, taps read,
//! and every leg that transcodes pushes its source's frame into its egress.

use std::time::Duration;

use mediapoint_g711::Law;
use mediapoint_packet::Time;

use crate::api::event::Event;
use crate::api::secure::SecureInput;
use crate::api::source::Source;
use crate::api::tap::TapSide;
use crate::session::Output;
use crate::session::call::Call;
use crate::session::forward::with_source;
use crate::session::frame::Frame;
use crate::session::leg::Leg;
use crate::session::source::mix::Mix;
use crate::session::source::player::{Player, ReadyPayload};
use crate::session::source::room::ConferenceRoom;
use crate::session::source::stream::Stream;
use crate::session::tap::audio::TapTick;
use crate::session::tap::{Tap, analysis};
use crate::session::timers::Timer;
use crate::session::wiring::Feed;

/// Ticks are made up for after a stall of the worker up to this long; what is older is passed over.
const MAKE_UP: Duration = Duration::from_millis(200);

/// How many legs ahead of its turn a leg's memory is asked for: a turn is shorter than the way from memory.
const LEG_AHEAD: usize = 4;
/// The same of what the leg points to, by which time the leg has come.
const APART_AHEAD: usize = 2;

/// The media clock of a call. Its next tick is [`Timer::Tick`].
#[derive(Debug, Clone, Copy)]
pub(super) struct MediaClock {
    pub(super) runs: bool,
    /// Length of a tick: 10 or 20.
    pub(super) millis: u32,
}

impl Default for MediaClock {
    fn default() -> Self {
        Self { runs: false, millis: 20 }
    }
}

/// Those parts of a call that have a frame of audio by themselves.
pub(super) struct Parts<'a> {
    #[expect(clippy::vec_box, reason = "legs are moved between calls, and large")]
    pub(super) legs: &'a mut Vec<Box<Leg>>,
    pub(super) players: &'a mut Vec<Player>,
    pub(super) streams: &'a mut Vec<Stream>,
}

impl Parts<'_> {
    /// The frame of a source; `None` of a mix or a room.
    pub(super) fn frame(&mut self, feed: Feed) -> Option<&mut Frame> {
        frame_of(feed, self.legs, self.players, self.streams)
    }

    /// The octets of a source whose audio at `rate` hertz they are, where nothing has decoded them.
    pub(super) fn undecoded(&self, feed: Feed, rate: u32) -> Option<(Law, &[u8])> {
        let Feed::Leg(at) = feed else { return None };
        self.legs.get(usize::from(at))?.ingress.as_ref()?.undecoded(rate)
    }
}

/// The frame of a source that is no mix.
fn frame_of<'a>(
    feed: Feed,
    legs: &'a mut [Box<Leg>],
    players: &'a mut [Player],
    streams: &'a mut [Stream],
) -> Option<&'a mut Frame> {
    match feed {
        Feed::Silence | Feed::Mix(_) | Feed::Room(_) => None,
        Feed::Leg(at) => Some(legs.get_mut(usize::from(at))?.ingress.as_mut()?.frame()),
        Feed::Player(at) => Some(players.get_mut(usize::from(at))?.frame()),
        Feed::Stream(at) => Some(streams.get_mut(usize::from(at))?.frame()),
    }
}

impl Call {
    /// Serves the tick that was due at `due`.
    pub(super) fn tick<O: Output>(&mut self, now: Time, due: Time, out: &mut O) {
        let millis = self.clock.millis;
        let period = Duration::from_millis(u64::from(millis));
        // What the tick before is still to send goes before this one's.
        self.push_rest(now, out);
        let mut due = due;
        let late = now.since(due);
        if late > MAKE_UP {
            // Whole ticks are left out, so that no lateness adds up, and the audio of this one is not late itself.
            let missed = u32::try_from(late.as_nanos() / period.as_nanos().max(1)).unwrap_or(0);
            due = due + period * missed;
            self.pass_missed(missed, millis);
        }
        let ended = self.pull_sources(now, millis, out);
        self.sum_mixes(millis);
        let unlinked = self.mix_rooms(millis, out);
        self.make_beeps(now, due, millis);
        self.write_taps(due, millis, out);
        self.begin_digits(now, millis);
        self.push_frames(now, due, millis, out);
        self.push_digits(now, millis, out);
        if ended || self.taps.iter().any(Tap::is_over) {
            self.taps.retain(|tap| !tap.is_over());
            self.derive_demand(now);
        }
        for leg in &mut self.legs {
            if leg.ingress.as_ref().is_some_and(|ingress| ingress.unwanted) {
                leg.drop_ingress();
            }
        }
        if self.legs.iter().any(|leg| leg.ends_lingering()) {
            self.end_lingering(now, out);
        }
        if unlinked {
            self.rewire(now, out);
        }
        self.clock.runs = self.is_live();
        self.timers.set(Timer::Tick, self.clock.runs.then_some(due + period));
    }

    /// Lets the audio of legs take its way again whose secure input went off: what sounded then is over.
    #[cold]
    fn end_lingering<O: Output>(&mut self, now: Time, out: &mut O) {
        for leg in self.legs.iter_mut().filter(|leg| leg.ends_lingering()) {
            leg.lingers = SecureInput::Off;
        }
        self.rewire(now, out);
    }

    /// Fills the frames of legs, players and streams; true where a player has ended that listened to a leg.
    fn pull_sources<O: Output>(&mut self, now: Time, millis: u32, out: &mut O) -> bool {
        for at in 0..self.legs.len() {
            if let Some(leg) = self.legs.get(at + LEG_AHEAD) {
                leg.prefetch_received();
            }
            if let Some(ingress) = self.legs.get(at + APART_AHEAD).and_then(|leg| leg.ingress.as_ref()) {
                ingress.prefetch();
            }
            let Some(leg) = self.legs.get_mut(at).map(AsMut::as_mut) else { continue };
            let Leg { ingress: Some(ingress), events, .. } = leg else { continue };
            if ingress.pull(now, millis, events.is_active(now)) {
                self.report_found(now, at, out);
            }
        }
        self.note_speech();
        let mut ended = false;
        for player in &mut self.players {
            if let Some((end, position)) = player.pull(now, millis) {
                out.event(Event::PlayerFinished { call: self.id, player: player.id, end, position });
                ended |= player.ends_by_speech();
            }
            if let Some(wake) = player.take_wake() {
                out.wake(wake);
            }
        }
        for stream in &mut self.streams {
            if let Some(wake) = stream.pull(millis) {
                out.wake(wake);
            }
        }
        ended
    }

    /// Gives the players what the parties say whose speech ends them.
    fn note_speech(&mut self) {
        let Self { players, legs, .. } = self;
        for player in players.iter_mut().filter(|player| player.is_live()) {
            let Some(heard) = player.listens_to() else { continue };
            let leg = legs.iter_mut().find(|leg| leg.id == heard);
            if let Some(ingress) = leg.and_then(|leg| leg.ingress.as_mut()) {
                player.note_speech(ingress.frame().at(analysis::RATE));
            }
        }
    }

    fn sum_mixes(&mut self, millis: u32) {
        let Self { mixes, legs, players, streams, .. } = self;
        for mix in mixes {
            mix.sum(millis, |feed, read| {
                if let Some(frame) = frame_of(feed, legs, players, streams) {
                    read(frame);
                }
            });
        }
    }

    /// Mixes the rooms; true where a link has ended.
    fn mix_rooms<O: Output>(&mut self, millis: u32, out: &mut O) -> bool {
        if self.rooms.is_empty() {
            return false;
        }
        let Self { rooms, legs, players, streams, .. } = self;
        for room in rooms {
            room.mix(millis, &mut Parts { legs, players, streams });
        }
        let unlinked = self.remove_ended_links();
        self.report_rooms(out);
        unlinked
    }

    fn write_taps<O: Output>(&mut self, due: Time, millis: u32, out: &mut O) {
        if self.taps.is_empty() {
            return;
        }
        let secure = self.has_secure_input();
        let announced = self.players.iter().any(Player::announces);
        let tick = TapTick { at: due, millis, secure, announced };
        self.write_room_taps(tick, out);
        let Self { taps, mixes, rooms, legs, players, streams, .. } = self;
        for tap in taps {
            let Some(tap) = tap.audio_mut() else { continue };
            let Some(at) = legs.iter().position(|leg| leg.id == tap.leg) else { continue };
            let Ok(own) = u16::try_from(at) else { continue };
            let feed = legs.get(at).map_or(Feed::Silence, |leg| leg.feed);
            let (received, sent) = (tap.side != TapSide::Sent, tap.side != TapSide::Received);
            let mut beep = legs.get_mut(at).and_then(|leg| leg.sender.beep.take());
            let over = beep.as_mut().and_then(|beep| beep.sound());
            let wake = match feed {
                Feed::Mix(mix) if sent => {
                    let mixed =
                        mixes.get_mut(usize::from(mix)).and_then(|mix: &mut Mix| mix.frame_for(tap.leg));
                    let own = if received { frame_of(Feed::Leg(own), legs, players, streams) } else { None };
                    tap.write(tick, own, mixed, over)
                }
                Feed::Room(room) if sent => {
                    let room = rooms.get_mut(usize::from(room));
                    let mixed = room.and_then(|room| {
                        let seat = room.seat_of_leg(at)?;
                        Some(room.frame_and_payload(seat)?.0)
                    });
                    let own = if received { frame_of(Feed::Leg(own), legs, players, streams) } else { None };
                    tap.write(tick, own, mixed, over)
                }
                Feed::Leg(from) if sent && received && from != own => {
                    let pair = legs.get_disjoint_mut([at, usize::from(from)]).ok();
                    let [own, from] = match pair {
                        Some(pair) => pair.map(|leg| leg.ingress.as_mut().map(|ingress| ingress.frame())),
                        None => [None, None],
                    };
                    tap.write(tick, own, from, over)
                }
                _ if sent && received => {
                    let own = legs.get_mut(at).and_then(|leg| Some(leg.ingress.as_mut()?.frame()));
                    // A leg that feeds itself is tapped as it is received.
                    let fed = if matches!(feed, Feed::Leg(_)) {
                        None
                    } else {
                        frame_of(feed, &mut [], players, streams)
                    };
                    tap.write(tick, own, fed, over)
                }
                _ if sent => tap.write(tick, None, frame_of(feed, legs, players, streams), over),
                _ => tap.write(tick, frame_of(Feed::Leg(own), legs, players, streams), None, None),
            };
            if let Some(leg) = legs.get_mut(at) {
                leg.sender.beep = beep;
            }
            if let Some(wake) = wake {
                out.wake(wake);
            }
        }
    }

    /// Sends legs their part of the tick, in this order.
    pub(super) fn push_each<O: Output>(
        &mut self,
        now: Time,
        millis: u32,
        places: impl Iterator<Item = usize> + Clone,
        out: &mut O,
    ) {
        let mut leg_ahead = places.clone().skip(LEG_AHEAD);
        let mut apart_ahead = places.clone().skip(APART_AHEAD);
        for at in places {
            if let Some(leg) = leg_ahead.next().and_then(|at| self.legs.get(at)) {
                leg.prefetch_sent();
            }
            let apart = apart_ahead.next().and_then(|at| self.legs.get(at));
            if let Some(egress) = apart.and_then(|leg| leg.sender.egress.as_ref()) {
                egress.prefetch();
            }
            self.push_frame(now, at, millis, out);
        }
    }

    fn push_frame<O: Output>(&mut self, now: Time, at: usize, millis: u32, out: &mut O) {
        let Self { mixes, rooms, legs, players, streams, .. } = self;
        let Some(leg) = legs.get_mut(at).map(AsMut::as_mut) else { return };
        let silent = !leg.sender.transcodes() || leg.sender.sends_digits();
        debug_assert!(silent || leg.source != Source::Silence || leg.ends_signal());
        if silent {
            return;
        }
        if leg.ends_signal() {
            let Leg { sender, transport, .. } = leg;
            sender.finish(now, transport, out);
            sender.leave_transcoding(Source::Silence);
            return;
        }
        let (feed, source, id) = (leg.feed, leg.source, leg.id);
        let none = ReadyPayload::default();
        let (frame, payload) = match feed {
            Feed::Leg(from) => {
                return with_source(legs, usize::from(from), at, |ingress, sender, transport| {
                    sender.push(now, transport, (source, ingress.frame(), none), millis, out);
                });
            }
            Feed::Room(room) => {
                let Some(room) = rooms.get_mut(usize::from(room)) else { return };
                let Some(seat) = room.seat_of_leg(at) else { return };
                return push_mixed(now, leg, (room, seat), millis, out);
            }
            Feed::Mix(mix) => (mixes.get_mut(usize::from(mix)).and_then(|mix| mix.frame_for(id)), none),
            Feed::Player(at) => match players.get_mut(usize::from(at)) {
                Some(player) => {
                    let (frame, payload) = player.frame_and_payload();
                    (Some(frame), payload)
                }
                None => (None, none),
            },
            feed => (frame_of(feed, &mut [], players, streams), none),
        };
        if let Some(frame) = frame {
            let Leg { sender, transport, .. } = leg;
            sender.push(now, transport, (source, frame, payload), millis, out);
        }
    }

    /// Sends a leg the part of the tick that a room's seat is still to be sent.
    pub(super) fn push_member<O: Output>(
        &mut self,
        now: Time,
        at: usize,
        (room, seat): (usize, usize),
        millis: u32,
        out: &mut O,
    ) {
        let Self { rooms, legs, .. } = self;
        if let (Some(leg), Some(room)) = (legs.get_mut(at), rooms.get_mut(room))
            && leg.sender.transcodes()
            && !leg.sender.sends_digits()
        {
            push_mixed(now, leg, (room, seat), millis, out);
        }
    }

    /// Moves the timestamps of encoded audio on over ticks that are left out.
    pub(super) fn pass_missed(&mut self, ticks: u32, millis: u32) {
        for leg in &mut self.legs {
            let sender = &mut leg.sender;
            if let Some(egress) = sender.egress.as_ref().filter(|_| sender.transcodes()) {
                sender.rewriter.pass_silence(egress.ticks_of(millis).wrapping_mul(ticks));
            }
        }
    }
}

/// Sends a leg what its seat in a room is to be sent of the present tick, once.
fn push_mixed<O: Output>(
    now: Time,
    leg: &mut Leg,
    (room, seat): (&mut ConferenceRoom, usize),
    millis: u32,
    out: &mut O,
) {
    if let Some((frame, payload)) = room.take_due(seat) {
        let Leg { sender, transport, source, .. } = leg;
        sender.push(now, transport, (*source, frame, payload), millis, out);
    }
}
