//! The people: softphones of another make than the engine, on real sockets. A caller goes by what it hears; an agent takes
//! the call after it rang for a while.

use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mediapoint_caller::recording::Recording;
use mediapoint_caller::{Codec, PhoneConfig, PhoneError, Softphone};
use mediapoint_dtmf::{Generator, GeneratorSettings};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::ear::Ear;
use crate::failure::Failure;
use crate::line::{Notice, Signal};
use crate::prompts;
use crate::script::{Announcement, Input, Language};
use crate::transcript::Transcript;

/// How long anything may take that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// How long a digit is, and the pause behind it where it is a tone.
const DIGIT: Duration = Duration::from_millis(80);
/// What a caller hears of an announcement before it presses a key: half a second.
const IMPATIENT: usize = 4_000;
/// Music that is heard before the agent answers: two seconds.
const RINGS: usize = 16_000;

/// How a phone sends digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Tones in the audio.
    Tones,
    /// RFC 4733.
    Events,
}

impl Method {
    const fn name(self) -> &'static str {
        match self {
            Self::Tones => "tones",
            Self::Events => "telephone events",
        }
    }
}

/// Who calls, and what for.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) language: Language,
    pub(crate) menus: Method,
    pub(crate) card: Method,
    pub(crate) number: &'static str,
}

/// Two callers; what one presses as tones, the other presses as events.
pub(crate) static PEOPLE: [Person; 2] = [
    Person {
        name: "Ann",
        language: Language::English,
        menus: Method::Tones,
        card: Method::Events,
        number: "4111111111111111",
    },
    Person {
        name: "Luis",
        language: Language::Spanish,
        menus: Method::Events,
        card: Method::Tones,
        number: "5500005555555559",
    },
];

/// What the phones of one call kept.
pub(crate) struct Kept {
    pub(crate) caller_heard: Recording,
    pub(crate) caller_sent: Recording,
    pub(crate) agent_heard: Recording,
    /// Digits that the agent's phone was sent as events.
    pub(crate) agent_events: usize,
    /// Where in what the caller heard it pressed the keys of the two menus.
    pub(crate) pressed: [usize; 2],
    /// Where in what the agent heard both began to talk.
    pub(crate) handed_over: usize,
}

/// A phone with PCMU and events.
pub(crate) fn phone(name: &str) -> Result<Softphone, Failure> {
    let config = PhoneConfig { codecs: vec![Codec::Pcmu], ..PhoneConfig::default() };
    Softphone::bind(config).map_err(|source| of(name, source))
}

pub(crate) fn of(name: &str, source: PhoneError) -> Failure {
    Failure::Phone { party: name.to_owned(), source }
}

/// One call from the caller's side, with the agent that it gets.
pub(crate) struct Visit<'a> {
    pub(crate) person: &'a Person,
    pub(crate) caller: &'a Softphone,
    pub(crate) agent: &'a Softphone,
    pub(crate) ear: Ear,
    pub(crate) signals: Sender<Signal>,
    pub(crate) notices: Receiver<Notice>,
    pub(crate) transcript: Transcript,
}

