//! Puts what was agreed into effect at the engine.

use std::collections::HashSet;
use std::time::Duration;

use mediapoint_engine::{
    Call, CommandError, DigitTrigger, Direction, LegChange, LegConfig, LegId, LegKind, MediaPolicy, MixSpec,
    Relearn, Reservation, SecureInput, Source, SourceGuard,
};

use super::CallState;
use super::gates::Policies;
use super::links::{Link, LinkKind, Place};
use super::outcomes::Outcomes;
use super::party::{Applied, Party, PartyId, Stream};
use super::reach;
use super::rooms::LINK_TIMEOUT;
use crate::NgError;
use crate::media::codecs;
use crate::request::{Echo, Learning};

/// A party that a message agreed something with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) party: PartyId,
    /// Its address is to be learnt anew although the signalled one did not change.
    pub(crate) anew: bool,
}

/// What is to be done for one stream.
struct Step {
    at: Place,
    wanted: Applied,
    config: Option<(LegConfig, Relearn)>,
}

impl Step {
    /// What it has a price for.
    fn change<'a>(&'a self, state: &CallState) -> LegChange<'a> {
        let leg = self.wanted.leg;
        LegChange {
            leg,
            config: self.config.as_ref().map(|(config, _)| config),
            sources: Some(&self.wanted.sources),
            digits: state.stream(self.at).is_some_and(|stream| state.will_detect(stream, leg)),
        }
    }
}

/// Reserves the points of all that [`apply`] will change, so that a call that there is no room for stays as it was: nothing has
/// been commanded then. What is returned is to be held until [`apply`] has been called.
pub(crate) fn reserve(state: &mut CallState, agreed: &[Agreed]) -> Result<Option<Reservation>, NgError> {
    state.end_holds();
    let steps = steps(state, agreed);
    reserve_for(state, &steps)
}

fn reserve_for(state: &CallState, steps: &[Step]) -> Result<Option<Reservation>, NgError> {
    let changes: Vec<LegChange<'_>> = steps.iter().map(|step| step.change(state)).collect();
    if changes.is_empty() {
        return Ok(None);
    }
    match state.call.reserve(&changes) {
        Ok(reservation) => Ok(Some(reservation)),
        Err(error @ CommandError::NoPoints { .. }) => Err(error.into()),
        // The command that is concerned says so; the others are carried out.
        Err(_) => Ok(None),
    }
}

/// What is to be done for all streams.
fn steps(state: &CallState, agreed: &[Agreed]) -> Vec<Step> {
    let sources = state.streams().flat_map(|(_, stream)| stream.sources.iter().map(|link| link.from));
    let heard: HashSet<Place> = sources.collect();
    state.streams().filter_map(|(at, stream)| step(state, agreed, &heard, (at, stream))).collect()
}

/// Configures the legs of the parties in `agreed` at the engine, and those of others as far as their sources or
/// direction follow. What did not change goes on as before. Returns what is to come of it. The points of all changes are reserved
/// first.
pub(crate) fn apply(state: &mut CallState, agreed: &[Agreed]) -> Result<Outcomes, NgError> {
    let mut outcomes = Outcomes::default();
    state.end_holds();
    state.open_rooms(&mut outcomes)?;
    let mut steps = steps(state, agreed);
    let _reservation = reserve_for(state, &steps)?;
    // Mixes that are not needed any more make room for others.
    steps.sort_by_key(|step| step.wanted.sources.len() > 1);
    for step in &mut steps {
        if let Some((config, relearn)) = step.config.take() {
            outcomes.push(state.call.configure_leg(step.wanted.leg, config, relearn)?);
        }
    }
    let steps: Vec<(Place, Applied)> = steps.into_iter().map(|step| (step.at, step.wanted)).collect();
    state.settle_members(&steps, &mut outcomes)?;
    for (at, wanted) in steps {
        feed(state, at, wanted, &mut outcomes)?;
    }
    state.tap_digits(&mut outcomes)?;
    for player in std::mem::take(&mut state.gone_players) {
        outcomes.push(state.call.remove_player(player)?);
    }
    state.close_rooms(&mut outcomes)?;
    let is_agreed = |party: &Party| agreed.iter().any(|agreed| agreed.party == party.id);
    if !state.recordings.is_empty()
        && state.parties.iter().any(|party| is_agreed(party) && !party.retired.is_empty())
    {
        outcomes.closings.ask(&state.call);
    }
    for party in state.parties.iter_mut() {
        if is_agreed(party) {
            for leg in party.retired.drain(..) {
                outcomes.push(state.call.remove_leg(leg)?);
            }
        }
    }
    for party in state.parties.iter().filter(|party| is_agreed(party)) {
        reach::warn(state, party);
    }
    Ok(outcomes)
}

