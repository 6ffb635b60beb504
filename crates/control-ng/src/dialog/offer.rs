//! An offer: legs are opened where there are none, and the description is rewritten for the other side.

use mediapoint_engine::{
    AddressFamily as EngineFamily, Call, Codec, Direction as LegDirection, LegConfig, LegId, LegKind,
    OpenLegError, OpenedLeg, Placement, Ports,
};
use mediapoint_packet::sdp::{AddressFamily, Sdp};

use super::{Dialog, MAX_CARRIED, PendingOffer, Plan, Side, Which};
use crate::media::codecs::{self, CodecLine, OfferRules};
use crate::media::keys;
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::{Outgoing, Place, Ptime, RtpOut, SectionOut, rewrite};
use crate::request::{Options, Profile, TransportProtocol};
use crate::{KeyFault, NgError};

/// Most words of `transcode` named in a warning.
const MAX_WARNED: usize = 8;
/// Most characters of each.
const MAX_WORD: usize = 32;

/// What one request works with.
pub(crate) struct Work<'a> {
    pub(crate) call: &'a Call,
    /// Legs opened for this request, to be closed should it fail.
    pub(crate) opened: Vec<LegId>,
    pub(crate) warnings: Vec<String>,
    pub(crate) default_dscp: u8,
}

/// Takes an offer of one side and returns the description for the other side.
pub(crate) fn process(
    work: &mut Work<'_>,
    dialog: &mut Dialog,
    from: Which,
    mut sdp: Sdp,
    options: &Options,
) -> Result<Vec<u8>, NgError> {
    let read = |(index, section)| RemoteDescription::read(&sdp, index, section, options);
    let remote: Vec<RemoteDescription> = sdp.media.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    if !remote.iter().any(RemoteDescription::is_usable)
        && let Some(fault) = remote.iter().find_map(RemoteDescription::fault)
    {
        return Err(fault);
    }
    prepare(work, dialog, from, &remote, options);
    let mut plans = Vec::new();
    let mut sections = Vec::new();
    for (index, remote) in remote.into_iter().enumerate() {
        let carried = remote.is_usable() && plans.iter().filter(|p: &&Plan| p.carried).count() < MAX_CARRIED;
        let (plan, section) = if carried {
            carry(work, dialog, from, index, remote, options)?
        } else {
            let proto = remote
                .profile
                .and_then(|profile| advertised_profile(options, None, profile))
                .map(Profile::name);
            let section = SectionOut::Rejected { address: None, proto: proto.map(str::to_owned) };
            (Plan { remote, carried: false, offered: Vec::new(), mux_offered: false, mid: None }, section)
        };
        plans.push(plan);
        sections.push(section);
    }
    let out = outgoing(sections, options);
    rewrite(&mut sdp, &out);
    let address = out.first_address();
    let (_, other) = dialog.sides_mut(from);
    other.session.apply(&mut sdp, &options.replace, address);
    dialog.offer = Some(PendingOffer { from, plans, options: options.clone() });
    Ok(sdp.to_bytes())
}

/// The changes of a whole description, with our address in the sections that are rejected, too.
pub(crate) fn outgoing(mut sections: Vec<SectionOut>, options: &Options) -> Outgoing {
    let first = sections.iter().find_map(SectionOut::own_address);
    for section in &mut sections {
        if let SectionOut::Rejected { address, .. } = section {
            *address = first;
        }
    }
    Outgoing {
        sections,
        session_connection: options.replace.session_connection,
        rtcp_line: options.rtcp_line,
        original_direction: options.original_sendrecv,
        strip_extmap: options.strip_extmap,
        generate_mid: options.generate_mid,
    }
}

