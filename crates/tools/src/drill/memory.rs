//! `drill memory`: whatever could make the server remember something, forged by the thousand, round after round. Bounded tables
//! fill in the first rounds; afterwards nothing may grow.

mod forged;

use std::time::{Duration, Instant};

use clap::Args;
use mediapoint_caller::delay::DelaySummary;
use mediapoint_caller::ng::{Client, Command};
use serde::Serialize;

use super::call::{self, Kind, Names, Party, Remote};
use super::holding::Holding;
use super::random::Random;
use super::report::{Check, Outcome, mib};
use super::server::Server;
use super::window::{Exchange, Window};
use super::{Drill, DrillError, progress};
use forged::Connections;

/// Requests under way at one time.
const WINDOW: usize = 8;
/// What a leg takes at once of its party's packets, and of RTCP: forging more in a round makes no more state.
const PACKETS: usize = 190;
const REPORTS: usize = 45;
/// A round takes no less, so that the legs' allowances are whole again in the next.
const ROUND: Duration = Duration::from_millis(550);

#[derive(Debug, Clone, Args)]
pub(super) struct Memory {
    /// Rounds; what the second half of them adds is judged, too
    #[arg(long, value_name = "NUMBER", default_value_t = Memory::default().rounds, value_parser = clap::value_parser!(u32).range(2..))]
    rounds: u32,
    /// Requests with forged names in each round
    #[arg(long, value_name = "NUMBER", default_value_t = Memory::default().requests)]
    requests: u32,
    /// Calls at whose legs SSRCs are forged, half of them with SRTP on one side
    #[arg(long, value_name = "NUMBER", default_value_t = Memory::default().calls, value_parser = clap::value_parser!(u64).range(2..=500))]
    calls: u64,
    /// Connections in each round that send half a message and wait
    #[arg(long, value_name = "NUMBER", default_value_t = Memory::default().connections, value_parser = clap::value_parser!(u16).range(..=2000))]
    connections: u16,
    /// MiB of resident memory that all of it may take
    #[arg(long, value_name = "MIB", default_value_t = Memory::default().bound)]
    bound: u64,
    /// MiB of resident memory that the second half of the rounds may add
    #[arg(long, value_name = "MIB", default_value_t = Memory::default().growth)]
    growth: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { rounds: 20, requests: 10_000, calls: 40, connections: 300, bound: 64, growth: 8 }
    }
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    rounds: u32,
    seconds: f64,
    forged_ssrcs: u64,
    forged_reports: u64,
    forged_cookies: u64,
    requests: u64,
    connections: u64,
    refused_connections: u64,
    answer: DelaySummary,
    before: Holding,
    /// Resident memory after each round, in bytes.
    resident: Vec<u64>,
    after: Holding,
    #[serde(skip)]
    exchange: Exchange,
}

impl Drill for Memory {
    const NAME: &'static str = "memory";

    fn command(&self) -> String {
        let Self { rounds, requests, calls, connections, bound, growth } = self;
        format!(
            "mediapoint-tools drill memory --rounds {rounds} --requests {requests} --calls {calls} --connections {connections} --bound {bound} --growth {growth}"
        )
    }

    fn flags(&self) -> Vec<String> {
        ["--ng-tcp", "127.0.0.1:0"].map(str::to_owned).into()
    }

    fn run(&self, server: &Server) -> Result<Outcome, DrillError> {
        let figures = self.measure(server)?;
        let checks = judge(&figures, self.bound, self.growth);
        Outcome::new((Self::NAME, self.command()), &figures, lines(&figures), checks)
    }
}

