//! The server that is attacked: a child process on a core of its own.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mediapoint_caller::ng::Client;

use super::DrillError;
use super::arguments::DrillArguments;
use super::process::Process;
use crate::bench::machine::{self, Machine};
use crate::child::{self, ChildServer};

/// How long a request waits for its answer. It is sent once: a repetition would hide that one was lost.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Which server to attack, and on which cores.
#[derive(Debug, Clone)]
pub(super) struct Target {
    program: PathBuf,
    pub(super) machine: Machine,
    pub(super) server_core: Option<usize>,
    pub(super) load_core: Option<usize>,
}

impl Target {
    /// The one that the arguments name. The calling thread, and with it all that attack, is bound to the core of the load.
    pub(super) fn of(arguments: &DrillArguments) -> Result<Self, DrillError> {
        let program = child::program(arguments.server.as_deref())?;
        // Before this thread is bound to one of its cores.
        let machine = machine::describe();
        let usable = mediapoint_net::available_cores();
        let (first, last) = match usable.as_slice() {
            [first, .., last] => (Some(*first), Some(*last)),
            _ => {
                eprintln!("note: server and attack share one core");
                (None, None)
            }
        };
        let (server_core, load_core) = (arguments.server_core.or(last), arguments.load_core.or(first));
        if let Some(core) = load_core {
            mediapoint_net::pin_current_thread(core)?;
        }
        Ok(Self { program, machine, server_core, load_core })
    }

    /// The server's program.
    pub(super) fn program(&self) -> &Path {
        &self.program
    }
}

/// A server that is attacked. It is killed when this goes without [`Server::stop`].
#[derive(Debug)]
pub(super) struct Server {
    child: ChildServer,
    pub(super) load_core: Option<usize>,
}

impl Server {
    /// Starts it with `more` flags beside those of every drill.
    pub(super) fn start(target: &Target, more: &[String]) -> Result<Self, DrillError> {
        let cores = target.server_core.map_or_else(|| "auto".to_owned(), |core| core.to_string());
        // A process that cannot be dumped does not show its descriptors to another user, and the drills have no secrets. Warnings
        // are what attacks are meant to cause.
        let mut flags = vec!["--danger-core-dumps", "--grace", "0", "--log", "error", "--cores", &cores];
        flags.extend(more.iter().map(String::as_str));
        if !more.iter().any(|flag| flag == "--budget" || flag == "--points") {
            flags.extend(["--budget", "4000"]);
        }
        let child = ChildServer::start(&target.program, &flags, target.server_core, Stdio::inherit())?;
        Ok(Self { child, load_core: target.load_core })
    }

    /// Its control port.
    pub(super) fn ng(&self) -> SocketAddr {
        self.child.ng()
    }

    /// Its control port for connections, where it was asked for one.
    pub(super) fn ng_tcp(&self) -> Option<SocketAddr> {
        self.child.ng_tcp()
    }

    /// A client of its control port that sends each command once.
    pub(super) fn client(&self) -> Result<Client, DrillError> {
        Ok(Client::connect(self.ng())?.with_patience(ANSWER_WITHIN, 1))
    }

    /// Its process.
    pub(super) fn process(&self) -> Process {
        Process::new(self.child.pid())
    }

    /// How it ended, where it has.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.ended()
    }

    /// Ends it with SIGKILL, as a crash would, and waits until it is gone.
    pub(super) fn kill(self) {
        drop(self);
    }

    /// Ends it. The figures are taken: one that does not end is killed.
    pub(super) fn stop(self) {
        drop(self.child.stop());
    }
}
