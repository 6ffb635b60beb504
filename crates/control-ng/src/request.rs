//! Requests of the ng protocol, read from a dictionary into types.
//!
//! The ids and the SDP are taken as bytes. Every option is read wherever a client puts it; what is not known is
//! ignored and listed in [`Options::unknown`].

mod analysis;
mod codec;
mod conference;
mod digit_gate;
mod digits;
mod directive;
mod manipulation;
mod not_done;
mod options;
mod osrtp;
mod play;
mod playback;
mod profile;
mod recording;
mod rtpp;
mod sdes;
mod selection;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;

pub use analysis::AnalysisOptions;
pub use codec::CodecOptions;
pub(crate) use codec::CodecSpec;
pub use conference::{Conference, ConferenceOptions, LinkCodec};
pub use digit_gate::{DigitGate, DigitOptions};
pub use digits::DigitWords;
pub use manipulation::{Action, Change, Manipulation};
use mediapoint_packet::SecretBytes;
pub use options::{AliasKey, Echo, Ice, Learning, MediaEcho, Options, Replace, RtcpLine, RtcpMux};
pub use osrtp::Osrtp;
pub use play::{HoldMode, HoldMusic, MediaSource, PlayOptions};
pub use playback::PlaybackOptions;
pub use profile::{Profile, TransportProtocol};
pub use recording::RecordingOptions;
pub use sdes::SdesOptions;
pub use selection::{Flow, Flows, Selection};

use crate::NgError;
use crate::wire::{Dict, Value};

/// Most bytes of a call-id, tag, branch or label.
pub const MAX_ID: usize = 1_024;

/// What can be done to media on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaGate {
    /// It is dropped.
    Block,
    /// Silence goes on in its place.
    Silence,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Is the server there?
    Ping,
    /// A description of the offering side.
    Offer,
    /// A description of the answering side.
    Answer,
    /// The end of a call or branch.
    Delete,
    /// The state and counters of a call.
    Query,
    /// The calls.
    List,
    /// Counters of the whole server.
    Statistics,
    /// A description of what is published, to be answered by the server itself.
    Publish,
    /// Asks for a description of what parties send, to be offered to a subscriber.
    SubscribeRequest,
    /// The subscriber's answer.
    SubscribeAnswer,
    /// The end of a subscription.
    Unsubscribe,
    /// Relates two parties without offer and answer.
    Connect,
    /// Merges calls and relates any of their parties.
    Mesh,
    /// Blocks media or replaces it by silence, or ends that.
    GateMedia {
        /// Which of both.
        gate: MediaGate,
        /// False where it ends.
        on: bool,
    },
    /// Keeps digits from all others, or ends that.
    GateDigits {
        /// False where it ends.
        on: bool,
    },
    /// Plays media to parties.
    PlayMedia,
    /// Stops media that is played.
    StopMedia,
    /// Pauses media that is played, or has it go on; of our own.
    PauseMedia {
        /// False where it goes on.
        on: bool,
    },
    /// Plays a recording from another place or at another speed; of our own.
    SeekMedia,
    /// Sends digits to whoever receives a party.
    PlayDigits,
    /// Records a call, or lets a paused recording go on.
    StartRecording,
    /// Ends or pauses recordings of a call.
    StopRecording {
        /// They can go on.
        pause: bool,
    },
    /// Finds out who or what answered; of our own.
    StartAnalysis,
    /// Ends that; of our own.
    StopAnalysis,
    /// A conference room is joined, left, changed; of our own.
    Conference(Conference),
    /// Why the media of a call goes as it goes; of our own.
    Why,
    /// The log level, shown or changed; of our own, and carried out by whoever has a log.
    Log,
    /// A command of the protocol that is not carried out.
    Unsupported(&'static str),
}

/// Commands of the protocol that this version refuses by name.
const UNSUPPORTED: [&str; 8] = [
    "start forwarding",
    "stop forwarding",
    "inject start",
    "inject stop",
    "create",
    "create answer",
    "cli",
    "transform",
];

