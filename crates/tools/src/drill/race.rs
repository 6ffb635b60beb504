//! `drill race`: many clients set up, change, query, merge and delete the same few calls at once. No proxy does that; but
//! proxies repeat, cross one another and are two, and what goes wrong between two requests shows soonest so.

mod requests;

use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use mediapoint_caller::delay::DelaySummary;
use mediapoint_caller::ng::{Client, Command};
use serde::Serialize;

use super::call::Party;
use super::holding::Holding;
use super::random::Random;
use super::report::{Check, Outcome, rate};
use super::server::Server;
use super::window::{Exchange, Window};
use super::{Drill, DrillError, progress};
use requests::Requests;

/// Requests that each client has under way.
const WINDOW: usize = 2;
/// Of a hundred requests, how many are sent twice at once, and how often one of before is repeated.
const TWICE: usize = 5;
const AGAIN: usize = 5;
/// How far back a repetition goes: a server remembers many more.
const AGO: usize = 64;
/// Rounds of `list` and `delete` in which everything must be gone.
const SWEEPS: usize = 20;

#[derive(Debug, Clone, Args)]
pub(super) struct Race {
    /// Requests in all, repetitions not counted
    #[arg(long, value_name = "NUMBER", default_value_t = Race::default().requests, value_parser = clap::value_parser!(u64).range(100..))]
    requests: u64,
    /// Clients at one time
    #[arg(long, value_name = "NUMBER", default_value_t = Race::default().clients, value_parser = clap::value_parser!(u64).range(1..=32))]
    clients: u64,
    /// Call-ids that they share
    #[arg(long, value_name = "NUMBER", default_value_t = Race::default().calls, value_parser = clap::value_parser!(u64).range(1..=1000))]
    calls: u64,
    /// What decides on each client's requests
    #[arg(long, value_name = "NUMBER", default_value_t = Race::default().seed)]
    seed: u64,
}

impl Default for Race {
    fn default() -> Self {
        Self { requests: 100_000, clients: 12, calls: 6, seed: 1 }
    }
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    requests: u64,
    repetitions: u64,
    seconds: f64,
    requests_per_second: f64,
    ok: u64,
    refused: u64,
    answer: DelaySummary,
    alive: bool,
    before: Holding,
    after: Holding,
    #[serde(skip)]
    exchange: Exchange,
}

impl Drill for Race {
    const NAME: &'static str = "race";

    fn command(&self) -> String {
        let Self { requests, clients, calls, seed } = self;
        format!(
            "mediapoint-tools drill race --requests {requests} --clients {clients} --calls {calls} --seed {seed}"
        )
    }

    fn flags(&self) -> Vec<String> {
        Vec::new()
    }

    fn run(&self, server: &Server) -> Result<Outcome, DrillError> {
        let figures = self.measure(server)?;
        Outcome::new((Self::NAME, self.command()), &figures, lines(&figures), judge(&figures))
    }
}

impl Race {
    fn measure(&self, server: &Server) -> Result<Figures, DrillError> {
        let mut client = server.client()?;
        let before = Holding::of(server, &mut client)?;
        let bar = progress("race", self.requests);
        let began = Instant::now();
        let exchange = self.race(server.ng(), &bar)?;
        let seconds = began.elapsed().as_secs_f64();
        bar.finish_and_clear();
        sweep(&mut client)?;
        let after = Holding::settled(server, &mut client, &before)?;
        Ok(Figures {
            requests: exchange.requests,
            repetitions: exchange.repetitions,
            seconds,
            requests_per_second: rate(exchange.requests, seconds),
            ok: exchange.ok,
            refused: exchange.refused,
            answer: exchange.delays.summary(),
            alive: client.ping().is_ok(),
            before,
            after,
            exchange,
        })
    }

    fn race(&self, server: SocketAddr, bar: &ProgressBar) -> Result<Exchange, DrillError> {
        let client = |number: u64| {
            let share = self.requests / self.clients + u64::from(number < self.requests % self.clients);
            // The seed of one client is not that of another for the next seed.
            let random = Random::new(self.seed.wrapping_mul(0x1_0001).wrapping_add(number));
            run(server, share, self.calls, random, bar)
        };
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..self.clients).map(|number| scope.spawn(move || client(number))).collect();
            let mut all = Exchange::default();
            for client in clients {
                all.extend(&client.join().map_err(|_| DrillError::Panicked)??);
            }
            Ok(all)
        })
    }
}

