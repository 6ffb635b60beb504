//! The server as a process, and `mediapoint recording` about what it recorded.

use std::fs::{self, OpenOptions};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mediapoint_caller::ng::Client;
use mediapoint_recorder::RecoveryIdentity;

use crate::failure::Failure;

/// How long anything may take that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A folder that is recorded to, with an identity that opens the recordings.
pub(crate) struct Place {
    folder: PathBuf,
    program: PathBuf,
    identity: String,
    recipient: String,
}

impl Place {
    /// Makes the folder anew, and an identity in it.
    pub(crate) fn set(folder: &Path, program: &Path) -> Result<Self, Failure> {
        if !program.is_file() {
            return Err(Failure::NoServer(program.display().to_string()));
        }
        let recordings = folder.join("recordings");
        if recordings.is_dir() {
            fs::remove_dir_all(&recordings)?;
        }
        fs::create_dir_all(&recordings)?;
        for name in ["mix.opus", "mix.opus.age", "talk.svg", "server.log"] {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        let identity = folder.join("identity.txt");
        // A file as `age-keygen` writes it; who deploys has one that is not on the server.
        let made = format!("{:?}", RecoveryIdentity::load_or_create(&identity)?);
        let recipient = made.split(['(', ')']).nth(1).unwrap_or_default().to_owned();
        let identity = identity.display().to_string();
        Ok(Self { folder: folder.to_owned(), program: program.to_owned(), identity, recipient })
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    pub(crate) fn identity(&self) -> &str {
        &self.identity
    }

    /// Starts a server that records to it, and waits until it answers.
    pub(crate) fn start(&self) -> Result<Server, Failure> {
        // A free port; whoever takes it in between makes the start fail, and the log says so.
        let ng = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("server.log"))?;
        let child = Command::new(&self.program)
            .args(["serve", "--ng", &ng.to_string(), "--address", "127.0.0.1", "--grace", "0"])
            .args(["--recordings", &self.at("recordings"), "--recipient", &self.recipient])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let server = Server { child, ng };
        // 0.1 s, then twice as long each time: about 13 s in all.
        server.client()?.with_patience(LOOK_EVERY, 7).ping()?;
        Ok(server)
    }

    /// Runs `mediapoint recording`, and gives what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.args(["recording", "--recordings", &self.at("recordings")]).args(arguments);
        let output = command.output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::Command(arguments.join(" "), said));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The same, on the terminal.
    pub(crate) fn show(&self, arguments: &[&str]) -> Result<String, Failure> {
        println!("$ mediapoint recording --recordings {} {}", self.at("recordings"), arguments.join(" "));
        let printed = self.run(arguments)?;
        print!("{printed}");
        Ok(printed)
    }

    pub(crate) fn wait_until_stored(&self, id: &str) -> Result<(), Failure> {
        wait_for("the recording to be stored", || {
            let listed = self.run(&["list"])?;
            Ok(listed.lines().any(|line| line.contains(id) && line.contains("stored")).then_some(()))
        })
    }
}

/// A server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    ng: SocketAddr,
}

impl Server {
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect(self.ng)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn wait_for<T>(
    what: &'static str,
    mut ask: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        thread::sleep(LOOK_EVERY);
    }
    Err(Failure::Waited(what))
}
