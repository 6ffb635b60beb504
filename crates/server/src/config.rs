//! The server's configuration: built-in defaults, under a file, under the command line.

mod file;
mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod values;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use mediapoint_control_ng::{AllowList, Prefix};
use mediapoint_engine::{Interface, Points};

pub(crate) use file::FileError;
pub(crate) use settings::Settings;
use values::{Cores, DEFAULT_INTERFACE, LogFilter, LogFormat};

/// The default file, every key explained.
pub(crate) const DEFAULT_FILE: &str = include_str!("../../../mediapoint.toml");

/// Everything the server is told, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Config {
    /// UDP control port.
    pub(crate) ng: SocketAddr,
    /// TCP control port.
    pub(crate) ng_tcp: Option<SocketAddr>,
    /// Who may speak to them.
    pub(crate) allow: AllowList,
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
    /// Worker threads.
    pub(crate) workers: usize,
    /// Where they run.
    pub(crate) cores: Cores,
    /// How often a busy worker looks at its sockets.
    pub(crate) tick: Duration,
    /// Points a worker may carry.
    pub(crate) budget: Points,
    /// Legs a worker can hold; `None` for as many as the limit of open files lets, up to the engine's default.
    pub(crate) max_legs: Option<usize>,
    /// How long calls may go on after SIGTERM.
    pub(crate) grace: Duration,
    /// What is logged.
    pub(crate) log: LogFilter,
    /// How.
    pub(crate) log_format: LogFormat,
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
        address: SocketAddr,
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

impl Config {
    /// The configuration that the command line and the file, where one is named, make together.
    pub(crate) fn load(command_line: Settings, path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = match path {
            Some(path) => file::read(path)?,
            None => Settings::default(),
        };
        Self::from_settings(command_line.over(file))
    }

    fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        let default = Self::default();
        let config = Self {
            ng: settings.ng.map_or(default.ng, |listen| listen.0),
            ng_tcp: settings.ng_tcp.map(|listen| listen.0),
            allow: settings.allow.map_or(default.allow, |list| {
                AllowList::new(list.into_iter().map(|allowed| allowed.0).collect::<Vec<Prefix>>())
            }),
            interfaces: settings
                .address
                .map_or(default.interfaces, |list| list.into_iter().map(|address| address.0).collect()),
            ports: settings.ports.map_or(default.ports, |ports| ports.0),
            dscp: settings.dscp.and_then(|dscp| u8::try_from(dscp.as_usize()).ok()).unwrap_or(default.dscp),
            media_timeout: settings.media_timeout.map_or(default.media_timeout, |span| span.0),
            hold_timeout: settings.hold_timeout.map_or(default.hold_timeout, |span| span.0),
            workers: settings.workers.map_or(default.workers, |number| number.as_usize()),
            cores: settings.cores.unwrap_or(default.cores),
            tick: settings.tick.map_or(default.tick, |span| span.0),
            budget: settings.budget.map_or(default.budget, |budget| budget.0),
            max_legs: settings.max_legs.map(|number| number.as_usize()),
            grace: settings.grace.map_or(default.grace, |span| span.0),
            log: settings.log.unwrap_or(default.log),
            log_format: settings.log_format.unwrap_or(default.log_format),
        };
        config.check()?;
        Ok(config)
    }

    /// What no single value shows.
    fn check(&self) -> Result<(), ConfigError> {
        for (key, address) in [("ng", Some(self.ng)), ("ng-tcp", self.ng_tcp)] {
            let Some(address) = address else { continue };
            if self.allow.is_empty() && !address.ip().to_canonical().is_loopback() {
                return Err(ConfigError::Open { key, address });
            }
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

impl Default for Config {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            ng: SocketAddr::new(loopback, 2223),
            ng_tcp: None,
            allow: AllowList::default(),
            interfaces: vec![Interface::new(DEFAULT_INTERFACE, loopback)],
            ports: 30_000..=60_000,
            dscp: 46,
            media_timeout: Duration::from_secs(60),
            hold_timeout: Duration::from_secs(3600),
            workers: 1,
            cores: Cores::Auto,
            tick: Duration::from_millis(1),
            budget: Points::whole(1000),
            max_legs: None,
            grace: Duration::from_secs(60),
            log: LogFilter::default(),
            log_format: LogFormat::Text,
        }
    }
}