/// One client. All of them use the same cookies: what one asks must never be answered to another.
fn run(
    server: SocketAddr,
    requests: u64,
    calls: u64,
    mut random: Random,
    bar: &ProgressBar,
) -> Result<Exchange, DrillError> {
    let mut window = Window::new(server, "race", WINDOW)?;
    // Media goes here, and nobody reads it.
    let parties = [Party::new()?, Party::new()?];
    let mut script = Requests::new(&parties, calls);
    for _ in 0..requests {
        window.send(&script.next(&mut random), random.percent(TWICE))?;
        if random.percent(AGAIN) {
            window.repeat(random.below(AGO))?;
        }
        bar.inc(1);
    }
    window.finish()
}

/// Deletes every call that there is. Merged calls go with one of their ids.
fn sweep(client: &mut Client) -> Result<(), DrillError> {
    for _ in 0..SWEEPS {
        let ids = client.list(1_000)?;
        if ids.is_empty() {
            break;
        }
        for id in ids {
            // One that is gone already is what is wanted.
            drop(client.exchange(&Command::new("delete").text("call-id", &id), 1)?);
        }
    }
    Ok(())
}

fn judge(figures: &Figures) -> Vec<Check> {
    let mut checks = figures.exchange.judge();
    // Otherwise nothing was raced for.
    checks.push(Check::at_least("requests answered ok", figures.ok, figures.requests / 5));
    checks.push(Check::equal("server answers ping in the end", u64::from(figures.alive), 1));
    checks.extend(figures.after.judge(&figures.before));
    checks
}

fn lines(figures: &Figures) -> Vec<(String, String)> {
    let Figures { requests, repetitions, seconds, ok, refused, answer, .. } = figures;
    let [p50, p99, max] = [answer.p50_us, answer.p99_us, answer.max_us].map(|us| us / 1000.0);
    [
        (
            "requests/s",
            format!(
                "{:.0} ({requests} and {repetitions} repetitions in {seconds:.1} s)",
                figures.requests_per_second
            ),
        ),
        ("answers", format!("{ok} ok, {refused} refused")),
        ("answer", format!("p50 {p50:.2} ms, p99 {p99:.2} ms, longest {max:.1} ms")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        let exchange = Exchange { requests: 100, ok: 60, refused: 40, ..Exchange::default() };
        Figures {
            requests: 100,
            repetitions: 10,
            seconds: 1.0,
            requests_per_second: 100.0,
            ok: 60,
            refused: 40,
            answer: DelaySummary::default(),
            alive: true,
            before: Holding::default(),
            after: Holding::default(),
            exchange,
        }
    }

    fn failed(change: impl FnOnce(&mut Figures)) -> Vec<String> {
        let mut figures = good();
        change(&mut figures);
        judge(&figures).iter().filter_map(Check::failure).collect()
    }

    #[test]
    fn each_bad_figure_fails_by_its_name() {
        assert_eq!(failed(|_| {}), [""; 0]);
        let one = |failed: Vec<String>, what: &str| {
            assert!(failed.len() == 1 && failed[0].starts_with(what), "{what}: {failed:?}");
        };
        one(failed(|figures| figures.ok = 19), "requests answered ok: 19, at least 20");
        one(failed(|figures| figures.alive = false), "server answers ping");
        one(failed(|figures| figures.after.restarts = 1), "workers that failed");
        one(failed(|figures| figures.after.listed = 1), "call-ids left");
        one(failed(|figures| figures.exchange.unanswered = 1), "requests without an answer");
        one(failed(|figures| figures.exchange.surplus = 1), "answers beyond");
        one(failed(|figures| figures.exchange.malformed = 1), "answers that cannot be read");
        one(failed(|figures| figures.exchange.different = 1), "answers to a repetition");
        one(failed(|figures| figures.exchange.internal = 1), "internal errors");
        one(failed(|figures| figures.exchange.refused = 39), "requests answered ok or refused: 99, 100");
    }
}
