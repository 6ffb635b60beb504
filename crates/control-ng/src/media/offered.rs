//! One section as it is offered to a party, made from the description of whoever it is to receive.

use mediapoint_engine::{Codec, LegKind, OpenedLeg, RtcpMode};
use mediapoint_packet::sdp::Direction;

use super::codecs::{self, CodecLine, OfferRules};
use super::keys;
use super::legs::Work;
use super::remote::RemoteDescription;
use super::rewrite::{Advertised, Outgoing, Ptime, RtpOut, SectionOut};
use crate::call::party::{Party, Stream};
use crate::dialog::Plan;
use crate::request::{Options, Profile, TransportProtocol};
use crate::{KeyFault, NgError};

/// Most words of `transcode` named in a warning.
const MAX_WARNED: usize = 8;
/// Most characters of each.
const MAX_WORD: usize = 32;

/// What a section was before it is offered anew.
pub(crate) struct Before<'a> {
    /// The profile agreed with the party, where it is to stay.
    pub(crate) profile: Option<Profile>,
    /// The codecs agreed with the other side.
    pub(crate) codecs: &'a [CodecLine],
    /// The direction that it is offered with where its other side puts it on hold, and has music for it.
    pub(crate) hold: Option<Direction>,
}

/// Offers a section on `leg` of the party's `stream`.
pub(crate) fn offer(
    work: &mut Work<'_>,
    stream: &mut Stream,
    leg: OpenedLeg,
    remote: RemoteDescription,
    before: &Before<'_>,
    options: &Options,
) -> Result<(Plan, SectionOut), NgError> {
    stream.told = options.media_address;
    let at = Advertised {
        address: options.media_address.unwrap_or(leg.rtp.ip()),
        port: leg.rtp.port(),
        keep_zero: remote.zero && !options.replace.zero_address,
    };
    let mid = remote.mid.clone();
    let Some(profile) = remote.profile else {
        let plan = Plan {
            remote,
            carried: true,
            profile: None,
            offered: Vec::new(),
            mux_offered: false,
            held: false,
            mid,
        };
        return Ok((plan, SectionOut::Datagrams { at }));
    };
    let mut advertised = advertised_profile(options, before.profile, profile).unwrap_or(profile);
    if options.osrtp.offer {
        advertised = advertised.opportunistic();
    }
    // Where no key may be offered, plain RTP is.
    if advertised.opportunistic && options.sdes.off {
        advertised = advertised.plain();
    }
    let mut crypto = Vec::new();
    if advertised.secure {
        if options.sdes.off {
            return Err(NgError::UnusableKey(KeyFault::Dtls));
        }
        let suites = keys::suites_to_offer(&options.sdes, &remote.crypto)?;
        crypto = stream.own.offer(&suites, &options.sdes)?;
    }
    let mux = &options.rtcp_mux;
    // RTCP that shares the port already stays there [RFC5761 5.1.1]: nothing but a word parts them.
    let shares = stream.active && stream.rtcp == RtcpMode::Mux && !mux.demux;
    let mux_offered = mux.offer || mux.require || shares || (remote.mux && !mux.demux);
    let is_audio = remote.kind == Some(LegKind::Audio);
    let offered = if is_audio { plan_codecs(work, stream, &remote, before, options) } else { Vec::new() };
    let codecs = match is_audio {
        true => Some(codecs_out(&offered)),
        false => {
            let lines = codecs::stripped(&remote.codecs, &options.codec);
            lines.or_else(|| codecs::undescribed(&remote.codecs)).map(|lines| codecs_out(&lines))
        }
    };
    let is_bare =
        if is_audio { offered.is_empty() } else { codecs::left(&remote.codecs, &options.codec).is_empty() };
    if options.allow_no_codec_media && is_bare {
        return Ok(reject(remote, options));
    }
    let section = RtpOut {
        at,
        rtcp_port: if mux.require || shares { Some(at.port) } else { leg.rtcp.map(|rtcp| rtcp.port()) },
        mux: mux_offered,
        proto: advertised.name().to_owned(),
        direction: before.hold.unwrap_or(remote.direction),
        codecs,
        crypto,
        ptime: options.ptime.filter(|_| is_audio).map_or(Ptime::Keep, Ptime::Set),
        mid: None,
        own_streams: is_audio,
    };
    let profile = Some(advertised);
    let plan =
        Plan { remote, carried: true, profile, offered, mux_offered, held: before.hold.is_some(), mid };
    Ok((plan, SectionOut::Rtp(Box::new(section))))
}

fn not_carried(remote: RemoteDescription) -> Plan {
    Plan {
        remote,
        carried: false,
        profile: None,
        offered: Vec::new(),
        mux_offered: false,
        held: false,
        mid: None,
    }
}

/// A section that is left to the parties.
pub(crate) fn pass(remote: RemoteDescription) -> (Plan, SectionOut) {
    (not_carried(remote), SectionOut::Passed)
}

/// A section that is not carried: it is passed on with port 0.
pub(crate) fn reject(remote: RemoteDescription, options: &Options) -> (Plan, SectionOut) {
    let proto = remote.profile.and_then(|profile| advertised_profile(options, None, profile));
    let proto = proto.map(|profile| profile.name().to_owned());
    (not_carried(remote), SectionOut::Rejected { address: None, proto })
}

/// The changes of a whole description for `party`, with our address in the sections that are rejected, too: whose they were
/// is nobody's business.
pub(crate) fn outgoing(mut sections: Vec<SectionOut>, party: &Party, options: &Options) -> Outgoing {
    let carried = sections.iter().find_map(SectionOut::own_address);
    let leg = || party.streams.iter().find_map(|stream| Some(stream.leg?.rtp.ip()));
    let first = carried.or(options.media_address).or_else(leg);
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
        extmap: options.manipulation.extmap.clone(),
        generate_mid: options.generate_mid,
    }
}

/// The direction of a section on its way out; `None` where it has none.
pub(crate) fn set_direction(section: &mut SectionOut, direction: Direction) {
    if let SectionOut::Rtp(rtp) = section {
        rtp.direction = direction;
    }
}

/// What becomes of the codecs of a section. The numbers advertised are remembered.
fn plan_codecs(
    work: &mut Work<'_>,
    stream: &mut Stream,
    remote: &RemoteDescription,
    before: &Before<'_>,
    options: &Options,
) -> Vec<CodecLine> {
    let rules = OfferRules {
        options: &options.codec,
        repacketizes: options.repacketizes(),
        in_use: if options.reuse_codecs { before.codecs } else { &[] },
        numbers: &stream.numbers,
        kept: if options.static_codecs && stream.active { &stream.codecs } else { &[] },
        may_be_empty: options.allow_no_codec_media,
        can_convert: Codec::is_convertible,
    };
    let plan = codecs::plan_offer(&remote.codecs, &rules);
    let advertised = plan.lines.iter().filter(|line| !line.masked);
    stream.numbers.learn(advertised.map(|line| (line.advertised, &line.codec)));
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
            let base = match secure {
                Some(secure) => Profile { secure, opportunistic: false, ..base },
                None => base,
            };
            Some(Profile { feedback: feedback.unwrap_or(base.feedback), ..base })
        }
        Some(TransportProtocol::Accept) | None => before,
    }
}
