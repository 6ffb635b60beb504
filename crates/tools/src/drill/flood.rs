//! `drill flood`: somebody sends as fast as possible, while honest calls go on. What a leg takes is bounded by what its media can
//! need, so that neither the other party nor anybody else's call pays for it.

mod attacker;
mod judge;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use mediapoint_caller::load::{Kind as LoadKind, LoadConfig, LoadGenerator, LoadReport};
use mediapoint_caller::ng::Client;
use mediapoint_caller::sdes::Suite;
use serde::Serialize;

use super::call::{self, Kind, Names, Party};
use super::holding::{Holding, dropped, total};
use super::process::kernel_drops;
use super::report::{Outcome, rate};
use super::server::Server;
use super::{Drill, DrillError, progress};
use attacker::{Sent, Strangers};
use judge::{judge, lines};

/// How long honest calls may take to come about.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Honest calls talk so long before they are measured; in that time the flood begins.
const WARM_UP: Duration = Duration::from_millis(1_500);
/// How often it is looked whether they do.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The generator of honest calls sleeps so long between its rounds, since it shares its core with the attack.
const TICK: Duration = Duration::from_micros(500);

#[derive(Debug, Clone, Args)]
pub(super) struct Flood {
    /// Honest calls
    #[arg(long, value_name = "NUMBER", default_value_t = Flood::default().calls, value_parser = clap::value_parser!(u16).range(1..=1000))]
    calls: u16,
    /// Packets a second that are sent, or as many as one core can beside the honest calls
    #[arg(long, value_name = "NUMBER", default_value_t = Flood::default().rate, value_parser = clap::value_parser!(u32).range(1000..))]
    rate: u32,
    /// Seconds of each flood
    #[arg(long, value_name = "SECONDS", default_value_t = Flood::default().seconds, value_parser = clap::value_parser!(u16).range(1..=3600))]
    seconds: u16,
    /// Packets that honest calls may lose in each flood
    #[arg(long, value_name = "NUMBER", default_value_t = Flood::default().lost)]
    lost: u64,
}

impl Default for Flood {
    fn default() -> Self {
        Self { calls: 50, rate: 200_000, seconds: 10, lost: 0 }
    }
}

/// Who floods what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Who {
    /// One party of a call its own leg, from its own address, with packets in sequence.
    Party,
    /// Strangers the legs of the honest calls.
    Strangers,
    /// Somebody in the place of a party its SRTP leg, with another SSRC in each packet and a tag that is not authentic.
    Forger,
}

impl Who {
    const ALL: [Self; 3] = [Self::Party, Self::Strangers, Self::Forger];

    fn name(self) -> &'static str {
        match self {
            Self::Party => "party",
            Self::Strangers => "strangers",
            Self::Forger => "forged SSRCs",
        }
    }

    /// What the honest calls are.
    fn load(self) -> LoadKind {
        match self {
            Self::Party | Self::Strangers => LoadKind::RELAY,
            Self::Forger => LoadKind::RELAY.with_srtp(Suite::AesCm128Sha80),
        }
    }
}

/// What was measured in one flood.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    who: Who,
    sent: u64,
    seconds: f64,
    packets_per_second: f64,
    /// What came out at the other party of the flooding one, and in how long.
    came_out: u64,
    window: f64,
    /// Counted by the server, by reason.
    flood: u64,
    foreign_source: u64,
    not_authentic: u64,
    /// Taken from the flooding party.
    taken: u64,
    /// Thrown away by the kernel, which had no room in a socket's buffer.
    kernel: u64,
    honest: LoadReport,
}

impl Drill for Flood {
    const NAME: &'static str = "flood";

    fn command(&self) -> String {
        let Self { calls, rate, seconds, lost } = self;
        format!(
            "mediapoint-tools drill flood --calls {calls} --rate {rate} --seconds {seconds} --lost {lost}"
        )
    }

    fn flags(&self) -> Vec<String> {
        Vec::new()
    }

    fn run(&self, server: &Server) -> Result<Outcome, DrillError> {
        let mut client = server.client()?;
        let before = Holding::of(server, &mut client)?;
        let bar = progress("flood", 3);
        let mut floods = Vec::new();
        for who in Who::ALL {
            bar.set_message(who.name());
            floods.push(self.flood(server, &mut client, who)?);
            bar.inc(1);
        }
        let after = Holding::settled(server, &mut client, &before)?;
        bar.finish_and_clear();
        let mut checks: Vec<_> = floods.iter().flat_map(|figures| judge(figures, self.lost)).collect();
        checks.extend(after.judge(&before));
        let lines = floods.iter().flat_map(lines).collect();
        Outcome::new((Self::NAME, self.command()), &floods, lines, checks)
    }
}

impl Flood {
    fn flood(&self, server: &Server, client: &mut Client, who: Who) -> Result<Figures, DrillError> {
        let before = Counted::read(client)?;
        let over = AtomicBool::new(false);
        let (honest, sent, taken) = thread::scope(|scope| {
            let load = scope.spawn(|| {
                let report = LoadGenerator::new(self.load(server, who)).and_then(|load| load.run());
                over.store(true, Ordering::Relaxed);
                report
            });
            let flooded = self.attack(client, who, &over);
            let honest = load.join().map_err(|_| DrillError::Panicked)??;
            let (sent, taken) = flooded?;
            Ok::<_, DrillError>((honest, sent, taken))
        })?;
        let flooded_call = u64::from(who != Who::Strangers);
        let counted = Counted::after(client, &before, u64::from(self.calls) + flooded_call)?;
        Ok(Figures {
            who,
            sent: sent.packets,
            seconds: sent.seconds,
            packets_per_second: rate(sent.packets, sent.seconds),
            came_out: sent.came_out,
            window: sent.window,
            flood: counted.flood,
            foreign_source: counted.foreign_source,
            not_authentic: counted.not_authentic,
            taken,
            kernel: counted.kernel,
            honest,
        })
    }