/// Takes the options that bear on the sides as a whole.
fn prepare(
    work: &mut Work<'_>,
    dialog: &mut Dialog,
    from: Which,
    remote: &[RemoteDescription],
    options: &Options,
) {
    dialog.dscp = match options.tos {
        Some(tos) if tos < 0 => dialog.dscp,
        Some(tos) => u8::try_from(tos).map_or(work.default_dscp, |tos| tos >> 2),
        None => work.default_dscp,
    };
    let received = remote.iter().filter(|remote| remote.is_usable()).find_map(|remote| remote.host);
    let (offerer, other) = dialog.sides_mut(from);
    learn(offerer, other, options);
    let mut names = options.direction.iter();
    for side in [&mut *offerer, &mut *other] {
        let name = names.next().cloned();
        side.interface = side.interface.take().or(name);
    }
    let received = received.map(AddressFamily::of);
    offerer.family = received.or(offerer.family);
    other.family = options.address_family.or(other.family).or(received);
}

/// Takes the options on learning source addresses, given in a message of `sender`.
pub(crate) fn learn(sender: &mut Side, other: &mut Side, options: &Options) {
    sender.learning.asymmetric = options.learning.asymmetric;
    for side in [sender, other] {
        side.learning.strict_source |= options.learning.strict_source;
        side.learning.media_handover |= options.learning.media_handover;
    }
}

/// Carries one section: a leg for each side, keys, codecs.
fn carry(
    work: &mut Work<'_>,
    dialog: &mut Dialog,
    from: Which,
    index: usize,
    remote: RemoteDescription,
    options: &Options,
) -> Result<(Plan, SectionOut), NgError> {
    let kind = remote.kind.unwrap_or_default();
    open_leg(work, dialog, from, index, kind, remote.host.map(AddressFamily::of))?;
    let leg = open_leg(work, dialog, from.other(), index, kind, None)?;
    let at = Place {
        address: options.media_address.unwrap_or(leg.rtp.ip()),
        port: leg.rtp.port(),
        keep_zero: remote.zero && !options.replace.zero_address,
    };
    let Some(profile) = remote.profile else {
        let plan = Plan { remote, carried: true, offered: Vec::new(), mux_offered: false, mid: None };
        return Ok((plan, SectionOut::Datagrams { at }));
    };
    let (_, other) = dialog.sides_mut(from);
    let stream = other.stream_mut(index).ok_or(NgError::Internal)?;
    let advertised = advertised_profile(options, stream.profile, profile).unwrap_or(profile);
    stream.profile = Some(advertised);
    let mut crypto = Vec::new();
    if advertised.secure {
        if options.sdes.off {
            return Err(NgError::UnusableKey(KeyFault::Dtls));
        }
        let suites = keys::suites_to_offer(&options.sdes, &remote.crypto)?;
        crypto = stream.own.offer(&suites, &options.sdes)?.iter().map(|line| line.to_value()).collect();
    }
    let mux = &options.rtcp_mux;
    let mux_offered = mux.offer || mux.require || (remote.mux && !mux.demux);
    let is_audio = kind == LegKind::Audio;
    let offered =
        if is_audio { plan_codecs(work, dialog, from, index, &remote, options) } else { Vec::new() };
    let section = RtpOut {
        at,
        rtcp_port: if mux.require { Some(at.port) } else { leg.rtcp.map(|rtcp| rtcp.port()) },
        mux: mux_offered,
        proto: advertised.name().to_owned(),
        direction: remote.direction,
        codecs: is_audio.then(|| codecs_out(&offered)),
        crypto,
        ptime: options.ptime.filter(|_| is_audio).map_or(Ptime::Keep, Ptime::Set),
        mid: None,
        own_streams: is_audio,
    };
    let mid = remote.mid.clone();
    Ok((Plan { remote, carried: true, offered, mux_offered, mid }, SectionOut::Rtp(Box::new(section))))
}