/// Gives a leg its source: silence, a leg or a player, or a mix of several.
fn feed(
    state: &mut CallState,
    at: Place,
    mut wanted: Applied,
    outcomes: &mut Outcomes,
) -> Result<(), NgError> {
    let call = state.call.clone();
    let mixes = state.streams().filter(|(_, stream)| stream.mix.is_some()).count();
    let Some(stream) = state.stream_mut(at) else { return Ok(()) };
    if stream.mix.is_none() && mixes >= Call::MAX_MIXES {
        // Only an answer leads here. What it agrees on comes first, and goes on alone.
        wanted.sources.truncate(1);
    }
    let leg = wanted.leg;
    let is_fed = |before: &Applied| before.leg == leg && before.sources == wanted.sources;
    if !stream.applied.as_ref().is_some_and(is_fed) {
        let source = match wanted.sources.as_slice() {
            [] => Source::Silence,
            [one] => *one,
            several => {
                let spec = MixSpec { inputs: several.to_vec() };
                match stream.mix {
                    Some(mix) => {
                        outcomes.push(call.set_mix_inputs(mix, spec)?);
                        Source::Mix(mix)
                    }
                    None => {
                        let (mix, outcome) = call.add_mix(spec)?;
                        outcomes.push(outcome);
                        stream.mix = Some(mix);
                        Source::Mix(mix)
                    }
                }
            }
        };
        outcomes.push(call.set_source(leg, source)?);
        if wanted.sources.len() < 2
            && let Some(mix) = stream.mix.take()
        {
            outcomes.push(call.remove_mix(mix)?);
        }
    }
    stream.applied = Some(wanted);
    Ok(())
}

/// What is to be done for a stream. `heard` has all that are somebody's sources.
fn step(
    state: &CallState,
    agreed: &[Agreed],
    heard: &HashSet<Place>,
    (at, stream): (Place, &Stream),
) -> Option<Step> {
    let party = state.party(at.party)?;
    let of = agreed.iter().find(|agreed| agreed.party == at.party);
    let leg = leg_at_work(agreed, at, stream)?;
    let is_member = party.seat_of(at.section).is_some();
    let sources: Vec<(&Link, &Stream, LegId)> = stream
        .sources
        .iter()
        .filter_map(|link| {
            let from = state.stream(link.from)?;
            Some((link, from, leg_at_work(agreed, link.from, from)?))
        })
        // A section may have become something else since it got several.
        .take(if stream.can_mix() { MixSpec::MAX_INPUTS } else { 1 })
        .filter(|(link, ..)| !is_member && is_sent(state, link))
        .collect();
    let direction = direction(state, at, party, stream, &sources);
    let (mut policies, sources) = state.policies(party, sources);
    policies.tones_as_events = heard.contains(&at) && converts_tones(state, at, stream);
    let member = state.member(agreed, at);
    let mut sources = match (party.echo, &member) {
        (Some(Echo::Back), _) => vec![Source::Leg(leg)],
        (Some(Echo::Nowhere), _) => Vec::new(),
        (None, Some((room, _))) => vec![Source::Room(*room)],
        (None, None) => sources.iter().map(|(.., leg)| Source::Leg(*leg)).collect(),
    };
    if let Some(playing) = party.playing(at.section) {
        // What was commanded of others' media does not bear on what the server plays, but that all is dropped.
        // A room cannot be an input of a mix.
        if playing.alone || member.is_some() || policies.sent_media != MediaPolicy::Forward {
            sources.clear();
        }
        if !state.drop_traffic {
            policies.sent_media = MediaPolicy::Forward;
        }
        sources.truncate(MixSpec::MAX_INPUTS - 1);
        // First, for what there is no room for to be mixed is left out from the end.
        if let Some(player) = playing.player {
            sources.insert(0, Source::Player(player));
        }
    }
    let wanted = Applied { leg, direction, sources, policies, member };
    let started = stream.applied.as_ref().filter(|before| before.leg == leg);
    let config = match (of, started) {
        (None, Some(before)) if *before == wanted => return None,
        (None, Some(before)) if before.direction == direction && before.policies == policies => None,
        (None, Some(_)) => Some((config(party, stream, direction, policies), Relearn::IfMoved)),
        (None, None) => return None,
        (Some(Agreed { anew: false, .. }), Some(_)) => {
            Some((config(party, stream, direction, policies), Relearn::IfMoved))
        }
        (Some(_), _) => Some((config(party, stream, direction, policies), Relearn::Now)),
    };
    Some(Step { at, wanted, config })
}

