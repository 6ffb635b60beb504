//! A server process under test. Waits are for conditions, each with a deadline.

#![allow(dead_code, reason = "every test file uses its own part of this")]

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mediapoint_caller::ng::Client;
use mediapoint_caller::{By, Call, PhoneConfig, Softphone};
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take that should happen soon; generous, since machines that test are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program.
pub(crate) fn mediapoint() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mediapoint"))
}

/// A new folder of this test run.
pub(crate) fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the program with arguments that it should refuse; its exit code and what it said.
pub(crate) fn refused(arguments: &[&str]) -> (i32, String) {
    let output = mediapoint().args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// Sets a call up between two phones; both hear the other once it returns.
pub(crate) fn call(server: &Server) -> (Call, [Softphone; 2]) {
    let phones = [(); 2].map(|()| Softphone::bind(PhoneConfig::default()).unwrap());
    let [caller, callee] = &phones;
    let call = Call::new();
    call.invite(&mut server.client(), By::Caller, (caller, callee), |offer| offer, |answer| answer).unwrap();
    for phone in [caller, callee] {
        assert!(phone.wait_until(PATIENCE, |stats| stats.packets_received > 0));
    }
    (call, phones)
}

/// A terminal: what its user sees, and the line that programs are started on.
pub(crate) fn terminal() -> (File, File) {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let name = ptsname(&screen, Vec::new()).unwrap();
    let line = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (File::from(screen), File::from(line))
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for {what}");
}

/// `mediapoint serve` on a port that the system chose; killed when dropped.
pub(crate) struct Server {
    child: Mutex<Child>,
    log: PathBuf,
    ready: String,
    notices: UnixDatagram,
    notice_file: PathBuf,
}

/// What a server is started with beside its arguments.
#[derive(Default)]
pub(crate) struct Surroundings<'a> {
    /// A log that nobody reads: a pipe, full after a few hundred lines.
    pub(crate) unread_log: bool,
    /// Variables of its environment.
    pub(crate) variables: &'a [(&'a str, &'a str)],
    /// Its control port, where it is not one that the system chooses.
    pub(crate) ng: Option<&'a str>,
    /// The terminal that it is started from and logs to, where it has one.
    pub(crate) terminal: Option<&'a File>,
}

impl Server {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_in(arguments, &Surroundings::default())
    }

    /// The same in other surroundings.
    pub(crate) fn start_in(arguments: &[&str], surroundings: &Surroundings<'_>) -> Self {
        let folder = folder();
        // The path of a socket is short by nature, that of a target folder is not.
        let socket = std::env::temp_dir().join(format!(
            "mediapoint-{}-{}",
            std::process::id(),
            folder.file_name().unwrap().to_str().unwrap().rsplit('-').next().unwrap()
        ));
        let notices = UnixDatagram::bind(&socket).unwrap();
        notices.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let log = folder.join("log");
        let (mut command, error) = match surroundings.terminal {
            None if surroundings.unread_log => (mediapoint(), Stdio::piped()),
            None => (mediapoint(), File::create(&log).unwrap().into()),
            Some(terminal) => {
                // A session of its own, whose terminal is its standard input.
                let mut command = Command::new("setsid");
                command.arg("--ctty").arg(env!("CARGO_BIN_EXE_mediapoint"));
                command.stdout(terminal.try_clone().unwrap());
                (command, terminal.try_clone().unwrap().into())
            }
        };
        let child = command
            .args(["serve", "--ng", surroundings.ng.unwrap_or("127.0.0.1:0"), "--cores", "none"])
            .args(arguments)
            .env("NOTIFY_SOCKET", &socket)
            .envs(surroundings.variables.iter().copied())
            .stderr(error)
            .stdin(
                surroundings
                    .terminal
                    .map_or_else(Stdio::null, |terminal| terminal.try_clone().unwrap().into()),
            )
            .spawn()
            .unwrap();
        let child = Mutex::new(child);
        let mut buffer = [0; 1024];
        let ready = wait_for("the server to start", || {
            if let Some(status) = child.lock().unwrap().try_wait().unwrap() {
                panic!("ended with {status}: {}", fs::read_to_string(&log).unwrap());
            }
            let len = notices.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..len].to_vec()).unwrap())
        });
        assert!(ready.starts_with("READY=1\n"), "{ready}");
        Self { child, log, ready, notices, notice_file: socket }
    }

    pub(crate) fn ng(&self) -> SocketAddr {
        self.ready_address("X_MEDIAPOINT_NG=").unwrap()
    }

    pub(crate) fn ng_tcp(&self) -> Option<SocketAddr> {
        self.ready_address("X_MEDIAPOINT_NG_TCP=")
    }

    pub(crate) fn metrics(&self) -> Option<SocketAddr> {
        self.ready_address("X_MEDIAPOINT_METRICS=")
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.ng()).unwrap()
    }

    /// What it has logged up to now.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it tells the service manager this.
    pub(crate) fn wait_for_notice(&self, notice: &str) {
        let mut buffer = [0; 1024];
        wait_for(notice, || {
            let len = self.notices.recv(&mut buffer).ok()?;
            (buffer[..len] == *notice.as_bytes()).then_some(())
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.lock().unwrap()), signal).unwrap();
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }

    pub(crate) fn wait_for_end(&self) -> ExitStatus {
        wait_for("the server to end", || self.child.lock().unwrap().try_wait().unwrap())
    }

    fn ready_address(&self, key: &str) -> Option<SocketAddr> {
        self.ready.lines().find_map(|line| line.strip_prefix(key)).map(|text| text.parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        // Both fail only where it has ended already.
        drop(child.kill());
        drop(child.wait());
        fs::remove_file(&self.notice_file).unwrap();
    }
}

/// A WAV file of silence with so many samples at 8 kHz.
pub(crate) fn wav(samples: u32) -> Vec<u8> {
    let bytes = samples * 2;
    let mut out = b"RIFF".to_vec();
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    out.extend(bytes.to_le_bytes());
    out.resize(out.len() + samples as usize * 2, 0);
    out
}
