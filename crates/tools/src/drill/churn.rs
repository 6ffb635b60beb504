//! `drill churn`: calls set up, used and deleted as fast as the control port answers. A server that runs for a year sets up
//! many more; whatever a call leaves behind would fill it.

mod voice;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use mediapoint_caller::delay::{DelaySummary, Delays};
use mediapoint_caller::ng::{Client, Command, NgError, Reply};
use serde::Serialize;

use super::call::{self, Kind, Names, Party};
use super::holding::Holding;
use super::report::{Check, Outcome, mib, rate};
use super::server::Server;
use super::{Drill, DrillError, progress};
use voice::Voice;

#[derive(Debug, Clone, Args)]
pub(super) struct Churn {
    /// Calls in all; every fourth with SRTP on one side, every eighth transcoded to G.729
    #[arg(long, value_name = "NUMBER", default_value_t = Churn::default().calls, value_parser = clap::value_parser!(u64).range(2..))]
    calls: u64,
    /// Calls at one time
    #[arg(long, value_name = "NUMBER", default_value_t = Churn::default().parallel, value_parser = clap::value_parser!(u64).range(1..=128))]
    parallel: u64,
    /// Packets that each party of a call sends at once, before it goes on at their pace until one has come through; SRTP
    /// parties send none
    #[arg(long, value_name = "NUMBER", default_value_t = Churn::default().packets, value_parser = clap::value_parser!(u16).range(1..=50))]
    packets: u16,
    /// MiB of resident memory that the second half of the calls may add to the first
    #[arg(long, value_name = "MIB", default_value_t = Churn::default().growth)]
    growth: u64,
}

impl Default for Churn {
    fn default() -> Self {
        Self { calls: 20_000, parallel: 16, packets: 5, growth: 8 }
    }
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    calls: u64,
    seconds: f64,
    calls_per_second: f64,
    requests: u64,
    not_ok: u64,
    first_refusal: Option<String>,
    unheard: u64,
    /// Calls in which all packets sent at once came before the answer was in effect.
    early: u64,
    offer: DelaySummary,
    answer: DelaySummary,
    query: DelaySummary,
    delete: DelaySummary,
    relayed_packets: u64,
    before: Holding,
    middle: Holding,
    after: Holding,
}

impl Drill for Churn {
    const NAME: &'static str = "churn";

    fn command(&self) -> String {
        let Self { calls, parallel, packets, growth } = self;
        format!(
            "mediapoint-tools drill churn --calls {calls} --parallel {parallel} --packets {packets} --growth {growth}"
        )
    }

    /// Few ports: with 2,000 pairs every one is lent again many times, and calls would be refused if some were not given back.
    fn flags(&self) -> Vec<String> {
        ["--ports", "20000-23999"].map(str::to_owned).into()
    }

    fn run(&self, server: &Server) -> Result<Outcome, DrillError> {
        let figures = self.measure(server)?;
        Outcome::new((Self::NAME, self.command()), &figures, lines(&figures), judge(&figures, self.growth))
    }
}

impl Churn {
    fn measure(&self, server: &Server) -> Result<Figures, DrillError> {
        let mut client = server.client()?;
        let before = Holding::of(server, &mut client)?;
        let bar = progress("churn", self.calls);
        let began = Instant::now();
        let mut all = self.churn(server, 0..self.calls / 2, &bar)?;
        let first = began.elapsed();
        let middle = Holding::settled(server, &mut client, &before)?;
        let began = Instant::now();
        all.extend(&self.churn(server, self.calls / 2..self.calls, &bar)?);
        let seconds = (first + began.elapsed()).as_secs_f64();
        let after = Holding::settled(server, &mut client, &before)?;
        bar.finish_and_clear();
        let [offer, answer, query, delete] = all.delays.map(|delays| delays.summary());
        Ok(Figures {
            calls: self.calls,
            seconds,
            calls_per_second: rate(self.calls, seconds),
            requests: all.requests,
            not_ok: all.not_ok,
            first_refusal: all.first_refusal,
            unheard: all.unheard,
            early: all.early,
            offer,
            answer,
            query,
            delete,
            relayed_packets: super::holding::total(&client.statistics()?, "relayedpackets"),
            before,
            middle,
            after,
        })
    }

