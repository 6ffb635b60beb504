//! A load generator: many calls over a running server from one pinned thread, and what became of each packet.
//!
//! Where the server relays, or converts between the laws of G.711, every packet says in its own audio who sent it and
//! which one it is ([`mark`]), so that delay, loss, duplication and misrouting are measured through whatever the server
//! does to headers, keys and coding.
//!
//! No mark survives any other codec. There phones say recorded speech, encoded beforehand; packets are counted by their
//! numbers, their regularity by their timestamps, and some calls are listened to afterwards: what was heard has to be
//! what was said, and how much later it came is the delay.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use mediapoint_net::{pin_current_thread, raise_fd_limit};
use serde::Serialize;

use crate::codec::Codec;
use crate::ng::{Client, NgError};
use crate::sdes::Suite;
use crate::sdp::SdpError;
use crate::speech::SpeechError;

mod beside;
mod calls;
pub mod conference;
mod cores;
mod cpu;
mod endpoint;
mod extra;
mod far;
mod janus;
pub mod mark;
mod progress;
mod report;
mod run;
mod sound;
mod stop;
mod voice;
mod watch;

pub use beside::Beside;
pub use cores::{CoreUse, CoresUse};
pub use cpu::{CpuMeter, CpuSource, CpuTime, Window};
pub use extra::Extra;
pub use far::FarEnd;
pub use report::{DelayParts, GeneratorCost, LoadReport, ServerCost, Transcoded};
pub use sound::SoundReport;
pub use stop::Stop;

use beside::Running;
use calls::CallSet;
use endpoint::Endpoint;
use far::Phones;
use run::{Measured, Outcome, Run};
use voice::Voice;

/// Most calls one generator carries: two marks a call have to fit 16 bits.
pub const MAX_CALLS: usize = 16_000;

/// What each call is. The caller always speaks plain RTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What the caller speaks.
    pub caller: Codec,
    /// What the callee speaks; the server converts where it is another codec than the caller's.
    pub callee: Codec,
    /// The suite that the callee picks from what the server offers it, with SDES keys; `None` for plain RTP.
    pub suite: Option<Suite>,
}

impl Kind {
    /// PCMU over plain RTP on both sides.
    pub const RELAY: Self = Self::to(Codec::Pcmu);

    /// Plain RTP from PCMU to a callee of another codec.
    #[must_use]
    pub const fn to(callee: Codec) -> Self {
        Self::between(Codec::Pcmu, callee)
    }

    /// Plain RTP between two codecs.
    #[must_use]
    pub const fn between(caller: Codec, callee: Codec) -> Self {
        Self { caller, callee, suite: None }
    }

    /// The same with SRTP at the callee.
    #[must_use]
    pub const fn with_srtp(self, suite: Suite) -> Self {
        Self { suite: Some(suite), ..self }
    }

    /// True where the server decodes and encodes, so that no packet is known again.
    #[must_use]
    pub const fn is_transcoded(self) -> bool {
        self.callee.law().is_none() || self.caller.law().is_none()
    }

    /// What a report calls it.
    #[must_use]
    pub fn name(self) -> String {
        let codecs = match (self.caller, self.callee, self.suite) {
            (caller, callee, None) if caller == callee => format!("{caller} relay"),
            (caller, callee, Some(_)) if caller == callee => caller.to_string(),
            (caller, callee, _) => format!("{caller} to {callee}"),
        };
        match self.suite {
            Some(suite) => format!("{codecs}, SRTP on one side ({})", suite.name()),
            None => codecs,
        }
    }
}