/// What becomes of the codecs of a section. Both sides' numbers are remembered.
fn plan_codecs(
    work: &mut Work<'_>,
    dialog: &mut Dialog,
    from: Which,
    index: usize,
    remote: &RemoteDescription,
    options: &Options,
) -> Vec<CodecLine> {
    let (offerer, other) = dialog.sides_mut(from);
    let (Some(ours), Some(theirs)) = (offerer.stream_mut(index), other.stream_mut(index)) else {
        return remote.codecs.clone();
    };
    let rules = OfferRules {
        options: &options.codec,
        repacketizes: options.repacketizes(),
        in_use: if options.reuse_codecs { &ours.codecs } else { &[] },
        numbers: &theirs.numbers,
        can_convert: Codec::is_convertible,
    };
    let plan = codecs::plan_offer(&remote.codecs, &rules);
    ours.numbers.learn(remote.codecs.iter().map(|line| (line.payload_type, &line.codec)));
    let advertised = plan.lines.iter().filter(|line| !line.masked);
    theirs.numbers.learn(advertised.map(|line| (line.advertised, &line.codec)));
    let words = plan.not_added.iter().take(MAX_WARNED).map(|word| word.chars().take(MAX_WORD).collect());
    let warning = format!("cannot transcode to {}", words.collect::<Vec<String>>().join(" "));
    if !plan.not_added.is_empty() && !work.warnings.contains(&warning) {
        work.warnings.push(warning);
    }
    plan.lines
}

/// What the other side is offered of a plan, each with the number that it has in the offer received.
fn codecs_out(offered: &[CodecLine]) -> Vec<(CodecLine, Option<u8>)> {
    let advertised = offered.iter().filter(|line| !line.masked);
    advertised
        .map(|line| {
            let received = (!line.added).then_some(line.payload_type);
            (CodecLine { payload_type: line.advertised, ..line.clone() }, received)
        })
        .collect()
}

/// The profile towards the receiver: of the options, else the one agreed before, else the received one. `None` where
/// nothing but the received one is to go by.
fn advertised_profile(options: &Options, before: Option<Profile>, received: Profile) -> Option<Profile> {
    match options.transport {
        Some(TransportProtocol::Profile(profile)) => Some(profile),
        Some(TransportProtocol::Parts { secure, feedback }) => {
            let base = before.unwrap_or(received);
            let (secure, feedback) = (secure.unwrap_or(base.secure), feedback.unwrap_or(base.feedback));
            Some(Profile { secure, feedback })
        }
        Some(TransportProtocol::Accept) | None => before,
    }
}

/// The leg of a section towards one side: the one there is, where it fits.
fn open_leg(
    work: &mut Work<'_>,
    dialog: &mut Dialog,
    which: Which,
    index: usize,
    kind: LegKind,
    must_be: Option<AddressFamily>,
) -> Result<OpenedLeg, NgError> {
    let dscp = dialog.dscp;
    let (side, _) = dialog.sides_mut(which);
    let family = must_be.or(side.family);
    let interface = side.interface.clone();
    let needs_pair = kind != LegKind::Datagrams;
    let stream = side.stream_mut(index).ok_or(NgError::Internal)?;
    if let Some(leg) = stream.leg {
        let same_family = must_be.is_none_or(|family| family == AddressFamily::of(leg.rtp.ip()));
        if same_family && (stream.pair || !needs_pair) {
            return Ok(leg);
        }
    }
    let config = LegConfig { kind, direction: LegDirection::Inactive, dscp, ..LegConfig::default() };
    let ports = if needs_pair { Ports::RtpAndRtcp } else { Ports::Single };
    let mut placement = Placement { interface, family: family.map(to_engine), ports };
    let leg = loop {
        match work.call.open_leg(&placement, config.clone()) {
            Ok(leg) => break leg,
            // Names that are not known are passed over, as the protocol's users expect, but not in silence.
            Err(OpenLegError::UnknownInterface(name)) if placement.interface.is_some() => {
                work.warnings.push(format!("there is no interface named {name:?}"));
                placement.interface = None;
            }
            Err(OpenLegError::NoSuchFamily { .. }) if must_be.is_none() && placement.family.is_some() => {
                placement.family = None;
            }
            Err(error) => return Err(error.into()),
        }
    };
    work.opened.push(leg.id);
    let retired = stream.leg.replace(leg);
    stream.pair = needs_pair;
    stream.running = false;
    dialog.retired.extend(retired.map(|leg| leg.id));
    Ok(leg)
}

fn to_engine(family: AddressFamily) -> EngineFamily {
    match family {
        AddressFamily::Ip4 => EngineFamily::V4,
        AddressFamily::Ip6 => EngineFamily::V6,
    }
}
