//! Debian's Kamailio with `examples/kamailio.cfg`, byte for byte; addresses and sockets are given on its command line.

use std::path::Path;

use crate::error::{Context as _, Failure};
use crate::process::{Process, wait_for_udp_port};
use crate::wire::free_pair;

/// Where Debian puts it, which is not on every user's path.
const PROGRAM: &str = "/usr/sbin/kamailio";
const CONFIGURATION: &str = include_str!("../../examples/kamailio.cfg");

/// Kamailio's processes outlive the first of them when that is killed. A child of the shell waits for the end of standard
/// input, which comes with ours, however that ends, and asks Kamailio to end.
const SHELL: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
proxy=$!
(cat <&3 >/dev/null; kill "$proxy") &
wait "$proxy"
"#;

/// A running proxy.
pub(crate) struct Kamailio {
    process: Process,
    /// Its SIP port.
    pub(crate) port: u16,
}

impl Kamailio {
    /// Starts it with media servers as `rtpengine_sock` names them, and further definitions.
    pub(crate) fn start(folder: &Path, media: &str, definitions: &[&str]) -> Result<Self, Failure> {
        if !Path::new(PROGRAM).is_file() {
            return Err(Failure::Unable("kamailio is not installed".to_owned()));
        }
        let port = free_pair()?;
        let configuration = folder.join("kamailio.cfg");
        std::fs::write(&configuration, CONFIGURATION).during(configuration.display().to_string())?;
        let folder_name = folder.display().to_string();
        let mut args = vec!["-c".to_owned(), SHELL.to_owned(), "proxy".to_owned(), PROGRAM.to_owned()];
        args.extend(["-f", &configuration.display().to_string()].map(str::to_owned));
        args.extend(
            ["-DD", "-E", "-m", "32", "-M", "4", "-w", &folder_name, "-Y", &folder_name].map(str::to_owned),
        );
        args.extend(["-A".to_owned(), format!("LISTEN=udp:127.0.0.1:{port}")]);
        args.extend(["-A".to_owned(), format!("MEDIAPOINT=\"{media}\"")]);
        args.extend(definitions.iter().flat_map(|definition| ["-A", definition]).map(str::to_owned));
        let mut process = Process::start_for_commands(folder, "kamailio", "sh", &args)?;
        wait_for_udp_port(port, &mut process)?;
        Ok(Self { process, port })
    }

    /// Fails when it ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<(), Failure> {
        if self.process.is_running() { Ok(()) } else { Err(self.process.failure("ended during the run")) }
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        self.process.printed()
    }
}
