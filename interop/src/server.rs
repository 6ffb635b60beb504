//! The server under test: started for the run, asked until it answers, stopped with the run.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use crate::error::{Context as _, Failure, ensure};
use crate::ng::{Client, Message};
use crate::process::{LOOPBACK, Process, wait_until};

/// Which server to exchange calls through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The one built from this workspace.
    Mediapoint,
    /// Debian's rtpengine, the reference; also how this harness itself is tested.
    Rtpengine,
}

/// A running server.
pub(crate) struct Server {
    /// Which one.
    pub(crate) kind: Kind,
    /// Its control port.
    pub(crate) client: Client,
    /// Where that is.
    pub(crate) control: SocketAddr,
    process: Process,
    program: String,
}

/// Media ports of each server, apart so that both can run.
const fn ports(kind: Kind) -> (u16, u16) {
    match kind {
        Kind::Mediapoint => (10_000, 13_999),
        Kind::Rtpengine => (18_000, 21_999),
    }
}

/// Media ports of a second server of either kind.
const SECOND: (u16, u16) = (14_000, 17_999);

impl Server {
    /// Starts the server on loopback and waits until its control port answers.
    pub(crate) fn start(
        kind: Kind,
        folder: &Path,
        binary: Option<&Path>,
        extra: &[String],
    ) -> Result<Self, Failure> {
        let program = match kind {
            Kind::Mediapoint => mediapoint_binary(binary)?,
            Kind::Rtpengine => "rtpengine".to_owned(),
        };
        Self::launch(kind, folder, program, extra, ports(kind))
    }

    /// Another server of the same build with further arguments for ours, on media ports of its own.
    pub(crate) fn another(&self, folder: &Path, extra: &[String]) -> Result<Self, Failure> {
        Self::launch(self.kind, folder, self.program.clone(), extra, SECOND)
    }

    fn launch(
        kind: Kind,
        folder: &Path,
        program: String,
        extra: &[String],
        ports: (u16, u16),
    ) -> Result<Self, Failure> {
        let control = free_port()?;
        let (mut args, label) = match kind {
            Kind::Mediapoint => (mediapoint_args(control, ports), "mediapoint"),
            Kind::Rtpengine => (rtpengine_args(control, folder, ports), "rtpengine"),
        };
        if kind == Kind::Mediapoint {
            args.extend_from_slice(extra);
        }
        let mut process = Process::start(folder, label, &program, &args)?;
        let client = Client::new(control)?;
        let ready = wait_until(Duration::from_secs(20), || {
            !process.is_running() || client.exchange(&Message::new("ping"), 1).is_ok()
        });
        if !ready || !process.is_running() {
            return Err(process.failure("did not answer a ping on its control port"));
        }
        Ok(Self { kind, client, control, process, program })
    }

    /// Fails when the server ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<(), Failure> {
        if self.process.is_running() { Ok(()) } else { Err(self.process.failure("ended during the run")) }
    }

    /// Fails where a call is left on the server, once it had time to end.
    pub(crate) fn check_no_call(&self) -> Result<(), Failure> {
        let mut left = 0;
        let calls = || {
            let reply = self.client.exchange(&Message::new("list"), 1).ok()?;
            Some(reply.at(&["calls"])?.as_list()?.len())
        };
        let none = wait_until(Duration::from_secs(3), || {
            left = calls().unwrap_or(usize::MAX);
            left == 0
        });
        ensure!(none, "{left} calls are left on the media server");
        Ok(())
    }

    /// How many calls the server has now.
    pub(crate) fn calls(&self) -> Result<usize, Failure> {
        let reply = self.client.request(&Message::new("list"))?;
        Ok(reply.at(&["calls"]).and_then(|calls| calls.as_list().map(Vec::len)).unwrap_or(0))
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        self.process.printed()
    }

    /// The operating system's number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

fn mediapoint_args(control: SocketAddr, (low, high): (u16, u16)) -> Vec<String> {
    let args = [
        "serve",
        "--ng",
        &control.to_string(),
        "--address",
        "127.0.0.1",
        // For what a controller asks for in the other family.
        "--address",
        "::1",
        "--ports",
        &format!("{low}-{high}"),
    ];
    args.iter().copied().chain(["--workers", "1"]).map(str::to_owned).collect()
}

fn rtpengine_args(control: SocketAddr, folder: &Path, (low, high): (u16, u16)) -> Vec<String> {
    vec![
        // No file of the system's, and no kernel table: packets go through the daemon, as they do through ours.
        "--config-file=none".to_owned(),
        "--table=-1".to_owned(),
        "--interface=127.0.0.1".to_owned(),
        "--interface=::1".to_owned(),
        format!("--listen-ng={control}"),
        format!("--port-min={low}"),
        format!("--port-max={high}"),
        "--foreground".to_owned(),
        "--log-stderr".to_owned(),
        "--log-level=5".to_owned(),
        // With more, two threads may take neighbouring packets of a stream and swap them.
        "--num-threads=1".to_owned(),
        "--delete-delay=0".to_owned(),
        // Expedited forwarding, which the reference sets only when told to.
        "--tos=184".to_owned(),
        format!("--pidfile={}", folder.join("rtpengine.pid").display()),
    ]
}

/// The one built beside this program, unless another was named.
fn mediapoint_binary(named: Option<&Path>) -> Result<String, Failure> {
    let path = match named {
        Some(path) => path.to_path_buf(),
        None => built("mediapoint")?,
    };
    existing(&path, "mediapoint-server")
}

/// `mediapoint-tools`, built beside this program.
pub(crate) fn tools_binary() -> Result<String, Failure> {
    existing(&built("mediapoint-tools")?, "mediapoint-tools")
}

/// Where a program of the workspace is that was built as this one was.
fn built(program: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().during("finding this program")?;
    Ok(own.with_file_name(program))
}

fn existing(path: &Path, package: &str) -> Result<String, Failure> {
    let name = path.display();
    ensure!(path.is_file(), "{name} is missing: cargo build -p {package}");
    Ok(name.to_string())
}

/// Cargo's target folder: two above this program.
pub(crate) fn target_folder() -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().during("finding this program")?;
    Ok(own.ancestors().nth(2).unwrap_or(Path::new(".")).to_path_buf())
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<SocketAddr, Failure> {
    let socket = UdpSocket::bind((LOOPBACK, 0)).during("looking for a free port")?;
    socket.local_addr().during("looking for a free port")
}
