//! Runs the servers and the generator: on the loopback address, or over a virtual network, where both cores' whole time counts.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::network::Network;
use super::profile;
use super::ratios::beyond;
use super::server::{Kind, OPEN_FILES, Place, Server, forwards};
use super::{Load, Options};
use crate::error::Error;
use crate::setup::{self, Feature};
use crate::shell::Program;

/// How often the generator looks at its sockets over a network, in µs. On the loopback address it never sleeps, so its core says
/// nothing of what it does.
const TICK_US: u32 = 1_000;

/// What a core does at most on a machine that does nothing else.
const QUIET_PERCENT: f64 = 5.0;

/// Keys of a report, as JSON pointers.
pub(super) const BUSY: &str = "/cores/busy_percent";
const RATE: &str = "/packets_per_second";

/// All that runs have in common.
pub(super) struct Bench<'a> {
    pub(super) options: &'a Options,
    /// Cargo's target folder.
    pub(super) target: PathBuf,
    pub(super) network: Option<Network>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(options: &'a Options, target: PathBuf) -> Result<Self, Error> {
        if options.profile.is_some() {
            setup::ensure(&[Feature::CompareProfile])?;
        }
        let network = if options.network {
            setup::ensure(&[Feature::CompareNetwork])?;
            Some(Network::new()?)
        } else {
            None
        };
        Ok(Self { options, target, network })
    }

    /// The servers that take calls here.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![Kind::Sockets];
        if self.network.is_some() {
            kinds.push(Kind::Xdp);
            if forwards(&self.target) {
                kinds.push(Kind::Forwarding);
            }
        }
        kinds.push(Kind::Rtpengine);
        let only = self.options.only.as_deref();
        kinds.retain(|kind| only.is_none_or(|only| (only == "mediapoint") == kind.is_ours()));
        kinds
    }

    pub(super) fn place(&self) -> Result<Place, Error> {
        self.network.as_ref().map_or_else(Place::loopback, |network| Ok(network.place()))
    }

    /// One run: a fresh server, one load, the generator's report. `alone` is what it says without a server, in the same round.
    pub(super) fn measure(&self, kind: Kind, load: &Load, alone: Option<&Value>) -> Result<Value, Error> {
        let place = self.place()?;
        let server = Server::start(kind, &place, self.options.server_core, &self.target)?;
        let mut arguments = self.arguments(load);
        arguments.extend([format!("--ng={}", place.ng()), format!("--pid={}", server.pid())]);
        let mut report = self.profiled(kind.name(), &load.name(), "load", arguments)?;
        if let Some(alone) = alone {
            let number = |report: &Value, key| report.pointer(key).and_then(Value::as_f64);
            let whole = beyond(number(&report, BUSY), number(alone, BUSY), number(&report, RATE));
            let own = number(alone, "/cores/us_per_packet");
            add(&mut report, "whole", json!({ "us_per_packet": whole, "alone_us_per_packet": own }));
        }
        Ok(report)
    }

    /// For the generator of calls: over a network there is no need to know how long packets take on the loopback address.
    pub(super) fn arguments(&self, load: &Load) -> Vec<String> {
        let mut arguments = load.arguments();
        arguments.extend(self.network.as_ref().map(|_| "--baseline=0".to_owned()));
        arguments
    }

    /// The same load with no server, over the network; `None` where there is none.
    pub(super) fn alone(&self, program: &str, mut arguments: Vec<String>) -> Result<Option<Value>, Error> {
        let Some(network) = &self.network else { return Ok(None) };
        arguments.extend(network.far());
        let report = self.generate(program, arguments)?;
        if let Some(busy) = disturbed(&report, self.options.server_core) {
            println!(
                "The server's core was {busy:.0} % busy without a server: something else runs here, `in all` says little."
            );
        }
        Ok(Some(report))
    }

    /// As [`generate`](Self::generate), with a profile of the run where one is wanted.
    pub(super) fn profiled(
        &self,
        server: &str,
        load: &str,
        program: &str,
        arguments: Vec<String>,
    ) -> Result<Value, Error> {
        let Some(folder) = &self.options.profile else { return self.generate(program, arguments) };
        std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.clone(), source })?;
        let file = folder.join(format!("{server}-{load}.data"));
        let report = self.generate_under(profile::recording(&file), program, arguments)?;
        profile::print(&file, server)?;
        Ok(report)
    }

    /// Runs a generator and reads its report.
    pub(super) fn generate(&self, program: &str, arguments: Vec<String>) -> Result<Value, Error> {
        self.generate_under(Vec::new(), program, arguments)
    }

    fn generate_under(
        &self,
        mut words: Vec<String>,
        program: &str,
        arguments: Vec<String>,
    ) -> Result<Value, Error> {
        let Options { seconds, load_core, server_core, .. } = self.options;
        if let Some(network) = &self.network {
            words.extend(network.enter_client());
        }
        words.extend(["sh", "-c", OPEN_FILES, "load"].map(str::to_owned));
        words.push(self.target.join("release").join("examples").join(program).display().to_string());
        words.extend([format!("--seconds={seconds}"), format!("--core={load_core}"), "--json".to_owned()]);
        if let Some(network) = &self.network {
            words.extend([
                format!("--address={}", network.client_address()),
                format!("--tick={TICK_US}"),
                format!("--cores={load_core},{server_core}"),
            ]);
        }
        words.extend(arguments);
        let (first, rest) = words.split_first().map_or(("sh", [].as_slice()), |(first, rest)| (first, rest));
        let text = Program::new(first, rest).output()?;
        serde_json::from_str(&text)
            .map_err(|error| Error::Tool(format!("the load generator's report: {error}")))
    }
}

