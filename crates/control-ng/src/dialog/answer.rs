//! An answer: what both sides agreed on takes effect, and the description is rewritten for the offerer.

use mediapoint_engine::{LegKind, RtcpMode};
use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::Suite;

use super::offer::{learn, outgoing};
use super::{Dialog, PendingOffer, Plan, Stream};
use crate::media::codecs::{self, AnswerRules, CodecLine};
use crate::media::keys;
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::{Place, Ptime, RtpOut, SectionOut, rewrite};
use crate::request::{Options, Profile, RtcpMux, TransportProtocol};
use crate::{KeyFault, NgError};

/// Takes the answer to the last offer and returns the description for the offerer. The caller puts it into effect with
/// [`super::apply::apply`].
pub(crate) fn process(dialog: &mut Dialog, mut sdp: Sdp, options: &Options) -> Result<Vec<u8>, NgError> {
    let offer = dialog.offer.clone().ok_or(NgError::UnknownOffer)?;
    let read = |(index, section)| RemoteDescription::read(&sdp, index, section, options);
    let remote: Vec<RemoteDescription> = sdp.media.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let (offerer, answerer) = dialog.sides_mut(offer.from);
    learn(answerer, offerer, options);
    for side in [offerer, answerer] {
        side.streams.iter_mut().for_each(|stream| stream.active = false);
    }
    let mut sections = Vec::new();
    for (index, remote) in remote.into_iter().enumerate() {
        let plan = offer.plans.get(index).filter(|plan| plan.carried);
        let section = match plan {
            Some(plan) if !remote.disabled && remote.kind == plan.remote.kind => {
                agree(dialog, &offer, plan, index, remote, options)?
            }
            _ => None,
        };
        let proto = || offer.plans.get(index).map(|plan| plan.remote.proto.clone());
        sections.push(section.unwrap_or_else(|| SectionOut::Rejected { address: None, proto: proto() }));
    }
    let out = outgoing(sections, options);
    rewrite(&mut sdp, &out);
    let address = out.first_address();
    let (offerer, _) = dialog.sides_mut(offer.from);
    offerer.session.apply(&mut sdp, &options.replace, address);
    Ok(sdp.to_bytes())
}

/// Agrees one section; `None` where the two sides have nothing in common.
fn agree(
    dialog: &mut Dialog,
    offer: &PendingOffer,
    plan: &Plan,
    index: usize,
    remote: RemoteDescription,
    options: &Options,
) -> Result<Option<SectionOut>, NgError> {
    let (offerer, answerer) = dialog.sides_mut(offer.from);
    let (Some(theirs), Some(ours)) = (answerer.stream_mut(index), offerer.stream_mut(index)) else {
        return Err(NgError::Internal);
    };
    let Some(leg) = ours.leg else { return Err(NgError::Internal) };
    let at = Place {
        address: options.media_address.unwrap_or(leg.rtp.ip()),
        port: leg.rtp.port(),
        keep_zero: remote.zero && !options.replace.zero_address,
    };
    let Some(profile) = plan.remote.profile else {
        for (stream, remote) in [(&mut *ours, plan.remote.clone()), (&mut *theirs, remote)] {
            // The profile is kept: a fax call goes back to the audio it had.
            (stream.keys, stream.suite) = (None, None);
            (stream.remote, stream.rtcp, stream.active) = (Some(remote), RtcpMode::Off, true);
        }
        return Ok(Some(SectionOut::Datagrams { at }));
    };

    let is_audio = plan.remote.kind == Some(LegKind::Audio);
    let back = if is_audio { plan_codecs(offer, plan, &remote, &ours.codecs, options) } else { Vec::new() };
    if is_audio && back.is_empty() {
        return Ok(None);
    }
    let codecs_out = is_audio.then(|| codecs_out(&back, &remote.codecs));
    let ptime = if is_audio { ptime_back(&offer.options, plan, codecs_out.as_deref()) } else { Ptime::Keep };

    let suite = agree_answerer(theirs, &remote)?;
    let crypto = agree_offerer(ours, plan, offer, suite, options)?;
    let advertised = advertised_profile(options, profile, remote.profile);
    ours.profile = Some(advertised);

    let mux = accepts_mux(&offer.options.rtcp_mux, plan.remote.mux, remote.mux);
    let section = RtpOut {
        at,
        rtcp_port: if mux { Some(at.port) } else { leg.rtcp.map(|rtcp| rtcp.port()) },
        mux,
        proto: if advertised == profile { plan.remote.proto.clone() } else { advertised.name().to_owned() },
        direction: remote.direction,
        codecs: codecs_out,
        crypto,
        ptime,
        mid: plan.mid.clone(),
        own_streams: is_audio,
    };
    ours.rtcp = if mux { RtcpMode::Mux } else { RtcpMode::Separate };
    theirs.rtcp = if remote.mux && plan.mux_offered { RtcpMode::Mux } else { RtcpMode::Separate };
    if is_audio {
        agree_coding((&mut *ours, &mut *theirs), (offer, plan), back, &remote, options);
    }
    ours.remote = Some(plan.remote.clone());
    theirs.remote = Some(remote);
    (ours.active, theirs.active) = (true, true);
    Ok(Some(SectionOut::Rtp(Box::new(section))))
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
        of_offer: &offer.options.codec,
        options: &options.codec,
        single: options.single_codec,
        in_use: if options.reuse_codecs { in_use } else { &[] },
    };
    codecs::plan_answer(&remote.codecs, &rules)
}

