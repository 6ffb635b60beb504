//! The handle on one call.

mod analysis;
mod digits;
mod reservation;
mod room;
mod taps;

pub use reservation::{LegChange, Reservation};

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mediapoint_net::{PortOpener as _, PortOptions, SocketOpener};

use crate::api::error::{CommandError, OpenLegError};
use crate::api::event::{EndReason, Event};
use crate::api::id::{CallId, LegId, MixId, PlayerId, StreamId};
use crate::api::kind::PointsByKind;
use crate::api::leg::{LegConfig, OpenedLeg, Placement, Relearn};
use crate::api::path::LegPath;
use crate::api::pending::{Completer, Pending, Report, pending};
use crate::api::points::Points;
use crate::api::remote::LocalScope;
use crate::api::source::{MixSpec, PlayerChange, PlayerSpec, Source, StreamSpec, StreamedSpec};
use crate::api::stats::CallStatistics;
use crate::ring;
use crate::runtime::builder::Interface;
use crate::runtime::engine::Shared;
use crate::runtime::mailbox::Command;
use crate::runtime::moves::{self, MoveError};
use crate::runtime::registry::Registry;
use crate::runtime::streamed::PlayerWriter;
use crate::runtime::streams::{StreamWriter, check_rate, slots};
use crate::runtime::work::LegWork;
use crate::session::call::{MAX_LEGS, MAX_OBJECTS, check_secure};
use crate::session::command::CallCommand;
use crate::session::snapshot::CallSnapshot;
use crate::session::source::player::Player;
use crate::session::source::stream::{BLOCK_MILLIS, Stream, StreamBlock};
use crate::session::source::streamed;

/// What a call is asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallSpec {
    /// Its price; `None` for that of a session of two legs. Legs beyond the second add to it as they are opened.
    pub points: Option<Points>,
    /// The worker that is to carry it; `None` for the one with most free points.
    pub worker: Option<usize>,
    /// It is never shed ([`EngineBuilder::shed`](crate::EngineBuilder::shed)), and is admitted where others are refused because
    /// workers do not keep up: up to the configured budget, and on a late worker where no other has the points.
    pub priority: bool,
}

/// A handle on a call, wherever it runs. Dropping it does not end the call.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) shared: Arc<Shared>,
    id: CallId,
}

impl Call {
    /// Most legs of a call.
    pub const MAX_LEGS: usize = MAX_LEGS;

    /// Most mixes of a call; as many players, streams and taps.
    pub const MAX_MIXES: usize = MAX_OBJECTS;

