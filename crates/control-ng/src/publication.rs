//! Media published to the server: it is answered here, and received by whoever subscribes to it.

use std::net::IpAddr;
use std::sync::Arc;

use mediapoint_engine::{LegKind, RtcpMode};
use mediapoint_packet::SecretBytes;
use mediapoint_packet::sdp::{
    AddressFamily, Connection, Direction, Line, MediaLine, MediaSection, Sdp, Section,
};

use crate::NgError;
use crate::call::MAX_CARRIED;
use crate::call::party::Party;
use crate::dialog::offer::read;
use crate::media::answered;
use crate::media::codecs::{self, CodecLine};
use crate::media::legs::Work;
use crate::media::manipulate::manipulate;
use crate::media::remote::RemoteDescription;
use crate::media::rewrite::{Advertised, Outgoing, Ptime, RtpOut, SectionOut, rewrite};
use crate::request::{Options, Selection};

/// Attributes of payload types, which an answer repeats.
const KEPT: [&str; 3] = ["rtpmap", "fmtp", "rtcp-fb"];

/// Takes what is published and returns the answer. The caller puts it into effect with [`crate::call::apply::apply`].
pub(crate) fn process(
    work: &mut Work<'_>,
    party: &mut Party,
    sdp: &Sdp,
    (selection, options): (&Selection, &Options),
) -> Result<SecretBytes, NgError> {
    let remote = read(sdp, options)?;
    prepare(work, party, &remote, options);
    party.streams.iter_mut().for_each(|stream| stream.active = false);
    let (mut media, mut sections) = (Vec::new(), Vec::new());
    for (index, remote) in remote.into_iter().enumerate() {
        let Some(published) = sdp.media.get(index) else { return Err(NgError::Internal) };
        media.push(section(published, remote.kind == Some(LegKind::Audio)));
        let is_carried = remote.is_usable() && index < MAX_CARRIED;
        sections.push(match is_carried {
            true => carry(work, party, index, remote, (selection, options))?,
            false => SectionOut::Rejected { address: None, proto: None },
        });
    }
    let Some(address) = sections.iter().find_map(SectionOut::own_address) else {
        return Err(NgError::NoCommonCodec);
    };
    for section in &mut sections {
        if let SectionOut::Rejected { address: none, .. } = section {
            *none = Some(address);
        }
    }
    let out = Outgoing {
        sections,
        session_connection: false,
        rtcp_line: options.rtcp_line,
        original_direction: false,
        extmap: Vec::new(),
        generate_mid: options.generate_mid,
    };
    // One leg of the party stays throughout, and so does its number.
    let number = party.legs().next().map_or(0, mediapoint_engine::LegId::as_u64);
    let mut answer = Sdp { session: session(number, address), media };
    rewrite(&mut answer, &out);
    // [RFC3264 8] A party that publishes again finds the version raised where anything changed.
    let replace = crate::request::Replace { sdp_version: true, ..options.replace };
    manipulate(&mut answer, &options.manipulation)?;
    party.session.apply(&mut answer, &replace, Some(address));
    party.description = Some(Arc::new(sdp.clone()));
    party.published = true;
    Ok(answer.to_bytes())
}

fn prepare(work: &Work<'_>, party: &mut Party, remote: &[RemoteDescription], options: &Options) {
    party.dscp = work.dscp(options, party.dscp);
    party.interface = party.interface.take().or(options.direction.first().cloned());
    let received = remote.iter().filter(|remote| remote.is_usable()).find_map(|remote| remote.host);
    party.family = received.map(AddressFamily::of).or(party.family);
    party.learning = options.learning;
    if let (true, Ok(gate)) = (options.digits.block, options.digits.gate()) {
        party.gates.digits = gate.after(&party.gates.digits);
    }
}

