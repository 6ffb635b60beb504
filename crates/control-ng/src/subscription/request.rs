//! A request to subscribe: legs for what is to be received, and a description to be offered to the subscriber.

use std::sync::Arc;

use mediapoint_engine::LegKind;
use mediapoint_packet::SecretBytes;
use mediapoint_packet::sdp::{
    AddressFamily, Connection, Direction, Line, MediaLine, MediaSection, Sdp, Section,
};

use super::{PendingSubscription, Planned, SourceInfo, Subscribed, Subscription};
use crate::NgError;
use crate::call::links::{LinkKind, MAX_SOURCES, Place};
use crate::call::party::{Party, Stream};
use crate::call::{CallState, MAX_CARRIED};
use crate::dialog::Plan;
use crate::media::codecs::CodecLine;
use crate::media::legs::Work;
use crate::media::manipulate::manipulate;
use crate::media::offered::{self, Before, outgoing};
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::{SectionOut, rewrite};
use crate::request::{Id, Options, Replace, Selection};

/// Attributes of the source's session or section that mean nothing to a subscriber.
const DROPPED: [&str; 3] = ["group", "mid", "msid-semantic"];

/// What is known of a section that is to be received.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    at: Place,
    tag: Option<Id>,
    label: Option<Id>,
    /// Its number in `a=label`, where it is asked for.
    media_label: Option<u32>,
    /// What its party sends, with the codecs agreed with it.
    remote: RemoteDescription,
    codecs_in_use: Vec<CodecLine>,
    description: Arc<Sdp>,
}

impl Source {
    /// The sections of a party that can be received.
    pub(crate) fn of(party: &Party) -> Vec<Self> {
        let Some(description) = &party.description else { return Vec::new() };
        let is_agreed = party.streams.iter().any(|stream| stream.active);
        let sections = party.streams.iter().enumerate();
        let sections = sections.filter(|(_, stream)| stream.leg.is_some() && (stream.active || !is_agreed));
        sections.filter_map(|(section, stream)| Self::read(party, section, stream, description)).collect()
    }

    fn read(party: &Party, section: usize, stream: &Stream, description: &Arc<Sdp>) -> Option<Self> {
        let media = description.media.get(section)?;
        let agreed = stream.remote.clone().filter(|_| stream.active);
        let offered = || RemoteDescription::read(description, section, media, &Options::default()).ok();
        let mut remote =
            agreed.or_else(offered).filter(|remote| remote.kind.is_some() && !remote.disabled)?;
        if stream.active && !stream.codecs.is_empty() {
            remote.codecs = stream.codecs.iter().map(own_line).collect();
        }
        if stream.active && remote.profile.is_some() {
            remote.profile = stream.profile;
        }
        // Where the party receives has nothing to do with where its subscriber does.
        remote.zero = false;
        Some(Self {
            at: Place { party: party.id, section },
            tag: party.tag().cloned(),
            label: party.label.clone(),
            media_label: None,
            remote,
            codecs_in_use: stream.codecs.clone(),
            description: Arc::clone(description),
        })
    }

    /// The section of the subscriber's description before it is rewritten: everything in it stands for itself.
    fn template(&self) -> Option<MediaSection> {
        let mut section = self.description.media.get(self.at.section)?.clone();
        if let Some(ip) = self.description.connection_of(&section).and_then(|connection| connection.ip()) {
            section.body.set_connection(Connection::line(ip));
        }
        section.body.remove_direction();
        section.body.retain(|line| !DROPPED.iter().any(|name| line.is_attribute(name)));
        if let Some(label) = self.media_label {
            section.body.set_attribute("label", Some(&label.to_string()));
        }
        Some(section)
    }

    fn info(&self) -> SourceInfo {
        SourceInfo {
            tag: self.tag.clone(),
            label: self.label.clone(),
            index: self.at.section + 1,
            media: self.remote.media.clone(),
            media_label: self.media_label,
            mode: self.remote.direction.reversed().name(),
        }
    }
}

/// A codec as its own party has it, whatever was made of it for another.
fn own_line(line: &CodecLine) -> CodecLine {
    CodecLine { advertised: line.payload_type, masked: false, added: false, ..line.clone() }
}

/// Numbers the sections of these sources for `a=label`, those that have none yet.
pub(crate) fn label(state: &mut CallState, sources: &mut [Source]) {
    for source in sources {
        let label = match state.stream(source.at).and_then(|stream| stream.label) {
            Some(label) => label,
            None => state.new_label(),
        };
        if let Some(stream) = state.stream_mut(source.at) {
            stream.label = Some(label);
        }
        source.media_label = Some(label);
    }
}