    pub(crate) const fn new(shared: Arc<Shared>, id: CallId) -> Self {
        Self { shared, id }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> CallId {
        self.id
    }

    /// The worker that carries it, or will when it has arrived there; `None` where it has ended.
    #[must_use]
    pub fn worker(&self) -> Option<usize> {
        self.shared.registry().calls.get(&self.id).map(|entry| entry.worker)
    }

    /// Opens a leg: its ports at once, and with the outcome the worker serves them. It is fed by silence until
    /// [`Call::set_source`].
    ///
    /// # Errors
    /// [`OpenLegError`]; the call is unchanged then.
    pub fn open_leg(
        &self,
        placement: &Placement,
        config: LegConfig,
    ) -> Result<(OpenedLeg, Pending<()>), OpenLegError> {
        let interface = self.interface(placement)?.clone();
        let scope = LocalScope::of(interface.address);
        self.shared.config.remotes.check_leg(scope, config.remote)?;
        self.pay_for_leg(&LegWork::of(&config))?;
        let opened = match self.shared.tried {
            Some(_) => Ok(self.try_leg(&interface, placement, &config)),
            None => self.open_on(&interface, placement, config),
        };
        if opened.is_err() {
            self.settle();
        }
        opened
    }

    fn open_on(
        &self,
        interface: &Interface,
        placement: &Placement,
        config: LegConfig,
    ) -> Result<(OpenedLeg, Pending<()>), OpenLegError> {
        let options = PortOptions {
            dscp: config.dscp.min(63),
            receive_buffer: self.shared.config.socket_buffer,
            ..PortOptions::default()
        };
        let open = |at| SocketOpener.open(at, &options);
        let opened = self.shared.ports.open(interface.address, placement.ports, open);
        let ports = opened.map_err(|error| self.explain(error))?;
        let work = LegWork::of(&config);
        let lease = ports.lease;
        let advertised = |bound: SocketAddr| SocketAddr::new(interface.advertised_address(), bound.port());
        let leg = LegId(self.shared.next_id.fetch_add(1, Ordering::Relaxed));
        let (rtp, rtcp) = (advertised(lease.rtp()), ports.rtcp.is_some().then(|| advertised(lease.rtcp())));
        let mut registry = self.shared.registry();
        let sent = self.send(&mut registry, |reply| Command::AddLeg {
            call: self.id,
            leg,
            config: Box::new(config),
            ports: Box::new(ports),
            reply,
        });
        match sent {
            Ok(outcome) => {
                registry.add_leg(self.id, (leg, work), lease, &self.shared.config.prices);
                Ok((OpenedLeg { id: leg, rtp, rtcp }, outcome))
            }
            Err(error) => {
                drop(registry);
                // The ports were closed with the command.
                self.shared.ports.give_back(lease);
                Err(error.into())
            }
        }
    }

    /// Gives a leg another configuration. What is the same as before goes on as before. Where its codecs or keys make the call
    /// cost more than its worker has free, the call moves to one that has it.
    ///
    /// # Errors
    /// [`CommandError`] where the call or leg is gone, the worker does not keep up, no worker has the points
    /// ([`CommandError::NoPoints`]), or what it says of digits is out of range; nothing has changed then.
    pub fn configure_leg(
        &self,
        leg: LegId,
        config: LegConfig,
        relearn: Relearn,
    ) -> Result<Pending<()>, CommandError> {
        if let Some(lease) = self.shared.registry().lease_of(leg) {
            self.shared.config.remotes.check_leg(LocalScope::of(lease.address), config.remote)?;
        }
        // What the worker would refuse is not to change what the call costs.
        check_secure(&config)?;
        let work = LegWork::of(&config);
        let config = Box::new(config);
        self.apply_with(
            leg,
            |known| known.reconfigured(work),
            CallCommand::ConfigureLeg { leg, config, relearn },
        )
    }

    /// Sets what feeds a leg.
    ///
    /// # Errors
    /// [`CommandError`] where the call or one of the legs is gone, or the worker does not keep up.
    pub fn set_source(&self, leg: LegId, source: Source) -> Result<Pending<()>, CommandError> {
        if let Source::Leg(from) = source {
            self.check(from)?;
        }
        self.feed(leg, source, CallCommand::SetSource { leg, source })
    }

    /// Makes two legs each other's source. The outcome is that of the second.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn connect(&self, a: LegId, b: LegId) -> Result<Pending<()>, CommandError> {
        let mut registry = self.shared.registry();
        let fed = |leg, from| Ok((leg, self.work(&registry, leg)?.fed_by(Source::Leg(from))));
        let changes: [_; 2] = [fed(a, b)?, fed(b, a)?];
        self.make_room_for_changes(&mut registry, &changes)?;
        let [to_a, to_b] = changes.map(|change| [change]);
        let command = |leg, from| CallCommand::SetSource { leg, source: Source::Leg(from) };
        drop(self.apply_changes(&mut registry, &to_a, command(a, b))?);
        self.apply_changes(&mut registry, &to_b, command(b, a))
    }

    /// Closes a leg and frees its ports. What it fed is fed by silence. A worker that does not keep up does so later.
    ///
    /// # Errors
    /// [`CommandError`] where the call or leg is gone.
    pub fn remove_leg(&self, leg: LegId) -> Result<Pending<()>, CommandError> {
        self.check(leg)?;
        let mut registry = self.shared.registry();
        if registry.leaving.contains(&leg) {
            return Err(CommandError::NoSuchLeg(leg));
        }
        let call = self.id;
        let remove = |reply| Command::Apply { call, command: CallCommand::RemoveLeg { leg }, reply };
        let (outcome, deferred) = self.release(&mut registry, remove)?;
        if deferred {
            registry.leaving.insert(leg);
        }
        if self.shared.tried.is_some() {
            registry.remove_leg(leg, &self.shared.config.prices);
        }
        Ok(outcome)
    }

