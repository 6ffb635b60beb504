//! `drill overload`: a server is offered half as many calls again as it has points for, then neighbours take its core. What is
//! admitted has to be served, what is refused has to know at once, and what is shed has to be the newest.

mod judge;
mod neighbour;
mod talk;
mod watch;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use mediapoint_caller::delay::Delays;
use mediapoint_caller::ng::{Client, Command, NgError};

use super::call::{self, Kind, Names, Party};
use super::report::Outcome;
use super::server::{Server, Target};
use super::{DrillError, progress};
use judge::Figures;
use neighbour::Neighbours;
use talk::{Talk, Talker, Window};
use watch::{Now, Reports, Watch};

/// Calls of the drill at most: one thread sends for all of their parties.
const MOST_CALLS: u64 = 1_000;
/// Time between two offers beyond the budget.
const OFFER_EVERY: Duration = Duration::from_millis(20);
/// How often it is looked what the server says.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long each step of neighbours has until there are more.
const STEP: Duration = Duration::from_secs(5);
/// How long shedding may take, and after how long without a call that is shed it is over.
const SHED_WITHIN: Duration = Duration::from_secs(60);
const SHED_OVER: Duration = Duration::from_secs(4);
/// How long the worker may take to be on time again.
const ON_TIME_WITHIN: Duration = Duration::from_secs(15);
/// How long calls talk before they are measured.
const WARM_UP: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Args)]
pub(super) struct Overload {
    /// Calls that the server has points for; half as many again are offered
    #[arg(long, value_name = "NUMBER", default_value_t = Overload::default().calls, value_parser = clap::value_parser!(u16).range(2..=1000), conflicts_with = "points")]
    calls: u16,
    /// File of prices and a budget of this machine, from `mediapoint calibrate`: the server's, and its budget is what is offered
    #[arg(long, value_name = "FILE")]
    points: Option<PathBuf>,
    /// Seconds of each measurement of media
    #[arg(long, value_name = "SECONDS", default_value_t = Overload::default().seconds, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
    /// Share of the server's core that neighbours take at most, in percent: more of them from step to step until calls are shed
    #[arg(long, value_name = "PERCENT", default_value_t = Overload::default().neighbour, value_parser = clap::value_parser!(u8).range(50..=99))]
    neighbour: u8,
}

impl Default for Overload {
    fn default() -> Self {
        Self { calls: 200, points: None, seconds: 5, neighbour: 99 }
    }
}

impl Overload {
    const NAME: &'static str = "overload";

    /// The command that repeats it.
    pub(super) fn command(&self) -> String {
        let Self { calls, points, seconds, neighbour } = self;
        let capacity = match points {
            Some(path) => format!("--points {}", path.display()),
            None => format!("--calls {calls}"),
        };
        format!("mediapoint-tools drill overload {capacity} --seconds {seconds} --neighbour {neighbour}")
    }

    /// Overloads a server, measures and judges.
    pub(super) fn run(&self, target: &Target) -> Result<Outcome, DrillError> {
        eprintln!("{}: {}", Self::NAME, self.command());
        let core = target.server_core.ok_or(DrillError::OneCore)?;
        let reports = Reports::new()?;
        let mut flags = vec!["--dtmf-log-dest".to_owned(), reports.address()?.to_string()];
        match &self.points {
            Some(path) => flags.extend(["--points".to_owned(), path.display().to_string()]),
            None => flags.extend(["--budget".to_owned(), self.calls.to_string()]),
        }
        let server = Server::start(target, &flags)?;
        let bar = progress(Self::NAME, 5);
        let mut drill = Running::new(self, &server, reports)?;
        drill.offer_all(&bar)?;
        drill.offer_beyond(&bar)?;
        drill.crowd(core, &bar)?;
        bar.finish_and_clear();
        let Running { figures, watch, talker, .. } = drill;
        drop(talker);
        server.stop();
        let checks = figures.judge();
        let mut lines = figures.lines();
        lines.push(("timeline".to_owned(), String::new()));
        lines.extend(watch.into_timeline());
        Outcome::new((Self::NAME, self.command()), &figures, lines, checks)
    }
}

/// A drill that is under way.
struct Running<'a> {
    drill: &'a Overload,
    client: Client,
    talker: Talker,
    watch: Watch,
    figures: Figures,
    refusals: Delays,
}

impl<'a> Running<'a> {
    fn new(drill: &'a Overload, server: &Server, reports: Reports) -> Result<Self, DrillError> {
        let mut client = server.client()?;
        let mut watch = Watch::new(reports);
        watch.now = Now::read(&mut client)?;
        let capacity = watch.now.configured / 1000;
        if capacity == 0 || capacity > MOST_CALLS {
            return Err(DrillError::Capacity { calls: capacity, most: MOST_CALLS });
        }
        let figures = Figures { capacity, configured: watch.now.configured, ..Figures::default() };
        let talker = Talker::start()?;
        Ok(Self { drill, client, talker, watch, figures, refusals: Delays::new() })
    }

    fn span(&self) -> Duration {
        Duration::from_secs(self.drill.seconds.into())
    }

