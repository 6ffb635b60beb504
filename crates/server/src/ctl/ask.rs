//! Finds the server, and asks it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mediapoint_control_ng::client::{Client, ClientError, Target};
use mediapoint_control_ng::listen::Address;
use mediapoint_control_ng::wire::{Dict, Value};

use super::call::Call;
use crate::config::{Config, ConfigError, Settings};
use crate::serve::secret::{self, SecretError};

/// Why the server could not be asked, or did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] Box<ConfigError>),
    /// The secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No reply, or a refusal.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// There is no such call.
    #[error("no call has the call-id {0:?}; `mediapoint ctl list` shows those there are")]
    NoCall(String),
}

/// A server that can be asked.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    target: Target,
}

/// Where a client reaches what listens at an address: one that stands for all is asked on loopback.
pub(super) fn target_of(address: &Address) -> Target {
    match address {
        Address::Unix(path) => Target::Unix(path.clone()),
        Address::Inet(address) => Target::Udp(reachable(*address)),
    }
}

fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(loopback, address.port())
}

impl Server {
    /// The server at `to`, or of the configuration file, or with the default settings.
    pub(crate) fn find(
        to: Option<&Target>,
        config: Option<&Path>,
        secret_file: Option<&Path>,
    ) -> Result<Self, AskError> {
        let config = Config::load(Settings::default(), config).map_err(Box::new)?;
        let target = to.cloned().unwrap_or_else(|| target_of(&config.ng));
        let secret: Option<PathBuf> = secret_file.map(Path::to_owned).or(config.ng_secret_file);
        let client = Client::connect(target.clone())?;
        let client = match secret {
            Some(file) => client.with_secret(secret::read(&file)?),
            None => client,
        };
        Ok(Self { client, target })
    }

    /// Where it is asked.
    pub(crate) fn target(&self) -> String {
        self.target.to_string()
    }

    /// Asks for something by texts.
    pub(crate) fn ask(&mut self, command: &str, keys: &[(&str, &str)]) -> Result<Dict, AskError> {
        let dict = keys.iter().map(|(key, text)| (key.as_bytes().to_vec(), Value::from(*text))).collect();
        match self.client.request(command, dict) {
            Err(ClientError::Refused(reason)) if reason == "unknown call-id" => {
                let call_id = keys.iter().find(|(key, _)| *key == "call-id");
                Err(AskError::NoCall(call_id.map(|(_, text)| (*text).to_owned()).unwrap_or_default()))
            }
            other => Ok(other?),
        }
    }

    /// The figures of a call.
    pub(super) fn query(&mut self, call_id: &str) -> Result<Dict, AskError> {
        self.ask("query", &[("call-id", call_id)])
    }

    /// The calls, oldest first. Those that end while they are asked for are left out.
    pub(super) fn list(&mut self, limit: u16) -> Result<Vec<Call>, AskError> {
        let listed =
            self.client.request("list", Dict::from([(b"limit".to_vec(), i64::from(limit).into())]))?;
        let ids: Vec<String> = match listed.get(b"calls".as_slice()) {
            Some(Value::List(ids)) => ids.iter().filter_map(Value::to_text).collect(),
            _ => Vec::new(),
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut calls = Vec::new();
        for id in ids {
            match self.query(&id) {
                Ok(reply) => calls.push(Call::read(id, &reply, now.as_secs())),
                Err(AskError::NoCall(_)) => {}
                Err(error) => return Err(error),
            }
        }
        calls.sort_by(|one, other| other.age.cmp(&one.age).then_with(|| one.id.cmp(&other.id)));
        Ok(calls)
    }

    /// Ends a call.
    pub(super) fn end(&mut self, call_id: &str) -> Result<(), AskError> {
        // So that a call that is not there is an error.
        self.query(call_id)?;
        let keys = [("call-id", call_id), ("delete-delay", "0"), ("flags", "fast")];
        self.ask("delete", &keys).map(drop)
    }
}
