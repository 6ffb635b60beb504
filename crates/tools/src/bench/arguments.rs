//! The command line of `mediapoint-tools bench`, and what it asks for.

use std::iter;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use mediapoint_caller::Codec;
use mediapoint_caller::load::{Kind, LoadConfig, MAX_CALLS};
use mediapoint_caller::sdes::Suite;

use super::BenchError;
use super::server::Server;

/// Calls of the first step of a sweep; each further step has twice as many.
const SWEEP_FROM: usize = 50;

/// Rounds where two servers are compared and no number was given.
const ROUNDS: u32 = 3;

#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// Calls at one time; several numbers with commas are measured in turn
    #[arg(long, value_name = "NUMBER", value_delimiter = ',', default_value = "400")]
    calls: Vec<usize>,
    /// Begin with 50 calls and double them until the service level is missed: no packet lost, p99 of the delay below
    /// 5 ms, core below 85 % busy
    #[arg(long, conflicts_with = "calls")]
    pub(super) sweep: bool,
    /// What each call is
    #[arg(long, value_enum, default_value = "pcmu")]
    kind: KindName,
    /// SRTP on one side, whatever the kind
    #[arg(long)]
    srtp: bool,
    /// Measure five loads in turn: 400 calls of PCMU, 200 with SRTP on one side, 200 of PCMU and PCMA, 100 of PCMU and
    /// G.729, 30 of PCMU and Opus
    #[arg(long, conflicts_with_all = ["calls", "sweep", "kind", "srtp"])]
    all: bool,
    /// Measure each load so many times, each time with a server started anew, and print medians [default: 1; 3 with
    /// --versus]
    #[arg(
        long,
        value_name = "NUMBER",
        conflicts_with = "sweep",
        value_parser = clap::value_parser!(u32).range(1..=99)
    )]
    rounds: Option<u32>,
    /// Measure this server too, in turn with the other, and print the ratio of the two
    #[arg(long, value_name = "PATH", conflicts_with_all = ["sweep", "ng"])]
    pub(super) versus: Option<PathBuf>,
    /// Suite of SRTP, by its SDES name
    #[arg(long, value_name = "NAME", default_value = "AES_CM_128_HMAC_SHA1_80", value_parser = suite)]
    suite: Suite,
    /// Audio file that transcoded calls talk with [default: recorded prompts of the Debian package
    /// asterisk-core-sounds-en-wav]
    #[arg(long, value_name = "FILE")]
    audio: Option<PathBuf>,
    /// Seconds to measure each number of calls
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub(super) seconds: f64,
    /// Seconds to send before measuring
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    warm_up: f64,
    /// Write the figures as JSON to a file; `-` writes them to standard output instead of the table
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
    /// Core for the server [default: the last one usable]
    #[arg(long, value_name = "CORE")]
    server_core: Option<usize>,
    /// Core for the load [default: the first one usable]
    #[arg(long, value_name = "CORE")]
    load_core: Option<usize>,
    /// How often a busy worker of the server looks at its sockets
    #[arg(long, value_name = "TIME", default_value = "1ms", conflicts_with = "ng")]
    pub(super) tick: String,
    /// Record every call, both parties, to a folder of its own inside this one; the recordings stay there
    #[arg(long, value_name = "DIR", conflicts_with = "ng")]
    pub(super) record: Option<PathBuf>,
    /// Recordings of every call, each of an owner of its own
    #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "record", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub(super) recordings: u32,
    /// Record as WAV, encrypted, too, and not as Opus
    #[arg(long, requires = "record")]
    pub(super) record_wav: bool,
    /// The server's program, any build of it [default: `mediapoint` in the folder of this program]
    #[arg(long, value_name = "PATH", conflicts_with = "ng")]
    pub(super) server: Option<PathBuf>,
    /// Measure the server that listens here instead of starting one
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) ng: Option<SocketAddr>,
    /// Its process, to measure its CPU time
    #[arg(long, value_name = "PID", requires = "ng")]
    pub(super) pid: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindName {
    /// PCMU, plain RTP on both sides
    Pcmu,
    /// The same as pcmu with --srtp
    Srtp,
    /// PCMU on one side, PCMA on the other
    Pcma,
    /// PCMU on one side, G.722 on the other
    G722,
    /// PCMU on one side, G.729 on the other
    G729,
    /// PCMU on one side, Opus (48 kHz, mono, without error correction) on the other
    Opus,
}

fn suite(name: &str) -> Result<Suite, String> {
    Suite::from_name(name).ok_or_else(|| format!("allowed: {}", Suite::ALL.map(Suite::name).join(", ")))
}

/// So many calls of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) kind: Kind,
    pub(super) calls: usize,
}

