//! What the server does for each call of a load beside forwarding or converting it, asked for over ng as any controller
//! would.

use std::net::SocketAddr;
use std::sync::Arc;

use super::calls::describe;
use super::{Kind, LoadError};
use crate::ng::{Client, Command};
use crate::sdp::{Description, Direction, Format, SdpError};

/// Milliseconds for which an analysis and a prompt are to go on: ten minutes, which no load takes.
const LONG: i64 = 600_000;

/// Where digits are reported to that nobody is to know of: the discard port [RFC863].
const NOBODY: &str = "127.0.0.1:9";

/// More work for each call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Extra {
    /// None.
    #[default]
    None,
    /// Both directions are decoded and encoded whatever the codecs.
    Transcode,
    /// Digits are looked for in the audio of both parties.
    Digits,
    /// Who or what the callee is, without an end.
    Analysis,
    /// A file of the server's folder of prompts is played to the caller, over and over, in place of the callee.
    Prompt(Arc<str>),
    /// The caller holds the callee, who is sent the server's hold music. Both phones send on.
    HoldMusic,
    /// A third phone is sent a copy of what the caller sends.
    PacketTap,
    /// A third phone is sent the mix of both parties.
    AudioTap,
}

impl Extra {
    /// True where each party is sent its partner's audio as the partner sent it, so that marks can be read.
    pub(super) const fn keeps_marks(&self) -> bool {
        matches!(self, Self::None | Self::PacketTap | Self::AudioTap)
    }

    /// True where what each party is sent is its partner's speech.
    pub(super) const fn keeps_speech(&self) -> bool {
        !matches!(self, Self::Prompt(_) | Self::HoldMusic)
    }

    /// True where the caller is sent audio.
    pub(super) const fn caller_hears(&self) -> bool {
        !matches!(self, Self::HoldMusic)
    }

    /// True where each call has a third phone, which only receives.
    pub(super) const fn has_sink(&self) -> bool {
        matches!(self, Self::PacketTap | Self::AudioTap)
    }

    /// The offer of a call with this.
    pub(super) fn offer(&self, offer: Command) -> Command {
        match self {
            Self::Transcode => offer.list("flags", &["always-transcode"]),
            Self::Digits => offer.list("flags", &["detect-DTMF"]).text("DTMF-log-dest", NOBODY),
            _ => offer,
        }
    }
}

/// A call that was answered.
pub(super) struct Answered<'a> {
    pub(super) number: usize,
    pub(super) id: &'a str,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) kind: Kind,
    pub(super) phones: [SocketAddr; 2],
    /// The third phone, where there is one.
    pub(super) sink: Option<SocketAddr>,
}

impl Answered<'_> {
    /// Asks for what is to be done for it.
    pub(super) fn add(&self, extra: &Extra, client: &mut Client) -> Result<(), LoadError> {
        match extra {
            Extra::None | Extra::Transcode | Extra::Digits => Ok(()),
            Extra::Analysis => {
                let start = self.command("start analysis", self.to);
                let keys = ["initial-silence", "decide-within", "total-analysis-time"];
                self.ask(client, &keys.iter().fold(start, |start, key| start.int(key, LONG)))
            }
            Extra::Prompt(file) => {
                let play = self.command("play media", self.from).text("file", file);
                self.ask(client, &play.int("repeat-duration", LONG).list("flags", &["block-egress"]))
            }
            Extra::HoldMusic => self.hold(client),
            Extra::PacketTap => {
                self.subscribe(client, Command::new("subscribe request").text("from-tag", self.from))
            }
            Extra::AudioTap => {
                self.subscribe(client, Command::new("subscribe request").list("flags", &["all", "mix"]))
            }
        }
    }

    /// A re-INVITE of the caller that only sends [RFC3264 8.4].
    fn hold(&self, client: &mut Client) -> Result<(), LoadError> {
        let ng = |source| LoadError::Ng { call: self.number, source };
        let [caller, callee] = self.phones;
        let held = |at, codec, direction| {
            let described = describe(at, Format::audio(codec), None);
            Description { direction, session: (described.session.0, 2), ..described }.to_sdp()
        };
        let offer = held(caller, self.kind.caller, Direction::SendOnly);
        client.offer(&Command::offer(self.id, self.from, &offer).text("to-tag", self.to)).map_err(ng)?;
        let answer = held(callee, self.kind.callee, Direction::RecvOnly);
        client.answer(&Command::answer(self.id, self.from, self.to, &answer)).map_err(ng).map(drop)
    }

    fn subscribe(&self, client: &mut Client, request: Command) -> Result<(), LoadError> {
        let call = self.number;
        let Some(sink) = self.sink else {
            return Err(LoadError::Lacking { call, lacking: "a phone for its tap".to_owned() });
        };
        let tag = format!("tap-{call}");
        let request = request.text("call-id", self.id).text("to-tag", &tag);
        let offered = client.offer(&request).map_err(|source| LoadError::Ng { call, source })?;
        let sdp = |source: SdpError| LoadError::Sdp { call, source };
        let Some(&format) = Description::parse(&offered).map_err(sdp)?.formats.first() else {
            return Err(LoadError::Lacking { call, lacking: "audio for its tap".to_owned() });
        };
        let answer = Description { direction: Direction::RecvOnly, ..describe(sink, format, None) }.to_sdp();
        let answer = Command::new("subscribe answer").text("call-id", self.id).text("sdp", &answer);
        self.ask(client, &answer.text("to-tag", &tag))
    }

    fn command(&self, name: &'static str, tag: &str) -> Command {
        Command::new(name).text("call-id", self.id).text("from-tag", tag)
    }

    fn ask(&self, client: &mut Client, command: &Command) -> Result<(), LoadError> {
        let asked = client.request(command);
        asked.map(drop).map_err(|source| LoadError::Ng { call: self.number, source })
    }
}