impl Command {
    /// The name in a message.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::Delete => "delete",
            Self::Query => "query",
            Self::List => "list",
            Self::Statistics => "statistics",
            Self::Publish => "publish",
            Self::SubscribeRequest => "subscribe request",
            Self::SubscribeAnswer => "subscribe answer",
            Self::Unsubscribe => "unsubscribe",
            Self::Connect => "connect",
            Self::Mesh => "mesh",
            Self::GateMedia { gate: MediaGate::Block, on: true } => "block media",
            Self::GateMedia { gate: MediaGate::Block, on: false } => "unblock media",
            Self::GateMedia { gate: MediaGate::Silence, on: true } => "silence media",
            Self::GateMedia { gate: MediaGate::Silence, on: false } => "unsilence media",
            Self::GateDigits { on: true } => "block DTMF",
            Self::GateDigits { on: false } => "unblock DTMF",
            Self::PlayMedia => "play media",
            Self::StopMedia => "stop media",
            Self::PauseMedia { on: true } => "pause media",
            Self::PauseMedia { on: false } => "resume media",
            Self::SeekMedia => "seek media",
            Self::PlayDigits => "play DTMF",
            Self::StartRecording => "start recording",
            Self::StopRecording { pause: false } => "stop recording",
            Self::StopRecording { pause: true } => "pause recording",
            Self::StartAnalysis => "start analysis",
            Self::StopAnalysis => "stop analysis",
            Self::Conference(command) => command.name(),
            Self::Why => "why",
            Self::Log => "log",
            Self::Unsupported(name) => name,
        }
    }

    fn parse(name: &str) -> Result<Self, NgError> {
        let name = name.trim().replace('-', " ");
        Ok(match name.as_str() {
            "ping" => Self::Ping,
            "offer" => Self::Offer,
            "answer" => Self::Answer,
            "delete" => Self::Delete,
            "query" => Self::Query,
            "list" => Self::List,
            "statistics" => Self::Statistics,
            "publish" => Self::Publish,
            "subscribe request" => Self::SubscribeRequest,
            "subscribe answer" => Self::SubscribeAnswer,
            "unsubscribe" => Self::Unsubscribe,
            "connect" => Self::Connect,
            "mesh" => Self::Mesh,
            "block media" => Self::GateMedia { gate: MediaGate::Block, on: true },
            "unblock media" => Self::GateMedia { gate: MediaGate::Block, on: false },
            "silence media" => Self::GateMedia { gate: MediaGate::Silence, on: true },
            "unsilence media" => Self::GateMedia { gate: MediaGate::Silence, on: false },
            "block DTMF" => Self::GateDigits { on: true },
            "unblock DTMF" => Self::GateDigits { on: false },
            "play media" => Self::PlayMedia,
            "stop media" => Self::StopMedia,
            "pause media" => Self::PauseMedia { on: true },
            "resume media" => Self::PauseMedia { on: false },
            "seek media" => Self::SeekMedia,
            "play DTMF" => Self::PlayDigits,
            "start recording" => Self::StartRecording,
            "stop recording" => Self::StopRecording { pause: false },
            "pause recording" => Self::StopRecording { pause: true },
            "start analysis" => Self::StartAnalysis,
            "stop analysis" => Self::StopAnalysis,
            "why" => Self::Why,
            "log" => Self::Log,
            other if let Some(command) = Conference::parse(other) => Self::Conference(command),
            other => {
                let known = UNSUPPORTED.into_iter().find(|known| *known == other);
                Self::Unsupported(known.ok_or(NgError::UnknownCommand)?)
            }
        })
    }
}

/// A call-id, tag, branch or label: bytes, compared as such.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Box<[u8]>);

impl Id {
    /// An id of these bytes, cut to [`MAX_ID`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.get(..MAX_ID).unwrap_or(bytes).into())
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub command: Command,
    /// Who asks.
    pub source: SocketAddr,
    /// SIP Call-ID.
    pub call_id: Option<Id>,
    /// Tag of who sent the SIP request or, in an answer, of who sent the offer.
    pub from_tag: Option<Id>,
    /// The other side's tag.
    pub to_tag: Option<Id>,
    /// Tells the branches of a forked call apart.
    pub via_branch: Option<Id>,
    /// A name for this party, used in statistics.
    pub label: Option<Id>,
    /// The name of another party, or one for it.
    pub to_label: Option<Id>,
    /// A name for the party that the request selects or makes.
    pub set_label: Option<Id>,
    /// The SDP as it came.
    pub sdp: Option<SecretBytes>,
    /// The log level asked for.
    pub level: Option<String>,
    /// Which parties are meant, and how they are to be related.
    pub selection: Selection,
    /// What is played, and how.
    pub play: PlayOptions,
    /// The recording that is played.
    pub playback: PlaybackOptions,
    /// The digits of `play DTMF`.
    pub digits: DigitWords,
    /// How the call is recorded.
    pub recording: RecordingOptions,
    /// What `start analysis` is to find.
    pub analysis: AnalysisOptions,
    /// A conference room, and how a party is to be in it.
    pub conference: ConferenceOptions,
    /// Everything else.
    pub options: Options,
}

