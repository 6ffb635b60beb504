//! Writes the description for a party: the other party's description with our addresses, ports, keys and codecs in it.
//! Every line that is not named here stays as it came, in its place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mediapoint_packet::sdp::{Connection, Direction, Line, MediaLine, MediaSection, RtpMap, Sdp};
use mediapoint_srtp::sdes::CryptoAttribute;

use super::codecs::CodecLine;
use crate::request::RtcpLine;

/// Attributes of ICE [RFC8839 5]: their candidates would lead media past us.
const ICE: [&str; 9] = [
    "candidate",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    "remote-candidates",
];
/// Attributes of keys that end at us.
const KEYS: [&str; 7] = ["crypto", "fingerprint", "setup", "tls-id", "dtls-id", "key-mgmt", "connection"];
/// Attributes of BUNDLE: every section has ports of its own here.
const BUNDLE: [&str; 2] = ["bundle-only", "rtcp-mux-only"];
/// What names the sender's streams, which on audio legs are ours.
const STREAMS: [&str; 2] = ["ssrc", "ssrc-group"];

/// A whole description's changes.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) sections: Vec<SectionOut>,
    /// The session's `c=` is replaced even where every section has its own.
    pub(crate) session_connection: bool,
    pub(crate) rtcp_line: RtcpLine,
    pub(crate) original_direction: bool,
    /// Header extensions that are removed.
    pub(crate) extmap: Vec<String>,
    pub(crate) generate_mid: bool,
}

/// What becomes of one section.
#[derive(Debug)]
pub(crate) enum SectionOut {
    /// Port 0.
    Rejected {
        /// Our address, where one is known.
        address: Option<IpAddr>,
        /// The protocol, where it is another than it came with.
        proto: Option<String>,
    },
    /// Not carried, and left to the parties: nothing of it changes.
    Passed,
    /// Datagrams of any form: address and port only.
    Datagrams {
        /// Our address and port.
        at: Advertised,
    },
    /// RTP.
    Rtp(Box<RtpOut>),
}

/// Our address in a section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Advertised {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// `c=` stays zero.
    pub(crate) keep_zero: bool,
}

/// An RTP section's changes.
#[derive(Debug)]
pub(crate) struct RtpOut {
    pub(crate) at: Advertised,
    pub(crate) rtcp_port: Option<u16>,
    pub(crate) mux: bool,
    pub(crate) proto: String,
    pub(crate) direction: Direction,
    /// The payload types, with the number that each has in the description that came; `None` leaves them.
    pub(crate) codecs: Option<Vec<(CodecLine, Option<u8>)>>,
    /// Our `a=crypto` lines.
    pub(crate) crypto: Vec<CryptoAttribute>,
    /// What becomes of `a=ptime`.
    pub(crate) ptime: Ptime,
    /// `a=mid` to be added where there is none.
    pub(crate) mid: Option<Vec<u8>>,
    /// The streams are the engine's: remove what names the sender's.
    pub(crate) own_streams: bool,
}

/// What becomes of the `a=ptime` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ptime {
    /// It stays as it is, or is not there.
    Keep,
    /// It has this value, in milliseconds.
    Set(u32),
    /// It has this value where there is none yet.
    Fill(u32),
}

impl Outgoing {
    /// Our address in the first section that is carried; where none is, in the first that has one.
    pub(crate) fn first_address(&self) -> Option<IpAddr> {
        let carried = self.sections.iter().find_map(SectionOut::own_address);
        carried.or_else(|| self.sections.iter().find_map(|section| Some(section.address()?.0)))
    }
}

impl SectionOut {
    /// Our address, where the section is carried.
    pub(crate) fn own_address(&self) -> Option<IpAddr> {
        match self {
            Self::Rejected { .. } | Self::Passed => None,
            Self::Datagrams { at } => Some(at.address),
            Self::Rtp(rtp) => Some(rtp.at.address),
        }
    }

    fn address(&self) -> Option<(IpAddr, bool)> {
        match self {
            Self::Passed => None,
            Self::Rejected { address, .. } => address.map(|address| (address, false)),
            Self::Datagrams { at } => Some((at.address, at.keep_zero)),
            Self::Rtp(rtp) => Some((rtp.at.address, rtp.at.keep_zero)),
        }
    }
}

/// Rewrites `sdp`.
pub(crate) fn rewrite(sdp: &mut Sdp, out: &Outgoing) {
    let directions: Vec<Direction> = sdp.media.iter().map(|section| sdp.direction_of(section)).collect();
    keep_addresses(sdp, out);
    session(sdp, out);
    for (index, ((section, part), direction)) in
        sdp.media.iter_mut().zip(&out.sections).zip(directions).enumerate()
    {
        match part {
            SectionOut::Rejected { proto, .. } => reject(section, proto.as_deref()),
            SectionOut::Passed => {}
            SectionOut::Datagrams { at } => {
                set_port(section, at.port, None);
                section.body.retain(|line| !is_one_of(line, &ICE));
            }
            SectionOut::Rtp(rtp) => rtp_section(section, rtp, out, direction, index),
        }
    }
}