/// What to generate, against whom.
#[derive(Debug, Clone, Serialize)]
pub struct LoadConfig {
    /// The server's control port.
    pub ng: SocketAddr,
    /// The server's process, where its CPU time is to be measured.
    pub server_pid: Option<u32>,
    /// Cores whose time is measured as a whole, whoever uses them.
    pub cores: Vec<usize>,
    /// Relayed calls over another server meanwhile; not where there is a far end.
    pub beside: Option<Beside>,
    /// Where there is no server, and phones send to others at the far end of the network.
    pub far: Option<FarEnd>,
    /// Calls at one time, at most [`MAX_CALLS`].
    pub calls: usize,
    /// What each call is.
    #[serde(skip)]
    pub kind: Kind,
    /// How long to measure.
    pub duration: Duration,
    /// How long to send before measuring.
    pub warm_up: Duration,
    /// The core the generating thread is pinned to; `None` leaves it free.
    pub core: Option<usize>,
    /// The address the phones bind to.
    pub address: IpAddr,
    /// The first UDP port tried for a phone; even ports from here on are taken where they are free.
    pub first_port: u16,
    /// How long the generator sleeps between rounds. Zero, the default, never sleeps: packets leave evenly, as many
    /// phones send them, delay is measured to some microseconds, and the core is taken whole. With a sleep they
    /// leave in bursts of that length, which a server that wakes for each packet gets cheaper than real traffic.
    pub tick: Duration,
    /// How long the same phones talk to each other without a server first, to know the generator's own share;
    /// zero leaves that out.
    pub baseline: Duration,
    /// An audio file with what transcoded calls say; recorded prompts where there is none.
    pub speech: Option<PathBuf>,
    /// How many recordings the server makes of every call.
    pub recordings: u32,
    /// What is done for every call beside.
    #[serde(skip)]
    pub extra: Extra,
    /// A synthetic voice counts where there is no recorded speech. It costs codecs about as much as speech, and is no
    /// measure of quality.
    pub counting: bool,
    /// Parts of the measurement whose CPU time is told apart; 0 is one.
    pub windows: u32,
    /// Shows a progress bar where standard error is a terminal.
    pub progress: bool,
    /// Ends the load before its time.
    #[serde(skip)]
    pub stop: Stop,
}

impl LoadConfig {
    /// 100 PCMU calls for ten seconds over the server at `ng`.
    #[must_use]
    pub fn new(ng: SocketAddr) -> Self {
        Self {
            ng,
            server_pid: None,
            cores: Vec::new(),
            beside: None,
            far: None,
            calls: 100,
            kind: Kind::RELAY,
            duration: Duration::from_secs(10),
            warm_up: Duration::from_secs(2),
            core: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            first_port: 10_000,
            tick: Duration::ZERO,
            baseline: Duration::from_secs(1),
            speech: None,
            recordings: 0,
            extra: Extra::None,
            counting: false,
            windows: 1,
            progress: true,
            stop: Stop::default(),
        }
    }

    /// Phones that only receive, beside two a call.
    fn sinks(&self) -> usize {
        if self.extra.has_sink() { self.calls } else { 0 }
    }
}