impl Visit<'_> {
    /// The call from the first announcement to the last word.
    pub(crate) fn make(mut self) -> Result<Kept, Failure> {
        let Person { name, language, .. } = *self.person;
        let [word, greeting, reply] = prompts::voices(language);
        let said = [("caller's first words", &word), ("caller", &reply), ("agent", &greeting)];
        said.into_iter().for_each(|(name, samples)| self.ear.learn(name, samples));

        let key = if language == Language::English { "1" } else { "2" };
        let welcome = prompts::name(Announcement::Welcome, Language::English);
        self.hears(self.caller, name, &welcome, IMPATIENT)?;
        let first = self.press(key, self.person.menus)?;
        self.hears(self.caller, name, &prompts::name(Announcement::Menu, language), IMPATIENT)?;
        let second = self.press("1", self.person.menus)?;

        let offer = match self.notice()? {
            Notice::CallAgent(offer) => offer,
            Notice::HandedOver => return Err(Failure::Ended(name.to_owned())),
        };
        self.transcript.add("agent", format!("the phone for {name} rings"));
        self.hears(self.caller, name, prompts::MUSIC.trim_end_matches(".wav"), RINGS)?;
        let answer = self.agent.answer(&offer).map_err(|source| of("agent", source))?;
        self.send_signal(Signal::AgentAnswered(answer));

        self.hears(self.caller, name, &prompts::name(Announcement::Card, language), IMPATIENT)?;
        self.caller.play(word);
        self.transcript.add(name, "says something, which the agent hears");
        self.hears(self.agent, "agent", "caller's first words", IMPATIENT)?;
        self.caller.wait_until(PATIENCE, |stats| !stats.playing);
        self.press(self.person.number, self.person.card)?;
        match self.notice()? {
            Notice::HandedOver => {}
            Notice::CallAgent(_) => return Err(Failure::Ended(name.to_owned())),
        }
        let handed_over = self.agent.stats().heard_samples;

        let all = |samples: &[i16]| samples.len() * 9 / 10;
        let enough = [all(&greeting), all(&reply)];
        self.agent.play(greeting);
        self.hears(self.caller, name, "agent", enough[0])?;
        self.transcript.add(name, "hears the agent");
        self.caller.play(reply);
        self.hears(self.agent, "agent", "caller", enough[1])?;
        self.transcript.add("agent", format!("hears {name}"));
        self.send_signal(Signal::Input(Input::HungUp));
        Ok(Kept {
            caller_heard: self.caller.heard(),
            caller_sent: self.caller.sent(),
            agent_heard: self.agent.heard(),
            agent_events: self.agent.digits().len(),
            pressed: [first, second],
            handed_over,
        })
    }

    /// Waits until a phone has heard so many samples of a sound, gaps in it aside.
    fn hears(&self, phone: &Softphone, party: &str, what: &str, samples: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        let start = phone.stats().heard_samples.saturating_sub(IMPATIENT);
        let mut next = start + samples;
        let not_heard = || {
            let heard = phone.heard();
            let (all, parts) = (heard.samples().len() / 8, self.ear.passages(heard.samples(), 0));
            let parts: Vec<String> =
                parts.iter().map(|part| format!("{} ms of {}", part.len / 8, part.name)).collect();
            let heard = format!("{all} ms of audio: {}", parts.join(", "));
            Failure::NotHeard { party: party.to_owned(), what: what.to_owned(), heard }
        };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if !phone.wait_until(left, |stats| stats.heard_samples >= next) {
                return Err(not_heard());
            }
            let heard = phone.heard();
            let parts = self.ear.passages(heard.samples(), start);
            let sum: usize = parts.iter().filter(|part| part.name == what).map(|part| part.len).sum();
            if sum >= samples {
                return Ok(());
            }
            next = heard.samples().len() + 400;
        }
    }

    /// Presses keys; gives the place in what is heard meanwhile.
    fn press(&self, keys: &str, method: Method) -> Result<usize, Failure> {
        let shown = if keys.len() == 1 { format!("key {keys}") } else { format!("{} digits", keys.len()) };
        self.transcript.add(self.person.name, format!("presses {shown}, as {}", method.name()));
        let at = self.caller.stats().heard_samples;
        match method {
            Method::Tones => self.caller.play(tones(keys)?),
            Method::Events => {
                self.caller.press(keys, DIGIT).map_err(|source| of(self.person.name, source))?;
            }
        }
        Ok(at)
    }

    fn notice(&self) -> Result<Notice, Failure> {
        self.notices.recv_timeout(PATIENCE).map_err(|_| Failure::Ended(self.person.name.to_owned()))
    }

    fn send_signal(&self, signal: Signal) {
        // A script that is over is found out by what is not heard.
        let _ = self.signals.send(signal);
    }
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
