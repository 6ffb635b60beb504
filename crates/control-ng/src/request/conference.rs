//! What the conference commands ask for: a room, and how a party is to be in it.

use std::net::SocketAddr;

use super::directive::{self, Directive};
use super::{Id, MAX_ID};
use crate::NgError;

/// Gains in tenths of a decibel.
const GAINS: std::ops::RangeInclusive<i16> = -600..=240;
/// Most members of a room.
const LARGEST: u16 = 2_048;
/// Most parties that a whisper is for.
const MAX_TARGETS: usize = 64;

/// What is done to a conference room or a member of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conference {
    /// A party joins a room.
    Join,
    /// A party leaves its room.
    Leave,
    /// A member is changed, or a room.
    Set,
    /// A member goes to another room.
    Move,
    /// The rooms, or the members of one.
    List,
    /// Nobody joins a room any more.
    Lock,
    /// A room is open again.
    Unlock,
    /// All members leave a room.
    End,
    /// A room is linked with the part of it on another server.
    Link,
    /// A link ends.
    Unlink,
}

impl Conference {
    const ALL: [Self; 10] = [
        Self::Join,
        Self::Leave,
        Self::Set,
        Self::Move,
        Self::List,
        Self::Lock,
        Self::Unlock,
        Self::End,
        Self::Link,
        Self::Unlink,
    ];

    /// The name in a message.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Join => "conference join",
            Self::Leave => "conference leave",
            Self::Set => "conference set",
            Self::Move => "conference move",
            Self::List => "conference list",
            Self::Lock => "conference lock",
            Self::Unlock => "conference unlock",
            Self::End => "conference end",
            Self::Link => "conference link",
            Self::Unlink => "conference unlink",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }
}

/// The codec that a link is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCodec {
    /// Samples as they are.
    L16,
    /// Opus.
    Opus,
}

impl LinkCodec {
    /// The name of the encoding, as in SDP.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::L16 => "L16",
            Self::Opus => "opus",
        }
    }
}

/// A room, and how a party is to be in it; what is not said stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConferenceOptions {
    /// The room's name, unique on the server.
    pub room: Option<Id>,
    /// What the party hears, and who hears it.
    pub role: Option<String>,
    /// Tags of the members that a coach or a whisper is for.
    pub targets: Vec<Id>,
    /// The call of those, where it is another.
    pub target_call: Option<Id>,
    /// Most members, where the room is made.
    pub max: Option<u16>,
    /// Sample rate in hertz, where the room is made.
    pub rate: Option<u32>,
    /// Not heard.
    pub mute: Option<bool>,
    /// Hears nothing.
    pub deaf: Option<bool>,
    /// Neither.
    pub hold: Option<bool>,
    /// Heard before others.
    pub priority: Option<bool>,
    /// Its level is adapted.
    pub agc: Option<bool>,
    /// Gain of what it says in tenths of a decibel, -600 to 240.
    pub gain_in: Option<i16>,
    /// Gain of what it hears in tenths of a decibel, -600 to 240.
    pub gain_out: Option<i16>,
    /// Nobody joins the room.
    pub lock: Option<bool>,
    /// What comes over a link goes out over the others, where the room is made: the hub of a star.
    pub forward_links: bool,
    /// The room hears a tone when a member joins, where the room is made.
    pub entry_tone: bool,
    /// The same when a member leaves.
    pub exit_tone: bool,
    /// The codec of a link, where it is not the one that fits the room's rate best.
    pub link_codec: Option<LinkCodec>,
    /// Where it is reported to what happens in the room, where the room is made.
    pub log: Option<SocketAddr>,
}

impl ConferenceOptions {
    /// Takes one option; false where it is none of these.
    ///
    /// # Errors
    /// [`NgError::BadValue`] for a value that cannot be used.
    pub(super) fn apply(&mut self, directive: &Directive) -> Result<bool, NgError> {
        let value = directive.value().trim();
        let is_on = Some(directive::is_on(directive));
        match directive.name.as_str() {
            "room" => self.room = Some(id(value, "room")?),
            "role" => self.role = Some(value.to_ascii_lowercase()),
            "for" => {
                for tag in directive.values.iter().take(MAX_TARGETS) {
                    self.targets.push(id(tag, "for")?);
                }
            }
            "for-call-id" => self.target_call = Some(id(value, "for-call-id")?),
            "max" => {
                let max = value.parse().ok().filter(|max| (1..=LARGEST).contains(max));
                self.max = Some(max.ok_or(NgError::BadValue { key: "max" })?);
            }
            "rate" => {
                let rate = value
                    .parse()
                    .ok()
                    .filter(|rate| [8_000, 12_000, 16_000, 24_000, 32_000, 48_000].contains(rate));
                self.rate = Some(rate.ok_or(NgError::BadValue { key: "rate" })?);
            }
            "mute" => self.mute = is_on,
            "unmute" => self.mute = is_on.map(|on| !on),
            "deaf" => self.deaf = is_on,
            "hold" => self.hold = is_on,
            "priority" => self.priority = is_on,
            "agc" => self.agc = is_on,
            "gain-in" => self.gain_in = Some(gain(value, "gain-in")?),
            "gain-out" => self.gain_out = Some(gain(value, "gain-out")?),
            "lock" => self.lock = is_on,
            "forward-links" => self.forward_links = directive::is_on(directive),
            "entry-tone" => self.entry_tone = directive::is_on(directive),
            "exit-tone" => self.exit_tone = directive::is_on(directive),
            "link-codec" => {
                let codecs = [LinkCodec::L16, LinkCodec::Opus];
                let named = codecs.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(value));
                self.link_codec = Some(named.ok_or(NgError::BadValue { key: "link-codec" })?);
            }
            "conference-log-dest" => {
                self.log = Some(value.parse().map_err(|_| NgError::BadValue { key: "conference-log-dest" })?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn id(value: &str, key: &'static str) -> Result<Id, NgError> {
    let is_usable = !value.is_empty() && value.len() <= MAX_ID;
    if is_usable { Ok(value.into()) } else { Err(NgError::BadValue { key }) }
}

/// Decibels with one decimal at most, in tenths.
fn gain(value: &str, key: &'static str) -> Result<i16, NgError> {
    let value = value.strip_suffix("dB").unwrap_or(value).trim();
    let (sign, digits) = match value.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, value.strip_prefix('+').unwrap_or(value)),
    };
    let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let number = |text: &str| text.parse::<i16>().ok();
    let tenths = match is_number(whole, 3) && is_number(tenth, 1) {
        true => number(whole).zip(number(tenth)).map(|(whole, tenth)| sign * (whole * 10 + tenth)),
        false => None,
    };
    tenths.filter(|tenths| GAINS.contains(tenths)).ok_or(NgError::BadValue { key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_decibels_with_a_decimal_at_most() {
        for (text, tenths) in [("0", 0), ("-6", -60), ("3.5", 35), ("+24", 240), ("-60.0", -600), ("6dB", 60)]
        {
            assert_eq!(gain(text, "gain-in"), Ok(tenths), "{text}");
        }
        for text in ["", "-", "24.1", "-60.1", "1.25", "x", "999", "1e1", "--1", "0x1"] {
            assert_eq!(gain(text, "gain-in"), Err(NgError::BadValue { key: "gain-in" }), "{text}");
        }
    }
}