/// Why a load could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The number of calls is 0 or above [`MAX_CALLS`].
    #[error("{0} calls cannot be generated, 1 to {MAX_CALLS} can")]
    Calls(usize),
    /// The core cannot be used.
    #[error("cannot pin the generator to core {core}: {source}")]
    Core {
        /// The core asked for.
        core: usize,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A socket or the poller failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// Fewer free ports than phones.
    #[error("no free even ports above {first} for {phones} phones")]
    Ports {
        /// The first port tried.
        first: u16,
        /// How many were needed.
        phones: usize,
    },
    /// There is nothing to say.
    #[error(transparent)]
    Speech(#[from] SpeechError),
    /// Speech cannot be encoded.
    #[error("{codec}: {reason}")]
    Codec {
        /// In which codec.
        codec: Codec,
        /// The coder's reason.
        reason: String,
    },
    /// The other conference bridge refused a member, or does not answer.
    #[error("janus, member {member}: {reason}")]
    Janus {
        /// Which member, from 0.
        member: usize,
        /// What it says, or what is missing.
        reason: String,
    },
    /// A call could not be set up or ended.
    #[error("call {call}: {source}")]
    Ng {
        /// Which call, from 0.
        call: usize,
        /// What happened.
        source: NgError,
    },
    /// The server wrote a description that cannot be used.
    #[error("call {call}: {source}")]
    Sdp {
        /// Which call, from 0.
        call: usize,
        /// What is wrong with it.
        source: SdpError,
    },
    /// The server did not offer what the kind of load needs.
    #[error("call {call}: the server's description lacks {lacking}")]
    Lacking {
        /// Which call, from 0.
        call: usize,
        /// What is missing.
        lacking: String,
    },
    /// The server's process cannot be read.
    #[error("cannot read the CPU time of process {pid}: {source}")]
    Cpu {
        /// The process.
        pid: u32,
        /// The kernel's reason.
        source: io::Error,
    },
    /// It was stopped.
    #[error("stopped")]
    Stopped,
    /// The time of the cores cannot be read.
    #[error("cannot read the time of cores: {0}")]
    Cores(io::Error),
    /// The namespace of the far end cannot be entered.
    #[error("cannot enter the network namespace {}: {source}", path.display())]
    Namespace {
        /// Its name in the file system.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The generating thread ended by a panic.
    #[error("the generating thread panicked")]
    Panicked,
}

/// Generates one load. See [`LoadGenerator::run`].
#[derive(Debug)]
pub struct LoadGenerator {
    config: LoadConfig,
}

impl LoadGenerator {
    /// A generator for `config`.
    ///
    /// # Errors
    /// [`LoadError::Calls`] where there are none or too many.
    pub fn new(config: LoadConfig) -> Result<Self, LoadError> {
        if config.calls == 0 || config.calls > MAX_CALLS {
            return Err(LoadError::Calls(config.calls));
        }
        Ok(Self { config })
    }

    /// Sets the calls up, talks on all of them, ends them, and says what happened. Blocks for as long as the
    /// baseline, warm-up and measurement together, and about two seconds more.
    ///
    /// # Errors
    /// Every case of [`LoadError`]; calls that were set up are deleted then, too.
    pub fn run(&self) -> Result<LoadReport, LoadError> {
        let thread = || {
            std::thread::Builder::new().name("load".to_owned()).spawn({
                let config = self.config.clone();
                move || generate(&config)
            })
        };
        thread()?.join().unwrap_or(Err(LoadError::Panicked))
    }
}

fn generate(config: &LoadConfig) -> Result<LoadReport, LoadError> {
    if let Some(core) = config.core {
        pin_current_thread(core).map_err(|source| LoadError::Core { core, source })?;
    }
    raise_fd_limit()?;
    let baseline = if config.baseline.is_zero() { None } else { Some(baseline(config)?) };
    let voices = Voice::of(config)?;
    if let Some(far) = &config.far {
        let outcome = measure(config, far.wire(config, &voices)?, Phones::default())?;
        return Ok(report::assemble(config, &outcome, baseline));
    }
    let phones = config.calls * 2 + config.sinks();
    let sockets = endpoint::bind_phones(config.address, config.first_port, phones)?;
    let client = Client::connect(config.ng).map_err(|source| LoadError::Ng { call: 0, source })?;
    let mut calls = CallSet::new(client, config);
    let endpoints = calls.set_up(&sockets, &voices)?;
    let mut beside =
        Running::set_up(config.beside.as_ref(), (config.address, config.first_port), &config.stop)?;
    let outcome = measure(config, (sockets, endpoints), beside.take_phones())?;
    calls.tear_down()?;
    beside.tear_down()?;
    Ok(report::assemble(config, &outcome, baseline))
}

fn measure(config: &LoadConfig, phones: Phones, beside: Phones) -> Result<Outcome, LoadError> {
    let measured = Measured {
        windows: config.windows,
        server: config.server_pid,
        beside: config.beside.map(|beside| beside.server_pid),
        cores: &config.cores,
    };
    let run = Run::new(config.tick, config.progress, phones, beside)?.stopped_by(&config.stop);
    run.measure(config.warm_up, config.duration, measured)
}

/// The same phones, each pair wired to itself.
fn baseline(config: &LoadConfig) -> Result<DelayParts, LoadError> {
    let sockets = endpoint::bind_phones(config.address, config.first_port, config.calls * 2)?;
    let addresses: Vec<SocketAddr> = sockets.iter().map(mediapoint_net::UdpSocket::local_addr).collect();
    let peers = addresses.chunks_exact(2).flat_map(|pair| pair.iter().rev());
    let endpoints: Vec<_> = peers.zip(0..).map(|(&peer, number)| Endpoint::plain(number, peer)).collect();
    let warm_up = config.baseline.min(Duration::from_millis(300));
    let run = Run::new(config.tick, false, (sockets, endpoints), Phones::default())?.stopped_by(&config.stop);
    let outcome = run.measure(warm_up, config.baseline, Measured::default())?;
    Ok(report::parts(&outcome))
}