/// Gives sections that are left to the parties the party's own address, where they took it from the session.
fn keep_addresses(sdp: &mut Sdp, out: &Outgoing) {
    let Some(own) = sdp.session.first(b'c').cloned() else { return };
    for (section, part) in sdp.media.iter_mut().zip(&out.sections) {
        if matches!(part, SectionOut::Passed) && section.body.first(b'c').is_none() {
            section.body.set_connection(own.clone());
        }
    }
}

/// Addresses of all sections and of the session, and session attributes that end at us.
fn session(sdp: &mut Sdp, out: &Outgoing) {
    sdp.session.retain(|line| {
        let bundle =
            line.is_attribute("group") && line.attribute_value().is_some_and(|v| v.starts_with("BUNDLE"));
        !(bundle
            || is_extension(line, &out.extmap)
            || is_one_of(line, &ICE)
            || is_one_of(line, &KEYS)
            || is_one_of(line, &["rtcp-mux", "rtcp"]))
    });
    let relies = |section: &MediaSection| section.body.first(b'c').is_none();
    let addresses = || sdp.media.iter().zip(&out.sections).filter_map(|(m, part)| Some((m, part.address()?)));
    let relying = addresses().find(|(section, _)| relies(section)).map(|(_, address)| address);
    let any = out.session_connection.then(|| addresses().next().map(|(_, address)| address)).flatten();
    let session_address = relying.or(any).filter(|_| sdp.session.first(b'c').is_some());
    if let Some((address, keep_zero)) = session_address {
        let is_zero = sdp.session.connection().is_some_and(|c| c.is_zero());
        sdp.session.set_connection(Connection::line(shown(address, keep_zero && is_zero)));
    }
    for (section, part) in sdp.media.iter_mut().zip(&out.sections) {
        let Some((address, keep_zero)) = part.address() else { continue };
        if section.body.first(b'c').is_some() {
            let is_zero = section.body.connection().is_some_and(|c| c.is_zero());
            section.body.set_connection(Connection::line(shown(address, keep_zero && is_zero)));
        } else if session_address.is_some_and(|(session, zero)| session != address || zero != keep_zero) {
            section.body.set_connection(Connection::line(address));
        }
    }
}

