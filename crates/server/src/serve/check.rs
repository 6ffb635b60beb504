//! `config --check`: tries on this machine what the configuration asks for, and says what was tried.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use mediapoint_control_ng::Prompts;
use mediapoint_control_ng::listen::Address;

use super::machine::{self, NotHere};
use super::playback;
use super::recording::{open, plugins};
use super::{limits, secret};
use crate::config::{Config, RecordingPolicy};

/// What came of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is as it has to be.
    Good,
    /// The server would start, and somebody should know.
    Note,
    /// The server would not start.
    Failed,
}

/// One trial.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) outcome: Outcome,
    text: String,
}

impl Finding {
    fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self { outcome, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Good => "ok",
            Outcome::Note => "note",
            Outcome::Failed => "fails",
        };
        write!(f, "{outcome:<5} {}", self.text)
    }
}

/// Tries everything, the control port first.
pub(crate) fn machine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![control("ng", &config.ng, true)];
    findings.extend(config.ng_tcp.as_ref().map(|address| control("ng-tcp", address, false)));
    findings.extend(
        config.metrics_listen.map(|address| control("metrics-listen", &Address::Inet(address), false)),
    );
    findings.extend(config.ng_secret_file.as_deref().map(secret_file));
    let mut tried: Vec<IpAddr> = Vec::new();
    for interface in &config.interfaces {
        if !tried.contains(&interface.address) {
            tried.push(interface.address);
            findings.extend(media(config, interface.address));
        }
    }
    if machine::is_for_itself(&config.interfaces) {
        findings.push(Finding::new(Outcome::Note, "address: only this machine will reach the media ports"));
    }
    findings.extend(machine::doubts(config).into_iter().map(|doubt| {
        Finding::new(Outcome::Note, format!("points: {doubt}: measure with `mediapoint calibrate`"))
    }));
    findings.extend(prompts(config));
    findings.extend(config.recording.iter().flat_map(recording));
    findings.extend(config.recording.as_ref().and_then(playback));
    findings.extend(files(config));
    findings
}

/// Opens the folder of recordings, with its keys, reads the recipients, and finds the programs of their plugins.
fn recording(policy: &RecordingPolicy) -> Vec<Finding> {
    match open(policy).and_then(|_| plugins(policy)) {
        Ok(plugins) => {
            let (folder, count) = (policy.folder.display(), policy.all_recipients().len());
            let written = format!("recordings: {folder} can be written, {count} recipients can listen");
            let found = plugins.into_iter().map(|(number, program)| {
                format!("recordings: recipient {number} is encrypted to by {}", program.display())
            });
            std::iter::once(written).chain(found).map(|text| Finding::new(Outcome::Good, text)).collect()
        }
        Err(error) => vec![Finding::new(Outcome::Failed, error.to_string())],
    }
}

/// Reads the identity that recordings are opened with to be played.
fn playback(policy: &RecordingPolicy) -> Option<Finding> {
    let file = policy.playback_identity.as_ref()?;
    Some(match playback::identity(policy) {
        Ok(_) => Finding::new(Outcome::Good, format!("recordings: {} opens what is played", file.display())),
        Err(error) => Finding::new(Outcome::Failed, error.to_string()),
    })
}

/// Reads the folders of prompts, and the hold music.
fn prompts(config: &Config) -> Vec<Finding> {
    let folder = |folder: &PathBuf| match folder.read_dir() {
        Ok(_) => Finding::new(Outcome::Good, format!("prompts: {} can be read", folder.display())),
        Err(error) => {
            Finding::new(Outcome::Failed, format!("prompts: {} cannot be read: {error}", folder.display()))
        }
    };
    let mut findings: Vec<Finding> = config.prompts.folders.iter().map(folder).collect();
    if findings.iter().any(|finding| finding.outcome == Outcome::Failed) {
        return findings;
    }
    match (Prompts::new(config.prompts.to_config()), &config.prompts.hold_music) {
        (Ok(_), None) => {}
        (Ok(_), Some(music)) => {
            findings.push(Finding::new(Outcome::Good, format!("prompts: hold-music {music} can be played")));
        }
        (Err(error), _) => findings.push(Finding::new(Outcome::Failed, format!("prompts: {error}"))),
    }
    findings
}

/// Binds where a control port is to listen.
fn control(key: &str, address: &Address, is_datagram: bool) -> Finding {
    let tried = match address {
        Address::Inet(address) if is_datagram => UdpSocket::bind(address).map(drop),
        Address::Inet(address) => TcpListener::bind(address).map(drop),
        Address::Unix(path) => beside(path),
    };
    match tried {
        Ok(()) => Finding::new(Outcome::Good, format!("{key}: {address} can be bound")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::new(
            Outcome::Note,
            format!("{key}: {address} is in use, by a server that runs already or by another program"),
        ),
        Err(error) => Finding::new(Outcome::Failed, format!("{key}: {address} cannot be bound: {error}")),
    }
}

/// Binds a socket in the same folder and removes it: the path itself may be that of a server that runs.
fn beside(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    UnixDatagram::bind(&name)?;
    std::fs::remove_file(&name)
}

fn secret_file(path: &Path) -> Finding {
    match secret::read(path) {
        Ok(_) => Finding::new(Outcome::Good, format!("ng-secret-file: {} holds a secret", path.display())),
        Err(error) => Finding::new(Outcome::Failed, error.to_string()),
    }
}

/// Binds each port of the range on an address.
fn media(config: &Config, address: IpAddr) -> Vec<Finding> {
    match UdpSocket::bind(SocketAddr::new(address, 0)) {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            return vec![Finding::new(Outcome::Failed, NotHere::new(address).to_string())];
        }
        Err(error) => {
            let text = format!("address: {address} cannot be bound: {error}");
            return vec![Finding::new(Outcome::Failed, text)];
        }
        Ok(_) => {}
    }
    let (first, last) = (*config.ports.start(), *config.ports.end());
    let held: Vec<u16> = config
        .ports
        .clone()
        .filter(|port| UdpSocket::bind(SocketAddr::new(address, *port)).is_err())
        .collect();
    let all = config.ports.len();
    let free = all - held.len();
    let outcome = match held.len() {
        0 => Outcome::Good,
        _ if free < 2 => Outcome::Failed,
        _ => Outcome::Note,
    };
    let which = match held.first() {
        None => String::new(),
        Some(one) if held.len() == 1 => format!("; {one} is in use"),
        Some(one) => format!("; {} are in use, {one} the first", held.len()),
    };
    vec![
        Finding::new(Outcome::Good, format!("address: {address} is on this machine")),
        Finding::new(outcome, format!("ports: {free} of {first}-{last} can be bound on {address}{which}")),
    ]
}

/// The limit of open files, and what runs out before the points.
fn files(config: &Config) -> Vec<Finding> {
    let limits = match limits::raise(config) {
        Ok(limits) => limits,
        Err(error) => return vec![Finding::new(Outcome::Failed, error.to_string())],
    };
    let room = format!(
        "open files: {} may be open, which is room for {} legs on each worker ({})",
        limits.open_files, limits.max_legs, config.workers
    );
    let scarce = limits::scarce(config, limits.max_legs).into_iter().map(|(what, calls)| {
        let budget = config.budget;
        Finding::new(
            Outcome::Note,
            format!("budget: {what} allows {calls} calls on each worker, the budget {budget} points"),
        )
    });
    std::iter::once(Finding::new(Outcome::Good, room)).chain(scarce).collect()
}
