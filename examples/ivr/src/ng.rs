//! The commands of the script, carried out by a server over the ng protocol.
//!
//! The IVR is the callee: it answers with the address of a socket that nobody reads, so that there is a call which
//! announcements can be played into. A second offer of the caller relates it to the agent.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mediapoint_caller::ng::{Client, Command as Message};
use mediapoint_packet::telephone_event::DtmfDigit;

use crate::failure::Failure;
use crate::line::{Line, Notice, Signal};
use crate::prompts;
use crate::script::{Command, Input};
use crate::sdp;

/// How often a thread looks whether its call is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A server of its own, killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    ng: SocketAddr,
}

impl Server {
    /// Starts `program` with `folder`/prompts as its folder of prompts, and waits until it answers.
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self, Failure> {
        if !program.is_file() {
            return Err(Failure::NoServer(program.display().to_string()));
        }
        let configuration = folder.join("mediapoint.toml");
        let prompts = std::path::absolute(folder.join("prompts"))?;
        std::fs::write(&configuration, format!("[prompts]\nfolders = [{:?}]\nlanguage = \"en\"\n", prompts))?;
        // A free port; whoever takes it in between makes the start fail, and the log says so.
        let ng = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let child = Process::new(program)
            .args(["serve", "--ng", &ng.to_string(), "--address", "127.0.0.1", "--grace", "0", "--config"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("server.log"))?)
            .spawn()?;
        let server = Self { child, ng };
        // 0.1 s, then twice as long each time: about 13 s in all.
        let mut client = Client::connect(ng)?.with_patience(LOOK_EVERY, 7);
        client.ping().map_err(Failure::Server)?;
        Ok(server)
    }

    /// Takes a call: the description of the caller in, that for the caller out.
    pub(crate) fn answer(
        &self,
        name: &'static str,
        offer: &str,
        signals: Sender<Signal>,
    ) -> Result<(NgLine, String), Failure> {
        let mut client = Client::connect(self.ng)?;
        let (idle, log) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let call = format!("ivr-{name}-{:?}", idle.local_addr()?);
        // Every key comes once, as a datagram of JSON, whether the phone sends tones or events.
        let message = Message::offer(&call, name, offer)
            .text("DTMF-log-dest", &log.local_addr()?.to_string())
            .list("flags", &["detect-DTMF"]);
        client.offer(&message)?;
        let answer = Message::answer(&call, name, "ivr", &sdp::write(idle.local_addr()?));
        let answer = client.answer(&answer)?;
        let digits = Digits::listen(log, signals)?;
        let line = NgLine {
            client,
            call,
            name,
            offer: offer.to_owned(),
            plays_until: None,
            _idle: idle,
            _digits: digits,
        };
        Ok((line, answer))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// One call.
pub(crate) struct NgLine {
    client: Client,
    call: String,
    /// The caller, and its tag.
    name: &'static str,
    offer: String,
    plays_until: Option<Instant>,
    /// The IVR's own end of the call; nobody reads it.
    _idle: UdpSocket,
    _digits: Digits,
}

impl NgLine {
    /// A message about a party of the call.
    fn about(&self, command: &'static str, tag: &str) -> Message {
        Message::new(command).text("call-id", &self.call).text("from-tag", tag)
    }

    fn agent(&self) -> String {
        format!("agent-of-{}", self.name)
    }

    /// The caller hears a file and nothing else; gives its length.
    fn play(&mut self, message: impl FnOnce(Message) -> Message) -> Result<Option<Duration>, Failure> {
        let reply = self.client.request(&message(self.about("play media", self.name)))?;
        let length = reply
            .value("duration")
            .and_then(|value| value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok())));
        Ok(length.map(Duration::from_millis))
    }
}

impl Line for NgLine {
    fn carry_out(&mut self, command: Command) -> Result<Option<Notice>, Failure> {
        self.plays_until = None;
        match command {
            Command::Play(announcement, language) => {
                let file = announcement.name();
                let length = self.play(|message| {
                    let message = message.text("file", file).text("language", language.tag());
                    message.list("flags", &["block-egress"])
                })?;
                self.plays_until = length.map(|length| Instant::now() + length);
            }
            Command::StopPlaying => {
                self.client.request(&self.about("stop media", self.name))?;
            }
            Command::PlayMusic => {
                // Ten minutes at most. Shared: all who wait hear the same at the same time.
                self.play(|message| {
                    let message = message.text("file", prompts::MUSIC).int("repeat-duration", 600_000);
                    message.list("flags", &["block-egress", "shared"])
                })?;
            }
            Command::SecureInput(true) => {
                self.client.request(&self.about("block DTMF", self.name).text("DTMF-security", "drop"))?;
            }
            Command::SecureInput(false) => {
                self.client.request(&self.about("unblock DTMF", self.name))?;
            }
            Command::CallAgent => {
                let offer = self.client.offer(&Message::offer(&self.call, self.name, &self.offer))?;
                return Ok(Some(Notice::CallAgent(offer)));
            }
            Command::HandOver => {
                let unblock = self.about("unblock media", &self.agent()).list("flags", &["directional"]);
                self.client.request(&unblock)?;
                return Ok(Some(Notice::HandedOver));
            }
            Command::HangUp => {
                self.client.delete(&self.call, self.name)?;
            }
        }
        Ok(None)
    }

    fn agent_answers(&mut self, description: &str) -> Result<(), Failure> {
        let agent = self.agent();
        self.client.answer(&Message::answer(&self.call, self.name, &agent, description))?;
        // The agent hears the caller; what it says itself has to wait for the hand-over.
        let block = self.about("block media", &agent).list("flags", &["directional"]);
        self.client.request(&block)?;
        Ok(())
    }

    fn plays_until(&self) -> Option<Instant> {
        self.plays_until
    }

    fn played(&mut self) {
        self.plays_until = None;
    }
}

/// The reader of the digits that the server reports; it ends with the call.
struct Digits {
    over: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Digits {
    fn listen(log: UdpSocket, signals: Sender<Signal>) -> Result<Self, Failure> {
        log.set_read_timeout(Some(LOOK_EVERY))?;
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ends = std::sync::Arc::clone(&over);
        let thread = thread::Builder::new().name("digits".to_owned()).spawn(move || {
            let mut datagram = [0; 2_048];
            while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                let read = match log.recv(&mut datagram) {
                    Ok(length) => datagram.get(..length).unwrap_or_default(),
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        continue;
                    }
                    Err(_) => return,
                };
                if let Some(key) = key(read)
                    && signals.send(Signal::Input(Input::Key(key))).is_err()
                {
                    return;
                }
            }
        })?;
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.over.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to say.
            let _ = thread.join();
        }
    }
}

/// The key that a report is about.
fn key(report: &[u8]) -> Option<char> {
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    let code = u8::try_from(report.get("event")?.as_u64()?).ok()?;
    DtmfDigit::from_code(code).map(DtmfDigit::as_char)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_its_key() {
        assert_eq!(key(br#"{"type":"DTMF","event":11,"duration":80}"#), Some('#'));
        assert_eq!(key(br#"{"type":"DTMF","event":99}"#), None);
        assert_eq!(key(b"no JSON"), None);
    }
}
