//! What happens: who joins which room as what, who says what, and who has to hear it.

use std::time::Instant;

use mediapoint_caller::ng::{Client, Command, Reply};
use mediapoint_caller::speech::{self, Language};
use mediapoint_caller::{Codec, PhoneConfig, Softphone};

use crate::failure::Failure;
use crate::reports::{Listener, Report};
use crate::server::{PATIENCE, Server};

/// The room of the call, and the one of the consultation.
pub(crate) const ROOMS: [&str; 2] = ["support", "consult"];

/// Samples of silence behind everything that is said: a second, so that the voice gate is shut again.
const PAUSE: usize = 8000;

/// Who takes part, by place in [`PARTIES`].
pub(crate) const CUSTOMER: usize = 0;
pub(crate) const AGENT: usize = 1;
pub(crate) const EXPERT: usize = 2;
pub(crate) const COACH: usize = 3;
pub(crate) const MONITOR: usize = 4;
/// Names, and tags over ng.
pub(crate) const PARTIES: [&str; 5] = ["customer", "agent", "expert", "coach", "monitor"];

/// The name of a party.
pub(crate) fn name(party: usize) -> &'static str {
    PARTIES.get(party).copied().unwrap_or("somebody")
}

/// Numbers that one party says.
pub(crate) struct Phrase {
    pub(crate) who: usize,
    pub(crate) what: &'static str,
    pub(crate) audio: Vec<i16>,
    /// The room that its speaker is in, by place in [`ROOMS`].
    pub(crate) room: usize,
    pub(crate) heard_by: &'static [usize],
    /// Whether it belongs into the recording.
    pub(crate) in_mix: bool,
    /// Whether the server is to report that its speaker talks.
    pub(crate) is_reported: bool,
    /// What each phone, the recorder's last, had heard when it began and when all was silent again, in samples.
    pub(crate) heard: Vec<(usize, usize)>,
    pub(crate) began_ms: u64,
}

impl Phrase {
    fn new(who: usize, what: &'static str, numbers: &[usize], heard_by: &'static [usize]) -> Self {
        let language = if matches!(who, AGENT | COACH) { Language::Spanish } else { Language::English };
        Self {
            who,
            what,
            audio: speech::numbers(language, numbers),
            room: 0,
            heard_by,
            in_mix: true,
            is_reported: true,
            heard: Vec::new(),
            began_ms: 0,
        }
    }

    fn unrecorded(self) -> Self {
        Self { in_mix: false, ..self }
    }

    fn unreported(self) -> Self {
        Self { is_reported: false, ..self }
    }

    fn aside(self) -> Self {
        Self { room: 1, ..self.unrecorded() }
    }
}

/// What happened.
pub(crate) struct Scene {
    pub(crate) phrases: Vec<Phrase>,
    /// What each party heard, at 8 kHz.
    pub(crate) heard: Vec<Vec<i16>>,
    /// Name of the recording, and what the recorder's phone had heard when it began, in samples.
    pub(crate) recording: (String, usize),
    pub(crate) reports: Vec<Report>,
    pub(crate) length_ms: u64,
}

/// Phones, and the controller of their calls.
struct Stage {
    client: Client,
    phones: Vec<Softphone>,
    log: Listener,
    began: Instant,
    phrases: Vec<Phrase>,
}

/// From the first join to the end of the room.
pub(crate) fn play(server: &Server) -> Result<Scene, Failure> {
    let began = Instant::now();
    let mut stage = Stage {
        client: server.client()?,
        phones: Vec::new(),
        log: Listener::bind(began)?,
        began,
        phrases: Vec::new(),
    };
    for name in PARTIES {
        let phone = phone()?;
        stage.publish(name, &phone)?;
        stage.phones.push(phone);
    }
    // The first one in, so that the room is in its call: a listener, to whom the mix of all is sent.
    let recorder = phone()?;
    stage.publish("recorder", &recorder)?;
    stage.phones.push(recorder);
    stage.conference("join", "recorder", ROOMS[0], |command| command.text("role", "listener"))?;
    let begin = Command::new("start recording").text("call-id", &call_id("recorder"));
    let reply = stage.client.request(&begin.text("metadata", "room:support"))?;
    let id = reply.text("recording-id").ok_or(Failure::Lacking("recording-id"))?.to_owned();
    let recording = (id, stage.phones.last().map_or(0, |phone| phone.stats().heard_samples));

    stage.room()?;
    stage.consultation()?;
    stage.farewell()?;

    let talks = stage.client.request(&Command::new("conference list").text("room", ROOMS[0]))?;
    println!("conference list room={}: {} members", ROOMS[0], members(&talks));
    stage.client.request(&Command::new("stop recording").text("call-id", &call_id("recorder")))?;
    for room in ROOMS {
        // The other one has gone with its last member.
        drop(stage.client.request(&Command::new("conference end").text("room", room)));
    }
    for name in PARTIES.into_iter().chain(["recorder"]) {
        stage.client.delete(&call_id(name), name)?;
    }
    let heard =
        stage.phones.iter().take(PARTIES.len()).map(|phone| phone.heard().samples().to_vec()).collect();
    let length_ms = millis(began);
    Ok(Scene { phrases: stage.phrases, heard, recording, reports: stage.log.take(), length_ms })
}

