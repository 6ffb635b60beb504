//! Outside programs that never outlive us: each is killed when its handle goes, and by the kernel when we die.

use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Context as _, Failure};

/// How often a condition of another program is looked at again.
const POLL: Duration = Duration::from_millis(10);

/// A running outside program, its output in a log file.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with its output in `folder`/`label`.log.
    pub(crate) fn start(folder: &Path, label: &str, program: &str, args: &[String]) -> Result<Self, Failure> {
        Self::spawn(folder, label, program, args, Stdio::null())
    }

    /// The same with a standard input for [`command`](Self::command).
    pub(crate) fn start_for_commands(
        folder: &Path,
        label: &str,
        program: &str,
        args: &[String],
    ) -> Result<Self, Failure> {
        Self::spawn(folder, label, program, args, Stdio::piped())
    }

    fn spawn(
        folder: &Path,
        label: &str,
        program: &str,
        args: &[String],
        input: Stdio,
    ) -> Result<Self, Failure> {
        let log = folder.join(format!("{label}.log"));
        let output = File::create(&log).during(log.display().to_string())?;
        let errors = output.try_clone().during(log.display().to_string())?;
        // setpriv asks the kernel to kill the program when the thread that started it ends. All programs are started
        // from the main thread, so that is when this process ends, however it does.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "SIGKILL", "--", program])
            .args(args)
            .current_dir(folder)
            .stdin(input)
            .stdout(output)
            .stderr(errors)
            .spawn()
            .during(format!("starting {program}"))?;
        Ok(Self { child, name: program.to_owned(), log })
    }

    /// Writes a line to its standard input.
    pub(crate) fn command(&mut self, line: &str) -> Result<(), Failure> {
        let Some(input) = &mut self.child.stdin else { return Err(self.failure("has no standard input")) };
        input.write_all(format!("{line}\n").as_bytes()).during(format!("a command for {}", self.name))
    }

    /// The operating system's number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a normal end with exit code 0.
    pub(crate) fn finish(mut self, within: Duration) -> Result<(), Failure> {
        match self.wait(within)? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failure(format!("ended with {status}"))),
            None => Err(self.failure(format!("still ran after {} s", within.as_secs()))),
        }
    }

    /// Asks it to end as a user would, with SIGINT, so that it finishes its files; any exit code will do.
    pub(crate) fn interrupt(mut self, within: Duration) -> Result<(), Failure> {
        // ffmpeg notices the first signal between packets only, and none come any more; the second ends its wait.
        for patience in [Duration::from_millis(300), within] {
            // A process that ended by itself has been asked enough.
            let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
            if self.wait(patience)?.is_some() {
                return Ok(());
            }
        }
        Err(self.failure(format!("ignored SIGINT for {} s", within.as_secs())))
    }

    /// What it printed so far.
    pub(crate) fn printed(&self) -> String {
        std::fs::read(&self.log)
            .map_or_else(|_| String::new(), |text| String::from_utf8_lossy(&text).into_owned())
    }

    /// True while it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// A failure that points to this program's log.
    pub(crate) fn failure(&self, detail: impl Into<String>) -> Failure {
        Failure::Program { program: self.name.clone(), detail: detail.into(), log: self.log.clone() }
    }

    fn wait(&mut self, within: Duration) -> Result<Option<ExitStatus>, Failure> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().during(format!("waiting for {}", self.name))? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its end and returns what it printed on standard output.
pub(crate) fn output(program: &str, args: &[String]) -> Result<String, Failure> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .during(format!("running {program}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(Failure::Wrong(format!("{program} ended with {}: {}", output.status, errors.trim())))
}

/// True where the program is on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Waits until the condition holds; false when it did not in time.
pub(crate) fn wait_until(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// Waits until some process has bound the UDP port, so that nothing is sent before anyone listens.
pub(crate) fn wait_for_udp_port(port: u16, process: &mut Process) -> Result<(), Failure> {
    let bound = wait_until(Duration::from_secs(10), || !process.is_running() || udp_port_is_bound(port));
    if bound && process.is_running() {
        Ok(())
    } else {
        Err(process.failure(format!("did not open UDP port {port}")))
    }
}

/// Reads the kernel's table of UDP sockets, where the local port stands in hexadecimal.
fn udp_port_is_bound(port: u16) -> bool {
    let needle = format!(":{port:04X}");
    ["/proc/net/udp", "/proc/net/udp6"].iter().any(|table| {
        std::fs::read_to_string(table)
            .unwrap_or_default()
            .lines()
            .skip(1)
            .any(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&needle)))
    })
}

/// The address every socket of the harness is bound to.
pub(crate) const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
