//! A server as a child process: `mediapoint serve` on a control port that the system chooses.
//!
//! Any build of the server will do: the child says through `$NOTIFY_SOCKET`, as it would to systemd, when it serves
//! and where.

use std::env;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    /// There is no such program.
    #[error(
        "there is no server at {}: build it with `cargo build --release -p mediapoint-server`, or name another by --server",
        .0.display()
    )]
    Missing(PathBuf),
    /// The process cannot be started.
    #[error("cannot start a server: {0}")]
    Start(#[from] io::Error),
    /// It cannot be bound to the core.
    #[error("cannot pin the server to core {core}: {source}")]
    Pin {
        /// The core.
        core: usize,
        /// What the system said.
        source: io::Error,
    },
    /// It ended instead of serving.
    #[error("the server ended at once: {0}; its log says why")]
    Ended(ExitStatus),
    /// It runs and does not serve.
    #[error("the server did not serve within {} s", PATIENCE.as_secs())]
    Silent,
}

/// The server's program: the one that was named, or `mediapoint` in the folder of this program.
///
/// # Errors
/// [`ChildError::Missing`] where there is no such file.
pub(crate) fn program(named: Option<&Path>) -> Result<PathBuf, ChildError> {
    let path = match named {
        Some(named) => named.to_path_buf(),
        None => env::current_exe()?.with_file_name("mediapoint"),
    };
    if path.is_file() { Ok(path) } else { Err(ChildError::Missing(path)) }
}

/// Where it listens.
#[derive(Debug, Clone, Copy)]
struct ControlPorts {
    datagrams: SocketAddr,
    streams: Option<SocketAddr>,
}

/// A running server; killed when it is dropped without [`ChildServer::stop`].
#[derive(Debug)]
pub(crate) struct ChildServer {
    child: Child,
    ports: ControlPorts,
    /// What the server goes on to say, such as that it stops; kept open so that it can.
    _notices: UnixDatagram,
}

impl ChildServer {
    /// Starts `program` as a server and waits until it serves. All its threads run on `core`, where one is named; its
    /// log goes to `log`.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        core: Option<usize>,
        log: Stdio,
    ) -> Result<Self, ChildError> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        // A name of its own for each: others may still run.
        let name = format!("mediapoint-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let address = UnixAddr::from_abstract_name(&name)?;
        let notices = UnixDatagram::bind_addr(&address)?;
        notices.set_read_timeout(Some(LOOK_EVERY))?;
        let mut command = Command::new(program);
        command.args(["serve", "--ng", "127.0.0.1:0"]).args(arguments);
        let mut target = OsString::from("@");
        target.push(&name);
        command.env("NOTIFY_SOCKET", target).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = spawn(command, core)?;
        match wait_until_serving(&mut child, &notices) {
            Ok(ports) => Ok(Self { child, ports, _notices: notices }),
            Err(error) => {
                // It may have ended already.
                drop(child.kill());
                drop(child.wait());
                Err(error)
            }
        }
    }

    /// Its control port.
    pub(crate) fn ng(&self) -> SocketAddr {
        self.ports.datagrams
    }

    /// Its control port for connections, where it has one.
    pub(crate) fn ng_tcp(&self) -> Option<SocketAddr> {
        self.ports.streams
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, where it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> io::Result<ExitStatus> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(LOOK_EVERY);
        }
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A process inherits the cores of the thread that starts it, so a thread of its own is pinned first.
fn spawn(mut command: Command, core: Option<usize>) -> Result<Child, ChildError> {
    let start = move || {
        if let Some(core) = core {
            mediapoint_net::pin_current_thread(core).map_err(|source| ChildError::Pin { core, source })?;
        }
        Ok(command.spawn()?)
    };
    let thread = thread::Builder::new().name("spawn".to_owned()).spawn(start)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked").into()))
}

fn wait_until_serving(child: &mut Child, notices: &UnixDatagram) -> Result<ControlPorts, ChildError> {
    let deadline = Instant::now() + PATIENCE;
    let mut buffer = [0; 1024];
    while Instant::now() < deadline {
        match notices.recv(&mut buffer) {
            Ok(len) => {
                let notice = String::from_utf8_lossy(buffer.get(..len).unwrap_or_default()).into_owned();
                let address = |key| notice.lines().find_map(|line| line.strip_prefix(key)?.parse().ok());
                if let Some(datagrams) = address("X_MEDIAPOINT_NG=") {
                    return Ok(ControlPorts { datagrams, streams: address("X_MEDIAPOINT_NG_TCP=") });
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.try_wait()? {
            return Err(ChildError::Ended(status));
        }
    }
    Err(ChildError::Silent)
}
