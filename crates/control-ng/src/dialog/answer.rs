//! An answer: what both sides agreed on takes effect, and the description is rewritten for the offerer.

use std::sync::Arc;

use mediapoint_engine::{LegKind, RtcpMode};
use mediapoint_packet::SecretBytes;
use mediapoint_packet::sdp::{Direction, Sdp};
use mediapoint_srtp::Suite;

use super::offer::learn;
use super::{Exchange, PendingOffer, Plan};
use crate::NgError;
use crate::call::party::Stream;
use crate::media::answered;
use crate::media::codecs::{self, AnswerRules, CodecLine};
use crate::media::manipulate::manipulate;
use crate::media::offered::outgoing;
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::{Advertised, Ptime, RtpOut, SectionOut, rewrite};
use crate::request::{Options, Profile, RtcpMux, TransportProtocol};

/// Takes the answer to the last offer and returns the description for the offerer. The caller puts it into effect with
/// [`crate::call::apply::apply`].
pub(crate) fn process(
    exchange: &mut Exchange,
    mut sdp: Sdp,
    options: &Options,
) -> Result<SecretBytes, NgError> {
    let offer = exchange.dialog.offer.clone().ok_or(NgError::UnknownOffer)?;
    exchange.dialog.offer.iter_mut().for_each(|offer| offer.answered = true);
    let (_, answerer) = exchange.sides_mut(offer.from);
    answerer.layout.widen(&mut sdp);
    let read = |(index, section)| RemoteDescription::read(&sdp, index, section, options);
    let remote: Vec<RemoteDescription> = sdp.media.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let (offerer, answerer) = exchange.sides_mut(offer.from);
    learn(answerer, offerer, options);
    answerer.description = Some(Arc::new(sdp.clone()));
    for side in [offerer, answerer] {
        side.streams.iter_mut().for_each(|stream| stream.active = false);
    }
    let mut sections = Vec::new();
    for (index, remote) in remote.into_iter().enumerate() {
        let plan = offer.plans.get(index);
        if remote.is_passed() && plan.is_some_and(|plan| plan.remote.is_passed()) {
            sections.push(SectionOut::Passed);
            continue;
        }
        let plan = plan.filter(|plan| plan.carried);
        let section = match plan {
            Some(plan) if !remote.disabled && remote.kind == plan.remote.kind => {
                agree(exchange, &offer, plan, index, remote, options)?
            }
            _ => None,
        };
        let proto = || offer.plans.get(index).map(|plan| plan.remote.proto.clone());
        sections.push(section.unwrap_or_else(|| SectionOut::Rejected { address: None, proto: proto() }));
    }
    let (offerer, _) = exchange.sides_mut(offer.from);
    let out = outgoing(sections, offerer, options);
    rewrite(&mut sdp, &out);
    let address = out.first_address();
    offerer.layout.narrow(&mut sdp);
    manipulate(&mut sdp, &options.manipulation)?;
    offerer.session.apply(&mut sdp, &options.replace, address);
    Ok(sdp.to_bytes())
}

