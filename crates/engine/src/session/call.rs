//! A call: legs, mixes, players, streams and taps, one clock, its deadlines. It owns them all, and holds no pointer into
//! its session, so that it can go on in another one.

use mediapoint_packet::ntp::NtpTime;
use mediapoint_packet::rtp::{RtpTicks, Seq, Ssrc};
use mediapoint_packet::{PacketBuf, Time};
use rand::Rng;
use rand::rngs::StdRng;

use crate::api::error::CommandError;
use crate::api::event::Event;
use crate::api::id::{CallId, LegId, TapId};
use crate::api::leg::{LegConfig, LegKind, RemoteAddress};
use crate::api::secure::MAX_DIGIT_DELAY;
use crate::api::source::{MixSpec, Source};
use crate::api::stats::CallStatistics;
use crate::api::tap::PacketTarget;
use crate::session::command::CallCommand;
use crate::session::demand::Demand;
use crate::session::inactivity::{Activity, Standing};
use crate::session::leg::Leg;
use crate::session::leg::rewriter::RtpRewriter;
use crate::session::leg::rtcp::RtcpSession;
use crate::session::places::Places;
use crate::session::port::LegPorts;
use crate::session::slices::Slices;
use crate::session::source::mix::Mix;
use crate::session::source::player::Player;
use crate::session::source::room::ConferenceRoom;
use crate::session::source::stream::Stream;
use crate::session::tap::Tap;
use crate::session::tap::audio::AudioTap;
use crate::session::tap::room::RoomTap;
use crate::session::tick::MediaClock;
use crate::session::timers::{Timer, Timers};
use crate::session::wiring::Feed;
use crate::session::{Output, SessionConfig};

/// Players, streams, mixes and taps of a call at most, of each kind.
pub(crate) const MAX_OBJECTS: usize = 64;

/// Legs of a call at most.
pub(crate) const MAX_LEGS: usize = 2048;

/// What a call needs of its session.
pub(super) struct Env<'a> {
    pub(super) config: &'a SessionConfig,
    pub(super) random: &'a mut StdRng,
    /// Legs that the session has room for beside those it has.
    pub(super) room: usize,
}

impl Env<'_> {
    /// The wall clock at `now`.
    pub(super) fn wall(&self, now: Time) -> NtpTime {
        NtpTime::from_unix(self.config.wall_at_zero + now.since(Time::ZERO))
    }

    /// Uniform in 0..1.
    pub(super) fn chance(&mut self) -> f64 {
        f64::from(self.random.next_u32()) / f64::from(u32::MAX)
    }
}

/// A call. The fields that every packet needs come first.
#[repr(C)]
pub struct Call {
    #[expect(clippy::vec_box, reason = "legs are moved between calls, and large")]
    pub(super) legs: Vec<Box<Leg>>,
    pub(super) timers: Timers,
    pub(super) id: CallId,
    pub(super) clock: MediaClock,
    pub(super) mixes: Vec<Mix>,
    pub(super) rooms: Vec<ConferenceRoom>,
    pub(super) players: Vec<Player>,
    pub(super) streams: Vec<Stream>,
    pub(super) taps: Vec<Tap>,
    pub(super) activity: Activity,
    pub(super) created: Time,
    /// Kept between commands, so that its memory is.
    pub(super) demand: Demand,
    pub(super) places: Places,
    pub(super) standing: Standing,
    /// The place of a leg whose packets are no multiple of 20 ms, where there is one.
    pub(super) halves: Option<u16>,
    pub(super) slices: Slices,
    /// A stream of it has been offered to the packet I/O backend.
    pub(super) offers_streams: bool,
    /// How often something was derived of a leg, see [`Call::derived`].
    pub(super) derived: u32,
}