impl Memory {
    fn measure(&self, server: &Server) -> Result<Figures, DrillError> {
        let mut client = server.client()?;
        let before = Holding::of(server, &mut client)?;
        let calls = self.set_up(&mut client)?;
        let mut attack = Attack {
            random: Random::new(7),
            window: Window::new(server.ng(), "memory", WINDOW)?,
            calls: &calls,
            forged: Forged::default(),
        };
        let bar = progress("memory", u64::from(self.rounds));
        let began = Instant::now();
        let mut resident = Vec::new();
        for _ in 0..self.rounds {
            let started = Instant::now();
            let connections = attack.connections(server, self.connections)?;
            attack.media()?;
            attack.requests(self.requests)?;
            // Not a wait for anything: the pace of the attack.
            std::thread::sleep(ROUND.saturating_sub(started.elapsed()));
            resident.push(server.process().resident()?);
            drop(connections);
            bar.inc(1);
        }
        let exchange = attack.window.finish()?;
        let forged = attack.forged;
        let seconds = began.elapsed().as_secs_f64();
        bar.finish_and_clear();
        for call in &calls {
            // With all parties that were added.
            client.request(&Command::new("delete").text("call-id", &call.names.id))?;
        }
        let after = Holding::settled(server, &mut client, &before)?;
        let statistics = client.statistics()?;
        let control = |key| statistics.int_at(&["statistics", "controlport", key]).unwrap_or_default();
        Ok(Figures {
            rounds: self.rounds,
            seconds,
            forged_ssrcs: forged.ssrcs,
            forged_reports: forged.reports,
            forged_cookies: forged.cookies,
            requests: exchange.requests,
            connections: forged.connections,
            refused_connections: control("refusedconnections"),
            answer: exchange.delays.summary(),
            before,
            resident,
            after,
            exchange,
        })
    }

    fn set_up(&self, client: &mut Client) -> Result<Vec<Call>, DrillError> {
        (0..self.calls).map(|number| Call::set_up(client, number)).collect()
    }
}

/// A call that is attacked from its parties' own addresses.
struct Call {
    names: Names,
    parties: [Party; 2],
    remotes: [Remote; 2],
}

impl Call {
    fn set_up(client: &mut Client, number: u64) -> Result<Self, DrillError> {
        let (names, parties) = (Names::new("memory", number), [Party::new()?, Party::new()?]);
        let kind = if number.is_multiple_of(2) { Kind::Relay } else { Kind::Srtp };
        let [caller, callee] = &parties;
        let remotes = call::set_up(&names, kind, [caller, callee], |command| Ok(client.request(command)?))?;
        Ok(Self { names, parties, remotes })
    }
}

/// How much was forged.
#[derive(Debug, Clone, Copy, Default)]
struct Forged {
    ssrcs: u64,
    reports: u64,
    cookies: u64,
    connections: u64,
}

/// One round after another.
struct Attack<'a> {
    random: Random,
    window: Window,
    calls: &'a [Call],
    forged: Forged,
}

impl Attack<'_> {
    /// An SSRC of its own in every packet and report, as many as the legs take at once.
    fn media(&mut self) -> Result<(), DrillError> {
        for call in self.calls {
            for (party, remote) in call.parties.iter().zip(&call.remotes) {
                for _ in 0..PACKETS {
                    party.rtp.send_to(&forged::packet(&mut self.random), remote.rtp)?;
                }
                for _ in 0..REPORTS {
                    party.rtcp.send_to(&super::rtp::bye(self.random.u32()), remote.rtcp)?;
                }
                party.drain();
                self.forged.ssrcs += u64::try_from(PACKETS).unwrap_or(u64::MAX);
                self.forged.reports += u64::try_from(REPORTS).unwrap_or(u64::MAX);
            }
        }
        Ok(())
    }

    /// Call-ids and tags that there are not, cookies of any form, deletes of what is not there.
    fn requests(&mut self, requests: u32) -> Result<(), DrillError> {
        for _ in 0..requests {
            let id = |call: Option<&'_ Call>| call.map(|call| call.names.id.clone()).unwrap_or_default();
            let known = id(self.calls.get(self.random.below(self.calls.len())));
            let command = forged::command(&mut self.random, &known, &id(self.calls.first()));
            if self.random.percent(20) {
                let cookie = self.random.text(64);
                self.window.send_as(cookie, &command, false)?;
                self.forged.cookies += 1;
            } else {
                self.window.send(&command, false)?;
            }
            if self.random.percent(5) {
                self.window.send_unanswerable(&forged::no_message(&mut self.random))?;
                self.forged.cookies += 1;
            }
        }
        Ok(())
    }

    fn connections(&mut self, server: &Server, count: u16) -> Result<Connections, DrillError> {
        let at = server.ng_tcp().ok_or(DrillError::Lacking("a control port for connections"))?;
        let connections = Connections::open(at, count)?;
        self.forged.connections += connections.len();
        Ok(connections)
    }
}