/// What becomes of `a=ptime` in the answer. Where the offerer's packets are not the answerer's, its own wish stands.
fn ptime_back(of_offer: &Options, plan: &Plan, back: Option<&[(CodecLine, Option<u8>)]>) -> Ptime {
    if let Some(ptime) = of_offer.ptime_reverse {
        return Ptime::Set(ptime);
    }
    let is_converted = back.and_then(<[_]>::first).is_some_and(|(_, answered)| answered.is_none());
    match plan.remote.ptime {
        Some(ptime) if of_offer.ptime.is_some() => Ptime::Set(ptime),
        Some(ptime) if is_converted => Ptime::Fill(ptime),
        _ => Ptime::Keep,
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
    let always = to_theirs.or(other(to_ours, remote.ptime.or(plan.remote.ptime)));
    let specified = codecs::specified_ptime(&of_offer.codec.transcode, &remote.codecs);
    theirs.packet_time = codecs::packet_time(remote, &remote.codecs, always, specified);

    ours.encoder = codecs::settings(&of_offer.codec.set, &back).unwrap_or_else(|| ours.encoder.clone());
    let set = codecs::settings(&of_offer.codec.transcode, &remote.codecs);
    theirs.encoder = set.unwrap_or_else(|| theirs.encoder.clone());

    let force_transcode = of_offer.force_transcoding || options.force_transcoding;
    (ours.force_transcode, theirs.force_transcode) = (force_transcode, force_transcode);

    let refused_too = options.asymmetric_codecs;
    theirs.received = codecs::received_beside(&plan.offered, &remote.codecs, refused_too);
    ours.received = Vec::new();
    theirs.codecs = codecs::as_offered(&remote.codecs, &plan.offered);
    theirs.numbers.learn(theirs.codecs.iter().map(|line| (line.payload_type, &line.codec)));
    ours.codecs = back;
}

/// Keys with who answers; the suite in use.
fn agree_answerer(stream: &mut Stream, remote: &RemoteDescription) -> Result<Option<Suite>, NgError> {
    let offered_secure = stream.profile.is_some_and(|profile| profile.secure);
    let fault = |fault| Err(NgError::UnusableKey(fault));
    if !offered_secure {
        (stream.keys, stream.suite) = (None, None);
        return if remote.is_secure() { fault(KeyFault::NotOffered) } else { Ok(None) };
    }
    if remote.crypto.is_empty() {
        return fault(remote.crypto_fault.unwrap_or(KeyFault::None));
    }
    let Some(line) = stream.own.taken(&remote.crypto) else { return fault(KeyFault::NotOffered) };
    stream.keys = Some(keys::of_line(line, stream.own.key(line.suite)?));
    stream.suite = Some(line.suite);
    Ok(stream.suite)
}

/// Keys with the offerer; the `a=crypto` line for it.
fn agree_offerer(
    stream: &mut Stream,
    plan: &Plan,
    offer: &PendingOffer,
    other_side: Option<Suite>,
    options: &Options,
) -> Result<Vec<String>, NgError> {
    if !plan.remote.is_secure() {
        (stream.keys, stream.suite) = (None, None);
        return Ok(Vec::new());
    }
    let sdes = &offer.options.sdes;
    let Some(line) = keys::choose(&plan.remote.crypto, sdes, stream.suite, other_side) else {
        return Err(NgError::UnusableKey(KeyFault::None));
    };
    let advertised = stream.own.accept(line, sdes.lifetime || options.sdes.lifetime)?;
    stream.keys = Some(keys::of_line(line, stream.own.key(line.suite)?));
    stream.suite = Some(line.suite);
    Ok(vec![advertised.to_value()])
}

/// The profile in the answer to the offerer: its own, or with `accept` the answer's feedback.
fn advertised_profile(options: &Options, offered: Profile, answered: Option<Profile>) -> Profile {
    match (options.transport, answered) {
        (Some(TransportProtocol::Accept), Some(answered)) => {
            Profile { feedback: answered.feedback, ..offered }
        }
        _ => offered,
    }
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
