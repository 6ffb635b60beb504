//! The kinds of value a setting may have. Each is read from text in one place, so that the command line and the file
//! accept the same words and refuse with the same reason; a value that exists is within its range.

use std::fmt;
use std::fs;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use mediapoint_control_ng::Prefix;
use mediapoint_control_ng::listen::Address;
use mediapoint_engine::{Interface, IpNet, PacketBackend, Points};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::prompts::Size;
use super::recording::{BeepChoice, ChannelChoice, ColumnChoice, FileFormat, Names, Rate, StorePlace};

/// Name of an interface that was given none.
pub(crate) const DEFAULT_INTERFACE: &str = "default";

/// Why a text is no such value; says what is allowed.
pub(crate) type Refusal = String;

/// Reads a value of the file through the same parser as the command line: strings as they are, numbers as written.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = Refusal>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

/// Lets a file hold the value as text.
macro_rules! read_as_text {
    ($([$($generics:tt)*] $value:ty),* $(,)?) => {$(
        impl<'de, $($generics)*> Deserialize<'de> for $value {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(Text(PhantomData))
            }
        }
    )*};
}

read_as_text!(
    [] ListenAddress,
    [] InterfaceAddress,
    [] PortRange,
    [const MIN: u64, const MAX: u64] Number<MIN, MAX>,
    [const MIN: u64, const MAX: u64] Span<MIN, MAX>,
    [] Cores,
    [] Budget,
    [] Allowed,
    [] Network,
    [] DigitLogAddress,
    [] LogFilter,
    [] LogFormat,
    [] Backend,
    [] Forward,
    [] MetricsAddress,
    [] Mode,
    [] Owner,
    [] Size,
    [] FileFormat,
    [] ChannelChoice,
    [] BeepChoice,
    [] Rate,
    [] Names,
    [] StorePlace,
    [] ColumnChoice,
);

/// Where a control port listens: `ADDR:PORT`, a port alone for this machine only, or `unix:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) Address);

impl FromStr for ListenAddress {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if let Some(path) = text.strip_prefix("unix:") {
            // What a socket's address holds, with the zero at its end.
            let fits = path.starts_with('/') && path.len() < 108;
            return fits.then(|| Self(Address::Unix(PathBuf::from(path)))).ok_or_else(|| {
                format!("{path:?} is no path of a socket; allowed: an absolute one of 107 bytes at most")
            });
        }
        if let Ok(port) = text.parse() {
            return Ok(Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port).into()));
        }
        text.parse::<SocketAddr>().map(|address| Self(address.into())).map_err(|_| {
            format!(
                "{text:?} is no address with a port; allowed: such as 127.0.0.1:2223, [::1]:2223 or \
                 unix:/run/mediapoint/ng"
            )
        })
    }
}

/// Where metrics are given: `ADDR:PORT`, or a port alone for this machine only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricsAddress(pub(crate) SocketAddr);

impl FromStr for MetricsAddress {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let address = text.parse::<ListenAddress>().ok().and_then(|listen| listen.0.inet());
        address.map(Self).ok_or_else(|| {
            format!("{text:?} is no address with a port; allowed: such as 9464, 127.0.0.1:9464 or [::1]:9464")
        })
    }
}

/// Where key presses are reported to: `ADDR:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DigitLogAddress(pub(crate) SocketAddr);

impl FromStr for DigitLogAddress {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let address = text.parse::<SocketAddr>().ok();
        let address = address.filter(|address| address.port() != 0 && !address.ip().is_unspecified());
        address.map(Self).ok_or_else(|| {
            format!("{text:?} is no destination; allowed: an address and port such as 127.0.0.1:2228 or [::1]:2228")
        })
    }
}

/// Permissions of a Unix socket, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode(pub(crate) u32);

impl FromStr for Mode {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let mode = u32::from_str_radix(text, 8).ok().filter(|mode| text.len() > 2 && *mode <= 0o777);
        mode.map(Self).ok_or_else(|| format!("{text:?} are no permissions; allowed: octal, such as \"0660\""))
    }
}

/// Owner and group of a Unix socket: `USER`, `USER:GROUP` or `:GROUP`, by name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
}

impl FromStr for Owner {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        let number = |name: &str, file: &str| match name {
            "" => Ok(None),
            name => id_of(name, file).map(Some).ok_or_else(|| format!("{name:?} is not in {file}")),
        };
        let refusal = |why: String| format!("{why}; allowed: USER, USER:GROUP or :GROUP, by name or number");
        let user = number(user, "/etc/passwd").map_err(refusal)?;
        let group = number(group, "/etc/group").map_err(refusal)?;
        if user.is_none() && group.is_none() {
            return Err(refusal(format!("{text:?} names nobody")));
        }
        Ok(Self { user, group })
    }
}