    /// Moves a leg to another call, with its ports, keys, stream state and encoder. What it fed in this call is fed by silence
    /// then, and so is the leg until [`Call::set_source`] of the other call. Where the calls are on two workers, this
    /// one goes to the other's worker first; where that has not the points that the leg costs more there, both go to one that has.
    ///
    /// # Errors
    /// [`MoveError`]; nothing has changed then.
    pub fn move_leg(&self, leg: LegId, to: &Self) -> Result<Pending<()>, MoveError> {
        let mut registry = self.shared.registry();
        for call in [self.id, to.id] {
            registry.calls.get(&call).ok_or(CommandError::NoSuchCall(call))?;
        }
        if !registry.has_leg(self.id, leg) {
            return Err(CommandError::NoSuchLeg(leg).into());
        }
        if self.id != to.id {
            // Refused here already, for what the worker refuses is known too late to be taken back.
            let target = registry.calls.get(&to.id);
            let limit = self.shared.config.max_legs_of_call;
            target.ok_or(CommandError::NoSuchCall(to.id))?.check_room(limit)?;
            self.meet(&mut registry, leg, to)?;
        }
        let (from, target) = (self.id, to.id);
        let outcome = self.send(&mut registry, |reply| Command::MoveLeg { from, leg, to: target, reply })?;
        if from != target {
            registry.move_leg(leg, target, &self.shared.config.prices);
        }
        Ok(outcome)
    }

    /// Moves the call to another worker while it runs, with its ports. Commands given meanwhile follow it.
    ///
    /// # Errors
    /// [`MoveError`]; the call stays where it is then.
    pub fn move_to(&self, worker: usize) -> Result<Pending<()>, MoveError> {
        if worker >= self.shared.mailboxes.len() {
            return Err(MoveError::NoSuchWorker(worker));
        }
        let mut registry = self.shared.registry();
        moves::start(&self.shared, &mut registry, self.id, worker)
            .map_err(|unmoved| unmoved.into_error(self.id))
    }

    /// Adds a player. It plays while a leg, a mix or a tap wants its audio; where it comes to an end it reports it once.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a tone out of range, [`CommandError::Prompt`] where prompts cannot be converted or
    /// encoded, else as [`Call::set_source`].
    pub fn add_player(&self, spec: PlayerSpec) -> Result<(PlayerId, Pending<()>), CommandError> {
        let player = PlayerId(self.next_id());
        let made = Box::new(Player::new(player, spec)?);
        Ok((player, self.apply(CallCommand::AddPlayer { player: made })?))
    }

    /// Adds a player of what a thread of the caller's writes, at most a capacity ahead. It plays while a leg, a mix or a tap
    /// wants its audio, and reports its end once: finished where the writer said so, failed where it went without a word.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a rate, capacity or speech out of range, else as [`Call::set_source`].
    pub fn add_streamed_player(
        &self,
        spec: &StreamedSpec,
    ) -> Result<(PlayerId, PlayerWriter, Pending<()>), CommandError> {
        check_rate(spec.rate)?;
        if spec.speech_barge_in.is_some_and(|speech| !speech.is_valid()) {
            return Err(CommandError::OutOfRange { what: "the speech that ends the player" });
        }
        let blocks = slots(spec.capacity, streamed::BLOCK_MILLIS, 10)?;
        let player = PlayerId(self.next_id());
        let (producer, consumer) = ring::channel(blocks, || streamed::PlayerBlock::new(spec.rate));
        let shared = Arc::new(streamed::Shared::new(spec.start));
        let made = Box::new(Player::streamed(player, spec, consumer, Arc::clone(&shared)));
        let outcome = self.apply(CallCommand::AddPlayer { player: made })?;
        Ok((player, PlayerWriter::new(producer, shared), outcome))
    }

