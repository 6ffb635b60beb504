//! The path that media takes to a leg, as far as the configuration of the legs tells before any packet has come.

use std::fmt;

use crate::api::id::LegId;
use crate::api::source::Source;

/// How what a leg is sent is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Manner {
    /// Nothing is sent.
    Silent,
    /// Packets go on as they came, with their headers, keys and G.711 law changed where needed.
    Forwarded,
    /// Audio is decoded and encoded in the codec that it had, in packets of another length.
    Repacketised,
    /// Audio is decoded and encoded.
    Transcoded,
    /// A mix or a conference room is encoded.
    Mixed,
    /// What a player or a stream brings is encoded.
    Played,
}

impl Manner {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Forwarded => "forwarded",
            Self::Repacketised => "re-packetised",
            Self::Transcoded => "transcoded",
            Self::Mixed => "mixed",
            Self::Played => "played",
        }
    }
}

/// The path of the media that a leg is sent, and who else gets the audio of the leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LegPath {
    /// The leg.
    pub leg: LegId,
    /// What feeds it.
    pub source: Source,
    /// How what it is sent is made.
    pub manner: Manner,
    /// The codec that the leg which feeds it most likely sends; `None` where no leg feeds it or none is agreed.
    pub from_codec: Option<&'static str>,
    /// The codec that it is most likely sent; `None` where none is agreed.
    pub codec: Option<&'static str>,
    /// Whether the leg that feeds it has SRTP; `None` where none does.
    pub from_srtp: Option<bool>,
    /// Whether it has SRTP.
    pub srtp: bool,
    /// Recordings of it.
    pub recordings: usize,
    /// Other taps on its audio.
    pub taps: usize,
    /// Analyses of what it receives.
    pub analyses: usize,
    /// Whether digits are looked for in its audio.
    pub dtmf: bool,
}

impl LegPath {
    /// The codecs: one, or `A to B` where audio is converted; empty where none is agreed.
    #[must_use]
    pub fn codecs(&self) -> String {
        match (self.from_codec, self.codec) {
            (Some(from), Some(to)) if self.manner == Manner::Transcoded => format!("{from} to {to}"),
            (from, to) => to.or(from).unwrap_or_default().to_owned(),
        }
    }

    /// The transport: `RTP`, `SRTP`, or from one to the other.
    #[must_use]
    pub const fn transport(&self) -> &'static str {
        match (self.from_srtp, self.srtp) {
            (Some(true), false) => "SRTP to RTP",
            (Some(false), true) => "RTP to SRTP",
            (_, true) => "SRTP",
            (_, false) => "RTP",
        }
    }

    /// What else its audio is for: `recorded`, `tapped`, `analysed`, `digits`.
    pub fn uses(&self) -> impl Iterator<Item = &'static str> + use<> {
        let uses = [
            (self.recordings > 0, "recorded"),
            (self.taps > 0, "tapped"),
            (self.analyses > 0, "analysed"),
            (self.dtmf, "digits"),
        ];
        uses.into_iter().filter(|(is, _)| *is).map(|(_, name)| name)
    }
}

/// Such as `leg 2: transcoded, G.711 to G.729, RTP to SRTP, recorded`.
impl fmt::Display for LegPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg {}: {}", self.leg, self.manner.name())?;
        let codecs = self.codecs();
        let separator = if codecs.is_empty() { "" } else { ", " };
        write!(f, "{separator}{codecs}, {}", self.transport())?;
        self.uses().try_for_each(|name| write!(f, ", {name}"))
    }
}