impl Request {
    /// Reads a request that came from `source`.
    ///
    /// # Errors
    /// [`NgError`] where the command or a key that it needs is missing, an id is too long, or the value of a known
    /// key cannot be used.
    pub fn parse(dict: &Dict, source: SocketAddr) -> Result<Self, NgError> {
        let command = text(dict, "command")?.ok_or(NgError::MissingKey { key: "command" })?;
        let mut request = Self {
            command: Command::parse(&String::from_utf8_lossy(command))?,
            source,
            call_id: id(dict, "call-id")?,
            from_tag: id(dict, "from-tag")?,
            to_tag: id(dict, "to-tag")?,
            via_branch: id(dict, "via-branch")?,
            label: id(dict, "label")?.or(id(dict, "from-label")?),
            to_label: id(dict, "to-label")?,
            set_label: id(dict, "set-label")?,
            sdp: text(dict, "sdp")?.map(SecretBytes::from),
            level: None,
            selection: Selection::default(),
            play: PlayOptions::default(),
            playback: PlaybackOptions::default(),
            digits: DigitWords::default(),
            recording: RecordingOptions::default(),
            analysis: AnalysisOptions::default(),
            conference: ConferenceOptions::default(),
            options: Options::default(),
        };
        if request.command == Command::Log {
            request.level = text(dict, "level")?.map(|level| String::from_utf8_lossy(level).into_owned());
            return Ok(request);
        }
        // `play DTMF` and `play media` have keys of the same names.
        let plays_digits = request.command == Command::PlayDigits;
        for directive in directive::collect(dict) {
            let is_conference = matches!(request.command, Command::Conference(_));
            // What a whole room hears, and the mix of a room that is recorded.
            let of_room = directive.name == "room"
                && matches!(
                    request.command,
                    Command::PlayMedia
                        | Command::StopMedia
                        | Command::StartRecording
                        | Command::StopRecording { .. }
                );
            let is_taken = request.override_id(&directive)
                || ((is_conference || of_room) && request.conference.apply(&directive)?)
                || request.selection.apply(&directive)
                || request.options.digits.apply(&directive)?
                || (plays_digits && request.digits.apply(&directive))
                || request.play.apply(&directive)
                || request.playback.apply(&directive)
                || request.digits.apply(&directive)
                || request.recording.apply(&directive)
                || request.apply_analysis(&directive)?;
            if !is_taken {
                request.options.apply(&directive)?;
            }
        }
        request.options.digits.gate()?;
        request.play.read(dict);
        request.options.bad_values.append(&mut request.play.bad_values);
        request.options.bad_values.append(&mut request.playback.bad_values);
        request.options.bad_values.extend(request.recording.warnings());
        request.options.manipulation.read_attributes(dict);
        if request.command == Command::Mesh {
            request.selection.read_flows(dict)?;
        }
        // In this form the proxy adds the tag of its own accord; a new subscription is meant unless a word names it.
        let one_string = dict.keys().any(|key| directive::canonical(key) == "rtpp-flags");
        if request.command == Command::SubscribeRequest && one_string && !request.selection.to_tag_named {
            request.to_tag = None;
        }
        if request.recording.pause && request.command == (Command::StopRecording { pause: false }) {
            request.command = Command::StopRecording { pause: true };
        }
        let records = matches!(request.command, Command::Offer | Command::Answer | Command::StartRecording);
        if request.recording.announcement && !records {
            request.options.not_done.push("recording-announcement");
        }
        request.require()?;
        Ok(request)
    }

    /// The name that the request gives to the other party.
    pub(crate) fn new_label(&self) -> Option<&Id> {
        self.to_label.as_ref().or(self.set_label.as_ref())
    }

    /// Takes an option of `start analysis`. Elsewhere it means nothing, whatever its value.
    fn apply_analysis(&mut self, directive: &directive::Directive) -> Result<bool, NgError> {
        match self.analysis.apply(directive) {
            Err(error) if self.command == Command::StartAnalysis => Err(error),
            applied => Ok(applied.unwrap_or(true)),
        }
    }

