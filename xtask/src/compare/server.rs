//! The servers under test: each on a core of its own, killed with its handle.

use std::fs::File;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;

/// A call takes several sockets, more than the usual soft limit lets hundreds of calls have.
pub(super) const OPEN_FILES: &str = r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often Janus is started at most: of Janus 1.1.2 one start in four ends at once, where the thread of its Unix socket runs
/// before the interface is marked as there.
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
    local_ip = "127.0.0.1"
}
"#;

const JANUS_INTERFACE: &str = r#"general: {
    enabled = true
    json = "compact"
    path = "PATH"
    type = "SOCK_DGRAM"
}
"#;

/// A running server that is killed with its handle, and by the kernel when this process ends.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts mediapoint or rtpengine on `core`, with its control port on the loopback address.
    pub(super) fn start(name: &str, control: u16, core: usize, target: &Path) -> Result<Self, Error> {
        let pidfile = target.join("compare-rtpengine.pid");
        let line = match name {
            "mediapoint" => format!(
                "{} serve --ng 127.0.0.1:{control} --address 127.0.0.1 --ports 10000-24999 --workers 1 --cores {core} \
                 --budget 10000 --log warn",
                target.join("release").join("mediapoint").display()
            ),
            // One thread for one core, and no kernel module: packets pass through the daemon, as they do here.
            _ => format!(
                "rtpengine --config-file=none --table=-1 --interface=127.0.0.1 --listen-ng=127.0.0.1:{control} \
                 --port-min=10000 --port-max=24999 --num-threads=1 --foreground --log-stderr --log-level=4 \
                 --delete-delay=0 --tos=184 --pidfile={}",
                pidfile.display()
            ),
        };
        let mut server = Self::run(name, &line, core, target)?;
        if server.answers(control) { Ok(server) } else { Err(server.complaint(name)) }
    }

    /// Starts Janus on `core` with nothing but its `AudioBridge` and its interface on a Unix socket, whose path is returned.
    pub(super) fn start_janus(core: usize, target: &Path) -> Result<(Self, PathBuf), Error> {
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
        for (file, text) in [
            ("janus.jcfg", JANUS),
            ("janus.plugin.audiobridge.jcfg", JANUS_BRIDGE),
            ("janus.transport.pfunix.jcfg", &interface),
        ] {
            std::fs::write(folder.join(file), text).map_err(wrap(&folder.join(file)))?;
        }
        let line = format!("janus --configs-folder={} --debug-level=2", folder.display());
        let mut tried = Err(Error::Tool("janus was not started".to_owned()));
        for _ in 0..JANUS_STARTS {
            // What a start before it left; there is none before the first.
            let _ = std::fs::remove_file(&socket);
            let mut server = Self::run("janus", &line, core, target)?;
            if server.listens(&socket) {
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

    fn run(name: &str, line: &str, core: usize, target: &Path) -> Result<Self, Error> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let core = core.to_string();
        let log = target.join(format!("compare-{name}.log"));
        let errors = File::create(&log).map_err(|source| Error::Io { path: log.clone(), source })?;
        let child = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "SIGKILL",
                "--",
                "taskset",
                "--cpu-list",
                &core,
                "sh",
                "-c",
                OPEN_FILES,
                "server",
            ])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Spawn { program: name.to_owned(), source })?;
        Ok(Self { child, log })
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

/// A UDP port of the loopback address that nobody has.
pub(super) fn free_port() -> Result<u16, Error> {
    let wrap = |source| Error::Io { path: PathBuf::from("a free UDP port"), source };
    Ok(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(wrap)?.port())
}
