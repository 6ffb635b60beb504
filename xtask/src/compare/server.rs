//! The servers under test: each on a core of its own, on the loopback address or in a network namespace, killed with its handle.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::shell::Program;

/// A call takes several sockets, more than the usual soft limit lets hundreds of calls have.
pub(super) const OPEN_FILES: &str = r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often Janus is started at most: some starts of Janus 1.1.2 end at once, where the thread of its Unix socket runs before the
/// interface is marked as there. Held to one core nearly all do.
const JANUS_STARTS: usize = 10;

/// Such a start has ended by then.
const JANUS_ENDS_WITHIN: Duration = Duration::from_millis(300);

/// Folders as Debian has them; what is not needed is not loaded. Sessions need no signs of life.
const JANUS: &str = r#"general: {
    plugins_folder = "/usr/lib/x86_64-linux-gnu/janus/plugins"
    transports_folder = "/usr/lib/x86_64-linux-gnu/janus/transports"
    events_folder = "/nonexistent"
    loggers_folder = "/nonexistent"
    session_timeout = 0
}
plugins: {
    disable = "libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so"
}
transports: {
    disable = "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_rabbitmq.so,libjanus_websockets.so"
}
"#;

const JANUS_BRIDGE: &str = r#"general: {
    rtp_port_range = "10000-24999"
    local_ip = "ADDRESS"
}
"#;

const JANUS_INTERFACE: &str = r#"general: {
    enabled = true
    json = "compact"
    path = "PATH"
    type = "SOCK_DGRAM"
}
"#;

/// By which `mediapoint serve` forwards in the kernel, where it can: an option with the value `on` or `off`.
const FORWARDING: &str = "--forward";

/// A server that takes calls over ng.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// mediapoint on sockets.
    Sockets,
    /// mediapoint on AF_XDP.
    Xdp,
    /// The same, relayed packets forwarded by its program in the kernel.
    Forwarding,
    /// Debian's, in userspace.
    Rtpengine,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sockets => "mediapoint",
            Self::Xdp => "mediapoint-xdp",
            Self::Forwarding => "mediapoint-kernel",
            Self::Rtpengine => "rtpengine",
        }
    }

    /// True for those of this project, whichever way packets take.
    pub(super) fn is_ours(self) -> bool {
        self != Self::Rtpengine
    }

    /// The program and its arguments.
    fn line(self, at: &Place, core: usize, target: &Path) -> String {
        let (address, control) = (at.address, at.control);
        let io = match self {
            Self::Rtpengine => {
                // One thread for one core, and no kernel module: packets pass through the daemon, as they do here.
                return format!(
                    "rtpengine --config-file=none --table=-1 --interface={address} --listen-ng={address}:{control} \
                     --port-min=10000 --port-max=24999 --num-threads=1 --foreground --log-stderr --log-level=4 \
                     --delete-delay=0 --tos=184 --pidfile={}",
                    target.join("compare-rtpengine.pid").display()
                );
            }
            Self::Sockets => "--io sockets".to_owned(),
            Self::Xdp if forwards(target) => format!("--io xdp {FORWARDING} off"),
            Self::Xdp => "--io xdp".to_owned(),
            Self::Forwarding => format!("--io xdp {FORWARDING} on"),
        };
        format!(
            "{} serve --ng {address}:{control} --allow {}/32 --address {address} --ports 10000-24999 --workers 1 \
             --cores {core} --budget 10000 --log warn {io}",
            binary(target).display(),
            at.client
        )
    }
}

fn binary(target: &Path) -> PathBuf {
    target.join("release").join("mediapoint")
}

/// Whether the server that was built can forward in the kernel.
pub(super) fn forwards(target: &Path) -> bool {
    let help = Program::new(&binary(target).display().to_string(), ["serve", "--help"]).output_quiet();
    help.is_some_and(|help| help.split_ascii_whitespace().any(|word| word == FORWARDING))
}

/// Where a server is.
pub(super) struct Place {
    pub(super) address: Ipv4Addr,
    /// The load's address.
    pub(super) client: Ipv4Addr,
    /// Its port for ng.
    pub(super) control: u16,
    /// What is put before a program that is to run there; nothing here.
    pub(super) enter: Vec<String>,
}

impl Place {
    /// This machine's own, with a port that nobody has.
    pub(super) fn loopback() -> Result<Self, Error> {
        Ok(Self {
            address: Ipv4Addr::LOCALHOST,
            client: Ipv4Addr::LOCALHOST,
            control: free_port()?,
            enter: Vec::new(),
        })
    }

    pub(super) fn ng(&self) -> String {
        format!("{}:{}", self.address, self.control)
    }
}