/// The number of a user or group, from the file that has them third in a line.
fn id_of(name: &str, file: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?)
}

/// An address that media flows through: `[NAME/]ADDR[!ADVERTISED]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InterfaceAddress(pub(crate) Interface);

impl FromStr for InterfaceAddress {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal = |what: &str| {
            format!("{what} in {text:?}; allowed: ADDR, NAME/ADDR, or NAME/ADDR!ADVERTISED with IP addresses")
        };
        let address = |part: &str| {
            let bare = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(part);
            bare.parse::<IpAddr>().map_err(|_| refusal(&format!("{part:?} is no IP address")))
        };
        let (name, rest) = text.split_once('/').unwrap_or((DEFAULT_INTERFACE, text));
        if name.is_empty() {
            return Err(refusal("an empty name"));
        }
        let (bound, advertised) = match rest.split_once('!') {
            Some((bound, advertised)) => (address(bound)?, Some(address(advertised)?)),
            None => (address(rest)?, None),
        };
        if bound.is_unspecified() {
            return Err(refusal("an address that stands for all, which no party can be told,"));
        }
        let is_shared = |address: IpAddr| {
            let broadcast = IpAddr::V4(Ipv4Addr::BROADCAST);
            address.is_multicast() || address == broadcast
        };
        if is_shared(bound) || advertised.is_some_and(is_shared) {
            return Err(refusal("a multicast or broadcast address, which is no single machine's,"));
        }
        if advertised.is_some_and(|told| told.is_unspecified()) {
            return Err(refusal("an advertised address that stands for all"));
        }
        if advertised.is_some_and(|told| told.is_ipv4() != bound.is_ipv4()) {
            return Err(refusal("an advertised address of the other IP version"));
        }
        Ok(Self(Interface { name: name.to_owned(), address: bound, advertised }))
    }
}

/// UDP ports for media: `FIRST-LAST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortRange(pub(crate) RangeInclusive<u16>);

impl FromStr for PortRange {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refusal =
            || format!("{text:?} is no port range; allowed: FIRST-LAST within 1-65535, two ports at least");
        let (first, last) = text.split_once('-').ok_or_else(refusal)?;
        let first: u16 = first.trim().parse().map_err(|_| refusal())?;
        let last: u16 = last.trim().parse().map_err(|_| refusal())?;
        // An even port and the odd one above have to be in it.
        let even = u32::from(first) + u32::from(first % 2);
        if first == 0 || even + 1 > u32::from(last) {
            return Err(refusal());
        }
        Ok(Self(first..=last))
    }
}

/// A whole number within a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number<const MIN: u64, const MAX: u64>(u64);

impl<const MIN: u64, const MAX: u64> Number<MIN, MAX> {
    /// As a size; 64 bits hold it on every system that this runs on.
    pub(crate) fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> FromStr for Number<MIN, MAX> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
        number.map(Self).ok_or_else(|| format!("{text:?} is out of range; allowed: {MIN} to {MAX}"))
    }
}

/// A length of time within a range given in microseconds: `250us`, `1ms`, `60s`, `1h 30m`; a bare number is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span<const MIN: u64, const MAX: u64>(pub(crate) Duration);

impl<const MIN: u64, const MAX: u64> FromStr for Span<MIN, MAX> {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let [min, max] = [MIN, MAX].map(Duration::from_micros);
        let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let span = seconds.or_else(|| humantime::parse_duration(text).ok());
        span.filter(|span| (min..=max).contains(span)).map(Self).ok_or_else(|| {
            let [min, max] = [min, max].map(humantime::format_duration);
            format!("{text:?} is no time within range; allowed: {min} to {max}, such as 1ms, 60s or 1h")
        })
    }
}

/// Which cores the workers are pinned to: `auto`, `none`, or a list such as `1,3-5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The cores that the process may use, from the last to the first.
    Auto,
    /// Workers are not pinned.
    Free,
    /// These, in turn.
    Listed(Vec<usize>),
}

