//! The server's configuration: built-in defaults, under a file, under the command line.

mod file;
mod points;
mod prompts;
mod recording;
mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod values;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mediapoint_control_ng::listen::{Address, UnixOptions};
use mediapoint_control_ng::{AllowList, Prefix};
use mediapoint_engine::{Interface, IpNet, PacketBackend, Points, RemotePolicy};

pub(crate) use file::FileError;
pub(crate) use points::PointsFile;
use prompts::PromptPolicy;
pub(crate) use recording::{ColumnChoice, ContentPolicy, RecordingPolicy, StorePlace};
pub(crate) use settings::Settings;
use values::{Cores, DEFAULT_INTERFACE, LogFilter, LogFormat, Network};

/// The default file, every key explained.
pub(crate) const DEFAULT_FILE: &str = include_str!("../../../mediapoint.toml");

/// Everything the server is told, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// Control port for datagrams.
    pub(crate) ng: Address,
    /// Control port for connections.
    pub(crate) ng_tcp: Option<Address>,
    /// Who may speak to them at an address.
    pub(crate) allow: AllowList,
    /// Who may speak to them at a Unix socket.
    pub(crate) unix: UnixOptions,
    /// Where the secret is that messages at an address must be under.
    pub(crate) ng_secret_file: Option<PathBuf>,
    /// Where key presses are reported to.
    pub(crate) dtmf_log_dest: Option<SocketAddr>,
    /// Addresses for media, the default one first.
    pub(crate) interfaces: Vec<Interface>,
    /// Ports for media.
    pub(crate) ports: RangeInclusive<u16>,
    /// DSCP of what is sent, 0 to 63.
    pub(crate) dscp: u8,
    /// Silence that ends a call.
    pub(crate) media_timeout: Duration,
    /// Hold that ends a call.
    pub(crate) hold_timeout: Duration,
    /// Where media may be sent, but for the control port.
    pub(crate) media_allow: Vec<IpNet>,
    pub(crate) media_deny: Vec<IpNet>,
    pub(crate) danger_own_addresses: bool,
    /// Worker threads.
    pub(crate) workers: usize,
    /// Where they run.
    pub(crate) cores: Cores,
    /// Real-time priority of the workers, 0 for none.
    pub(crate) realtime_priority: u8,
    /// How packets get to the workers and back.
    pub(crate) io: PacketBackend,
    /// Streams that are merely forwarded are handed over to the XDP program.
    pub(crate) forward: bool,
    /// How often a busy worker looks at its sockets.
    pub(crate) tick: Duration,
    /// Points a worker may carry.
    pub(crate) budget: Points,
    /// Percents of the budget that are logged as they are reached.
    pub(crate) load_marks: Vec<u8>,
    /// Whether calls are shed, from which lateness on, and after how long.
    pub(crate) shed: bool,
    pub(crate) shed_late: Duration,
    pub(crate) shed_after: Duration,
    /// Prices, and where they come from.
    pub(crate) points: PointsFile,
    /// Legs a worker can hold; `None` for as many as the limit of open files lets, up to the engine's default.
    pub(crate) max_legs: Option<usize>,
    /// Most members of a conference room where nothing else is said.
    pub(crate) room_members: u16,
    /// How long calls may go on after SIGTERM.
    pub(crate) grace: Duration,
    /// What is logged.
    pub(crate) log: LogFilter,
    /// How.
    pub(crate) log_format: LogFormat,
    /// Where metrics are given.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Whether a crash may write memory to disk.
    pub(crate) danger_core_dumps: bool,
    /// What is played to parties.
    pub(crate) prompts: PromptPolicy,
    /// How calls are recorded; `None` where they are not.
    pub(crate) recording: Option<RecordingPolicy>,
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A control port that others can reach, and nobody named who may speak to it.
    #[error(
        "{key}: {address} can be reached from other machines; allowed: with allow, or a loopback address"
    )]
    Open {
        /// The setting.
        key: &'static str,
        /// Its address.
        address: Address,
    },
    /// Recordings that nobody could open.
    #[error(
        "recording: nobody could listen; give recipients, such as --recipient age1... (age-keygen makes one)"
    )]
    NoRecipient,
    /// A control port among the media ports.
    #[error(
        "{key}: {address} is one of the media ports {first}-{last} of {media}; allowed: a port outside of them, or \
         other `ports`"
    )]
    AmongMedia {
        /// The setting.
        key: &'static str,
        /// Its address.
        address: SocketAddr,
        /// The address of the media ports.
        media: IpAddr,
        /// The first of them.
        first: u16,
        /// The last.
        last: u16,
    },
    /// One path for both Unix sockets.
    #[error("ng-tcp: {address} is the socket of ng already; allowed: another path")]
    SameSocket {
        /// The socket.
        address: Address,
    },
    /// Two interfaces that no controller could tell apart.
    #[error(
        "address: {name:?} has two addresses of the same IP version; allowed: one IPv4 and one IPv6 each"
    )]
    SameInterface {
        /// The name.
        name: String,
    },
    /// No interface at all.
    #[error("address: the list is empty; allowed: one address at least")]
    NoInterface,
    /// A core that the process may not use.
    #[error("cores: core {core} is not usable; allowed: {}", list(usable))]
    Core {
        /// The core.
        core: usize,
        /// Those that are.
        usable: Vec<usize>,
    },
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