    fn churn(
        &self,
        server: &Server,
        calls: std::ops::Range<u64>,
        bar: &ProgressBar,
    ) -> Result<Tally, DrillError> {
        let next = AtomicU64::new(calls.start);
        let work = || {
            let mut worker = Worker::new(server, self.packets)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls.end {
                    return Ok(worker.tally);
                }
                worker.call(number)?;
                bar.inc(1);
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.parallel).map(|_| scope.spawn(work)).collect();
            let mut all = Tally::default();
            for worker in workers {
                let tally: Result<Tally, DrillError> = worker.join().map_err(|_| DrillError::Panicked)?;
                all.extend(&tally?);
            }
            Ok(all)
        })
    }
}

/// What one thread counted.
#[derive(Debug, Clone, Default)]
struct Tally {
    requests: u64,
    not_ok: u64,
    first_refusal: Option<String>,
    unheard: u64,
    early: u64,
    /// Of offers, answers, queries and deletes.
    delays: [Delays; 4],
}

impl Tally {
    fn extend(&mut self, other: &Self) {
        self.requests += other.requests;
        self.not_ok += other.not_ok;
        self.unheard += other.unheard;
        self.early += other.early;
        if self.first_refusal.is_none() {
            self.first_refusal.clone_from(&other.first_refusal);
        }
        self.delays.iter_mut().zip(&other.delays).for_each(|(own, other)| own.extend(other));
    }

    /// Sends a request and books how long its answer took.
    fn ask(&mut self, client: &mut Client, command: &Command) -> Result<Reply, DrillError> {
        let began = Instant::now();
        let reply = client.request(command);
        let place = match command.name() {
            "offer" => 0,
            "answer" => 1,
            "query" => 2,
            _ => 3,
        };
        if let Some(delays) = self.delays.get_mut(place) {
            delays.record(began.elapsed());
        }
        self.requests += 1;
        Ok(reply?)
    }
}

/// One call after another on the same sockets.
struct Worker {
    client: Client,
    caller: Party,
    callee: Party,
    packets: u16,
    tally: Tally,
}

impl Worker {
    fn new(server: &Server, packets: u16) -> Result<Self, DrillError> {
        Ok(Self {
            client: server.client()?,
            caller: Party::new()?,
            callee: Party::new()?,
            packets,
            tally: Tally::default(),
        })
    }