impl FromStr for Cores {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.trim() {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::Free),
            _ => {}
        }
        let refusal = || format!("{text:?} is no list of cores; allowed: auto, none, or such as 1,3-5");
        let core = |part: &str| part.trim().parse::<usize>().ok().filter(|core| *core < 1024);
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = core(first).zip(core(last)).ok_or_else(refusal)?;
            if range.0 > range.1 {
                return Err(refusal());
            }
            cores.extend(range.0..=range.1);
        }
        Ok(Self::Listed(cores))
    }
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Free => f.write_str("none"),
            Self::Listed(cores) => {
                let words: Vec<String> = cores.iter().map(usize::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

/// Media points, with up to three decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget(pub(crate) Points);

impl FromStr for Budget {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let sensible = !whole.is_empty() && whole.len() <= 7 && decimals.len() <= 3;
        let thousandths = format!("{whole}{decimals:0<3}");
        let points = if sensible && all_digits(&thousandths) { thousandths.parse().ok() } else { None };
        points.filter(|points| *points > 0).map(|points| Self(Points::thousandths(points))).ok_or_else(|| {
            format!("{text:?} are no media points; allowed: 0.001 to 9999999.999, such as 1000 or 812.5")
        })
    }
}

/// An address prefix whose machines may speak to the control port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowed(pub(crate) Prefix);

impl FromStr for Allowed {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        text.parse().map(Self).map_err(|_| {
            format!("{text:?} is no address prefix; allowed: such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")
        })
    }
}

/// A network of remote media addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(pub(crate) IpNet);

impl FromStr for Network {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let host = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| host()).map(Self).map_err(|_| {
            format!("{text:?} is no network; allowed: such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")
        })
    }
}

/// What is logged: a level, or a level for each target as in `info,mediapoint_engine=debug`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LogFilter {
    /// Target and level, an empty target for all others; the last of a target counts.
    rules: Vec<(String, LevelFilter)>,
}

/// Log levels, from the quietest to the most verbose.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

impl Default for LogFilter {
    fn default() -> Self {
        Self { rules: vec![(String::new(), LevelFilter::INFO)] }
    }
}

impl LogFilter {
    pub(crate) fn targets(&self) -> Targets {
        self.rules.iter().fold(Targets::new(), |targets, (target, level)| match target.as_str() {
            "" => targets.with_default(*level),
            target => targets.with_target(target, *level),
        })
    }

    /// True where nothing is logged at all.
    pub(crate) fn is_off(&self) -> bool {
        self.rules.iter().all(|(_, level)| *level == LevelFilter::OFF)
    }

    /// The filter with every level `steps` more verbose, or quieter where that is negative. No level goes below `error`
    /// but one that is `off`, nor above `trace`.
    pub(crate) fn shifted(&self, steps: i8) -> Self {
        let shift = |(target, level): &(String, LevelFilter)| {
            let at = LEVELS.iter().position(|(_, known)| known == level).unwrap_or_default();
            let lowest = usize::from(at > 0 || steps > 0);
            let to = at.saturating_add_signed(steps.into()).clamp(lowest, LEVELS.len() - 1);
            (target.clone(), LEVELS.get(to).map_or(*level, |(_, level)| *level))
        };
        Self { rules: self.rules.iter().map(shift).collect() }
    }
}

impl FromStr for LogFilter {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let rule = |part: &str| {
            let (target, level) = part.split_once('=').unwrap_or(("", part));
            let level = LEVELS.iter().find(|(name, _)| *name == level)?.1;
            Some((target.to_owned(), level))
        };
        let rules: Option<Vec<_>> = text.split(',').map(|part| rule(part.trim())).collect();
        rules.map(|rules| Self { rules }).ok_or_else(|| {
            let levels = LEVELS.map(|(name, _)| name).join(", ");
            format!("{text:?} is no log level; allowed: {levels}, or TARGET=LEVEL, with commas")
        })
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (target, level)) in self.rules.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            match target.as_str() {
                "" => write!(f, "{comma}{level}")?,
                target => write!(f, "{comma}{target}={level}")?,
            }
        }
        Ok(())
    }
}

/// How packets get to the workers and back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backend(pub(crate) PacketBackend);

impl FromStr for Backend {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "sockets" => Ok(Self(PacketBackend::Sockets)),
            "auto" => Ok(Self(PacketBackend::Auto)),
            "xdp" => Ok(Self(PacketBackend::Xdp)),
            _ => Err(format!("{text:?} is no way for packets; allowed: sockets, auto, xdp")),
        }
    }
}

/// Whether streams that are merely forwarded are handed over to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forward(pub(crate) bool);

impl FromStr for Forward {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "on" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(format!("{text:?} does not say whether the kernel forwards; allowed: on, off")),
        }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogFormat {
    /// One line of text each.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

impl FromStr for LogFormat {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is no log format; allowed: text, json")),
        }
    }
}
