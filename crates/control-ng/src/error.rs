//! Why a message is answered with `result: error`.

use std::io;
use std::net::IpAddr;

use mediapoint_engine::{AddressFamily, AdmissionError, CommandError, MoveError, OpenLegError};
use mediapoint_packet::sdp::SdpError;
use mediapoint_prompt::PromptError;
use mediapoint_srtp::sdes::SdesError;

use crate::body::BodyFault;
use crate::playback::PlaybackRefusal;
use crate::wire::Format;

/// A refused message. Its text is the reply's `error-reason`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NgError {
    /// The bytes are not the format that their first byte announces.
    #[error("broken {format} at byte {at}")]
    Broken {
        /// The format read.
        format: Format,
        /// Offset from the start of the dictionary, in bytes.
        at: usize,
    },
    /// What follows the cookie begins neither a bencode nor a JSON dictionary.
    #[error("no bencode or json dictionary after the cookie, first byte {first:#04x}")]
    NoDictionary {
        /// The byte found, 0 where there is none.
        first: u8,
    },
    /// Dictionaries or lists inside one another beyond the limit.
    #[error("dictionaries and lists nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A message or a part of it over its limit.
    #[error("message too large: {size} bytes, limit {limit}")]
    TooLarge {
        /// Bytes found or announced.
        size: usize,
        /// Bytes taken.
        limit: usize,
    },
    /// A reply that does not fit into a datagram and cannot be shortened.
    #[error("the reply has {size} bytes, and a datagram holds {limit}: ask over TCP or a Unix stream")]
    ReplyTooLarge {
        /// Bytes of the reply.
        size: usize,
        /// Bytes that fit.
        limit: usize,
    },
    /// A key that the command needs is not there.
    #[error("missing key {key}")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A key that is there has a value that cannot be used.
    #[error("unusable value for {key}")]
    BadValue {
        /// The key.
        key: &'static str,
    },
    /// A command that is not known.
    #[error("unrecognized command")]
    UnknownCommand,
    /// A command or option of the protocol that this version does not carry out.
    #[error("{what} is not supported")]
    Unsupported {
        /// The command or option.
        what: String,
    },
    /// There is no recorder.
    #[error(
        "recording is not set up: give the server a folder and recipients, such as --recordings and --recipient"
    )]
    NoRecordings,
    /// The recorder refused.
    #[error("cannot record: {0}")]
    Recording(String),
    /// The call has no such recording.
    #[error("the call is not being recorded")]
    NotRecording,
    /// A recording of the name is in the making.
    #[error("there is a recording of this name")]
    SameRecording,
    /// The call would have more recordings than it may.
    #[error("a call can have {limit} recordings at once")]
    TooManyRecordings {
        /// The limit.
        limit: usize,
    },
    /// A fault of ours; only this request fails.
    #[error("internal error")]
    Internal,
    /// The SDP cannot be read.
    #[error("malformed sdp: {0}")]
    Sdp(#[from] SdpError),
    /// The SDP cannot be taken out of the body that it comes in.
    #[error("unusable body: {0}")]
    Body(BodyFault),
    /// A section is where a host name says.
    #[error(
        "host name {name:?} in the c= line of section {section}: names are not resolved, an address is needed"
    )]
    HostName {
        /// The section, from 1.
        section: usize,
        /// The name.
        name: String,
    },
    /// The SDP has no media section.
    #[error("the sdp has no media section")]
    NoMedia,
    /// A media section has no connection line, and neither has the session.
    #[error("incomplete sdp: no c= line for media section {section}")]
    NoConnection {
        /// The section, from 1.
        section: usize,
    },
    /// No section can be carried for want of a payload type.
    #[error("the sdp names no payload type for audio")]
    NoCodec,
    /// No section can be carried for want of a key.
    #[error("unusable key: {0}")]
    UnusableKey(KeyFault),
    /// There is no such call.
    #[error("unknown call-id")]
    UnknownCall,
    /// The call has no offer of this from-tag to be answered.
    #[error("the call has no offer of this from-tag")]
    UnknownOffer,
    /// A delete names tags that no branch of the call has.
    #[error("call-id not found or tags did not match")]
    NoMatch,
    /// There are as many calls as are kept.
    #[error("there are {limit} calls already")]
    TooManyCalls {
        /// The limit.
        limit: usize,
    },
    /// The call would have more branches than are kept.
    #[error("a call can have {limit} branches")]
    TooManyBranches {
        /// The limit.
        limit: usize,
    },
    /// The call would have more parties than are kept.
    #[error("a call can have {limit} parties")]
    TooManyParties {
        /// The limit.
        limit: usize,
    },
    /// Too many calls were merged into one.
    #[error("a call can have {limit} call-ids")]
    TooManyCallIds {
        /// The limit.
        limit: usize,
    },
    /// More streams are to be mixed than the engine mixes in one call.
    #[error("a call can have {limit} streams with several sources")]
    TooManyMixes {
        /// The limit.
        limit: usize,
    },
    /// A subscriber has as many sections as are carried.
    #[error("a subscriber can have {limit} media sections")]
    TooManySections {
        /// The limit.
        limit: usize,
    },
    /// The call has no party of the tag, label or address given.
    #[error("the call has no party of this {key}")]
    NoParty {
        /// The key that names it.
        key: &'static str,
    },
    /// No media goes from the party selected to those named.
    #[error("no media flow from the party selected to those named")]
    NoFlow,
    /// Nobody receives audio of the party selected.
    #[error("nobody receives audio of the party selected")]
    NoReceiver,
    /// The parties selected have no media to be received.
    #[error("no media of the parties selected")]
    NoSource,
    /// The tag is not that of a subscriber, or it was not asked to subscribe.
    #[error("the call has no subscription of this to-tag")]
    UnknownSubscription,
    /// The answer of a subscriber lacks a codec of its source.
    #[error("the answer leaves out {codec}, and allow-transcoding was not given")]
    IncompleteAnswer {
        /// The codec.
        codec: String,
    },
    /// Neither a common codec nor one that can be converted.
    #[error("the answer has no codec that can be used")]
    NoCommonCodec,
    /// A subscriber is to be connected to somebody as offer and answer would.
    #[error("a subscriber can only be connected with the flag directional")]
    IsSubscriber,
    /// Several parties are to be connected to one as offer and answer would.
    #[error("several parties can only be connected with the flag directional")]
    SeveralParties,
    /// A party is to receive two others at once, of media that cannot be mixed.
    #[error("a second source for a stream other than audio is not supported")]
    CannotMix,
    /// A party is to receive more others than can be mixed.
    #[error("a stream can have {limit} sources")]
    TooManySources {
        /// The limit.
        limit: usize,
    },
    /// A call cannot go to the worker of another one, to be merged with it.
    #[error("the call is on its way to another worker: try again")]
    OnTheMove,
    /// A conference room has as many members as it may.
    #[error("the conference room is full: {limit} members; link another server for more")]
    RoomFull {
        /// Most members.
        limit: u16,
    },
    /// A conference room takes nobody in.
    #[error("the conference room is locked")]
    RoomLocked,
    /// A conference room has as many links as it may.
    #[error("the conference room has {limit} links, which is the most")]
    TooManyLinks {
        /// Most links.
        limit: usize,
    },
    /// The call-id or the tag of a link is that of a party.
    #[error("the call-id is that of a call which is no link of a conference room")]
    NotALink,
    /// No role of that name.
    #[error("unknown role {0:?} of a link: mix or coach")]
    UnknownLinkRole(String),
    /// There is no conference room of that name.
    #[error("there is no conference room of this name")]
    UnknownRoom,
    /// The party is in no conference room, or not in the one named.
    #[error("the party is not in the conference room")]
    NotInRoom,
    /// The party is in another conference room.
    #[error("the party is in another conference room: conference move takes it from one to another")]
    InAnotherRoom,
    /// No role of that name.
    #[error("unknown role {0:?}: member, listener, coach, monitor or whisper")]
    UnknownRole(String),
    /// The party that a coach or a whisper is for is not in the room.
    #[error("the party that {role} is for is not in the conference room")]
    NotThere {
        /// The role.
        role: &'static str,
    },
    /// Several joins made the same conference room at once.
    #[error("the conference room is being made or ended: try again")]
    RoomChanges,
    /// Who is to be in a conference room has no audio that was agreed on.
    #[error("the party has no audio that was agreed on")]
    NoAudio,
    /// Two calls to be merged have a tag in common.
    #[error("the calls have a tag in common")]
    SameTag,
    /// The controller was given no prompts.
    #[error("media cannot be played: the controller was given no prompts (ControllerConfig::prompts)")]
    NoPrompts,
    /// Media is to come from a database.
    #[error("db-id is not supported: there is no database of media; name a file, a blob or a URL")]
    NoDatabase,
    /// What is to be played cannot be.
    #[error("cannot play {0}")]
    Prompt(PromptError),
    /// What is to be played takes too long to load.
    #[error("the media is not loaded after {seconds} s, and goes on loading: try again")]
    StillLoading {
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// As many requests as may wait for media that is being loaded.
    #[error("{limit} requests wait for media to be loaded already: try again")]
    TooManyLoads {
        /// The limit.
        limit: usize,
    },
    /// Who is to hear media takes no audio that the server can encode.
    #[error("the party selected takes no audio that could be played to it")]
    NoListener,
    /// Both parties of a recording are left out of it.
    #[error("all parties are excluded from recording")]
    NobodyRecorded,
    /// A member of a room that is to be recorded is left out of recordings.
    #[error("a member of the conference room is excluded from recording")]
    MemberUnrecorded,
    /// Media is to be stopped where none was played.
    #[error("no media is played to the party selected")]
    NotPlaying,
    /// A recording is not played.
    #[error(transparent)]
    Playback(PlaybackRefusal),
    /// As many recordings are played as may be.
    #[error("{limit} recordings are played already")]
    TooManyPlaybacks {
        /// The limit.
        limit: usize,
    },
    /// Store or catalogue take too long.
    #[error("the recording is not opened after {seconds} s: try again")]
    RecordingNotOpened {
        /// How long it was waited for, in seconds.
        seconds: u64,
    },
    /// What is played has no place to go to.
    #[error(
        "what is played to the party selected is no recording: only in recordings another place or speed can be had"
    )]
    NotSeekable,
    /// Who is to be analysed sends no audio that the server can decode.
    #[error("the party selected sends no audio that could be analysed")]
    NoSpeaker,
    /// An analysis is to be stopped where none runs.
    #[error("no analysis of the party selected is running")]
    NotAnalysed,
    /// No port is left.
    #[error("no ports left of {total} on {address}")]
    NoPorts {
        /// Ports in the range.
        total: usize,
        /// The interface's address.
        address: IpAddr,
    },
    /// The system refused a socket.
    #[error("cannot open a socket on {address}: {kind}")]
    Socket {
        /// The interface's address.
        address: IpAddr,
        /// What the system said.
        kind: io::ErrorKind,
    },
    /// There is no such interface.
    #[error("there is no interface named {0:?}")]
    UnknownInterface(String),
    /// The interface has no address of that family.
    #[error("interface {interface:?} has no {family:?} address")]
    NoSuchFamily {
        /// The interface.
        interface: String,
        /// The family.
        family: AddressFamily,
    },
    /// There is no room for the call.
    #[error("load limit: {0}")]
    LoadLimit(AdmissionError),
    /// The engine did not carry a command out.
    #[error("the engine refused: {0}")]
    Engine(CommandError),
}

