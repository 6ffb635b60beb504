//! A description as it came in a request, made ready to be read.

use mediapoint_packet::sdp::{Line, MediaSection, Sdp};

use crate::NgError;
use crate::body::{self, Around};

/// Attributes of payload types. Some endpoints write them before the first `m=` line, where they have no place
/// [RFC8866 6.6].
const OF_PAYLOAD_TYPES: [&str; 2] = ["rtpmap", "fmtp"];
/// Attributes of audio that are found there, too.
const OF_AUDIO: [&str; 2] = ["ptime", "maxptime"];

/// A description and what it came in.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) sdp: Sdp,
    /// What stands around it, for the reply.
    pub(crate) around: Around,
}

impl Received {
    /// Reads a description from the value of the key `sdp`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NgError> {
        let (around, bytes) = body::split(bytes)?;
        let mut sdp = Sdp::parse(bytes)?;
        move_to_sections(&mut sdp);
        Ok(Self { sdp, around })
    }
}

/// Moves attributes of payload types from the session to the sections that have the payload type and no such line of their
/// own: what is left out or numbered anew in a section must not be described for it elsewhere.
fn move_to_sections(sdp: &mut Sdp) {
    let is_one = |line: &Line, names: &[&str]| names.iter().any(|name| line.is_attribute(name));
    let is_misplaced = |line: &&Line| is_one(line, &OF_PAYLOAD_TYPES) || is_one(line, &OF_AUDIO);
    let misplaced: Vec<Line> = sdp.session.lines().iter().filter(is_misplaced).cloned().collect();
    if misplaced.is_empty() || sdp.media.is_empty() {
        return;
    }
    sdp.session.retain(|line| !is_misplaced(&line));
    for section in &mut sdp.media {
        let missing: Vec<Line> = misplaced.iter().filter(|line| is_missing(section, line)).cloned().collect();
        missing.into_iter().for_each(|line| section.body.push(line));
    }
}

/// True where the section is the line's and has none like it.
fn is_missing(section: &MediaSection, line: &Line) -> bool {
    if section.is_rejected() {
        return false;
    }
    for name in OF_AUDIO {
        if line.is_attribute(name) {
            return section.media().media.eq_ignore_ascii_case("audio") && !section.body.has_attribute(name);
        }
    }
    let format = |value: &str| value.split_ascii_whitespace().next().unwrap_or_default().to_owned();
    let Some(of) = line.attribute_value().map(format) else { return false };
    let name = if line.is_attribute("rtpmap") { "rtpmap" } else { "fmtp" };
    let has_own = section.body.attributes(name).any(|value| format(value) == of);
    section.media().formats.contains(&of) && !has_own
}