    /// Ids given as words: `call-id=x`, `to-tag=y`, `label=z`. A via-branch given as a key was worked out by the
    /// proxy; the word beside it only names the method.
    fn override_id(&mut self, directive: &directive::Directive) -> bool {
        let value = directive.value();
        self.selection.to_tag_named |= directive.name == "to-tag";
        let to = match directive.name.as_str() {
            "call-id" => &mut self.call_id,
            "from-tag" => &mut self.from_tag,
            "to-tag" => &mut self.to_tag,
            "label" | "from-label" => &mut self.label,
            "to-label" => &mut self.to_label,
            "set-label" => &mut self.set_label,
            "via-branch" if self.via_branch.is_none() && !value.contains("auto") => &mut self.via_branch,
            "via-branch" => return true,
            _ => return false,
        };
        if !value.is_empty() && value.len() <= MAX_ID {
            *to = Some(value.into());
        }
        true
    }

    fn require(&self) -> Result<(), NgError> {
        use Command::{
            Answer, Connect, Delete, GateMedia, Mesh, Offer, PlayMedia, Publish, Query, StopMedia,
            SubscribeAnswer, SubscribeRequest, Unsubscribe,
        };
        let missing = |key| Err(NgError::MissingKey { key });
        let command = &self.command;
        if let Command::Conference(command) = command {
            return self.require_conference(*command);
        }
        let needs_call = [
            Offer,
            Answer,
            Delete,
            Query,
            Command::Why,
            SubscribeRequest,
            SubscribeAnswer,
            Unsubscribe,
            Connect,
            PlayMedia,
            StopMedia,
            Command::SeekMedia,
            Command::PlayDigits,
            Command::StartAnalysis,
            Command::StopAnalysis,
        ];
        let needs_call = needs_call.contains(command) || {
            matches!(command, GateMedia { .. } | Command::GateDigits { .. } | Command::PauseMedia { .. })
        };
        let of_room = self.conference.room.is_some();
        if needs_call && self.call_id.is_none() && !of_room {
            return missing("call-id");
        }
        if [Offer, Answer, Publish, SubscribeAnswer].contains(command) && self.sdp.is_none() {
            return missing("sdp");
        }
        if [Offer, Answer].contains(command) && self.from_tag.is_none() {
            return missing("from-tag");
        }
        if [Answer, SubscribeAnswer, Unsubscribe, Connect].contains(command) && self.to_tag.is_none() {
            return missing("to-tag");
        }
        if *command == Mesh && self.selection.calls.is_empty() {
            return missing("calls");
        }
        Ok(())
    }

    fn require_conference(&self, command: Conference) -> Result<(), NgError> {
        use Conference::{End, Join, Leave, Link, List, Lock, Move, Set, Unlink, Unlock};
        let of_room = self.conference.room.is_some();
        let (needs_call, needs_room) = match command {
            Join | Move => (true, true),
            // A link that is known has its room.
            Leave | Link | Unlink => (true, false),
            Set => (!of_room, false),
            Lock | Unlock | End => (false, true),
            List => (false, false),
        };
        if needs_call && self.call_id.is_none() {
            return Err(NgError::MissingKey { key: "call-id" });
        }
        if needs_room && !of_room { Err(NgError::MissingKey { key: "room" }) } else { Ok(()) }
    }
}

/// A string of the dictionary under a key in either spelling.
fn text<'a>(dict: &'a Dict, key: &'static str) -> Result<Option<&'a [u8]>, NgError> {
    let value = dict.get(key.as_bytes()).or_else(|| dict.get(key.replace('-', " ").as_bytes()));
    match value {
        None => Ok(None),
        Some(Value::Bytes(bytes)) => Ok(Some(bytes)),
        Some(_) => Err(NgError::BadValue { key }),
    }
}

/// An id; an empty one counts as missing.
fn id(dict: &Dict, key: &'static str) -> Result<Option<Id>, NgError> {
    match text(dict, key)? {
        None | Some([]) => Ok(None),
        Some(bytes) if bytes.len() > MAX_ID => Err(NgError::TooLarge { size: bytes.len(), limit: MAX_ID }),
        Some(bytes) => Ok(Some(Id::new(bytes))),
    }
}
