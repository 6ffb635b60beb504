//! One section as its answer agrees it: keys, codecs, and how audio for the party that answers is coded.

use mediapoint_engine::{LegKind, RtcpMode};
use mediapoint_srtp::Suite;
use mediapoint_srtp::sdes::CryptoAttribute;

use super::codecs;
use super::keys;
use super::remote::RemoteDescription;
use crate::call::party::Stream;
use crate::dialog::Plan;
use crate::request::{Options, Profile, SdesOptions};
use crate::{KeyFault, NgError};

/// Profile and keys with the answerer; the suite in use.
pub(crate) fn keys_of_answer(
    stream: &mut Stream,
    plan: &Plan,
    remote: &RemoteDescription,
) -> Result<Option<Suite>, NgError> {
    let offered = plan.profile.filter(|profile| profile.secure);
    let answered = remote.profile.or(plan.profile);
    let fault = |fault| Err(NgError::UnusableKey(fault));
    let Some(offered) = offered else {
        (stream.keys, stream.suite) = (None, None);
        // [RFC4568 7.1.2] Keys beside plain RTP that were not asked for mean nothing.
        stream.profile = answered.map(Profile::plain);
        let is_srtp = answered.is_some_and(|profile| profile.secure && !profile.opportunistic);
        return if is_srtp { fault(KeyFault::NotOffered) } else { Ok(None) };
    };
    if remote.crypto.is_empty() {
        // [RFC8643 3] An answer of plain RTP without keys takes plain RTP, where that was left open.
        let takes_plain = offered.opportunistic
            && !remote.is_secure()
            && matches!(remote.crypto_fault, None | Some(KeyFault::Dtls));
        if takes_plain {
            (stream.keys, stream.suite) = (None, None);
            stream.profile = answered.map(Profile::plain);
            return Ok(None);
        }
        return fault(remote.crypto_fault.unwrap_or(KeyFault::None));
    }
    stream.profile = answered
        .map(|profile| Profile { opportunistic: profile.opportunistic && offered.opportunistic, ..profile });
    let Some(line) = stream.own.taken(&remote.crypto) else { return fault(KeyFault::NotOffered) };
    stream.keys = Some(keys::of_line(line, stream.own.key(line.suite)?));
    stream.suite = Some(line.suite);
    Ok(stream.suite)
}

/// Keys with the offerer; its `a=crypto` lines, none where opportunistic SRTP is not `taken`. `other_side` is the suite that
/// its other party uses.
pub(crate) fn keys_of_offer(
    stream: &mut Stream,
    remote: &RemoteDescription,
    sdes: &SdesOptions,
    lifetime: bool,
    (other_side, taken): (Option<Suite>, bool),
) -> Result<Vec<CryptoAttribute>, NgError> {
    let is_left = remote.profile.is_some_and(|profile| profile.opportunistic) && !taken;
    if !remote.is_secure() || is_left {
        (stream.keys, stream.suite) = (None, None);
        return Ok(Vec::new());
    }
    let Some(line) = keys::choose(&remote.crypto, sdes, stream.suite, other_side) else {
        return Err(NgError::UnusableKey(KeyFault::None));
    };
    let advertised = stream.own.accept(line, lifetime)?;
    stream.keys = Some(keys::of_line(line, stream.own.key(line.suite)?));
    stream.suite = Some(line.suite);
    Ok(vec![advertised])
}

/// Takes the answerer's codecs and how audio for it is coded. `always` is the packet time asked for whatever is sent.
pub(crate) fn coding_of_answer(
    stream: &mut Stream,
    plan: &Plan,
    remote: &RemoteDescription,
    always: Option<u32>,
    (of_offer, options): (&Options, &Options),
) {
    let specified = codecs::specified_ptime(&of_offer.codec.transcode, &remote.codecs);
    stream.packet_time = codecs::packet_time(remote, &remote.codecs, always, specified);
    let set = codecs::settings(&of_offer.codec.transcode, &remote.codecs);
    stream.encoder = set.unwrap_or_else(|| stream.encoder.clone());
    stream.force_transcode = of_offer.force_transcoding || options.force_transcoding;
    stream.received = codecs::received_beside(&plan.offered, &remote.codecs, options.asymmetric_codecs);
    stream.codecs = codecs::as_offered(&remote.codecs, &plan.offered);
    stream.numbers.learn(stream.codecs.iter().map(|line| (line.payload_type, &line.codec)));
}

/// Takes an answer's section of RTP: keys, RTCP, and how audio is coded. `always` is the packet time asked for whatever is sent.
pub(crate) fn agree(
    stream: &mut Stream,
    plan: &Plan,
    remote: RemoteDescription,
    always: Option<u32>,
    options: (&Options, &Options),
) -> Result<(), NgError> {
    keys_of_answer(stream, plan, &remote)?;
    stream.rtcp = rtcp_of_answer(plan, &remote);
    if plan.remote.kind == Some(LegKind::Audio) {
        coding_of_answer(stream, plan, &remote, always, options);
    }
    stream.remote = Some(remote);
    stream.active = true;
    Ok(())
}

/// How RTCP travels between us and who answers.
pub(crate) fn rtcp_of_answer(plan: &Plan, remote: &RemoteDescription) -> RtcpMode {
    if remote.mux && plan.mux_offered { RtcpMode::Mux } else { RtcpMode::Separate }
}

/// Puts a section of datagrams to work. The profile is kept: a fax call goes back to the audio it had.
pub(crate) fn datagrams(stream: &mut Stream, remote: RemoteDescription) {
    (stream.keys, stream.suite) = (None, None);
    (stream.remote, stream.rtcp, stream.active) = (Some(remote), RtcpMode::Off, true);
}