/// How busy the server's core was in a run without a server, where that is more than a quiet machine does.
fn disturbed(alone: &Value, core: usize) -> Option<f64> {
    let cores = alone.pointer("/cores/cores")?.as_array()?;
    let used =
        cores.iter().find(|used| used.pointer("/core").and_then(Value::as_u64) == Some(core as u64))?;
    used.pointer("/busy_percent")?.as_f64().filter(|busy| *busy > QUIET_PERCENT)
}

/// Puts a key into a report.
pub(super) fn add(report: &mut Value, key: &str, value: Value) {
    if let Some(keys) = report.as_object_mut() {
        keys.insert(key.to_owned(), value);
    }
}

/// How this kernel counts: `true` where soft interrupts are charged to the task that they interrupt; `None` where it does not say.
pub(super) fn charges_softirq() -> Option<bool> {
    let running = Program::new("zcat", ["/proc/config.gz"]).output_quiet();
    let config = running.or_else(|| {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        std::fs::read_to_string(format!("/boot/config-{}", release.trim())).ok()
    })?;
    Some(is_charging(&config))
}

fn is_charging(config: &str) -> bool {
    !config.lines().any(|line| line == "CONFIG_IRQ_TIME_ACCOUNTING=y")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_neighbour_on_the_servers_core_is_noticed() {
        let report = |busy: f64| json!({ "cores": { "cores": [{ "core": 0, "busy_percent": 60.0 }, { "core": 1, "busy_percent": busy }] } });
        assert_eq!(disturbed(&report(40.0), 1), Some(40.0));
        assert_eq!(disturbed(&report(1.0), 1), None);
        assert_eq!(disturbed(&json!({}), 1), None);
    }

    #[test]
    fn soft_interrupts_are_the_tasks_unless_the_kernel_times_them() {
        assert!(is_charging("CONFIG_TICK_CPU_ACCOUNTING=y\n# CONFIG_IRQ_TIME_ACCOUNTING is not set\n"));
        assert!(!is_charging("CONFIG_IRQ_TIME_ACCOUNTING=y\nCONFIG_HAVE_IRQ_TIME_ACCOUNTING=y\n"));
    }
}
