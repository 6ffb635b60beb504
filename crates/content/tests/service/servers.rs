//! Real servers: PostgreSQL of the system, and an S3 server of PyPI (moto). Tests that have none are skipped, with the reason.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mediapoint_content::{
    Database, PostgresConfig, PostgresDatabase, PostgresTls, Roots, S3Config, S3Credentials,
};
use zeroize::Zeroizing;

use crate::support::Folder;

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A program by its name in the path or in `folders`.
fn program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::env::split_paths(&path).chain(folders.iter().cloned());
    all.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Reads lines until one has `words`, then goes on reading in a thread, so that the program never waits for a reader.
fn wait_for(child: &mut Child, words: &str) -> bool {
    let mut reader = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
        if line.contains(words) {
            std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
            return true;
        }
        line.clear();
    }
    false
}

/// A PostgreSQL of its own, in a folder that goes with it.
pub(crate) struct Postgres {
    folder: Folder,
    bin: PathBuf,
    port: u16,
    tls: bool,
    child: Option<Child>,
}

impl Postgres {
    /// `None` where there is no PostgreSQL.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(None)
    }

    /// With a certificate, it takes TLS, too.
    pub(crate) fn start_with(certificate: Option<&Certificate>) -> Option<Self> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok();
        let folders: Vec<PathBuf> =
            versions.into_iter().flatten().flatten().map(|version| version.path().join("bin")).collect();
        let Some(initdb) = program("initdb", &folders) else {
            println!("skipped: no PostgreSQL (Debian package postgresql)");
            return None;
        };
        let bin = initdb.canonicalize().unwrap().parent().unwrap().to_owned();
        let mut server =
            Self { folder: Folder::new(), bin, port: free_port(), tls: certificate.is_some(), child: None };
        if let Some((user, group)) = Self::other_user() {
            std::os::unix::fs::chown(&server.folder.0, Some(user), Some(group)).unwrap();
        }
        let data = server.data();
        let arguments = ["-A", "trust", "-U", "mediapoint", "--no-sync", "-E", "UTF8", "-D"];
        let mut initdb = server.command("initdb");
        let done = initdb.args(arguments).arg(data).stdout(Stdio::null()).status().unwrap();
        assert!(done.success());
        for (from, to) in certificate.map(Certificate::files).into_iter().flatten() {
            // Its key may be read by its own user alone.
            let to = server.folder.join(to);
            std::fs::copy(from, &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((user, group)) = Self::other_user() {
                std::os::unix::fs::chown(&to, Some(user), Some(group)).unwrap();
            }
        }
        server.resume();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// It does not run as root: the user that Debian has for it does.
    fn other_user() -> Option<(u32, u32)> {
        let id = |kind: &str| {
            let out = Command::new("id").args([kind, "postgres"]).output().unwrap();
            String::from_utf8(out.stdout).unwrap().trim().parse().unwrap()
        };
        is_root().then(|| (id("-u"), id("-g")))
    }

    fn command(&self, name: &str) -> Command {
        let program = self.bin.join(name);
        if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
            command.current_dir("/");
            return command;
        }
        Command::new(program)
    }

    /// Starts it again.
    pub(crate) fn resume(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-k"]).arg(&self.folder.0);
        command.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "logging_collector=off"]);
        if self.tls {
            let path = |name| self.folder.join(name).display().to_string();
            let (key, cert) = (path("server.key"), path("server.pem"));
            command.args(["-c", "ssl=on", "-c", &format!("ssl_key_file={key}")]);
            command.args(["-c", &format!("ssl_cert_file={cert}")]);
        }
        command.env("LC_ALL", "C").env("LC_MESSAGES", "C");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        assert!(wait_for(&mut child, "ready to accept connections"));
        self.child = Some(child);
    }

    /// Ends it at once, with every connection.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Makes a database of its own.
    pub(crate) async fn make(&self, name: &str) {
        let mut database = self.open("postgres", self.address());
        // Outside of a transaction, which is where `scrub` and the first statement of a batch are.
        database.begin().await.unwrap();
        database.rollback().await.unwrap();
        database.batch(&format!("CREATE DATABASE {name}")).await.unwrap();
    }

    /// Through `address`, which may be a proxy.
    pub(crate) fn open(&self, name: &str, address: SocketAddr) -> Box<dyn Database> {
        self.open_with(name, address, PostgresTls::DangerPlain)
    }

    pub(crate) fn open_with(&self, name: &str, address: SocketAddr, tls: PostgresTls) -> Box<dyn Database> {
        let (host, port) = (address.ip(), address.port());
        let config = PostgresConfig::new(&format!("host={host} port={port} user=mediapoint dbname={name}"));
        Box::new(PostgresDatabase::new(config.unwrap().with_tls(tls)))
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An S3 server, in memory.
pub(crate) struct Moto {
    child: Child,
    port: u16,
}

impl Moto {
    /// `None` where there is none. It is looked for in the path, in cargo's target folder and where the variable says.
    pub(crate) fn start() -> Option<Self> {
        let server = Self::start_with(None)?;
        server.request("PUT /recordings HTTP/1.0");
        Some(server)
    }

    /// With a certificate, it speaks TLS alone. It has no bucket then.
    pub(crate) fn start_with(certificate: Option<&Certificate>) -> Option<Self> {
        let own = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().map(|target| target.join("moto-venv/bin"));
        let named = std::env::var_os("MEDIAPOINT_MOTO").map(PathBuf::from);
        let found = named.or_else(|| program("moto_server", &own.into_iter().collect::<Vec<_>>()));
        let Some(server) = found else {
            println!("skipped: no moto_server (pip install 'moto[server]', or MEDIAPOINT_MOTO)");
            return None;
        };
        let port = free_port();
        let mut command = Command::new(server);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("S3_UPLOAD_PART_MIN_SIZE", "1");
        if let Some([(key, _), (pem, _)]) = certificate.map(Certificate::files) {
            command.arg("-s").arg("-c").arg(pem).arg("-k").arg(key);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        if !wait_for(&mut child, "Running on") {
            println!("skipped: moto_server does not start");
            return None;
        }
        Some(Self { child, port })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    fn request(&self, line: &str) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let host = "host: s3.us-east-1.amazonaws.com\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(format!("{line}\r\n{host}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") || answer.starts_with("HTTP/1.0 200"), "{answer}");
    }

    /// Through `address`, which may be a proxy.
    pub(crate) fn config(address: SocketAddr) -> S3Config {
        let secret = Zeroizing::new("secret".to_owned());
        S3Config {
            endpoint: Some(format!("http://{address}")),
            region: "us-east-1".into(),
            bucket: "recordings".into(),
            credentials: S3Credentials::Key { id: "key".into(), secret },
            roots: Roots::System,
            danger_plain_http: true,
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A certificate for this machine, and of the authority that signed it.
pub(crate) struct Certificate(Folder);

impl Certificate {
    /// `None` where there is no OpenSSL.
    pub(crate) fn make() -> Option<Self> {
        if program("openssl", &[]).is_none() {
            println!("skipped: no openssl");
            return None;
        }
        let certificate = Self(Folder::new());
        let authority = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \
                         -keyout ca.key -out ca.pem";
        certificate.request(authority);
        let server = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=server \
                      -keyout server.key -out server.pem -CA ca.pem -CAkey ca.key \
                      -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1";
        certificate.request(server);
        Some(certificate)
    }

    fn request(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.arg("req").args(arguments.split_whitespace()).current_dir(&self.0.0);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    pub(crate) fn authority(&self) -> Roots {
        Roots::File(self.0.join("ca.pem"))
    }

    /// Key and certificate, with their names.
    fn files(&self) -> [(PathBuf, &'static str); 2] {
        ["server.key", "server.pem"].map(|name| (self.0.join(name), name))
    }
}