    fn load(&self, server: &Server, who: Who) -> LoadConfig {
        LoadConfig {
            server_pid: Some(server.process().pid()),
            calls: self.calls.into(),
            kind: who.load(),
            duration: Duration::from_secs(self.seconds.into()),
            warm_up: WARM_UP,
            core: server.load_core,
            tick: TICK,
            baseline: Duration::ZERO,
            progress: false,
            ..LoadConfig::new(server.ng())
        }
    }

    /// Floods until the honest calls are over. Gives what was sent, and what the server took of it.
    fn attack(&self, client: &mut Client, who: Who, over: &AtomicBool) -> Result<(Sent, u64), DrillError> {
        match who {
            Who::Party => self.party_floods(client, Kind::Relay, over),
            Who::Forger => self.party_floods(client, Kind::Srtp, over),
            Who::Strangers => {
                let strangers = Strangers::new(legs(client, self.calls.into(), over)?)?;
                Ok((strangers.flood(self.rate, over)?, 0))
            }
        }
    }

    /// A call beside the honest ones, whose callee floods while its caller counts what comes. With keys on the callee's side what
    /// it sends is forged.
    fn party_floods(
        &self,
        client: &mut Client,
        kind: Kind,
        over: &AtomicBool,
    ) -> Result<(Sent, u64), DrillError> {
        let (names, parties) = (Names::new("flood", 1), [Party::new()?, Party::new()?]);
        let [caller, callee] = &parties;
        let [_, to_callee] =
            call::set_up(&names, kind, [caller, callee], |command| Ok(client.request(command)?))?;
        let forges = kind == Kind::Srtp;
        let sent = attacker::party((callee, to_callee, forges), caller, self.rate, over)?;
        let taken = client.query(&names.id)?.rtp().packets;
        client.request(&names.delete())?;
        Ok((sent, taken))
    }
}

/// Ports of the honest calls' legs, once all calls are there. A stranger would guess them.
fn legs(client: &mut Client, calls: usize, over: &AtomicBool) -> Result<Vec<u16>, DrillError> {
    let deadline = Instant::now() + PATIENCE;
    let mut found = 0;
    while Instant::now() < deadline && !over.load(Ordering::Relaxed) {
        let ids = client.list(u32::try_from(calls).unwrap_or(u32::MAX))?;
        found = ids.len();
        if found >= calls {
            let mut ports = Vec::new();
            for id in &ids {
                ports.extend(ports_of(client, id)?);
            }
            return Ok(ports);
        }
        thread::sleep(LOOK_EVERY);
    }
    Err(DrillError::Calls { found, wanted: calls })
}

/// The RTP ports of a call's legs.
fn ports_of(client: &mut Client, id: &str) -> Result<Vec<u16>, DrillError> {
    let query = client.query(id)?;
    let tags = query.reply().value("tags").and_then(|tags| tags.as_dict());
    let mut ports = Vec::new();
    for party in tags.into_iter().flat_map(|tags| tags.values()) {
        let medias = party.as_dict().and_then(|party| party.get("medias".as_bytes()));
        let Some(media) = medias.and_then(|medias| medias.as_array()?.first()?.as_dict()) else { continue };
        let streams = media.get("streams".as_bytes()).and_then(|streams| streams.as_array());
        let port =
            streams.and_then(|streams| streams.first()?.as_dict()?.get("local port".as_bytes())?.as_u64());
        ports.extend(port.and_then(|port| u16::try_from(port).ok()));
    }
    Ok(ports)
}

/// What the server and the kernel have counted since they started.
#[derive(Debug, Clone, Copy)]
struct Counted {
    ended: u64,
    flood: u64,
    foreign_source: u64,
    not_authentic: u64,
    kernel: u64,
}

impl Counted {
    fn read(client: &mut Client) -> Result<Self, DrillError> {
        let statistics = client.statistics()?;
        Ok(Self {
            ended: total(&statistics, "managedsessions"),
            flood: dropped(&statistics, "flood"),
            foreign_source: dropped(&statistics, "foreign_source"),
            not_authentic: dropped(&statistics, "not_authentic"),
            kernel: kernel_drops(),
        })
    }

    /// Waits until so many calls have ended since `before`, whose figures come in a moment after the answer to `delete`.
    fn after(client: &mut Client, before: &Self, calls: u64) -> Result<Self, DrillError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counted = Self::read(client)?.since(before);
            if counted.ended >= calls || Instant::now() > deadline {
                return Ok(counted);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            ended: self.ended - before.ended,
            flood: self.flood - before.flood,
            foreign_source: self.foreign_source - before.foreign_source,
            not_authentic: self.not_authentic - before.not_authentic,
            kernel: self.kernel.saturating_sub(before.kernel),
        }
    }
}
