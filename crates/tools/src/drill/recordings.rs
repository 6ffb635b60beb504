//! `drill recordings`: a server that records is killed at random moments, round after round, and started again. What it recorded
//! has to be in the store and in the catalogue once, whole, and as long as the call was but for the last second.
//!
//! A killed process loses nothing that the kernel has; loss of power is simulated in the recorder's own tests.

mod judge;
mod place;
mod round;

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use mediapoint_caller::delay::Delays;

use super::random::Random;
use super::report::Outcome;
use super::server::{Server, Target};
use super::{DrillError, progress};
use judge::Figures;
use place::Place;
use round::Round;

/// How long a server that was started again may take until everything is stored.
const STORED_WITHIN: Duration = Duration::from_secs(120);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Args)]
pub(super) struct Recordings {
    /// Times that the server is killed
    #[arg(long, value_name = "NUMBER", default_value_t = Recordings::default().rounds, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Calls of a round, all recorded; some end before the server is killed
    #[arg(long, value_name = "NUMBER", default_value_t = Recordings::default().calls, value_parser = clap::value_parser!(u64).range(1..=1000))]
    calls: u64,
    /// A round's longest time until the server is killed
    #[arg(long, value_name = "SECONDS", default_value_t = Recordings::default().seconds, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Milliseconds before the kill that may be missing of a recording
    #[arg(long, value_name = "MILLISECONDS", default_value_t = Recordings::default().lost)]
    lost: u64,
    /// What decides on the moments
    #[arg(long, value_name = "NUMBER", default_value_t = Recordings::default().seed)]
    seed: u64,
}

impl Default for Recordings {
    fn default() -> Self {
        Self { rounds: 20, calls: 50, seconds: 5, lost: 1000, seed: 1 }
    }
}

impl Recordings {
    const NAME: &'static str = "recordings";

    /// The command that repeats it.
    pub(super) fn command(&self) -> String {
        let Self { rounds, calls, seconds, lost, seed } = self;
        format!(
            "mediapoint-tools drill recordings --rounds {rounds} --calls {calls} --seconds {seconds} --lost {lost} --seed {seed}"
        )
    }

    /// Records, kills and judges. The folder stays where a limit was not kept.
    pub(super) fn run(&self, target: &Target) -> Result<Outcome, DrillError> {
        eprintln!("{}: {}", Self::NAME, self.command());
        let place = Place::new(target.program())?;
        let figures = self.measure(target, &place)?;
        let checks = figures.judge(self.lost);
        let outcome = Outcome::new((Self::NAME, self.command()), &figures, figures.lines(), checks)?;
        if outcome.passed() {
            place.remove()?;
        } else {
            eprintln!("the recordings stay in {}", place.folder().display());
        }
        Ok(outcome)
    }

    fn measure(&self, target: &Target, place: &Place) -> Result<Figures, DrillError> {
        let bar = progress("recordings", self.rounds);
        let mut random = Random::new(self.seed);
        let mut figures = Figures::default();
        let (mut starts, mut stored) = (Delays::default(), Delays::default());
        let mut server = start(target, place)?;
        for number in 0..self.rounds {
            let round = Round::plan(number, self.calls, self.seconds, &mut random);
            let killed = round.run(server, place)?;
            let began = Instant::now();
            server = start(target, place)?;
            starts.record(began.elapsed());
            wait_until_stored(place)?;
            stored.record(began.elapsed());
            figures.rounds += 1;
            figures.judge_round(&killed, place)?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        server.stop();
        (figures.start, figures.stored) = (starts.summary(), stored.summary());
        Ok(figures)
    }
}

/// A server on the folder of `place`, on one port range for all rounds.
fn start(target: &Target, place: &Place) -> Result<Server, DrillError> {
    Server::start(target, &place.flags())
}

/// Waits until nothing is on its way to the store.
fn wait_until_stored(place: &Place) -> Result<(), DrillError> {
    let deadline = Instant::now() + STORED_WITHIN;
    loop {
        let pending = place.pending()?;
        if pending.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(DrillError::Pending { count: pending.len(), first: pending.join(", ") });
        }
        thread::sleep(LOOK_EVERY);
    }
}