/// A running server that is killed with its handle, and by the kernel when this process ends.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server on `core`, with its control port where the place says.
    pub(super) fn start(kind: Kind, at: &Place, core: usize, target: &Path) -> Result<Self, Error> {
        let line = kind.line(at, core, target);
        let mut server = Self::run(kind.name(), &line, at, Some(core), target)?;
        let ready = if at.enter.is_empty() { server.answers(at.control) } else { server.has_bound(at) };
        if ready { Ok(server) } else { Err(server.complaint(kind.name())) }
    }

    /// Starts Janus on `core` with nothing but its `AudioBridge` and its interface on a Unix socket, whose path is returned.
    pub(super) fn start_janus(at: &Place, core: usize, target: &Path) -> Result<(Self, PathBuf), Error> {
        let folder = target.join("compare-janus");
        let socket = folder.join("socket");
        let wrap = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { path, source }
        };
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(wrap(&folder)(error)),
            _ => std::fs::create_dir_all(&folder).map_err(wrap(&folder))?,
        }
        let interface = JANUS_INTERFACE.replace("PATH", &socket.display().to_string());
        let bridge = JANUS_BRIDGE.replace("ADDRESS", &at.address.to_string());
        for (file, text) in [
            ("janus.jcfg", JANUS),
            ("janus.plugin.audiobridge.jcfg", &bridge),
            ("janus.transport.pfunix.jcfg", &interface),
        ] {
            std::fs::write(folder.join(file), text).map_err(wrap(&folder.join(file)))?;
        }
        let line = format!("janus --configs-folder={} --debug-level=2", folder.display());
        let mut tried = Err(Error::Tool("janus was not started".to_owned()));
        for _ in 0..JANUS_STARTS {
            // What a start before it left; there is none before the first.
            let _ = std::fs::remove_file(&socket);
            let mut server = Self::run("janus", &line, at, None, target)?;
            if server.listens(&socket) {
                server.hold_to(core)?;
                return Ok((server, socket));
            }
            tried = Err(server.complaint("janus"));
        }
        tried
    }

    /// Waits for a Unix socket, and whether the server stays then.
    fn listens(&mut self, socket: &Path) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            let probe = UnixDatagram::unbound().and_then(|probe| probe.connect(socket));
            if probe.is_ok() {
                std::thread::sleep(JANUS_ENDS_WITHIN);
                return matches!(self.child.try_wait(), Ok(None));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Holds all its threads, and those that they start, to a core.
    fn hold_to(&self, core: usize) -> Result<(), Error> {
        let [core, pid] = [core.to_string(), self.pid().to_string()];
        let held =
            Program::new("taskset", ["--all-tasks", "--cpu-list", "--pid", &core, &pid]).output_quiet();
        held.map(drop).ok_or_else(|| Error::Tool(format!("process {pid} cannot be held to core {core}")))
    }

    fn run(name: &str, line: &str, at: &Place, core: Option<usize>, target: &Path) -> Result<Self, Error> {
        let core = core.map(|core| ["taskset".to_owned(), "--cpu-list".to_owned(), core.to_string()]);
        let log = target.join(format!("compare-{name}.log"));
        let errors = File::create(&log).map_err(|source| Error::Io { path: log.clone(), source })?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "SIGKILL", "--"])
            .args(core.iter().flatten())
            .args(&at.enter)
            .args(["sh", "-c", OPEN_FILES, "server"])
            .args(line.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Spawn { program: name.to_owned(), source })?;
        Ok(Self { child, log })
    }

    /// Waits for its control port in a namespace that this process is not in.
    fn has_bound(&mut self, at: &Place) -> bool {
        let sockets = format!("/proc/{}/net/udp", self.pid());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            if std::fs::read_to_string(&sockets).is_ok_and(|table| is_bound(&table, at)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Pings until a pong comes.
    fn answers(&mut self, control: u16) -> bool {
        let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return false };
        let timed = socket.set_read_timeout(Some(Duration::from_millis(200)));
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 256];
        while timed.is_ok() && Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            // Refused while nobody listens yet; the timeout paces the repetition once somebody does.
            let sent = socket.send_to(b"ready d7:command4:pinge", ("127.0.0.1", control));
            if sent.is_ok() && socket.recv(&mut buffer).is_ok_and(|length| length > 0) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn complaint(&self, name: &str) -> Error {
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        Error::Tool(format!("{name} does not answer: {}", said.trim()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a table of UDP sockets has the place's control port: the address as the machine stores it, in hexadecimal digits
/// [proc_pid_net(5)].
fn is_bound(table: &str, at: &Place) -> bool {
    let own = format!("{:08X}:{:04X}", u32::from_ne_bytes(at.address.octets()), at.control);
    table.lines().any(|line| line.split_ascii_whitespace().nth(1) == Some(own.as_str()))
}

/// A UDP port of the loopback address that nobody has.
fn free_port() -> Result<u16, Error> {
    let wrap = |source| Error::Io { path: PathBuf::from("a free UDP port"), source };
    Ok(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(wrap)?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_port_is_seen_in_the_table_of_this_process() {
        let mut at = Place::loopback().unwrap();
        let table = || std::fs::read_to_string("/proc/self/net/udp").unwrap();
        let socket = UdpSocket::bind((at.address, 0)).unwrap();
        at.control = socket.local_addr().unwrap().port();
        assert!(is_bound(&table(), &at));
        // Nobody has that address here.
        at.address = Ipv4Addr::new(198, 51, 100, 1);
        assert!(!is_bound(&table(), &at));
    }

    #[test]
    fn the_ways_of_packets_are_told_to_the_server() {
        let [address, client] = [1, 2].map(|host| Ipv4Addr::new(198, 51, 100, host));
        let at = Place { address, client, control: 2223, enter: Vec::new() };
        let line = |kind: Kind| kind.line(&at, 1, Path::new("/nonexistent"));
        for (kind, expected) in [
            (Kind::Sockets, "--log warn --io sockets"),
            (Kind::Xdp, "--log warn --io xdp"),
            (Kind::Forwarding, "--log warn --io xdp --forward on"),
        ] {
            assert!(line(kind).ends_with(expected), "{}", line(kind));
            assert!(line(kind).contains("--ng 198.51.100.1:2223 --allow 198.51.100.2/32 "), "{}", line(kind));
        }
        assert!(line(Kind::Rtpengine).contains("--listen-ng=198.51.100.1:2223"));
    }
}
