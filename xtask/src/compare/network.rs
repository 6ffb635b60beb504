//! Two network namespaces with a pair of virtual Ethernet cards between them: a server in one, the load in the other.
//!
//! A process holds each namespace; the kernel kills it when this one ends, however that comes about, and with the last process in
//! them namespaces and cards are gone.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::server::Place;
use crate::error::Error;
use crate::shell::Program;

/// Addresses for documentation [RFC5737 3]: no machine has them.
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// The server's port for ng.
const CONTROL: u16 = 2223;

/// How long a namespace may take to be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both namespaces.
pub(super) struct Network {
    server: Namespace,
    client: Namespace,
}

impl Network {
    /// Makes them, and the cards.
    pub(super) fn new() -> Result<Self, Error> {
        if !Program::new("unshare", ["--net", "true"]).succeeds() {
            let refused = "no network namespace can be made here: --network needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN)";
            return Err(Error::Tool(refused.to_owned()));
        }
        let network = Self { server: Namespace::new()?, client: Namespace::new()? };
        let Self { server, client } = &network;
        server.run(&format!("ip link add media type veth peer name phone netns {}", client.holder.id()))?;
        for (namespace, card, address) in [(server, "media", SERVER), (client, "phone", CLIENT)] {
            namespace.run(&format!("ip address add {address}/24 dev {card}"))?;
            namespace.run("ip link set lo up")?;
            namespace.run(&format!("ip link set {card} up"))?;
        }
        // What a program at the other card sends off is taken only by a card that polls, which it does with this.
        client.run("ethtool -K phone gro on")?;
        Ok(network)
    }

    /// The server's.
    pub(super) fn place(&self) -> Place {
        Place { address: SERVER, client: CLIENT, control: CONTROL, enter: self.server.enter() }
    }

    /// What is put before the generator.
    pub(super) fn enter_client(&self) -> Vec<String> {
        self.client.enter()
    }

    /// The generator's address.
    pub(super) fn client_address(&self) -> Ipv4Addr {
        CLIENT
    }

    /// Arguments by which the generator has half of its phones in the server's place and no server.
    pub(super) fn far(&self) -> [String; 2] {
        [format!("--far={}", self.server.path()), format!("--far-address={SERVER}")]
    }
}

/// A network namespace, and who holds it.
struct Namespace {
    holder: Child,
}

impl Namespace {
    fn new() -> Result<Self, Error> {
        let holder = Command::new("setpriv")
            .args(["--pdeathsig", "SIGKILL", "--", "unshare", "--net", "--", "sleep", "infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::Spawn { program: "setpriv".to_owned(), source })?;
        let mut namespace = Self { holder };
        let own = std::fs::read_link("/proc/self/ns/net").ok();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(namespace.holder.try_wait(), Ok(None)) {
            if std::fs::read_link(namespace.path()).is_ok_and(|held| own.as_ref() != Some(&held)) {
                return Ok(namespace);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let path = PathBuf::from(namespace.path());
        Err(Error::Tool(format!("{} did not become a network namespace of its own", path.display())))
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.holder.id())
    }

    /// What is put before a program that is to run in it.
    fn enter(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net={}", self.path()), "--".to_owned()]
    }

    fn run(&self, line: &str) -> Result<(), Error> {
        let words = self.enter().into_iter().skip(1).chain(line.split(' ').map(str::to_owned));
        Program::new("nsenter", words).output().map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::find_program;

    #[test]
    fn both_are_reached_from_each_other_and_gone_with_their_handle() {
        let missing = ["ip", "ethtool", "setpriv"].into_iter().find(|name| find_program(name).is_none());
        if missing.is_some() || !Program::new("unshare", ["--net", "true"]).succeeds() {
            println!("skipped: no network namespaces here");
            return;
        }
        let network = Network::new().unwrap();
        let route = network.client.enter().into_iter().skip(1);
        let words = route.chain(["ip", "route", "get", "198.51.100.1"].map(str::to_owned));
        let route = Program::new("nsenter", words).output().unwrap();
        assert!(route.contains("dev phone src 198.51.100.2"), "{route}");
        let places = [network.server.path(), network.client.path()];
        drop(network);
        assert!(places.iter().all(|place| std::fs::read_link(place).is_err()));
    }
}