/// Agrees one section; `None` where the two sides have nothing in common.
fn agree(
    exchange: &mut Exchange,
    offer: &PendingOffer,
    plan: &Plan,
    index: usize,
    mut remote: RemoteDescription,
    options: &Options,
) -> Result<Option<SectionOut>, NgError> {
    let meant = if plan.offered.is_empty() { &plan.remote.codecs } else { &plan.offered };
    codecs::as_numbered(&mut remote.codecs, meant);
    let (offerer, answerer) = exchange.sides_mut(offer.from);
    let (Some(theirs), Some(ours)) = (answerer.stream_mut(index), offerer.stream_mut(index)) else {
        return Err(NgError::Internal);
    };
    let Some(leg) = ours.leg else { return Err(NgError::Internal) };
    ours.told = options.media_address;
    let at = Advertised {
        address: options.media_address.unwrap_or(leg.rtp.ip()),
        port: leg.rtp.port(),
        keep_zero: remote.zero && !options.replace.zero_address,
    };
    let Some(profile) = plan.remote.profile else {
        answered::datagrams(ours, plan.remote.clone());
        answered::datagrams(theirs, remote);
        return Ok(Some(SectionOut::Datagrams { at }));
    };

    let is_audio = plan.remote.kind == Some(LegKind::Audio);
    let codecs = codecs::heeded(&remote.codecs, &options.codec);
    let remote = RemoteDescription { codecs, ..remote };
    let back = if is_audio { plan_codecs(offer, plan, &remote, &ours.codecs, options) } else { Vec::new() };
    if is_audio && back.is_empty() {
        return Ok(None);
    }
    let codecs_out = match is_audio {
        true => Some(codecs_out(&back, &remote.codecs)),
        false => {
            let lines = codecs::stripped(&remote.codecs, &options.codec);
            let lines = lines.or_else(|| codecs::undescribed(&remote.codecs));
            lines.map(|lines| codecs_out(&lines, &remote.codecs))
        }
    };
    let ptime = if is_audio { ptime_back(&offer.options, plan) } else { Ptime::Keep };

    let suite = answered::keys_of_answer(theirs, plan, &remote)?;
    let sdes = &offer.options.sdes;
    let lifetime = sdes.lifetime || options.sdes.lifetime;
    let taken = takes_opportunistic(offer, plan, suite, options);
    let crypto = answered::keys_of_offer(ours, &plan.remote, sdes, lifetime, (suite, taken))?;
    let profile = if crypto.is_empty() { profile.plain() } else { profile };
    let advertised = advertised_profile(options, profile, remote.profile);
    ours.profile = Some(advertised);

    let mux = accepts_mux(&offer.options.rtcp_mux, plan.remote.mux, remote.mux);
    let section = RtpOut {
        at,
        rtcp_port: if mux { Some(at.port) } else { leg.rtcp.map(|rtcp| rtcp.port()) },
        mux,
        proto: if advertised == profile { plan.remote.proto.clone() } else { advertised.name().to_owned() },
        direction: if plan.held {
            narrowed(plan.remote.direction, remote.direction)
        } else {
            remote.direction
        },
        codecs: codecs_out,
        crypto,
        ptime,
        mid: plan.mid.clone(),
        own_streams: is_audio,
    };
    ours.rtcp = if mux { RtcpMode::Mux } else { RtcpMode::Separate };
    theirs.rtcp = answered::rtcp_of_answer(plan, &remote);
    if is_audio {
        agree_coding((&mut *ours, &mut *theirs), (offer, plan), back, &remote, options);
    }
    ours.remote = Some(plan.remote.clone());
    theirs.remote = Some(remote);
    (ours.active, theirs.active) = (true, true);
    Ok(Some(SectionOut::Rtp(Box::new(section))))
}

/// What the offerer is answered whose offer went on with another direction: no more than it offered [RFC3264 6.1].
fn narrowed(offered: Direction, answered: Direction) -> Direction {
    Direction::new(answered.sends() && offered.receives(), answered.receives() && offered.sends())
}

/// The codecs that the offerer is answered with.
fn plan_codecs(
    offer: &PendingOffer,
    plan: &Plan,
    remote: &RemoteDescription,
    in_use: &[CodecLine],
    options: &Options,
) -> Vec<CodecLine> {
    let rules = AnswerRules {
        offered: &plan.offered,
        received: &plan.remote.codecs,
        of_offer: &offer.options.codec,
        options: &options.codec,
        single: options.single_codec,
        in_use: if options.reuse_codecs { in_use } else { &[] },
    };
    codecs::plan_answer(&remote.codecs, &rules)
}

