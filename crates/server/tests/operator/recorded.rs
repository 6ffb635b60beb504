//! A folder that a server records to, calls that it records, and the command line about them.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mediapoint_caller::ng::{Client, Command as Ng};
use mediapoint_caller::{Call, Softphone};
use mediapoint_recorder::RecoveryIdentity;

use crate::support::{self, Server, mediapoint};

/// Hertz of the tone that the party says which called, and of the other.
pub(crate) const CALLS: u32 = 500;
pub(crate) const ANSWERS: u32 = 800;

/// How a call is recorded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Keys {
    /// With secure input in the middle.
    pub(crate) secure: bool,
}

/// A folder of recordings with an identity that opens them.
pub(crate) struct Place {
    folder: PathBuf,
    recipient: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = support::folder();
        fs::create_dir_all(folder.join("recordings")).unwrap();
        let recipient = identity(folder.join("identity.txt").to_str().unwrap());
        Self { folder, recipient }
    }

    /// Path of a file beside the recordings.
    pub(crate) fn at(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn identity(&self) -> String {
        self.at("identity.txt")
    }

    /// A server that records to it.
    pub(crate) fn start(&self) -> Server {
        Server::start(&["--recordings", &self.at("recordings"), "--recipient", &self.recipient])
    }

    /// A server that records to it, and plays recordings with an identity from a file.
    pub(crate) fn start_with(&self, identity: &str) -> Server {
        let (recordings, config) = (self.at("recordings"), self.playback_config(identity));
        let recipient = &self.recipient;
        Server::start(&["--recordings", &recordings, "--recipient", recipient, "--config", &config])
    }

    /// A configuration file with a playback identity.
    pub(crate) fn playback_config(&self, identity: &str) -> String {
        let file = self.at("playback.toml");
        fs::write(&file, format!("[recording]\nplayback-identity = {identity:?}\n")).unwrap();
        file
    }

    pub(crate) fn recipient(&self) -> &str {
        &self.recipient
    }

    /// `mediapoint recording` with arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = mediapoint();
        command.args(["recording", "--recordings", &self.at("recordings")]).args(arguments);
        command
    }

    /// Runs it: its exit code, what it printed, and what it said on standard error.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Begins a call that is recorded, of which both parties say their tones.
    pub(crate) fn talk(&self, server: &Server, keys: Keys) -> Talking {
        let (call, phones) = support::call(server);
        for (phone, hertz) in phones.iter().zip([CALLS, ANSWERS]) {
            phone.play_again_and_again(tone(hertz, 8000));
        }
        let mut client = server.client();
        let begin = Ng::new("start recording")
            .text("call-id", call.id())
            .text("metadata", "queue:sales|agent:7")
            .text("recording-tenant", "north");
        let id = client.request(&begin).unwrap().text("recording-id").unwrap().to_owned();
        let talking = Talking { id, call, _phones: phones, client: RefCell::new(client) };
        if keys.secure {
            talking.until_recorded(8000);
            let of_call = |name| Ng::new(name).text("call-id", talking.call.id());
            talking.ask(&of_call("block DTMF").text("DTMF-security", "silence"));
            let from = talking.samples();
            talking.until_recorded(from + 8000);
            talking.ask(&of_call("unblock DTMF"));
        }
        talking
    }

    /// A call that was recorded for two seconds at least, and is stored; the recording's name.
    pub(crate) fn record(&self, server: &Server, keys: Keys) -> String {
        let talking = self.talk(server, keys);
        let from = talking.samples();
        talking.until_recorded(from + 16_000);
        let id = talking.end();
        self.wait_until_stored(&id);
        id
    }

    pub(crate) fn wait_until_stored(&self, id: &str) {
        support::wait_for("the recording to be stored", || {
            let (_, listed, _) = self.run(&["list"]);
            let (_, pending, _) = self.run(&["pending"]);
            (lines(&listed, id) == 1 && lines(&pending, id) == 0).then_some(())
        });
    }

    /// A stored file of a recording.
    pub(crate) fn stored(&self, id: &str, ending: &str) -> PathBuf {
        let files = self.files();
        let found = files.iter().find(|file| file.contains(id) && file.ends_with(ending));
        PathBuf::from(found.unwrap_or_else(|| panic!("no {ending} in {files:?}")))
    }

    /// All files of the folder that the server records to.
    pub(crate) fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, found);
                } else {
                    found.push(path.to_str().unwrap().to_owned());
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.folder.join("recordings"), &mut found);
        found
    }
}