    /// A call from its offer to its delete. One that is refused is counted, and nothing else is done with it.
    fn call(&mut self, number: u64) -> Result<(), DrillError> {
        let kind = match number % 8 {
            0 => Kind::Transcoded,
            2 | 6 => Kind::Srtp,
            _ => Kind::Relay,
        };
        self.caller.drain();
        self.callee.drain();
        match self.use_call(&Names::new("churn", number), kind) {
            Err(DrillError::Ng(error @ (NgError::Refused { .. } | NgError::LoadLimit(_)))) => {
                self.tally.not_ok += 1;
                self.tally.first_refusal.get_or_insert_with(|| error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn use_call(&mut self, names: &Names, kind: Kind) -> Result<(), DrillError> {
        let Self { client, caller, callee, packets, tally } = self;
        let remotes = call::set_up(names, kind, [&*caller, &*callee], |command| tally.ask(client, command))?;
        let [to_caller, to_callee] = remotes;
        // What a party receives comes from the address that it sends to.
        let mut voices = vec![Voice::new(caller, to_caller, callee, to_callee)];
        if kind == Kind::Relay {
            voices.push(Voice::new(callee, to_callee, caller, to_caller));
        }
        for voice in &mut voices {
            (0..*packets).try_for_each(|_| voice.send())?;
        }
        for voice in &mut voices {
            let (heard, more) = voice.wait()?;
            tally.unheard += u64::from(!heard);
            // A jitter buffer takes its time.
            tally.early += u64::from(heard && more > 0 && kind != Kind::Transcoded);
        }
        tally.ask(client, &names.query())?;
        tally.ask(client, &names.delete())?;
        Ok(())
    }
}

fn judge(figures: &Figures, growth: u64) -> Vec<Check> {
    let mut checks = vec![
        Check::equal("requests answered", figures.requests, 4 * figures.calls),
        Check::none("requests not answered ok", figures.not_ok),
        Check::none("parties that received nothing", figures.unheard),
        Check::at_least("packets that the server took", figures.relayed_packets, figures.calls),
    ];
    checks.extend(figures.after.judge(&figures.before));
    checks.push(Check::growth(
        "memory after all calls beside half of them",
        figures.middle.resident,
        figures.after.resident,
        growth,
    ));
    checks
}

fn lines(figures: &Figures) -> Vec<(String, String)> {
    let time = |delay: &DelaySummary| {
        let ms = |us: f64| us / 1000.0;
        format!(
            "p50 {:.2} ms, p99 {:.2} ms, longest {:.1} ms",
            ms(delay.p50_us),
            ms(delay.p99_us),
            ms(delay.max_us)
        )
    };
    let resident = [figures.before, figures.middle, figures.after].map(|holding| mib(holding.resident));
    let mut lines = vec![
        (
            "calls/s",
            format!("{:.0} ({} in {:.1} s)", figures.calls_per_second, figures.calls, figures.seconds),
        ),
        ("offer", time(&figures.offer)),
        ("answer", time(&figures.answer)),
        ("query", time(&figures.query)),
        ("delete", time(&figures.delete)),
        ("packets too early", format!("of {} parties, in the moment after the answer", figures.early)),
        ("memory", format!("{} before, {} after half, {} after all", resident[0], resident[1], resident[2])),
    ];
    if let Some(refusal) = &figures.first_refusal {
        lines.push(("first refusal", refusal.clone()));
    }
    lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        let none = DelaySummary::default();
        let holding = Holding { resident: 20 << 20, descriptors: 30, ..Holding::default() };
        Figures {
            calls: 100,
            seconds: 1.0,
            calls_per_second: 100.0,
            requests: 400,
            not_ok: 0,
            first_refusal: None,
            unheard: 0,
            early: 0,
            offer: none,
            answer: none,
            query: none,
            delete: none,
            relayed_packets: 800,
            before: Holding { resident: 10 << 20, ..holding },
            middle: holding,
            after: holding,
        }
    }

    fn failed(change: impl FnOnce(&mut Figures)) -> Vec<String> {
        let mut figures = good();
        change(&mut figures);
        judge(&figures, 8).iter().filter_map(Check::failure).collect()
    }

    #[test]
    fn figures_that_are_as_they_should_be_pass() {
        assert_eq!(failed(|_| {}), [""; 0]);
        assert_eq!(failed(|figures| figures.after.resident = 28 << 20), [""; 0], "the margin");
    }

    #[test]
    fn each_bad_figure_fails_by_its_name() {
        let one = |failed: Vec<String>, what: &str| {
            assert!(failed.len() == 1 && failed[0].starts_with(what), "{what}: {failed:?}");
        };
        one(failed(|figures| figures.requests -= 1), "requests answered");
        one(failed(|figures| figures.not_ok = 1), "requests not answered ok");
        one(failed(|figures| figures.unheard = 1), "parties that received nothing");
        one(failed(|figures| figures.relayed_packets = 99), "packets that the server took");
        one(failed(|figures| figures.after.calls = 1), "calls left");
        one(failed(|figures| figures.after.descriptors += 2), "descriptors");
        one(failed(|figures| figures.after.resident = (28 << 20) + 1), "memory after all calls");
    }
}