impl NgError {
    /// The variant's name, for counters and log lines.
    #[must_use]
    pub fn kind(&self) -> String {
        let mut text = format!("{self:?}");
        // Where the fault is a fault of something, which one tells more than that it is.
        if let Self::UnusableKey(fault) = self {
            text = format!("{fault:?}");
        }
        let end = text.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(text.len());
        text.truncate(end);
        text
    }
}

impl From<BodyFault> for NgError {
    fn from(fault: BodyFault) -> Self {
        Self::Body(fault)
    }
}

impl From<PromptError> for NgError {
    fn from(error: PromptError) -> Self {
        Self::Prompt(error)
    }
}

impl From<AdmissionError> for NgError {
    fn from(error: AdmissionError) -> Self {
        Self::LoadLimit(error)
    }
}

impl From<CommandError> for NgError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NoSuchCall(_) => Self::UnknownCall,
            CommandError::NoPoints { needed, free } => {
                Self::LoadLimit(AdmissionError::NoPoints { needed, free })
            }
            other => Self::Engine(other),
        }
    }
}

impl From<MoveError> for NgError {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Admission(error) => Self::LoadLimit(error),
            MoveError::Command(error) => error.into(),
            _ => Self::OnTheMove,
        }
    }
}

impl From<OpenLegError> for NgError {
    fn from(error: OpenLegError) -> Self {
        match error {
            OpenLegError::NoPorts { total, address } => Self::NoPorts { total, address },
            OpenLegError::Socket { address, source } => Self::Socket { address, kind: source.kind() },
            OpenLegError::UnknownInterface(name) => Self::UnknownInterface(name),
            OpenLegError::NoSuchFamily { interface, family } => Self::NoSuchFamily { interface, family },
            OpenLegError::Admission(error) => Self::LoadLimit(error),
            OpenLegError::Command(error) => error.into(),
            other => {
                tracing::error!(%other, "an error of the engine that is not known here");
                Self::Internal
            }
        }
    }
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The section has none.
    #[error("no a=crypto line")]
    None,
    /// Keys come by DTLS, which is not supported here.
    #[error("keys by DTLS are not supported")]
    Dtls,
    /// A line is malformed, or of a suite that is not known.
    #[error(transparent)]
    Sdes(#[from] SdesError),
    /// A session parameter asks for what is not done.
    #[error("session parameter is not supported")]
    Parameter,
    /// The line has more than one master key.
    #[error("several master keys in one line are not supported")]
    SeveralKeys,
    /// The answer takes a suite that was not offered.
    #[error("the answer's suite was not offered")]
    NotOffered,
    /// The options leave no suite to offer.
    #[error("the options leave no crypto suite")]
    NoSuite,
    /// No key could be made.
    #[error("no randomness for a key")]
    NoRandomness,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_name_of_the_fault_without_what_varies() {
        assert_eq!(NgError::UnknownInterface("inside".to_owned()).kind(), "UnknownInterface");
        assert_eq!(NgError::UnusableKey(KeyFault::Dtls).kind(), "Dtls");
        assert_eq!(NgError::TooManyCalls { limit: 7 }.kind(), "TooManyCalls");
        assert_eq!(NgError::NoMedia.kind(), "NoMedia");
    }
}