impl BenchArguments {
    /// How often each load is measured where medians are asked for; `None` for one table of single runs.
    pub(super) fn rounds(&self) -> Option<u32> {
        match (self.rounds, &self.versus) {
            (Some(rounds), _) => Some(rounds),
            (None, Some(_)) => Some(ROUNDS),
            (None, None) => self.all.then_some(1),
        }
    }

    /// The loads to measure in each round.
    pub(super) fn loads(&self) -> Vec<Load> {
        if !self.all {
            let kind = self.kind();
            return self.calls.iter().map(|&calls| Load { kind, calls }).collect();
        }
        let load = |kind, calls| Load { kind, calls };
        vec![
            load(Kind::RELAY, 400),
            load(Kind::RELAY.with_srtp(self.suite), 200),
            load(Kind::to(Codec::Pcma), 200),
            load(Kind::to(Codec::G729), 100),
            load(Kind::to(Codec::Opus), 30),
        ]
    }

    /// The loads of one table of single runs; a sweep is ended by whoever runs it.
    pub(super) fn steps(&self) -> Box<dyn Iterator<Item = Load> + '_> {
        if !self.sweep {
            return Box::new(self.loads().into_iter());
        }
        let kind = self.kind();
        let doubled = iter::successors(Some(SWEEP_FROM), |calls| calls.checked_mul(2));
        Box::new(doubled.take_while(|calls| *calls <= MAX_CALLS).map(move |calls| Load { kind, calls }))
    }

    /// What the generator is to do with a server.
    pub(super) fn config(
        &self,
        load: Load,
        server: &Server,
        core: Option<usize>,
    ) -> Result<LoadConfig, BenchError> {
        Ok(LoadConfig {
            server_pid: server.pid(),
            calls: load.calls,
            kind: load.kind,
            duration: seconds(self.seconds)?,
            warm_up: seconds(self.warm_up)?,
            core,
            speech: self.audio.clone(),
            recordings: if self.record.is_some() { self.recordings } else { 0 },
            ..LoadConfig::new(server.ng())
        })
    }

    /// The cores of the server and of the load; none where there is only one for both, and none was named.
    pub(super) fn cores(&self) -> [Option<usize>; 2] {
        let usable = mediapoint_net::available_cores();
        let (first, last) = match usable.as_slice() {
            [first, .., last] => (Some(*first), Some(*last)),
            _ => {
                eprintln!("note: server and load share one core; the figures are those of both");
                (None, None)
            }
        };
        [self.server_core.or(last), self.load_core.or(first)]
    }

    fn kind(&self) -> Kind {
        let callee = match self.kind {
            KindName::Pcmu | KindName::Srtp => Codec::Pcmu,
            KindName::Pcma => Codec::Pcma,
            KindName::G722 => Codec::G722,
            KindName::G729 => Codec::G729,
            KindName::Opus => Codec::Opus,
        };
        let srtp = self.srtp || matches!(self.kind, KindName::Srtp);
        Kind { suite: srtp.then_some(self.suite), ..Kind::to(callee) }
    }
}

fn seconds(seconds: f64) -> Result<Duration, BenchError> {
    Duration::try_from_secs_f64(seconds).map_err(|_| BenchError::Seconds(seconds))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: BenchArguments,
    }

    fn parsed(line: &str) -> Result<BenchArguments, clap::Error> {
        let words = iter::once("bench").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.bench)
    }

    #[test]
    fn medians_are_asked_for_by_rounds_by_versus_and_by_all() {
        for (line, rounds) in [
            ("", None),
            ("--all", Some(1)),
            ("--rounds 2", Some(2)),
            ("--versus a", Some(3)),
            ("--versus a --rounds 5", Some(5)),
        ] {
            assert_eq!(parsed(line).unwrap().rounds(), rounds, "{line}");
        }
    }

    #[test]
    fn all_is_five_loads_and_goes_with_no_load_of_ones_own() {
        let names: Vec<String> = parsed("--all")
            .unwrap()
            .loads()
            .iter()
            .map(|load| format!("{} {}", load.calls, load.kind.name()))
            .collect();
        assert_eq!(
            names,
            [
                "400 PCMU relay",
                "200 PCMU, SRTP on one side (AES_CM_128_HMAC_SHA1_80)",
                "200 PCMU to PCMA",
                "100 PCMU to G729",
                "30 PCMU to opus"
            ]
        );
        for line in
            ["--all --calls 5", "--all --kind g729", "--versus a --ng 127.0.0.1:1", "--sweep --rounds 3"]
        {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_sweep_doubles_up_to_what_a_generator_carries() {
        let calls: Vec<usize> = parsed("--sweep").unwrap().steps().map(|load| load.calls).collect();
        assert_eq!(calls.first(), Some(&50));
        assert_eq!(calls.last(), Some(&12_800));
    }
}