fn judge(figures: &Figures, bound: u64, growth: u64) -> Vec<Check> {
    let mut checks = figures.exchange.judge();
    checks.extend(figures.after.judge(&figures.before));
    let (first, last) = halves(&figures.resident);
    let most = figures.resident.iter().copied().max().unwrap_or(u64::MAX);
    checks.push(Check::growth("memory at most beside that before", figures.before.resident, most, bound));
    checks.push(Check::growth("memory of the last half beside the first", first, last, growth));
    checks
}

/// The most that the first half of the rounds took, and all.
fn halves(resident: &[u64]) -> (u64, u64) {
    let (first, last) = resident.split_at(resident.len() / 2);
    let most = |half: &[u64]| half.iter().copied().max();
    (most(first).unwrap_or(0), most(last).unwrap_or(u64::MAX))
}

fn lines(figures: &Figures) -> Vec<(String, String)> {
    let Figures { rounds, seconds, forged_ssrcs, forged_reports, requests, .. } = figures;
    let [p50, p99] = [figures.answer.p50_us, figures.answer.p99_us].map(|us| us / 1000.0);
    let (first, last) = halves(&figures.resident);
    [
        ("rounds", format!("{rounds} in {seconds:.1} s")),
        (
            "forged",
            format!("{forged_ssrcs} SSRCs, {forged_reports} reports, {} cookies", figures.forged_cookies),
        ),
        ("requests", format!("{requests}, p50 {p50:.2} ms, p99 {p99:.2} ms")),
        (
            "half messages",
            format!("{} connections, {} refused", figures.connections, figures.refused_connections),
        ),
        (
            "memory",
            format!(
                "{} before, at most {} in the first half, {} in the second, {} after the calls",
                mib(figures.before.resident),
                mib(first),
                mib(last),
                mib(figures.after.resident)
            ),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Figures {
        let holding = Holding { resident: 10 << 20, descriptors: 20, ..Holding::default() };
        Figures {
            rounds: 4,
            seconds: 2.0,
            forged_ssrcs: 1000,
            forged_reports: 100,
            forged_cookies: 10,
            requests: 100,
            connections: 10,
            refused_connections: 0,
            answer: DelaySummary::default(),
            before: holding,
            resident: [20, 40, 38, 42].map(|mib| mib << 20).into(),
            after: holding,
            exchange: Exchange { requests: 100, ok: 10, refused: 90, ..Exchange::default() },
        }
    }

    fn failed(change: impl FnOnce(&mut Figures)) -> Vec<String> {
        let mut figures = good();
        change(&mut figures);
        judge(&figures, 64, 8).iter().filter_map(Check::failure).collect()
    }

    #[test]
    fn each_bad_figure_fails_by_its_name() {
        assert_eq!(failed(|_| {}), [""; 0]);
        let one = |failed: Vec<String>, what: &str| {
            assert!(failed.len() == 1 && failed[0].starts_with(what), "{what}: {failed:?}");
        };
        one(
            failed(|figures| figures.resident = vec![75 << 20; 4]),
            "memory at most beside that before: +65.0",
        );
        one(failed(|figures| figures.resident[3] = 49 << 20), "memory of the last half");
        one(failed(|figures| figures.after.descriptors = 21), "descriptors");
        one(failed(|figures| figures.exchange.surplus = 1), "answers beyond");
        assert_eq!(failed(|figures| figures.resident.clear()).len(), 2, "nothing measured is nothing shown");
    }
}