fn networks(list: Option<Vec<Network>>) -> Vec<IpNet> {
    list.unwrap_or_default().into_iter().map(|network| network.0).collect()
}

impl Config {
    /// Where media may be sent.
    pub(crate) fn remotes(&self) -> RemotePolicy {
        let control = [Some(&self.ng), self.ng_tcp.as_ref()].into_iter().flatten().filter_map(Address::inet);
        let policy = control.fold(RemotePolicy::default(), |policy, control| {
            policy.own(control.ip(), control.port()..=control.port())
        });
        let policy = self.media_allow.iter().fold(policy, |policy, network| policy.allow(*network));
        let policy = self.media_deny.iter().fold(policy, |policy, network| policy.deny(*network));
        if self.danger_own_addresses { policy.danger_allow_own_addresses() } else { policy }
    }

    /// The configuration that the command line and the file, where one is named, make together.
    pub(crate) fn load(command_line: Settings, path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = match path {
            Some(path) => file::read(path)?,
            None => Settings::default(),
        };
        Self::from_settings(command_line.over(file))
    }

    /// The same, for commands on recordings: who can listen need not be said.
    pub(crate) fn load_for_recordings(
        command_line: Settings,
        path: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        match Self::load(command_line.clone(), path) {
            Err(ConfigError::NoRecipient) => {
                let recording = RecordingPolicy::from_table(command_line.recording);
                Ok(Self { recording, ..Self::default() })
            }
            loaded => loaded,
        }
    }

    fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        let default = Self::default();
        let points = settings.points.as_deref().map_or_else(|| Ok(default.points), PointsFile::read)?;
        let config = Self {
            ng: settings.ng.map_or(default.ng, |listen| listen.0),
            ng_tcp: settings.ng_tcp.map(|listen| listen.0),
            unix: UnixOptions {
                mode: settings.ng_mode.map_or(default.unix.mode, |mode| mode.0),
                user: settings.ng_owner.and_then(|owner| owner.user),
                group: settings.ng_owner.and_then(|owner| owner.group),
            },
            ng_secret_file: settings.ng_secret_file,
            allow: settings.allow.map_or(default.allow, |list| {
                AllowList::new(list.into_iter().map(|allowed| allowed.0).collect::<Vec<Prefix>>())
            }),
            dtmf_log_dest: settings.dtmf_log_dest.map(|address| address.0),
            interfaces: settings
                .address
                .map_or(default.interfaces, |list| list.into_iter().map(|address| address.0).collect()),
            ports: settings.ports.map_or(default.ports, |ports| ports.0),
            dscp: settings.dscp.and_then(|dscp| u8::try_from(dscp.as_usize()).ok()).unwrap_or(default.dscp),
            media_timeout: settings.media_timeout.map_or(default.media_timeout, |span| span.0),
            hold_timeout: settings.hold_timeout.map_or(default.hold_timeout, |span| span.0),
            media_allow: networks(settings.media_allow),
            media_deny: networks(settings.media_deny),
            danger_own_addresses: settings.danger_own_addresses.unwrap_or(default.danger_own_addresses),
            workers: settings.workers.map_or(default.workers, |number| number.as_usize()),
            cores: settings.cores.unwrap_or(default.cores),
            realtime_priority: settings
                .realtime_priority
                .and_then(|number| u8::try_from(number.as_usize()).ok())
                .unwrap_or(default.realtime_priority),
            io: settings.io.map_or(default.io, |backend| backend.0),
            forward: settings.forward.map_or(default.forward, |forward| forward.0),
            tick: settings.tick.map_or(default.tick, |span| span.0),
            budget: settings.budget.map(|budget| budget.0).or(points.budget).unwrap_or(default.budget),
            load_marks: settings.load_marks.map_or(default.load_marks, |marks| {
                marks.into_iter().filter_map(|mark| u8::try_from(mark.as_usize()).ok()).collect()
            }),
            shed: settings.shed.unwrap_or(default.shed),
            shed_late: settings.shed_late.map_or(default.shed_late, |span| span.0),
            shed_after: settings.shed_after.map_or(default.shed_after, |span| span.0),
            points,
            max_legs: settings.max_legs.map(|number| number.as_usize()),
            room_members: settings
                .room_members
                .and_then(|number| u16::try_from(number.as_usize()).ok())
                .unwrap_or(default.room_members),
            grace: settings.grace.map_or(default.grace, |span| span.0),
            log: settings.log.unwrap_or(default.log),
            log_format: settings.log_format.unwrap_or(default.log_format),
            metrics_listen: settings.metrics_listen.map(|address| address.0),
            danger_core_dumps: settings.danger_core_dumps.unwrap_or(default.danger_core_dumps),
            prompts: settings.prompts.map_or(default.prompts, PromptPolicy::from_settings),
            recording: RecordingPolicy::from_table(settings.recording),
        };
        config.check()?;
        Ok(config)
    }

    /// What no single value shows.
    fn check(&self) -> Result<(), ConfigError> {
        if self.recording.as_ref().is_some_and(RecordingPolicy::lacks_recipient) {
            return Err(ConfigError::NoRecipient);
        }
        for (key, address) in [("ng", Some(&self.ng)), ("ng-tcp", self.ng_tcp.as_ref())] {
            let Some(address) = address else { continue };
            if self.allow.is_empty() && address.is_open() {
                return Err(ConfigError::Open { key, address: address.clone() });
            }
            if let Some(address) = address.inet() {
                self.check_apart(key, address)?;
            }
        }
        if let (Address::Unix(_), Some(address)) = (&self.ng, &self.ng_tcp)
            && self.ng == *address
        {
            return Err(ConfigError::SameSocket { address: address.clone() });
        }
        if self.interfaces.is_empty() {
            return Err(ConfigError::NoInterface);
        }
        let mut seen = HashSet::new();
        for interface in &self.interfaces {
            if !seen.insert((&interface.name, interface.family())) {
                return Err(ConfigError::SameInterface { name: interface.name.clone() });
            }
        }
        if let Cores::Listed(cores) = &self.cores {
            let usable = mediapoint_net::available_cores();
            if let Some(&core) = cores.iter().find(|core| !usable.contains(core)) {
                return Err(ConfigError::Core { core, usable });
            }
        }
        Ok(())
    }
}