/// The leg of a stream that is at work: the advertised one where its party agreed to it now, else the one before. `None`
/// where nothing was agreed yet.
pub(super) fn leg_at_work(agreed: &[Agreed], at: Place, stream: &Stream) -> Option<LegId> {
    let is_agreed = agreed.iter().any(|agreed| agreed.party == at.party);
    if is_agreed && (stream.active || stream.applied.is_some()) {
        stream.leg.map(|leg| leg.id)
    } else {
        stream.applied.as_ref().map(|applied| applied.leg)
    }
}

/// Which way media may flow: what the party takes and its sources give, what the party gives and others take.
fn direction(
    state: &CallState,
    at: Place,
    party: &Party,
    stream: &Stream,
    sources: &[(&Link, &Stream, LegId)],
) -> Direction {
    let is_fed = match party.echo {
        Some(Echo::Back) => stream.gives(),
        Some(Echo::Nowhere) => false,
        None => sources.iter().any(|(_, from, _)| from.gives()),
    };
    let is_member = party.seat_of(at.section).is_some();
    let is_fed = is_fed || is_member || party.playing(at.section).is_some();
    let sends = stream.takes() && is_fed;
    let wanted =
        party.published || party.echo.is_some() || is_member || state.sinks(at).any(|(_, sink)| sink.takes());
    let receives = stream.gives() && wanted;
    match (sends, receives) {
        (true, true) => Direction::SendReceive,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::ReceiveOnly,
        (false, false) => Direction::Inactive,
    }
}

/// True where what comes from the source goes on to the stream: of a subscription to what is passed on, only that.
fn is_sent(state: &CallState, link: &Link) -> bool {
    !state.is_kept_aside(link.kind, link.from)
        && match link.kind {
            LinkKind::Subscription { egress: true } => is_passed_on(state, link.from),
            LinkKind::Subscription { egress: false } | LinkKind::OfferAnswer => true,
        }
}

/// True where somebody is sent the stream who is not there to receive copies only.
fn is_passed_on(state: &CallState, from: Place) -> bool {
    let is_member = state.party(from.party).is_some_and(|party| party.seat_of(from.section).is_some());
    is_member || state.sinks(from).any(|(at, sink)| !state.is_subscriber(at.party) && sink.takes())
}

/// True where the party sends no telephone events, and somebody whom it feeds agreed to them: to the party's offer, or with
/// anybody where digits are looked for in the audio anyway.
fn converts_tones(state: &CallState, at: Place, stream: &Stream) -> bool {
    if stream.sends_events() || !stream.can_mix() {
        return false;
    }
    let is_answer = |link: &Link| link.from == at && link.kind == LinkKind::OfferAnswer;
    let wants = |sink: &Stream| state.digit_watch.tones || sink.sources.iter().any(is_answer);
    state.sinks(at).any(|(_, sink)| sink.takes() && sink.sends_events() && wants(sink))
}

/// The configuration of a leg, from what was agreed with its party.
fn config(party: &Party, own: &Stream, direction: Direction, policies: Policies) -> LegConfig {
    let Some(remote) = &own.remote else {
        return LegConfig { direction: Direction::Inactive, ..LegConfig::default() };
    };
    let kind = remote.kind.unwrap_or_default();
    let codecs = codecs::to_engine(&own.codecs);
    let (secure_input, digit_trigger, digit_delay) = match kind {
        LegKind::Audio => {
            let tones = policies.detect || !own.sends_events();
            let trigger = policies.digits.trigger.map(|trigger| DigitTrigger { tones, ..trigger });
            (policies.digits.secure_input, trigger, policies.digits.delay)
        }
        // Of media that is not looked into, the engine finds no digits.
        _ => (SecureInput::Off, None, Duration::ZERO),
    };
    LegConfig {
        kind,
        codecs,
        received_codecs: own.received.clone(),
        packet_time: own.packet_time,
        encoder: own.encoder.clone(),
        force_transcode: own.force_transcode,
        remote: remote.address,
        signalling_source: remote.signalling_source,
        rtcp: own.rtcp,
        direction,
        source_guard: guard(party.learning),
        srtp: own.keys.clone(),
        dscp: party.dscp,
        events: policies.digits.events,
        secure_input,
        digit_trigger,
        digit_delay,
        tones_as_events: policies.tones_as_events && kind == LegKind::Audio,
        media: policies.media,
        sent_media: policies.sent_media,
        media_timeout: party.link.is_some().then_some(LINK_TIMEOUT),
        ..LegConfig::default()
    }
}

fn guard(learning: Learning) -> SourceGuard {
    match learning {
        Learning { asymmetric: true, strict_source: true, .. } => SourceGuard::Signalled,
        Learning { asymmetric: true, .. } => SourceGuard::Asymmetric,
        Learning { media_handover: true, .. } => SourceGuard::Handover,
        Learning { .. } => SourceGuard::Symmetric,
    }
}
