//! The calls: softphones of another make than the engine, on real sockets, and what they said.

use std::time::Duration;

use mediapoint_caller::ng::{Client, Command, Reply};
use mediapoint_caller::speech::{self, Language};
use mediapoint_caller::{By, Call, Codec, PhoneConfig, Softphone};
use mediapoint_dtmf::{Generator, GeneratorSettings};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::failure::Failure;
use crate::server::{PATIENCE, Server, wait_for};

/// The card number: its first half is sent as tones, the other as telephone events.
const CARD: [&str; 2] = ["41111111", "11111111"];
/// How long a digit is, and the pause behind it.
const DIGIT: Duration = Duration::from_millis(80);

/// What was said in a call.
pub(crate) struct RecordedCall {
    /// Name of its recording.
    pub(crate) id: String,
    pub(crate) agent: Vec<i16>,
    pub(crate) caller: Vec<i16>,
    /// All that the caller's phone sent.
    pub(crate) sent: Vec<i16>,
    /// Samples that were recorded when the server was asked last.
    pub(crate) recorded: u64,
    /// Whether a card number was entered.
    pub(crate) card: bool,
    /// Whether the server was killed.
    pub(crate) killed: bool,
}

/// A call between two phones, which is recorded.
struct Talk {
    id: String,
    call: Call,
    client: Client,
    caller: Softphone,
    agent: Softphone,
}

impl Talk {
    fn begin(server: &Server) -> Result<Self, Failure> {
        let phone = || {
            let config = PhoneConfig { codecs: vec![Codec::Pcmu], ..PhoneConfig::default() };
            Softphone::bind(config)
        };
        let (caller, agent) = (phone()?, phone()?);
        let mut client = server.client()?;
        let call = Call::new();
        call.invite(&mut client, By::Caller, (&caller, &agent), |offer| offer, |answer| answer)?;
        let begin = Command::new("start recording")
            .text("call-id", call.id())
            .text("recording-left", call.tag(By::Callee))
            .text("recording-tenant", "example")
            .text("metadata", "queue:sales");
        let reply = client.request(&begin)?;
        let id = reply.text("recording-id").ok_or(Failure::NoRecording)?.to_owned();
        Ok(Self { id, call, client, caller, agent })
    }

    fn ask(&mut self, name: &'static str, change: impl FnOnce(Command) -> Command) -> Result<Reply, Failure> {
        let command = Command::new(name).text("call-id", self.call.id());
        Ok(self.client.request(&change(command))?)
    }

    /// Samples of one channel that are recorded.
    fn recorded(&mut self) -> Result<u64, Failure> {
        let reply = self.ask("query", |command| command)?;
        let first = reply.value("recordings").and_then(|list| list.as_list()?.first()?.as_dict());
        let samples = first.and_then(|shown| shown.get(b"samples".as_slice()));
        let number = |text: &str| text.parse().ok();
        Ok(samples.and_then(|samples| samples.as_u64().or_else(|| number(samples.as_str()?))).unwrap_or(0))
    }

    /// Waits until so many samples more are recorded.
    fn goes_on(&mut self, samples: u64) -> Result<u64, Failure> {
        let until = self.recorded()? + samples;
        wait_for("audio to be recorded", || {
            let recorded = self.recorded()?;
            Ok((recorded >= until).then_some(recorded))
        })
    }

    /// A phone says something; returns once it was said.
    fn says(phone: &Softphone, samples: &[i16]) -> Result<(), Failure> {
        phone.play(samples);
        match phone.wait_until(PATIENCE, |stats| !stats.playing) {
            true => Ok(()),
            false => Err(Failure::Waited("a phone to have spoken")),
        }
    }
}

/// A call with a card number under secure input in the middle.
pub(crate) fn whole_call(server: &Server) -> Result<RecordedCall, Failure> {
    let mut talk = Talk::begin(server)?;
    let agent = speech::numbers(Language::English, &[4, 7, 2, 9]);
    let caller = speech::numbers(Language::Spanish, &[3, 8, 5, 6]);
    Talk::says(&talk.agent, &agent)?;
    Talk::says(&talk.caller, &caller)?;
    talk.ask("block DTMF", |command| command.text("DTMF-security", "silence"))?;
    Talk::says(&talk.caller, &tones(CARD[0])?)?;
    let pressed = talk.goes_on(0)?;
    talk.caller.press(CARD[1], DIGIT)?;
    // Each digit, its pause, and some more.
    let last = pressed + 8 * 2 * 640 + 4000;
    wait_for("the digits to be sent", || Ok((talk.recorded()? >= last).then_some(())))?;
    talk.ask("unblock DTMF", |command| command)?;
    Talk::says(&talk.agent, &agent)?;
    Talk::says(&talk.caller, &caller)?;
    let recorded = talk.goes_on(4000)?;
    talk.ask("stop recording", |command| command)?;
    talk.call.end(&mut talk.client)?;
    let sent = talk.caller.sent().samples().to_vec();
    Ok(RecordedCall { id: talk.id, agent, caller, sent, recorded, card: true, killed: false })
}

/// A call that is still going on: both say what they have to, and silence goes on for a second.
pub(crate) fn call_to_kill(server: &Server) -> Result<RecordedCall, Failure> {
    let mut talk = Talk::begin(server)?;
    let agent = speech::numbers(Language::English, &[1, 6, 8]);
    let caller = speech::numbers(Language::Spanish, &[2, 9, 4]);
    talk.agent.play(agent.as_slice());
    Talk::says(&talk.caller, &caller)?;
    let recorded = talk.goes_on(12_000)?;
    let sent = talk.caller.sent().samples().to_vec();
    Ok(RecordedCall { id: talk.id, agent, caller, sent, recorded, card: false, killed: true })
}

/// Keys as tones.
fn tones(keys: &str) -> Result<Vec<i16>, Failure> {
    let milliseconds = u32::try_from(DIGIT.as_millis()).unwrap_or(80);
    let settings = GeneratorSettings {
        duration_ms: milliseconds,
        pause_ms: milliseconds,
        ..GeneratorSettings::default()
    };
    let mut generator = Generator::new(8_000, &settings)?;
    for digit in keys.chars().filter_map(DtmfDigit::from_char) {
        generator.push(digit)?;
    }
    let mut samples = Vec::new();
    let mut frame = [0; 160];
    while !generator.is_idle() {
        generator.fill(&mut frame);
        samples.extend(frame);
    }
    Ok(samples)
}
