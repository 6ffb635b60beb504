//! A link of a conference room with the part of it on another server: what one server offers, and the other's answer.
//!
//! Each side sends the mix of its own members in one stream of audio, in L16 or Opus.

use std::net::SocketAddr;

use mediapoint_engine::LegKind;
use mediapoint_packet::SecretBytes;
use mediapoint_packet::sdp::{AddressFamily, Sdp};

use crate::NgError;
use crate::call::party::{Party, Stream};
use crate::dialog::Plan;
use crate::media::answered;
use crate::media::codecs::{self, CodecLine};
use crate::media::legs::Work;
use crate::media::manipulate::manipulate;
use crate::media::offered::{self, Before, outgoing};
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::rewrite;
use crate::request::{ConferenceOptions, LinkCodec, Options, Replace, Selection};

/// Packet times that a link may have, in milliseconds. 20 ms of L16 at 16 kHz are 640 octets.
const PTIMES: [u32; 2] = [10, 20];
/// The one where the message does not say.
const PTIME: u32 = 20;

/// Codecs of links, by the payload types that we offer them with.
const L16_WIDE: (u8, &str) = (96, "L16/16000");
const L16_NARROW: (u8, &str) = (97, "L16/8000");
const OPUS: (u8, &str) = (98, "opus/48000/2");

/// A link: which room it is of, and what was offered for it.
#[derive(Debug, Clone)]
pub(crate) struct RoomLink {
    /// The room, and how the link is to be in it.
    pub(crate) conference: ConferenceOptions,
    /// What we offered and was not answered yet.
    pub(crate) offer: Option<Box<(Plan, Options)>>,
    /// Nothing comes over it.
    pub(crate) lost: bool,
}

/// The options of a message on a link, with the packet time that it is to have.
///
/// # Errors
/// [`NgError::BadValue`] for another one than 10 or 20 ms.
pub(crate) fn options(options: &Options) -> Result<Options, NgError> {
    let ptime = options.ptime.unwrap_or(PTIME);
    if !PTIMES.contains(&ptime) {
        return Err(NgError::BadValue { key: "ptime" });
    }
    Ok(Options { ptime: Some(ptime), ..options.clone() })
}

/// The options and the selection with which the other server's offer is answered.
pub(crate) fn answering(conference: &ConferenceOptions, options: Options) -> (Selection, Options) {
    let mut options = options;
    options.codec.accept.extend(conference.link_codec.map(|codec| codec.name().to_owned()));
    (Selection { bidirectional: true, ..Selection::default() }, options)
}

/// Offers a link for a room of this rate in hertz, and returns the description and what it agrees to.
///
/// # Errors
/// [`NgError`] where there is no port, or no key may be offered.
pub(crate) fn offer(
    work: &mut Work<'_>,
    party: &mut Party,
    (rate, codec): (Option<u32>, Option<LinkCodec>),
    options: &Options,
) -> Result<(SecretBytes, Plan), NgError> {
    party.dscp = work.dscp(options, party.dscp);
    party.interface = party.interface.take().or(options.direction.first().cloned());
    party.family = options.address_family.or(party.family);
    party.learning = options.learning;
    let leg = work.leg(party, 0, LegKind::Audio, options.address_family)?;
    let mut sdp = template(leg.id.as_u64(), leg.rtp, &preferred(rate, codec))?;
    let section = sdp.media.first().ok_or(NgError::Internal)?;
    let remote = RemoteDescription::read(&sdp, 0, section, &Options::default())?;
    let stream = party.stream_mut(0).ok_or(NgError::Internal)?;
    let before = Before { profile: stream.profile, codecs: &[], hold: None };
    let (plan, section) = offered::offer(work, stream, leg, remote, &before, options)?;
    let out = outgoing(vec![section], party, &Options { original_sendrecv: false, ..options.clone() });
    rewrite(&mut sdp, &out);
    manipulate(&mut sdp, &options.manipulation)?;
    // [RFC3264 8] A server that is offered the link again finds the version raised where anything changed.
    let replace = Replace { sdp_version: true, ..options.replace };
    party.session.apply(&mut sdp, &replace, out.first_address());
    Ok((sdp.to_bytes(), plan))
}

/// Takes the other server's answer. The caller puts it into effect with [`crate::call::apply::apply`].
///
/// # Errors
/// [`NgError`] where it refuses the link, or answers with keys or codecs that were not offered.
pub(crate) fn answer(
    stream: &mut Stream,
    (plan, of_offer): &(Plan, Options),
    sdp: &Sdp,
    options: &Options,
) -> Result<(), NgError> {
    let section = sdp.media.first().ok_or(NgError::NoMedia)?;
    let mut remote = RemoteDescription::read(sdp, 0, section, options)?;
    codecs::as_numbered(&mut remote.codecs, &plan.offered);
    let has = |line: &CodecLine| plan.offered.iter().any(|offered| offered.codec == line.codec);
    if remote.disabled || remote.kind != Some(LegKind::Audio) || !remote.codecs.iter().any(has) {
        return Err(NgError::NoCommonCodec);
    }
    answered::agree(stream, plan, remote, options.ptime, (of_offer, options))
}

/// What a link is offered with, the codec that fits best first. The payloads of L16 at more than 16 kHz do not fit into the
/// packets of an Ethernet.
fn preferred(rate: Option<u32>, wanted: Option<LinkCodec>) -> Vec<(u8, &'static str)> {
    let mut codecs = match rate {
        Some(..=8_000) => vec![L16_NARROW, OPUS],
        Some(16_001..) => vec![OPUS, L16_WIDE, L16_NARROW],
        _ => vec![L16_WIDE, L16_NARROW, OPUS],
    };
    codecs.sort_by_key(|(_, name)| wanted.is_some_and(|wanted| !name.starts_with(wanted.name())));
    codecs
}

/// The description before it is rewritten: SRTP, unless the message says otherwise.
fn template(number: u64, at: SocketAddr, codecs: &[(u8, &str)]) -> Result<Sdp, NgError> {
    let (ip, family) = (at.ip(), AddressFamily::of(at.ip()));
    let formats: Vec<String> = codecs.iter().map(|(number, _)| number.to_string()).collect();
    let maps: String = codecs.iter().map(|(number, name)| format!("a=rtpmap:{number} {name}\r\n")).collect();
    let text = format!(
        "v=0\r\no=- {number} 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {} RTP/SAVP {}\r\n{maps}a=sendrecv\r\n",
        at.port(),
        formats.join(" ")
    );
    Sdp::parse(text.as_bytes()).map_err(|_| NgError::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codec_that_fits_the_room_comes_first() {
        let first = |rate, wanted| preferred(rate, wanted)[0].1;
        assert_eq!(first(None, None), "L16/16000");
        assert_eq!(first(Some(8_000), None), "L16/8000");
        assert_eq!(first(Some(48_000), None), "opus/48000/2");
        assert_eq!(first(Some(48_000), Some(LinkCodec::L16)), "L16/16000");
        assert_eq!(first(Some(8_000), Some(LinkCodec::Opus)), "opus/48000/2");
    }
}