    /// Pauses, resumes or stops a player of prompts or a streamed one, or sets its volume. One that is stopped reports its end.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a volume out of range; the outcome is [`CommandError::OutOfRange`] for a tone; else as
    /// [`Call::set_source`].
    pub fn change_player(&self, player: PlayerId, change: PlayerChange) -> Result<Pending<()>, CommandError> {
        if let PlayerChange::Volume(decibels) = change
            && !(-90.0..=24.0).contains(&decibels)
        {
            return Err(CommandError::OutOfRange { what: "the volume" });
        }
        self.apply(CallCommand::ChangePlayer { player, change })
    }

    /// Removes a player; what it fed is fed by silence.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn remove_player(&self, player: PlayerId) -> Result<Pending<()>, CommandError> {
        self.remove_source(Source::Player(player), CallCommand::RemovePlayer { player })
    }

    /// Adds a stream from outside. What is written to the writer is played at the call's pace.
    ///
    /// # Errors
    /// [`CommandError::OutOfRange`] for a rate or capacity out of range, else as [`Call::set_source`].
    pub fn add_stream(
        &self,
        spec: StreamSpec,
    ) -> Result<(StreamId, StreamWriter, Pending<()>), CommandError> {
        check_rate(spec.rate)?;
        let blocks = slots(spec.capacity, BLOCK_MILLIS, 10)?;
        let id = StreamId(self.next_id());
        let (producer, consumer) = ring::channel(blocks, || StreamBlock::new(spec.rate));
        let stream = Box::new(Stream::new(id, spec.rate, consumer));
        let outcome = self.apply(CallCommand::AddStream { stream })?;
        Ok((id, StreamWriter::new(producer, spec.rate), outcome))
    }

    /// Removes a stream; what it fed is fed by silence.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn remove_stream(&self, stream: StreamId) -> Result<Pending<()>, CommandError> {
        self.remove_source(Source::Stream(stream), CallCommand::RemoveStream { stream })
    }

    /// Adds a mix of legs, players and streams. What its legs receive is decoded for it, which costs what their codecs do.
    ///
    /// # Errors
    /// [`CommandError::NoPoints`] where no worker has the points, else as [`Call::set_source`]; inputs that the call does not have show
    /// in the outcome.
    pub fn add_mix(&self, spec: MixSpec) -> Result<(MixId, Pending<()>), CommandError> {
        let mix = MixId(self.next_id());
        let legs = Some(legs_of(&spec.inputs));
        let call = self.id;
        let added = self.apply_mix((mix, 0), legs, |reply| Command::Apply {
            call,
            command: CallCommand::AddMix { mix, spec },
            reply,
        })?;
        Ok((mix, added))
    }

    /// Gives a mix other inputs.
    ///
    /// # Errors
    /// As [`Call::add_mix`].
    pub fn set_mix_inputs(&self, mix: MixId, spec: MixSpec) -> Result<Pending<()>, CommandError> {
        let legs = Some(legs_of(&spec.inputs));
        let (call, change) = (self.id, self.next_id());
        self.apply_mix((mix, change), legs, |reply| Command::SetMixInputs { call, mix, spec, change, reply })
    }

    /// Removes a mix; what it fed is fed by silence.
    ///
    /// # Errors
    /// As [`Call::set_source`].
    pub fn remove_mix(&self, mix: MixId) -> Result<Pending<()>, CommandError> {
        let call = self.id;
        self.apply_mix((mix, 0), None, |reply| Command::Apply {
            call,
            command: CallCommand::RemoveMix { mix },
            reply,
        })
    }

    /// Gives a command, of that number where it changes a mix, after which the mix has these legs as inputs; `None` where it is
    /// gone then.
    fn apply_mix(
        &self,
        (mix, change): (MixId, u64),
        legs: Option<Vec<LegId>>,
        command: impl FnOnce(Completer<()>) -> Command,
    ) -> Result<Pending<()>, CommandError> {
        let mut registry = self.shared.registry();
        let entry = registry.calls.get(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        let works = entry.works_with_inputs(mix, legs.as_deref());
        let outcome = self.send_changes(&mut registry, &works, command)?;
        let is_gone = legs.is_none();
        if let Some(entry) = registry.calls.get_mut(&self.id) {
            entry.set_inputs((mix, change), legs);
        }
        if is_gone {
            registry.forget_source(self.id, Source::Mix(mix), &self.shared.config.prices);
        }
        Ok(outcome)
    }

    /// Asks for the call's figures.
    ///
    /// # Errors
    /// [`CommandError`] where the call is gone, or the worker does not keep up.
    pub fn statistics(&self) -> Result<Pending<CallStatistics>, CommandError> {
        let call = self.id;
        let mut registry = self.shared.registry();
        self.send(&mut registry, |reply| Command::Statistics { call, reply })
    }

    /// Asks for all of the call's state that must go on elsewhere, see [`CallSnapshot`]. It holds keys.
    ///
    /// # Errors
    /// [`CommandError`] where the call is gone, or the worker does not keep up.
    pub fn snapshot(&self) -> Result<Pending<Box<CallSnapshot>>, CommandError> {
        let call = self.id;
        let mut registry = self.shared.registry();
        self.send(&mut registry, |reply| Command::Snapshot { call, reply })
    }

    /// Ends the call; its last figures come with [`crate::Event::CallEnded`]. A worker that does not keep up does so later.
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`] where it has ended already.
    pub fn end(&self) -> Result<Pending<()>, CommandError> {
        self.end_as(EndReason::Command)
    }

    /// Ends a call that nothing came of; the reason of its event is [`EndReason::Refused`].
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`] where it has ended already.
    pub fn refuse(&self) -> Result<Pending<()>, CommandError> {
        self.end_as(EndReason::Refused)
    }

    /// Ends a call that its worker is too late for. What is left of it counts until the worker has ended it.
    pub(crate) fn shed(&self) -> Result<Pending<()>, CommandError> {
        let outcome = self.end_as(EndReason::Shed)?;
        if let Some(entry) = self.shared.registry().calls.get_mut(&self.id) {
            entry.ending = true;
        }
        Ok(outcome)
    }

    /// True while the worker that carries the call does not keep up with its media clock.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.worker().is_some_and(|worker| self.shared.late(worker).is_some())
    }

    /// True for a call with priority, see [`CallSpec::priority`].
    #[must_use]
    pub fn has_priority(&self) -> bool {
        self.shared.registry().calls.get(&self.id).is_some_and(|entry| entry.priority)
    }

    /// Gives the call priority, or takes it away, see [`CallSpec::priority`].
    ///
    /// # Errors
    /// [`CommandError::NoSuchCall`] where it has ended.
    pub fn set_priority(&self, priority: bool) -> Result<(), CommandError> {
        let mut registry = self.shared.registry();
        let entry = registry.calls.get_mut(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        entry.priority = priority;
        Ok(())
    }

    fn end_as(&self, reason: EndReason) -> Result<Pending<()>, CommandError> {
        let call = self.id;
        let mut registry = self.shared.registry();
        if registry.calls.get(&call).is_some_and(|entry| entry.ending) {
            return Err(CommandError::NoSuchCall(call));
        }
        let end = |reply| Command::EndCall { call, reason, reply };
        let (outcome, deferred) = self.release(&mut registry, end)?;
        if let Some(entry) = registry.calls.get_mut(&call) {
            entry.ending = deferred;
        }
        Ok(outcome)
    }

    /// Points that the call costs now; none where it has ended.
    #[must_use]
    pub fn points(&self) -> Points {
        self.shared.registry().calls.get(&self.id).map_or(Points::ZERO, |entry| entry.points)
    }

    /// The path of the media to each of its legs, as far as their configurations tell, oldest leg first.
    #[must_use]
    pub fn paths(&self) -> Vec<LegPath> {
        self.shared.registry().paths(self.id)
    }

    /// The same by what they are spent on.
    #[must_use]
    pub fn points_by_kind(&self) -> PointsByKind {
        self.shared.registry().calls.get(&self.id).map_or(PointsByKind::ZERO, |entry| entry.kinds)
    }

    pub(super) fn next_id(&self) -> u64 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn check(&self, leg: LegId) -> Result<(), CommandError> {
        let registry = self.shared.registry();
        if !registry.calls.contains_key(&self.id) {
            return Err(CommandError::NoSuchCall(self.id));
        }
        if registry.has_leg(self.id, leg) { Ok(()) } else { Err(CommandError::NoSuchLeg(leg)) }
    }

    pub(super) fn apply(&self, command: CallCommand) -> Result<Pending<()>, CommandError> {
        let call = self.id;
        let mut registry = self.shared.registry();
        self.send(&mut registry, |reply| Command::Apply { call, command, reply })
    }

    /// Gives a command that frees something; true where it waits until the worker's queue has room.
    fn release(
        &self,
        registry: &mut Registry,
        command: impl FnOnce(Completer<()>) -> Command,
    ) -> Result<(Pending<()>, bool), CommandError> {
        let entry = registry.calls.get(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        let (worker, generation) = (entry.worker, entry.generation);
        let mailbox = self.shared.mailboxes.get(worker).ok_or(CommandError::NoSuchCall(self.id))?;
        let (reply, outcome) = pending(worker, Some(self.report()));
        match mailbox.command(generation, command(reply)) {
            Ok(()) => Ok((outcome, false)),
            Err(command) => {
                registry.deferred.push_back((self.id, command));
                Ok((outcome, true))
            }
        }
    }

    /// Gives a command to the worker that carries the call. The registry stays locked, so that no move comes between.
    pub(super) fn send<T>(
        &self,
        registry: &mut Registry,
        command: impl FnOnce(Completer<T>) -> Command,
    ) -> Result<Pending<T>, CommandError> {
        let entry = registry.calls.get(&self.id).ok_or(CommandError::NoSuchCall(self.id))?;
        let (worker, generation) = (entry.worker, entry.generation);
        let mailbox = self.shared.mailboxes.get(worker).ok_or(CommandError::NoSuchCall(self.id))?;
        let (reply, outcome) = pending(worker, Some(self.report()));
        mailbox.command(generation, command(reply)).map_err(|_| CommandError::Busy { worker })?;
        Ok(outcome)
    }

    /// What becomes of a failure that nobody takes.
    fn report(&self) -> Report {
        let (shared, call) = (Arc::downgrade(&self.shared), self.id);
        Box::new(move |error| {
            // The end of a call and the failure of a worker have events of their own. May run under the registry's lock.
            let told = matches!(error, CommandError::NoSuchCall(_) | CommandError::WorkerFailed { .. });
            if let Some(shared) = shared.upgrade().filter(|_| !told) {
                shared.events.send(Event::CommandFailed { call, error });
            }
        })
    }

    fn interface(&self, placement: &Placement) -> Result<&Interface, OpenLegError> {
        let interfaces = &self.shared.config.interfaces;
        let name = match &placement.interface {
            Some(name) => name,
            None => interfaces.first().map(|first| &first.name).ok_or_else(|| {
                // An engine is never built without one.
                OpenLegError::UnknownInterface(String::new())
            })?,
        };
        let mut named = interfaces.iter().filter(|interface| interface.name == *name).peekable();
        if named.peek().is_none() {
            return Err(OpenLegError::UnknownInterface(name.clone()));
        }
        match placement.family {
            None => named.next().ok_or_else(|| OpenLegError::UnknownInterface(name.clone())),
            Some(family) => named
                .find(|interface| interface.family() == family)
                .ok_or_else(|| OpenLegError::NoSuchFamily { interface: name.clone(), family }),
        }
    }
}

/// The legs among the inputs of a mix, each once.
pub(super) fn legs_of(inputs: &[Source]) -> Vec<LegId> {
    let mut legs: Vec<LegId> = Vec::new();
    for source in inputs {
        if let Source::Leg(leg) = source
            && !legs.contains(leg)
        {
            legs.push(*leg);
        }
    }
    legs
}