/// Our address, or in its place the zero address of its family.
pub(crate) fn shown(address: IpAddr, zero: bool) -> IpAddr {
    match address {
        _ if !zero => address,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn reject(section: &mut MediaSection, proto: Option<&str>) {
    set_port(section, 0, proto);
    section.body.retain(|line| line.kind() != b'a' || line.is_attribute("mid"));
}

fn rtp_section(section: &mut MediaSection, rtp: &RtpOut, out: &Outgoing, came: Direction, index: usize) {
    set_port(section, rtp.at.port, Some(&rtp.proto));
    let body = &mut section.body;
    body.retain(|line| {
        let gone = is_one_of(line, &ICE)
            || is_one_of(line, &KEYS)
            || is_one_of(line, &BUNDLE)
            || (rtp.own_streams && is_one_of(line, &STREAMS))
            || is_extension(line, &out.extmap);
        !gone
    });
    if !rtp.mux {
        body.remove_attribute("rtcp-mux");
    }
    if let Some(codecs) = &rtp.codecs {
        set_codecs(section, codecs);
    }
    let body = &mut section.body;
    if let Some(mid) = &rtp.mid
        && !body.has_attribute("mid")
    {
        body.push(Line::new('a', [b"mid:", mid.as_slice()].concat()));
    } else if out.generate_mid && !body.has_attribute("mid") {
        body.push(Line::attribute("mid", Some(&(index + 1).to_string())));
    }
    match rtp.ptime {
        Ptime::Set(ms) => body.set_attribute("ptime", Some(&ms.to_string())),
        Ptime::Fill(ms) if !body.has_attribute("ptime") => {
            body.push(Line::attribute("ptime", Some(&ms.to_string())));
        }
        Ptime::Fill(_) | Ptime::Keep => {}
    }
    if !out.original_direction && rtp.direction != came {
        body.set_direction(rtp.direction);
    }
    match (out.rtcp_line, rtp.rtcp_port) {
        (RtcpLine::None, _) | (_, None) => drop(body.remove_attribute("rtcp")),
        (RtcpLine::Port, Some(port)) => body.set_attribute("rtcp", Some(&port.to_string())),
        (RtcpLine::Full, Some(port)) => {
            let connection = Connection::line(rtp.at.address);
            body.set_attribute("rtcp", Some(&format!("{port} {}", connection.text())));
        }
    }
    if rtp.mux && !body.has_attribute("rtcp-mux") {
        body.push(Line::attribute("rtcp-mux", None));
    }
    // After everything else, and so after c=: some phones read no key that stands before it.
    for line in &rtp.crypto {
        body.push(Line::attribute("crypto", Some(&line.to_value())));
    }
}

fn set_port(section: &mut MediaSection, port: u16, proto: Option<&str>) {
    let line = section.media();
    let proto = proto.unwrap_or(&line.proto).to_owned();
    section.set_media(MediaLine { port, ports: None, proto, ..line.clone() });
}

/// Sets the payload types: lines of those that stay are kept in place, with their new numbers; lines of others go.
fn set_codecs(section: &mut MediaSection, codecs: &[(CodecLine, Option<u8>)]) {
    let formats: Vec<String> = codecs.iter().map(|(line, _)| line.payload_type.to_string()).collect();
    let unchanged = codecs.iter().all(|(line, from)| Some(line.payload_type) == *from);
    let has_map = |number: u8| section.body.rtpmaps().any(|map| map.payload_type == number);
    // [RFC8866 6.6] A number is described wherever it does not speak for itself, also where the description that came has
    // it under a number that does.
    let lacks_map = |(line, from): &&(CodecLine, Option<u8>)| {
        from.is_some_and(|from| line.needs_rtpmap() && !has_map(from))
    };
    let undescribed: Vec<u8> = codecs.iter().filter(lacks_map).map(|(line, _)| line.payload_type).collect();
    let is_said_otherwise = |map: &RtpMap<'_>| {
        let of = codecs.iter().find(|(_, from)| *from == Some(map.payload_type));
        of.is_some_and(|(line, _)| line.is_said_otherwise(map))
    };
    let is_own = undescribed.is_empty() && !section.body.rtpmaps().any(|map| is_said_otherwise(&map));
    if unchanged && is_own && formats == section.media().formats {
        return;
    }
    section.set_media(MediaLine { formats, ..section.media().clone() });
    let own_line = |old: u8| codecs.iter().find(|(_, from)| *from == Some(old)).map(|(line, _)| line);
    let mut lines = Vec::new();
    let mut last_map = None;
    for line in section.body.lines() {
        match codec_line(line) {
            None => lines.push(line.clone()),
            Some((name, old, rest)) => {
                let Some(own) = own_line(old) else { continue };
                let map = line.attribute_value().filter(|_| name == "rtpmap").and_then(RtpMap::parse);
                let new = own.payload_type;
                lines.push(match map {
                    // A party is answered in its own words: to some, a codec in others is another one.
                    Some(map) if own.is_said_otherwise(&map) => Line::attribute(name, Some(&own.rtpmap())),
                    _ if new == old => line.clone(),
                    _ => Line::new('a', [format!("{name}:{new}").as_bytes(), rest].concat()),
                });
            }
        }
        if line.is_attribute("rtpmap") || line.is_attribute("fmtp") {
            last_map = Some(lines.len());
        }
    }
    let mut added: Vec<Line> = Vec::new();
    for (line, from) in codecs {
        if from.is_none() {
            added.extend(lines_of(line));
        } else if undescribed.contains(&line.payload_type) {
            added.push(Line::attribute("rtpmap", Some(&line.rtpmap())));
        }
    }
    let at = last_map.unwrap_or_else(|| lines.iter().position(|l| l.kind() == b'a').unwrap_or(lines.len()));
    lines.splice(at..at, added);
    section.body.retain(|_| false);
    lines.into_iter().for_each(|line| section.body.push(line));
}

/// The lines that describe a payload type.
fn lines_of(line: &CodecLine) -> impl Iterator<Item = Line> {
    let fmtp = line.fmtp_line().map(|fmtp| Line::attribute("fmtp", Some(&fmtp)));
    std::iter::once(Line::attribute("rtpmap", Some(&line.rtpmap()))).chain(fmtp)
}

/// A line about one payload type: its name, the number, and what follows the number.
fn codec_line(line: &Line) -> Option<(&'static str, u8, &[u8])> {
    let name = ["rtpmap", "fmtp", "rtcp-fb"].into_iter().find(|name| line.is_attribute(name))?;
    let value = line.attribute_bytes()?;
    let end = value.iter().position(|b| !b.is_ascii_digit()).unwrap_or(value.len());
    let (number, rest) = value.split_at_checked(end)?;
    Some((name, std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// True for the `a=extmap` line of one of these header extensions [RFC8285 5], and with all of them for what goes with them.
fn is_extension(line: &Line, names: &[String]) -> bool {
    let all = names.iter().any(|name| name == "all");
    let uri = || line.attribute_value().and_then(|value| value.split_ascii_whitespace().nth(1));
    let is_named = || uri().is_some_and(|uri| names.iter().any(|name| name == uri));
    (line.is_attribute("extmap") && (all || is_named())) || (all && line.is_attribute("extmap-allow-mixed"))
}

fn is_one_of(line: &Line, names: &[&str]) -> bool {
    names.iter().any(|name| line.is_attribute(name))
}