/// What becomes of `a=ptime` in the answer. Where the answerer says nothing, or what was asked of it by us, the offerer's
/// own wish stands.
fn ptime_back(of_offer: &Options, plan: &Plan) -> Ptime {
    match (of_offer.ptime_reverse, plan.remote.ptime) {
        (Some(ptime), _) => Ptime::Set(ptime),
        (None, Some(ptime)) if of_offer.ptime.is_some() => Ptime::Set(ptime),
        (None, Some(ptime)) => Ptime::Fill(ptime),
        (None, None) => Ptime::Keep,
    }
}

/// The codecs agreed with offerer and answerer, and how audio is coded for each.
fn agree_coding(
    (ours, theirs): (&mut Stream, &mut Stream),
    (offer, plan): (&PendingOffer, &Plan),
    back: Vec<CodecLine>,
    remote: &RemoteDescription,
    options: &Options,
) {
    const USUAL: u32 = 20;
    let of_offer = &offer.options;
    let (to_ours, to_theirs) =
        (of_offer.ptime_reverse.or(options.repacketize), of_offer.ptime.or(of_offer.repacketize));
    // One side's packets with a length of our own mean that the other side's are made anew as well.
    let other = |asked: Option<u32>, own: Option<u32>| asked.map(|_| own.unwrap_or(USUAL));
    let always = to_ours.or(other(to_theirs, plan.remote.ptime));
    ours.packet_time = codecs::packet_time(&plan.remote, &back, always, None);
    ours.encoder = codecs::settings(&of_offer.codec.set, &back).unwrap_or_else(|| ours.encoder.clone());
    ours.force_transcode = of_offer.force_transcoding || options.force_transcoding;
    ours.received = Vec::new();
    ours.codecs = back;
    let always = to_theirs.or(other(to_ours, remote.ptime.or(plan.remote.ptime)));
    answered::coding_of_answer(theirs, plan, remote, always, (of_offer, options));
}

/// The profile in the answer to the offerer: its own, but for the feedback that a profile asked for has, or with `accept`
/// the answer's. SRTP stays where it was offered, and only there: its keys were offered, or were not.
fn advertised_profile(options: &Options, offered: Profile, answered: Option<Profile>) -> Profile {
    let feedback = match options.transport {
        Some(TransportProtocol::Accept) => answered.map(|answered| answered.feedback),
        Some(TransportProtocol::Profile(asked)) => Some(asked.feedback),
        Some(TransportProtocol::Parts { feedback, .. }) => feedback,
        None => None,
    };
    Profile { feedback: feedback.unwrap_or(offered.feedback), ..offered }
}

/// Whether the offerer's opportunistic SRTP is accepted [RFC8643 3.1]: where its other side takes SRTP, was told to be
/// given plain RTP, or a word has it so.
fn takes_opportunistic(offer: &PendingOffer, plan: &Plan, suite: Option<Suite>, options: &Options) -> bool {
    let of_offer = &offer.options;
    let passed_on = plan.profile.is_some_and(|profile| profile.opportunistic);
    let accept = of_offer.osrtp.accept || options.osrtp.accept;
    !of_offer.sdes.off && (suite.is_some() || accept || !passed_on)
}

/// Whether the offerer's rtcp-mux is accepted.
fn accepts_mux(options: &RtcpMux, offered: bool, answered: bool) -> bool {
    let for_itself = options.accept || (options.demux && !options.offer && !options.require);
    offered && !options.reject && (answered || for_itself)
}

/// The offerer's codecs, each with the number it has in the answer received.
fn codecs_out(back: &[CodecLine], answered: &[CodecLine]) -> Vec<(CodecLine, Option<u8>)> {
    let number = |line: &CodecLine| {
        let same = || answered.iter().filter(|other| other.codec == line.codec);
        let found = same().find(|other| other.payload_type == line.payload_type).or_else(|| same().next());
        found.map(|other| other.payload_type)
    };
    back.iter().map(|line| (line.clone(), number(line))).collect()
}