impl Config {
    /// A control port is none of the media ports: media would come to it, and none could be sent from it.
    fn check_apart(&self, key: &'static str, address: SocketAddr) -> Result<(), ConfigError> {
        let ip = address.ip().to_canonical();
        let shares = |media: IpAddr| ip == media || (ip.is_unspecified() && ip.is_ipv4() == media.is_ipv4());
        let shared = self.interfaces.iter().map(|interface| interface.address).find(|media| shares(*media));
        match shared.filter(|_| self.ports.contains(&address.port())) {
            None => Ok(()),
            Some(media) => {
                let (first, last) = (*self.ports.start(), *self.ports.end());
                Err(ConfigError::AmongMedia { key, address, media, first, last })
            }
        }
    }

    /// Settings that differ from those of `other` and take a restart.
    pub(crate) fn restart_keys(&self, other: &Self) -> Vec<&'static str> {
        let differs = [
            ("ng", self.ng != other.ng),
            ("ng-tcp", self.ng_tcp != other.ng_tcp),
            ("ng-mode, ng-owner", self.unix != other.unix),
            ("ng-secret-file", self.ng_secret_file != other.ng_secret_file),
            ("dtmf-log-dest", self.dtmf_log_dest != other.dtmf_log_dest),
            ("address", self.interfaces != other.interfaces),
            ("ports", self.ports != other.ports),
            ("dscp", self.dscp != other.dscp),
            ("media-timeout", self.media_timeout != other.media_timeout),
            ("hold-timeout", self.hold_timeout != other.hold_timeout),
            ("media-allow", self.media_allow != other.media_allow),
            ("media-deny", self.media_deny != other.media_deny),
            ("danger-own-addresses", self.danger_own_addresses != other.danger_own_addresses),
            ("workers", self.workers != other.workers),
            ("cores", self.cores != other.cores),
            ("realtime-priority", self.realtime_priority != other.realtime_priority),
            ("io", self.io != other.io),
            ("forward", self.forward != other.forward),
            ("tick", self.tick != other.tick),
            ("budget", self.budget != other.budget),
            ("load-marks", self.load_marks != other.load_marks),
            ("shed", self.shed != other.shed),
            ("shed-late", self.shed_late != other.shed_late),
            ("shed-after", self.shed_after != other.shed_after),
            ("points", self.points != other.points),
            ("max-legs", self.max_legs != other.max_legs),
            ("room-members", self.room_members != other.room_members),
            ("log-format", self.log_format != other.log_format),
            ("metrics-listen", self.metrics_listen != other.metrics_listen),
            ("danger-core-dumps", self.danger_core_dumps != other.danger_core_dumps),
            ("prompts", self.prompts != other.prompts),
            ("recording", self.recording != other.recording),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }
}

impl Default for Config {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            ng: SocketAddr::new(loopback, 2223).into(),
            ng_tcp: None,
            allow: AllowList::default(),
            unix: UnixOptions::default(),
            ng_secret_file: None,
            dtmf_log_dest: None,
            interfaces: vec![Interface::new(DEFAULT_INTERFACE, loopback)],
            ports: 10_000..=32_767,
            dscp: 46,
            media_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(3600),
            media_allow: Vec::new(),
            media_deny: Vec::new(),
            danger_own_addresses: false,
            workers: 1,
            cores: Cores::Auto,
            realtime_priority: 0,
            io: PacketBackend::default(),
            forward: false,
            tick: Duration::from_millis(1),
            budget: Points::whole(1000),
            load_marks: vec![80, 95],
            shed: true,
            shed_late: Duration::from_millis(40),
            shed_after: Duration::from_secs(2),
            points: PointsFile::default(),
            max_legs: None,
            room_members: 20,
            grace: Duration::from_secs(60),
            log: LogFilter::default(),
            log_format: LogFormat::Text,
            metrics_listen: None,
            danger_core_dumps: false,
            prompts: PromptPolicy::default(),
            recording: None,
        }
    }
}