impl Call {
    pub(super) fn new(now: Time, id: CallId, config: &SessionConfig) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Inactivity, Some(now + config.media_timeout));
        Self {
            id,
            legs: Vec::with_capacity(2),
            timers,
            clock: MediaClock::default(),
            mixes: Vec::new(),
            rooms: Vec::new(),
            players: Vec::new(),
            streams: Vec::new(),
            taps: Vec::new(),
            activity: Activity::new(now),
            created: now,
            demand: Demand::default(),
            places: Places::default(),
            standing: Standing::default(),
            halves: None,
            slices: Slices::default(),
            offers_streams: false,
            derived: 0,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// Its legs and their ports.
    pub fn ports(&self) -> impl Iterator<Item = (LegId, LegPorts)> {
        self.legs.iter().map(|leg| (leg.id, leg.transport.ports()))
    }

    /// Gives a leg other ports: the call went on to another worker.
    pub fn set_ports(&mut self, leg: LegId, ports: LegPorts) {
        if let Some(leg) = self.legs.iter_mut().find(|known| known.id == leg) {
            leg.transport.set_ports(ports);
        }
    }

    /// What feeds a leg; `None` where the call has no such leg. For tests.
    #[doc(hidden)]
    #[must_use]
    pub fn source_of(&self, leg: LegId) -> Option<Source> {
        self.legs.iter().find(|known| known.id == leg).map(|leg| leg.source)
    }

    /// What a mix adds up; `None` where the call has no such mix.
    #[doc(hidden)]
    #[must_use]
    pub fn inputs_of(&self, mix: crate::api::id::MixId) -> Option<&[Source]> {
        self.mixes.iter().find(|known| known.id == mix).map(|mix| &*mix.inputs)
    }

    /// How often a command or a change of path had something of a leg derived: its feed, its path, its demand, or whether packets
    /// are to be expected of it. For tests.
    #[doc(hidden)]
    #[must_use]
    pub const fn derived(&self) -> u32 {
        self.derived
    }

    /// When [`Call::handle_timeout`] is to be called.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.timers.next()
    }

    /// Takes in a datagram that came to a port of a leg.
    pub(super) fn handle_datagram<O: Output>(
        &mut self,
        now: Time,
        (at, own_rtcp_port): (usize, bool),
        from: std::net::SocketAddr,
        packet: PacketBuf,
        env: &Env<'_>,
        out: &mut O,
    ) {
        use mediapoint_packet::demux::Kind;
        let Some(leg) = self.legs.get_mut(at) else { return out.give(packet) };
        if packet.is_empty() {
            // A keep-alive through NAT: of no use to the other side.
            leg.dropped.malformed += 1;
            return out.give(packet);
        }
        if leg.kind == LegKind::Datagrams {
            return self.handle_plain_datagram(now, at, from, packet, out);
        }
        match (leg.classify(packet.bytes(), own_rtcp_port), leg.kind, own_rtcp_port) {
            (Kind::Rtp, LegKind::Audio, false) => {
                if leg.handed_over {
                    self.take_back_stream(now, at, out);
                }
                self.handle_audio(now, at, from, packet, out);
            }
            (Kind::Rtp, _, false) => self.handle_opaque_rtp(now, at, from, packet, out),
            (Kind::Rtcp, ..) => self.handle_rtcp(now, (at, own_rtcp_port), from, packet, env, out),
            (Kind::Zrtp, _, false) => {
                self.take_back_streams(now, out);
                self.handle_zrtp(now, at, from, packet, out);
            }
            (Kind::Unknown, ..) => {
                leg.dropped.malformed += 1;
                out.give(packet);
            }
            _ => {
                leg.dropped.other_protocol += 1;
                out.give(packet);
            }
        }
    }

    /// Serves the deadlines that have come; true where the call is to be ended, with the reason.
    pub(super) fn handle_timeout<O: Output>(
        &mut self,
        now: Time,
        env: &mut Env<'_>,
        out: &mut O,
    ) -> Option<crate::api::event::EndReason> {
        if let Some(at) = self.timers.take_expired(Timer::Slice, now) {
            self.push_slices(now, at, out);
        }
        if let Some(at) = self.timers.take_expired(Timer::Tick, now) {
            self.tick(now, at, out);
        }
        if self.timers.take_expired(Timer::Report, now).is_some() {
            self.follow_streams(now, out);
            self.send_reports(now, env, out);
        }
        if self.timers.take_expired(Timer::Event, now).is_some() {
            self.handle_event_timeout(now, out);
        }
        if self.timers.take_expired(Timer::Handover, now).is_some() {
            self.serve_handovers(now, env.config, out);
        }
        if self.timers.take_expired(Timer::Inactivity, now).is_some() {
            self.end_handovers(now, env.config, out);
            return self.check_activity(now, env.config, out);
        }
        None
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then.
    pub(super) fn apply<O: Output>(
        &mut self,
        now: Time,
        command: CallCommand,
        env: &mut Env<'_>,
        out: &mut O,
    ) -> Result<(), CommandError> {
        let only = command.only_leg();
        self.push_before(now, &command, out);
        self.carry_out(now, command, env, out)?;
        match only {
            Some(leg) => self.rewire_leg(now, leg, out),
            None => self.rewire(now, out),
        }
        self.note_hold(now, env.config);
        Ok(())
    }

    /// Changes what a command changes; what follows from it is still to be derived.
    pub(super) fn carry_out<O: Output>(
        &mut self,
        now: Time,
        command: CallCommand,
        env: &mut Env<'_>,
        out: &mut O,
    ) -> Result<(), CommandError> {
        match command {
            CallCommand::AddLeg { leg, config, ports } => {
                env.config.remotes.check_leg(ports.scope, config.remote)?;
                check_secure(&config)?;
                self.add_leg(now, leg, config, ports, env)?;
            }
            CallCommand::ConfigureLeg { leg, config, relearn } => {
                let leg = self.leg_mut(leg)?;
                env.config.remotes.check_leg(leg.transport.ports().scope, config.remote)?;
                check_secure(&config)?;
                leg.configure(now, config, relearn);
            }
            CallCommand::SetSource { leg, source } => self.set_source(leg, source)?,
            CallCommand::SendDigits { leg, digits } => self.send_digits(leg, &digits)?,
            CallCommand::StopDigits { leg } => self.stop_digits(leg, out)?,
            CallCommand::RemoveLeg { leg } => {
                let at = self.place_of(leg)?;
                self.close_leg(now, at, out);
            }
            CallCommand::AddPlayer { player } => {
                room(self.players.len(), "players")?;
                self.players.push(*player);
            }
            CallCommand::ChangePlayer { player, change } => {
                let known = self.players.iter_mut().find(|known| known.id == player);
                let id = player.as_u64();
                let known = known.ok_or(CommandError::NoSuchObject { kind: "player", id })?;
                known.change(change)?;
                if let Some((end, position)) = known.take_end() {
                    out.event(Event::PlayerFinished { call: self.id, player, end, position });
                }
            }
            CallCommand::RemovePlayer { player } => {
                let known = self.players.iter_mut().find(|known| known.id == player);
                // A play ends with an event, however it ends; a tone has one only where it comes to its last cycle.
                if let Some((end, position)) =
                    known.filter(|known| known.has_position()).and_then(Player::end_early)
                {
                    out.event(Event::PlayerFinished { call: self.id, player, end, position });
                }
                remove(&mut self.players, ("player", player.as_u64()), |known| known.id == player)?;
            }
            CallCommand::AddStream { stream } => {
                room(self.streams.len(), "streams")?;
                self.streams.push(*stream);
            }
            CallCommand::RemoveStream { stream } => {
                remove(&mut self.streams, ("stream", stream.as_u64()), |known| known.id == stream)?;
            }
            CallCommand::AddMix { mix, spec } => {
                room(self.mixes.len(), "mixes")?;
                self.check_inputs(&spec)?;
                self.mixes.push(Mix::new(mix, spec.inputs));
            }
            CallCommand::SetMixInputs { mix, spec } => {
                self.check_inputs(&spec)?;
                let known = self.mixes.iter_mut().find(|known| known.id == mix);
                known.ok_or(CommandError::NoSuchObject { kind: "mix", id: mix.as_u64() })?.inputs =
                    spec.inputs;
            }
            CallCommand::RemoveMix { mix } => {
                remove(&mut self.mixes, ("mix", mix.as_u64()), |known| known.id == mix)?;
            }
            CallCommand::AddRoom { room: added } => {
                room(self.rooms.len(), "rooms")?;
                self.rooms.push(*added);
            }
            CallCommand::JoinRoom { room, leg, member } => self.join_room(room, leg, member)?,
            CallCommand::LeaveRoom { room, leg } => self.leave_room(room, leg)?,
            CallCommand::ChangeMember { room, leg, change } => self.change_member(room, leg, &change)?,
            CallCommand::Announce { room, player, to } => self.announce(room, player, &to)?,
            CallCommand::LinkRoom { room: linked, stream, out } => {
                room(self.streams.len(), "streams")?;
                self.link_room(linked, *stream, out)?;
            }
            CallCommand::LockRoom { room, locked } => self.lock_room(room, locked)?,
            CallCommand::RemoveRoom { room } => {
                remove(&mut self.rooms, ("room", room.as_u64()), |known| known.id == room)?;
                self.remove_taps_of_room(now, room, out);
            }
            CallCommand::AddTap { tap } => {
                self.taps.retain(|known| !known.is_over());
                room(self.taps.len(), "taps")?;
                let leg = match &*tap {
                    Tap::Events(tap) => tap.leg,
                    Tap::Audio(tap) => tap.leg,
                    Tap::Analysis(tap) => tap.audio.leg,
                    Tap::Room(_) => return self.add_room_tap(now, *tap),
                    Tap::Packets(tap) => {
                        match tap.spec.target {
                            PacketTarget::Leg(target) => drop(self.place_of(target)?),
                            PacketTarget::Address(rtp) => {
                                let at = self.place_of(tap.spec.leg)?;
                                let scope = self.legs.get(at).map(|leg| leg.transport.ports().scope);
                                let remote = RemoteAddress { rtp, rtcp: None };
                                env.config.remotes.check_leg(scope.unwrap_or_default(), Some(remote))?;
                            }
                        }
                        tap.spec.leg
                    }
                };
                self.place_of(leg)?;
                if let Tap::Analysis(tap) = &*tap {
                    tap.take_in();
                }
                let mut tap = *tap;
                if let Tap::Audio(audio) = &mut tap {
                    audio.begin(now);
                }
                self.taps.push(tap);
            }
            CallCommand::PauseTap { tap, paused } => {
                let secure = self.has_secure_input();
                let audio = self.audio_tap_mut(tap)?;
                audio.pause(paused);
                if let Some(wake) = audio.mark(now, secure) {
                    out.wake(wake);
                }
            }
            CallCommand::RemoveTap { tap } => {
                self.leave_tap(tap);
                if let Ok(audio) = self.audio_tap_mut(tap)
                    && let Some(wake) = audio.mark(now, false)
                {
                    out.wake(wake);
                }
                remove(&mut self.taps, ("tap", tap.as_u64()), |known| known.id() == tap)?;
            }
        }
        Ok(())
    }

    pub(super) fn place_of(&self, leg: LegId) -> Result<usize, CommandError> {
        self.place(leg).ok_or(CommandError::NoSuchLeg(leg))
    }

    /// True where one of its legs has secure input, or digits that began under it may still sound.
    pub(super) fn has_secure_input(&self) -> bool {
        self.legs.iter().any(|leg| leg.masks_recordings())
    }

    fn audio_tap_mut(&mut self, tap: TapId) -> Result<&mut AudioTap, CommandError> {
        let found = self.taps.iter_mut().find_map(|known| match known {
            Tap::Audio(audio) | Tap::Room(RoomTap { audio, .. }) if audio.id == tap => Some(audio),
            _ => None,
        });
        found.ok_or(CommandError::NoSuchObject { kind: "audio tap", id: tap.as_u64() })
    }

    pub(super) fn leg_mut(&mut self, leg: LegId) -> Result<&mut Leg, CommandError> {
        let found = self.place(leg).and_then(|at| self.legs.get_mut(at));
        found.map(AsMut::as_mut).ok_or(CommandError::NoSuchLeg(leg))
    }

    fn add_leg(
        &mut self,
        now: Time,
        id: LegId,
        config: Box<LegConfig>,
        ports: LegPorts,
        env: &mut Env<'_>,
    ) -> Result<(), CommandError> {
        if env.room == 0 {
            return Err(CommandError::NoRoom { what: "legs on the worker", limit: env.config.max_legs });
        }
        if self.legs.len() >= MAX_LEGS {
            return Err(CommandError::NoRoom { what: "legs of a call", limit: MAX_LEGS });
        }
        let random = &mut *env.random;
        let rewriter = RtpRewriter::new(
            Ssrc(random.next_u32()),
            // [RFC3711 3.3.1] A first number in the lower half keeps the first packets from being taken for a wrap.
            Seq(u16::try_from(random.next_u32() & 0x7fff).unwrap_or(0)),
            RtpTicks(random.next_u32()),
        );
        let cname = canonical_name([random.next_u32(), random.next_u32(), random.next_u32()]);
        let mut rtcp = RtcpSession::new(cname);
        let report = rtcp.schedule(now, env.chance());
        let remotes = &env.config.remotes;
        self.legs.push(Box::new(Leg::new(now, id, config, (ports, remotes), rewriter, rtcp)));
        self.places.note_last(&self.legs);
        self.slices.make_room_for(self.legs.len());
        self.timers.set_earlier(Timer::Report, report);
        Ok(())
    }

    pub(super) fn set_source(&mut self, leg: LegId, source: Source) -> Result<(), CommandError> {
        self.place_of(leg)?;
        self.check_source(source)?;
        self.check_member(leg, source)?;
        let leg = self.leg_mut(leg)?;
        if leg.source != source {
            leg.source = source;
            leg.sender.rewriter.interrupt();
        }
        Ok(())
    }

    /// Refuses a source that the call does not have.
    pub(super) fn check_source(&self, source: Source) -> Result<(), CommandError> {
        if self.resolve(source).is_some() {
            return Ok(());
        }
        Err(match source {
            Source::Leg(leg) => CommandError::NoSuchLeg(leg),
            Source::Mix(id) => CommandError::NoSuchObject { kind: "mix", id: id.as_u64() },
            Source::Room(id) => CommandError::NoSuchObject { kind: "room", id: id.as_u64() },
            Source::Player(id) => CommandError::NoSuchObject { kind: "player", id: id.as_u64() },
            Source::Stream(id) => CommandError::NoSuchObject { kind: "stream", id: id.as_u64() },
            Source::Silence => return Ok(()),
        })
    }

    fn check_inputs(&self, spec: &MixSpec) -> Result<(), CommandError> {
        if spec.inputs.len() > MixSpec::MAX_INPUTS {
            return Err(CommandError::NoRoom { what: "inputs of a mix", limit: MixSpec::MAX_INPUTS });
        }
        for (at, input) in spec.inputs.iter().enumerate() {
            let twice = spec.inputs.iter().take(at).any(|other| other == input);
            if twice || matches!(input, Source::Silence | Source::Mix(_) | Source::Room(_)) {
                return Err(CommandError::OutOfRange { what: "the inputs of the mix" });
            }
            self.check_source(*input)?;
        }
        Ok(())
    }

    /// Ends a leg's stream with a BYE and closes its ports.
    pub(super) fn close_leg<O: Output>(&mut self, now: Time, at: usize, out: &mut O) {
        self.send_bye(at, out);
        if at < self.legs.len() {
            let leg = self.legs.remove(at);
            self.remove_taps_of(now, leg.id, out);
            out.close(leg.transport.ports(), leg.id);
        }
    }

    /// Takes a leg out, open and with all its state. What it fed is fed by silence; taps on it go.
    pub(super) fn take_leg<O: Output>(
        &mut self,
        now: Time,
        leg: LegId,
        out: &mut O,
    ) -> Result<Box<Leg>, CommandError> {
        let at = self.place_of(leg)?;
        self.push_rest_of_leg(now, leg, out);
        let mut leg = self.legs.remove(at);
        self.remove_taps_of(now, leg.id, out);
        leg.source = Source::Silence;
        leg.feed = Feed::Silence;
        leg.listeners.clear();
        (leg.tapped, leg.sender.tapped) = (false, false);
        leg.sender.rewriter.interrupt();
        self.rewire(now, out);
        Ok(leg)
    }

    /// When the next tick is, while the media clock runs.
    pub(super) fn next_tick(&self) -> Option<Time> {
        self.timers.get(Timer::Tick).filter(|_| self.clock.runs)
    }

    /// Takes in a leg of another call, whose next tick would have been at `tick`: a clock that stands goes on from there.
    pub(super) fn put_leg<O: Output>(&mut self, now: Time, leg: Box<Leg>, tick: Option<Time>, out: &mut O) {
        let id = leg.id;
        self.take_in(leg, tick);
        self.rewire_leg(now, id, out);
    }

    /// Takes it in; what follows from it is still to be derived.
    pub(super) fn take_in(&mut self, leg: Box<Leg>, tick: Option<Time>) {
        self.offers_streams |= leg.handover.is_some();
        let audio = leg.ingress.is_some() || leg.sender.transcodes() || leg.sender.sends_digits();
        if let Some(tick) = tick.filter(|_| audio && !self.clock.runs) {
            self.clock.runs = true;
            self.timers.set(Timer::Tick, Some(tick));
        }
        if let Some(report) = leg.rtcp.next_report() {
            self.timers.set_earlier(Timer::Report, report);
        }
        if let Some(deadline) = leg.digit_deadline() {
            self.timers.set_earlier(Timer::Event, deadline);
        }
        self.legs.push(leg);
        self.places.note_last(&self.legs);
        self.slices.make_room_for(self.legs.len());
    }

    fn remove_taps_of<O: Output>(&mut self, now: Time, leg: LegId, out: &mut O) {
        self.taps.retain_mut(|tap| match tap {
            Tap::Events(tap) => tap.leg != leg,
            Tap::Audio(tap) => {
                if tap.leg == leg
                    && let Some(wake) = tap.mark(now, false)
                {
                    out.wake(wake);
                }
                tap.leg != leg
            }
            Tap::Analysis(tap) => tap.audio.leg != leg,
            Tap::Room(_) => true,
            Tap::Packets(tap) => tap.spec.leg != leg && tap.spec.target != PacketTarget::Leg(leg),
        });
    }

    /// Closes all legs.
    pub(super) fn close<O: Output>(&mut self, now: Time, out: &mut O) {
        for at in (0..self.legs.len()).rev() {
            self.close_leg(now, at, out);
        }
    }

    /// Its figures.
    pub(super) fn statistics(&self, now: Time) -> CallStatistics {
        let taps = self.taps.iter().filter_map(|tap| match tap {
            Tap::Audio(tap) | Tap::Room(RoomTap { audio: tap, .. }) => Some((tap.id, tap.statistics())),
            _ => None,
        });
        let players = self.players.iter().filter(|player| player.has_position());
        CallStatistics {
            legs: self.legs.iter().map(|leg| leg.statistics(now)).collect(),
            streams: self.streams.iter().map(|stream| (stream.id, stream.statistics())).collect(),
            taps: taps.collect(),
            players: players.map(|player| (player.id, player.position())).collect(),
            rooms: self.rooms.iter().map(ConferenceRoom::figures).collect(),
            age: now.since(self.created),
        }
    }

    /// Reports what a packet of a leg brought to light.
    pub(super) fn report_effects<O: Output>(
        &self,
        leg: LegId,
        from: std::net::SocketAddr,
        effects: &super::forward::PacketEffects,
        out: &mut O,
    ) {
        let call = self.id;
        if let Some(expected) = effects.latched {
            out.event(Event::LegLearnt { call, leg, from, expected });
        }
        if let Some(ssrc) = effects.restarted {
            out.event(Event::StreamRestarted { call, leg, ssrc });
        }
        if effects.resumed {
            out.event(Event::MediaResumed { call, leg });
        }
    }

    /// Checks what must hold between the parts of a call. For tests.
    ///
    /// # Panics
    /// Where it does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        for (at, leg) in self.legs.iter().enumerate() {
            assert_eq!(self.resolve(leg.source), Some(leg.feed), "a leg's feed is its source");
            for listener in leg.listeners.iter() {
                let fed = self.legs.get(listener).map(|listener| listener.feed);
                let own = u16::try_from(at).map(Feed::Leg);
                assert_eq!(fed, own.ok(), "a leg feeds its listeners");
            }
            let listed = self
                .legs
                .iter()
                .map(|other| other.listeners.iter())
                .map(|listeners| listeners.filter(|&listener| listener == at).count());
            let expected = usize::from(matches!(leg.feed, Feed::Leg(_)));
            assert_eq!(listed.sum::<usize>(), expected, "a leg is listed once by the leg that feeds it");
            assert!(!leg.sender.transcodes() || leg.sender.egress.is_some(), "an encoder where one is used");
        }
        assert!(
            !self.clock.runs || self.timers.get(Timer::Tick).is_some(),
            "a clock that runs has a deadline"
        );
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("id", &self.id).field("legs", &self.legs.len()).finish_non_exhaustive()
    }
}