/// A call that is being recorded.
pub(crate) struct Talking {
    /// Name of the recording.
    pub(crate) id: String,
    call: Call,
    /// They talk until they are dropped.
    _phones: [Softphone; 2],
    client: RefCell<Client>,
}

impl Talking {
    fn ask(&self, command: &Ng) -> mediapoint_caller::ng::Reply {
        self.client.borrow_mut().request(command).unwrap()
    }

    /// Samples of one channel that are recorded.
    pub(crate) fn samples(&self) -> u64 {
        let reply = self.ask(&Ng::new("query").text("call-id", self.call.id()));
        let first = reply.value("recordings").and_then(|list| list.as_list()?.first()?.as_dict());
        let samples = first.and_then(|shown| shown.get(b"samples".as_slice()));
        let number = |text: &str| text.parse().ok();
        samples.and_then(|samples| samples.as_u64().or_else(|| number(samples.as_str()?))).unwrap_or(0)
    }

    /// Waits until so many samples of one channel are recorded.
    pub(crate) fn until_recorded(&self, samples: u64) {
        support::wait_for("audio to be recorded", || (self.samples() >= samples).then_some(()));
    }

    /// Stops the recording and ends the call.
    pub(crate) fn end(self) -> String {
        let reply = self.ask(&Ng::new("stop recording").text("call-id", self.call.id()));
        assert_eq!(reply.result(), "ok");
        self.call.end(&mut self.client.borrow_mut()).unwrap();
        self.id
    }
}

/// Makes an identity file; the recipient that it opens for.
pub(crate) fn identity(file: &str) -> String {
    let identity = RecoveryIdentity::load_or_create(Path::new(file)).unwrap();
    let shown = format!("{identity:?}");
    shown[shown.find("age1").unwrap()..].trim_end_matches(')').to_owned()
}

/// A tone at 8 kHz.
pub(crate) fn tone(hertz: u32, samples: u32) -> Vec<i16> {
    let turn = std::f64::consts::TAU * f64::from(hertz) / 8000.0;
    #[expect(clippy::cast_possible_truncation, reason = "within the range of a sample")]
    (0..samples).map(|n| ((f64::from(n) * turn).sin() * 8000.0) as i16).collect()
}

/// Which of the two tones is louder.
pub(crate) fn tone_of(pcm: &[i16]) -> u32 {
    let power = |hertz: u32| {
        let turn = std::f64::consts::TAU * f64::from(hertz) / 8000.0;
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in (0_u32..).zip(pcm) {
            re += f64::from(*sample) * (f64::from(n) * turn).cos();
            im += f64::from(*sample) * (f64::from(n) * turn).sin();
        }
        re.hypot(im)
    };
    if power(CALLS) > 5.0 * power(ANSWERS) {
        CALLS
    } else if power(ANSWERS) > 5.0 * power(CALLS) {
        ANSWERS
    } else {
        0
    }
}

/// The tones on the left and on the right of a file; `None` where there is no ffmpeg.
pub(crate) fn tones(file: &str) -> Option<[u32; 2]> {
    let pcm = exit("ffmpeg", &["-v", "error", "-i", file, "-f", "s16le", "-ar", "8000", "-"])?;
    let samples: Vec<i16> = pcm.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let side = |first: usize| samples.iter().skip(first).step_by(2).copied().collect::<Vec<_>>();
    Some([tone_of(&side(0)), tone_of(&side(1))])
}

/// What a program printed; `None` where it is not installed, with a word about it.
pub(crate) fn exit(program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    match Command::new(program).args(arguments).output() {
        Err(error) => {
            println!("left out: {program}: {error}");
            None
        }
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
    }
}

/// Lines that hold a word.
pub(crate) fn lines(text: &str, word: &str) -> usize {
    text.lines().filter(|line| line.contains(word)).count()
}