impl Stage {
    /// Everybody but the expert in one room.
    fn room(&mut self) -> Result<(), Failure> {
        for name in ["customer", "agent"] {
            self.conference("join", name, ROOMS[0], |command| command)?;
        }
        self.conference("join", "coach", ROOMS[0], |command| {
            command.text("role", "coach").text("for", "agent")
        })?;
        self.conference("join", "monitor", ROOMS[0], |command| command.text("role", "monitor"))?;
        self.say(vec![Phrase::new(CUSTOMER, "to all", &[1, 2, 3], &[AGENT, COACH, MONITOR])])?;
        self.say(vec![Phrase::new(AGENT, "to all", &[4, 5], &[CUSTOMER, COACH, MONITOR])])?;
        self.say(vec![
            Phrase::new(CUSTOMER, "goes on", &[5, 6, 4], &[AGENT, COACH, MONITOR]),
            Phrase::new(COACH, "to the agent meanwhile", &[1, 2], &[AGENT, MONITOR]).unrecorded(),
        ])?;
        self.say(vec![Phrase::new(MONITOR, "to nobody", &[0, 8], &[]).unrecorded().unreported()])?;
        self.set("agent", "mute", "on")?;
        self.say(vec![Phrase::new(AGENT, "muted", &[6, 7], &[]).unrecorded().unreported()])?;
        self.set("agent", "mute", "off")
    }

    /// The agent asks the expert in another room, and both come back.
    fn consultation(&mut self) -> Result<(), Failure> {
        self.conference("join", "expert", ROOMS[1], |command| command)?;
        self.conference("move", "agent", ROOMS[1], |command| command)?;
        self.say(vec![
            Phrase::new(AGENT, "in the other room", &[2, 4], &[EXPERT]).aside(),
            Phrase::new(CUSTOMER, "meanwhile", &[7], &[COACH, MONITOR]),
        ])?;
        self.say(vec![Phrase::new(EXPERT, "in the other room", &[8, 9], &[AGENT]).aside()])?;
        for name in ["agent", "expert"] {
            self.conference("move", name, ROOMS[0], |command| command)?;
        }
        self.say(vec![Phrase::new(EXPERT, "to all", &[3, 0, 2], &[CUSTOMER, AGENT, COACH, MONITOR])])
    }

    /// The agent takes leave, and the others go on.
    fn farewell(&mut self) -> Result<(), Failure> {
        self.say(vec![Phrase::new(AGENT, "to all", &[9, 3], &[CUSTOMER, EXPERT, COACH, MONITOR])])?;
        self.conference("leave", "agent", ROOMS[0], |command| command)?;
        self.say(vec![Phrase::new(CUSTOMER, "after the agent left", &[6, 1], &[EXPERT, COACH, MONITOR])])
    }

    /// Some parties say something at once; returns once it was said and a pause was heard after it.
    fn say(&mut self, mut phrases: Vec<Phrase>) -> Result<(), Failure> {
        let heard = |stage: &Self| -> Vec<usize> {
            stage.phones.iter().map(|phone| phone.stats().heard_samples).collect()
        };
        let before = heard(self);
        for phrase in &mut phrases {
            phrase.began_ms = millis(self.began);
            println!("{:>6.1} s  {} speaks: {}", secs(phrase.began_ms), name(phrase.who), phrase.what);
            self.phone(phrase.who)?.play(phrase.audio.as_slice());
        }
        for phrase in &phrases {
            if !self.phone(phrase.who)?.wait_until(PATIENCE, |stats| !stats.playing) {
                return Err(Failure::Waited("a phone to have spoken"));
            }
        }
        // The customer is in the room from beginning to end, and is sent packets all the time.
        let phone = self.phone(CUSTOMER)?;
        let until = phone.stats().heard_samples + PAUSE;
        if !phone.wait_until(PATIENCE, |stats| stats.heard_samples >= until) {
            return Err(Failure::Waited("the room to send silence"));
        }
        let after = heard(self);
        for mut phrase in phrases {
            phrase.heard = before.iter().copied().zip(after.iter().copied()).collect();
            self.phrases.push(phrase);
        }
        Ok(())
    }

    fn phone(&self, party: usize) -> Result<&Softphone, Failure> {
        self.phones.get(party).ok_or(Failure::Lacking("party"))
    }

    /// One message sets a party up: its description goes in, the server's for it comes out.
    fn publish(&mut self, name: &str, phone: &Softphone) -> Result<(), Failure> {
        let publish = Command::new("publish").text("call-id", &call_id(name)).text("from-tag", name);
        let publish = publish.text("sdp", &phone.offer()).list("flags", &["bidirectional"]);
        Ok(phone.accept(&self.client.offer(&publish)?)?)
    }

    fn conference(
        &mut self,
        what: &str,
        name: &str,
        room: &str,
        with: impl FnOnce(Command) -> Command,
    ) -> Result<(), Failure> {
        let command = match what {
            "join" => Command::new("conference join"),
            "move" => Command::new("conference move"),
            _ => Command::new("conference leave"),
        };
        let command = command.text("call-id", &call_id(name)).text("from-tag", name).text("room", room);
        let command = command.text("conference-log-dest", &self.log.address().to_string());
        self.client.request(&with(command))?;
        println!("{:>6.1} s  conference {what} {name} room={room}", secs(millis(self.began)));
        Ok(())
    }

    fn set(&mut self, name: &str, key: &str, value: &str) -> Result<(), Failure> {
        let command = Command::new("conference set").text("call-id", &call_id(name)).text("from-tag", name);
        self.client.request(&command.text(key, value))?;
        println!("{:>6.1} s  conference set {name} {key}={value}", secs(millis(self.began)));
        Ok(())
    }
}

fn phone() -> Result<Softphone, Failure> {
    Ok(Softphone::bind(PhoneConfig { codecs: vec![Codec::Pcmu], ..PhoneConfig::default() })?)
}

/// Each party is a call of its own.
fn call_id(name: &str) -> String {
    format!("demo-{name}")
}

fn members(reply: &Reply) -> usize {
    reply.value("members").and_then(|members| members.as_list()).map_or(0, |members| members.len())
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn secs(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}