/// Refuses secure input that is out of range, or of a leg whose media are not looked into.
pub(crate) fn check_secure(config: &LegConfig) -> Result<(), CommandError> {
    let LegConfig { secure_input, digit_trigger, digit_delay, .. } = config;
    let wanted = secure_input.is_on() || digit_trigger.is_some() || !digit_delay.is_zero();
    match config.kind {
        LegKind::OpaqueRtp | LegKind::Datagrams if wanted => {
            Err(CommandError::OutOfRange { what: "secure input of a leg that is not audio" })
        }
        _ if !secure_input.is_valid() || digit_trigger.is_some_and(|trigger| !trigger.is_valid()) => {
            Err(CommandError::OutOfRange { what: "what stands for a digit under secure input" })
        }
        _ if *digit_delay > MAX_DIGIT_DELAY => Err(CommandError::OutOfRange { what: "the delay of digits" }),
        _ => Ok(()),
    }
}

fn room(used: usize, what: &'static str) -> Result<(), CommandError> {
    if used < MAX_OBJECTS { Ok(()) } else { Err(CommandError::NoRoom { what, limit: MAX_OBJECTS }) }
}

fn remove<T>(
    from: &mut Vec<T>,
    (kind, id): (&'static str, u64),
    is: impl Fn(&T) -> bool,
) -> Result<(), CommandError> {
    let at = from.iter().position(is).ok_or(CommandError::NoSuchObject { kind, id })?;
    from.remove(at);
    Ok(())
}

/// A canonical name of 96 random bits in base64 [RFC7022 4.2].
fn canonical_name(random: [u32; 3]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = random.into_iter().fold(0_u128, |bits, word| bits << 32 | u128::from(word));
    let digit = |n: u32| DIGITS.get(usize::try_from(bits >> (90 - 6 * n) & 63).unwrap_or(0));
    (0..16).filter_map(digit).map(|digit| char::from(*digit)).collect()
}