/// Carries one section: a leg, keys, codecs.
fn carry(
    work: &mut Work<'_>,
    party: &mut Party,
    index: usize,
    remote: RemoteDescription,
    (selection, options): (&Selection, &Options),
) -> Result<SectionOut, NgError> {
    let kind = remote.kind.unwrap_or_default();
    let is_audio = kind == LegKind::Audio;
    let accepted = if is_audio { accept(&remote.codecs, &options.codec.accept) } else { Vec::new() };
    if is_audio && accepted.is_empty() {
        return Ok(SectionOut::Rejected { address: None, proto: None });
    }
    let leg = work.leg(party, index, kind, remote.host.map(AddressFamily::of))?;
    let stream = party.stream_mut(index).ok_or(NgError::Internal)?;
    stream.told = options.media_address;
    let at = Advertised {
        address: options.media_address.unwrap_or(leg.rtp.ip()),
        port: leg.rtp.port(),
        keep_zero: false,
    };
    if remote.profile.is_none() {
        answered::datagrams(stream, remote);
        return Ok(SectionOut::Datagrams { at });
    }
    let sdes = &options.sdes;
    let crypto = answered::keys_of_offer(stream, &remote, sdes, sdes.lifetime, (None, !sdes.off))?;
    stream.profile = remote.profile.map(|profile| if crypto.is_empty() { profile.plain() } else { profile });
    let mux = remote.mux && !options.rtcp_mux.reject;
    let receives = selection.bidirectional && remote.direction.receives();
    let section = RtpOut {
        at,
        rtcp_port: if mux { Some(at.port) } else { leg.rtcp.map(|rtcp| rtcp.port()) },
        mux,
        proto: remote.proto.clone(),
        direction: Direction::new(receives, remote.direction.sends()),
        codecs: is_audio.then(|| accepted.iter().map(|line| (line.clone(), None)).collect()),
        crypto,
        ptime: options.ptime.filter(|_| is_audio).map_or(Ptime::Keep, Ptime::Set),
        mid: remote.mid.clone(),
        own_streams: is_audio,
    };
    stream.rtcp = if mux { RtcpMode::Mux } else { RtcpMode::Separate };
    stream.packet_time = codecs::packet_time(&remote, &accepted, options.ptime.or(options.repacketize), None);
    stream.encoder =
        codecs::settings(&options.codec.set, &accepted).unwrap_or_else(|| stream.encoder.clone());
    stream.force_transcode = options.force_transcoding;
    stream.received = Vec::new();
    stream.numbers.learn(accepted.iter().map(|line| (line.payload_type, &line.codec)));
    stream.codecs = accepted;
    // What was not offered by us to be sent is not sent, whatever the party would take.
    let direction = Direction::new(remote.direction.sends(), receives);
    stream.remote = Some(RemoteDescription { direction, ..remote });
    stream.active = true;
    Ok(SectionOut::Rtp(Box::new(section)))
}

/// The codecs accepted of what is published: one, by the preferences of `accept` or else the first that can be decoded,
/// with the events and noise at its clock. `all` keeps every one that can be decoded, `any` the others, too.
fn accept(offered: &[CodecLine], accept: &[String]) -> Vec<CodecLine> {
    let has = |word: &str| accept.iter().any(|other| other.eq_ignore_ascii_case(word));
    let (all, any) = (has("all") || has("full"), has("any"));
    let audio = || offered.iter().filter(|line| line.is_audio());
    let preferred = || accept.iter().find_map(|word| audio().find(|line| line.is_named(word)));
    let chosen: Vec<&CodecLine> = if all {
        audio().filter(|line| any || line.convertible).collect()
    } else {
        let first = || audio().find(|line| any || line.convertible);
        preferred().or_else(first).into_iter().collect()
    };
    let fits = |line: &CodecLine| chosen.iter().any(|audio| audio.codec.clock_rate == line.codec.clock_rate);
    let beside = offered.iter().filter(|line| (line.is_event() || line.is_noise()) && fits(line));
    chosen.iter().copied().chain(beside).cloned().collect()
}

/// The section of the answer before it is rewritten: what is published, with nothing of its party's but its formats.
fn section(published: &MediaSection, is_audio: bool) -> MediaSection {
    let mut section = published.clone();
    section.set_media(MediaLine { port: 0, ..published.media().clone() });
    // The lines of audio codecs are written anew, for those that are accepted.
    let kept = |line: &Line| !is_audio && KEPT.iter().any(|name| line.is_attribute(name));
    section.body.retain(kept);
    section
}

/// A session part of our own.
fn session(number: u64, address: IpAddr) -> Section {
    let family = AddressFamily::of(address);
    let mut session = Section::default();
    session.push(Line::new('v', "0"));
    session.push(Line::new('o', format!("- {number} 1 IN {family} {address}")));
    session.push(Line::new('s', "-"));
    session.push(Line::new('c', Connection::line(address).text()));
    session.push(Line::new('t', "0 0"));
    session
}