/// Prepares the subscriber's sections and returns its description and what each section is of.
pub(crate) fn process(
    work: &mut Work<'_>,
    subscriber: &mut Party,
    subscription: &mut Subscription,
    sources: &[Source],
    (selection, options): (&Selection, &Options),
) -> Result<(SecretBytes, Vec<SourceInfo>), NgError> {
    let first = sources.first().ok_or(NgError::NoSource)?;
    prepare(work, subscriber, first, options);
    for (at, source) in sources.iter().enumerate() {
        let before: Vec<Place> = sources.iter().take(at).map(|source| source.at).collect();
        place(subscription, source, &before, selection.mix);
    }
    if subscription.sections.len() > MAX_CARRIED {
        return Err(NgError::TooManySections { limit: MAX_CARRIED });
    }
    let (mut media, mut sections, mut plans, mut infos) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, subscribed) in subscription.sections.iter().enumerate() {
        let asked: Vec<&Source> =
            sources.iter().filter(|source| subscribed.from.contains(&source.at)).collect();
        if asked.len() > MAX_SOURCES {
            return Err(NgError::TooManySources { limit: MAX_SOURCES });
        }
        let of_first = asked.first().and_then(|source| Some((*source, source.template()?)));
        let Some((source, template)) = of_first else {
            media.push(rejected(subscribed)?);
            sections.push(SectionOut::Rejected { address: None, proto: None });
            plans.push(None);
            continue;
        };
        let (plan, mut section) = carry(work, subscriber, index, source, options)?;
        offered::set_direction(&mut section, direction(&asked, selection));
        media.push(template);
        sections.push(section);
        plans.push(Some(Planned { plan, from: asked.iter().map(|source| source.at).collect() }));
        let media_label = source.media_label;
        infos.extend(asked.into_iter().map(|source| SourceInfo { media_label, ..source.info() }));
    }
    let out = outgoing(sections, subscriber, &Options { original_sendrecv: false, ..options.clone() });
    let session = subscription.session.get_or_insert_with(|| session(&first.description));
    let mut sdp = Sdp { session: session.clone(), media };
    rewrite(&mut sdp, &out);
    // [RFC3264 8] A subscriber that is asked again finds the version raised where anything changed.
    let replace = Replace { sdp_version: true, ..options.replace };
    manipulate(&mut sdp, &options.manipulation)?;
    subscriber.session.apply(&mut sdp, &replace, out.first_address());
    let kind = LinkKind::Subscription { egress: selection.egress };
    subscription.offer = Some(PendingSubscription { kind, plans, options: options.clone() });
    Ok((sdp.to_bytes(), infos))
}

/// Finds a source the section that it has, or a new one: with `mix` the one of all audio, without it one that it need not
/// share with what was placed `before`.
fn place(subscription: &mut Subscription, source: &Source, before: &[Place], mix: bool) {
    let can_mix = mix && source.remote.kind == Some(LegKind::Audio);
    let sections = &mut subscription.sections;
    let is_taken = |section: &Subscribed| section.from.iter().any(|at| before.contains(at));
    let home = sections.iter().position(|section| section.from.contains(&source.at));
    let fits =
        |section: &Subscribed| section.media == source.remote.media && (can_mix || section.from.is_empty());
    let at = match home {
        Some(home) if !can_mix && sections.get(home).is_some_and(|section| !is_taken(section)) => return,
        _ => sections.iter().position(fits),
    };
    for section in sections.iter_mut() {
        section.from.retain(|at| *at != source.at);
    }
    match at.and_then(|at| sections.get_mut(at)) {
        Some(section) => section.from.push(source.at),
        None => sections.push(Subscribed {
            from: vec![source.at],
            media: source.remote.media.clone(),
            proto: source.remote.proto.clone(),
        }),
    }
}

/// The direction offered to the subscriber of these.
fn direction(sources: &[&Source], selection: &Selection) -> Direction {
    let any = |is: fn(Direction) -> bool| sources.iter().any(|source| is(source.remote.direction));
    let sends = any(Direction::sends) && !selection.inactive;
    Direction::new(sends, selection.bidirectional && any(Direction::receives))
}

fn prepare(work: &Work<'_>, subscriber: &mut Party, first: &Source, options: &Options) {
    subscriber.dscp = work.dscp(options, subscriber.dscp);
    subscriber.interface = subscriber.interface.take().or(options.direction.first().cloned());
    let family = first.remote.host.map(AddressFamily::of);
    subscriber.family = options.address_family.or(subscriber.family).or(family);
    subscriber.learning.strict_source |= options.learning.strict_source;
    subscriber.learning.media_handover |= options.learning.media_handover;
}

fn carry(
    work: &mut Work<'_>,
    subscriber: &mut Party,
    index: usize,
    source: &Source,
    options: &Options,
) -> Result<(Plan, SectionOut), NgError> {
    let kind = source.remote.kind.unwrap_or_default();
    let leg = work.leg(subscriber, index, kind, None)?;
    let stream = subscriber.stream_mut(index).ok_or(NgError::Internal)?;
    let before = Before { profile: stream.profile, codecs: &source.codecs_in_use, hold: None };
    offered::offer(work, stream, leg, source.remote.clone(), &before, options)
}

/// A section that was described before and is not asked for any more.
fn rejected(subscribed: &Subscribed) -> Result<MediaSection, NgError> {
    let line = MediaLine {
        media: subscribed.media.clone(),
        port: 0,
        ports: None,
        proto: subscribed.proto.clone(),
        formats: vec!["0".to_owned()],
    };
    MediaSection::parse(line.line()).ok_or(NgError::Internal)
}

/// The session part of a source's description, without what its sections say themselves.
fn session(sdp: &Sdp) -> Section {
    let mut session = sdp.session.clone();
    session.remove_direction();
    session.retain(|line: &Line| line.kind() != b'c' && !DROPPED.iter().any(|name| line.is_attribute(name)));
    session
}