    /// Offers one call.
    fn offer(&mut self) -> Result<(), DrillError> {
        let number = self.figures.offered;
        self.figures.offered += 1;
        let (names, parties) = (Names::new(Overload::NAME, number), [Party::new()?, Party::new()?]);
        let [caller, callee] = &parties;
        let (client, mut took) = (&mut self.client, Duration::ZERO);
        let made = call::set_up(&names, Kind::Relay, [caller, callee], |command| {
            let asked = Instant::now();
            let reply = client.request(command);
            took = asked.elapsed();
            Ok(reply?)
        });
        match made {
            Ok(remotes) => {
                let number = u32::try_from(self.figures.admitted).unwrap_or(u32::MAX);
                self.watch.calls.insert(names.id, number);
                self.talker.add(Talk { number, parties, remotes });
                self.figures.admitted += 1;
            }
            Err(DrillError::Ng(NgError::LoadLimit(_))) => {
                self.figures.refused += 1;
                self.refusals.record(took);
            }
            Err(DrillError::Ng(NgError::Refused { reason, .. })) if reason.starts_with("load limit") => {
                self.figures.refused += 1;
                self.refusals.record(took);
            }
            Err(DrillError::Ng(NgError::Refused { .. } | NgError::NoReply { .. })) => {
                self.figures.otherwise += 1
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Offers half as many calls again as there are points for. The last one that is admitted has priority.
    fn offer_all(&mut self, bar: &ProgressBar) -> Result<(), DrillError> {
        bar.set_message("offering");
        for _ in 0..self.figures.capacity * 3 / 2 {
            self.offer()?;
        }
        let (admitted, refused) = (self.figures.admitted, self.figures.refused);
        self.watch.note(format!("{admitted} calls are admitted, {refused} refused"));
        let newest = self.watch.calls.iter().max_by_key(|(_, number)| **number);
        if let Some((id, number)) = newest.map(|(id, number)| (id.clone(), *number)) {
            self.figures.priority = number;
            self.client.request(&Command::new("query").text("call-id", &id).list("flags", &["priority"]))?;
        }
        thread::sleep(WARM_UP);
        bar.inc(1);
        Ok(())
    }

    /// Measures the calls while others are offered and refused.
    fn offer_beyond(&mut self, bar: &ProgressBar) -> Result<(), DrillError> {
        bar.set_message("refusing");
        let until = Instant::now() + self.span();
        self.talker.begin();
        while Instant::now() < until {
            let next = Instant::now() + OFFER_EVERY;
            self.offer()?;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        self.figures.offering = self.talker.end()?;
        self.figures.refusals = self.refusals.summary();
        bar.inc(1);
        Ok(())
    }

    /// Neighbours take the core, more from step to step, until calls have been shed and no more are; then they go.
    fn crowd(&mut self, core: usize, bar: &ProgressBar) -> Result<(), DrillError> {
        bar.set_message("neighbours");
        let mut neighbours = Neighbours::default();
        for count in neighbour::steps(self.drill.neighbour) {
            neighbours.raise_to(count, core)?;
            self.figures.neighbours = u64::try_from(count).unwrap_or(u64::MAX);
            self.watch.note(format!("neighbours: {count}"));
            if self.look_until(STEP, |watch| !watch.shed.is_empty())? {
                break;
            }
        }
        bar.inc(1);
        bar.set_message("shedding");
        let is_over = |watch: &Watch| watch.last_shed.is_none_or(|last| last.elapsed() >= SHED_OVER);
        self.look_until(SHED_WITHIN, is_over)?;
        self.watch.note("no more calls are shed".to_owned());
        self.figures.beside = self.measure()?;
        bar.inc(1);
        drop(neighbours);
        bar.set_message("alone again");
        self.watch.note("the neighbours have gone".to_owned());
        self.look_until(ON_TIME_WITHIN, |watch| watch.now.late == 0)?;
        thread::sleep(WARM_UP);
        self.figures.after = self.measure()?;
        self.look()?;
        self.figures.least_budget = self.watch.least_budget;
        self.figures.shrank_first = self.watch.shrank_first;
        self.figures.shed.clone_from(&self.watch.shed);
        self.figures.shed_counted = self.watch.now.shed;
        self.figures.unknown_reports = self.watch.unknown;
        bar.inc(1);
        Ok(())
    }

    /// Measures the calls that are left.
    fn measure(&mut self) -> Result<Window, DrillError> {
        self.talker.begin();
        self.look_until(self.span(), |_| false)?;
        self.talker.end()
    }

    fn look(&mut self) -> Result<(), DrillError> {
        let shed = self.watch.look(&mut self.client)?;
        shed.into_iter().for_each(|number| self.talker.drop_call(number));
        Ok(())
    }

    /// Looks what the server says until `done`, or for so long; true where it is done.
    fn look_until(&mut self, span: Duration, done: impl Fn(&Watch) -> bool) -> Result<bool, DrillError> {
        let until = Instant::now() + span;
        loop {
            self.look()?;
            if done(&self.watch) {
                return Ok(true);
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}
