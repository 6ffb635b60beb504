//! PJSIP as a softphone: `interop/outside/phone.py` with PyPI's build of PJSUA2, told what to do a line at a time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mediapoint_caller::{Similarity, alike};

use crate::audio::speech;
use crate::error::{Context as _, Failure, ensure};
use crate::kamailio::Kamailio;
use crate::process::{Process, wait_until};
use crate::python;
use crate::scenarios::keep;
use crate::wire::free_pair;

const SCRIPT: &str = include_str!("../outside/phone.py");
/// PJSIP under this number, compiled by others for PyPI. It has PCMU, PCMA, G.722, GSM, iLBC, Speex and SDES, and neither
/// Opus nor G.729.
const PACKAGE: &str = "pjsua2-python==2.15.1.post1";

/// A user of `examples/kamailio.cfg` with the password there.
pub(crate) type User = (&'static str, &'static str);
pub(crate) const ALICE: User = ("201", "red-apple");
pub(crate) const BOB: User = ("202", "green-pear");
/// The one whose phone speaks SRTP.
pub(crate) const CAROL: User = ("203", "blue-plum");
/// The one whose phone speaks G.729.
pub(crate) const DAVE: User = ("204", "dark-cherry");

/// How long a phone may take for what signalling alone does.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Seconds of speech that a phone has to say, with the silence before it.
const SECONDS: usize = 3;
/// Samples of silence before it: what is sent before the other side has its answer is not heard.
const LEAD: usize = 4800;
/// From which band correlation on it is the same speech; other speech has about 0.1. Below that of scenarios without
/// phones: on a busy machine their clocks and buffers skip tens of milliseconds here and there.
const SAME: f64 = 0.7;
const COVERAGE: f64 = 0.95;
const LEVEL_DB: f64 = 2.0;

/// A phone, registered.
pub(crate) struct Phone {
    process: Process,
    user: &'static str,
    /// What it says, without the silence before.
    pub(crate) said: Vec<i16>,
    hear: PathBuf,
    /// Octets of its output that were read.
    read: usize,
}

impl Phone {
    /// Starts a phone that says the `index`th recording, and waits until it is registered. See the script for `words`.
    pub(crate) fn register(
        folder: &Path,
        proxy: &Kamailio,
        user: User,
        index: usize,
        words: &[&str],
    ) -> Result<Self, Failure> {
        let mut phone = Self::start(folder, proxy, user, index, words)?;
        phone.expect("registered 200", SOON)?;
        Ok(phone)
    }

    /// Starts a phone and does not wait for anything.
    pub(crate) fn start(
        folder: &Path,
        proxy: &Kamailio,
        (user, password): User,
        index: usize,
        words: &[&str],
    ) -> Result<Self, Failure> {
        let python = python::with("pjsip-venv", "pjsua2", &[PACKAGE])?;
        let said = speech(index, SECONDS)?;
        let file = |name: &str| folder.join(format!("{user}-{name}"));
        let (script, say, hear) = (folder.join("phone.py"), file("says.wav"), file("heard.wav"));
        std::fs::write(&script, SCRIPT).during(script.display().to_string())?;
        keep(&say, &[vec![0; LEAD], said.clone()].concat())?;
        let text = |path: &Path| path.display().to_string();
        let mut args = vec!["-u".to_owned(), text(&script), user.to_owned(), password.to_owned()];
        args.extend([proxy.port, free_pair()?, free_pair()?].map(|port| port.to_string()));
        args.extend([text(&say), text(&hear)]);
        args.extend(words.iter().map(|word| (*word).to_owned()));
        let process = Process::start_for_commands(folder, &format!("phone-{user}"), &text(&python), &args)?;
        Ok(Self { process, user, said, hear, read: 0 })
    }

    /// True where it is this user's.
    pub(crate) fn is(&self, user: User) -> bool {
        self.user == user.0
    }

    /// Gives it a command of `interop/outside/phone.py`.
    pub(crate) fn command(&mut self, command: &str) -> Result<(), Failure> {
        self.process.command(command)
    }

    /// Waits for an event that begins so, passing over others; returns all of it.
    pub(crate) fn expect(&mut self, event: &str, within: Duration) -> Result<String, Failure> {
        let wanted = format!("event {event}");
        let mut found = None;
        wait_until(within, || {
            let printed = self.process.printed();
            let fresh = printed.get(self.read..).unwrap_or_default();
            let mut end = 0;
            for line in fresh.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                end += line.len();
                // The library's own lines may stand before an event without an end of line.
                if let Some(at) = line.find(&wanted) {
                    found = line.get(at + "event ".len()..).map(|event| event.trim().to_owned());
                    break;
                }
            }
            self.read += end;
            found.is_some() || !self.process.is_running()
        });
        found.ok_or_else(|| self.process.failure(format!("user {} did not tell: {event}", self.user)))
    }

    /// Fails where such an event came since the last one that was expected.
    pub(crate) fn expect_none(&self, event: &str) -> Result<(), Failure> {
        let printed = self.process.printed();
        let fresh = printed.get(self.read..).unwrap_or_default();
        ensure!(!fresh.contains(&format!("event {event}")), "user {} told: {event}", self.user);
        Ok(())
    }

    /// Waits until all that it has to say was said, from the moment that media flows.
    pub(crate) fn let_speak(&self) {
        std::thread::sleep(Duration::from_millis((LEAD / 8) as u64 + 1000 * SECONDS as u64 + 400));
    }

    /// Ends the phone and returns what it heard, with pauses where no media flowed left out.
    pub(crate) fn finish(mut self) -> Result<Vec<i16>, Failure> {
        self.command("quit")?;
        self.process.finish(SOON)?;
        let wrong = |error: hound::Error| Failure::Wrong(format!("{}: {error}", self.hear.display()));
        let mut reader = hound::WavReader::open(&self.hear).map_err(wrong)?;
        reader.samples().collect::<Result<_, _>>().map_err(wrong)
    }
}

/// Checks that the audio received is the audio sent: whole, as loud, and nothing else in its place.
pub(crate) fn check_received(folder: &Path, who: &str, said: &[i16], heard: &[i16]) -> Result<(), Failure> {
    let Similarity { band_correlation, level_db, coverage, lag_ms, slip_ms, .. } = alike(said, heard, &[]);
    let figures = format!(
        "{who}: r {band_correlation:.3}, level {level_db:+.2} dB, {:.0} % heard, at {lag_ms:.1} ms, slips {slip_ms:.1} ms\n",
        coverage * 100.0
    );
    let path = folder.join("figures.txt");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, before + &figures).during(path.display().to_string())?;
    ensure!(coverage >= COVERAGE, "too little was heard by {figures}");
    ensure!(band_correlation >= SAME, "other speech was heard by {figures}");
    ensure!(level_db.abs() <= LEVEL_DB, "the level is not that of what was said for {figures}");
    Ok(())
}
