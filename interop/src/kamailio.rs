//! The proxies of `examples`: Debian's Kamailio with `examples/kamailio.cfg`, byte for byte, its addresses given on the command
//! line; and OpenSIPS, where it is installed, with `examples/opensips.cfg`, in which addresses and the folder of modules are set.

use std::path::{Path, PathBuf};

use crate::error::{Context as _, Failure, ensure};
use crate::process::{Process, wait_for_udp_port};
use crate::wire::free_pair;

/// Where Debian puts it, which is not on every user's path.
const PROGRAM: &str = "/usr/sbin/kamailio";
const CONFIGURATION: &str = include_str!("../../examples/kamailio.cfg");

/// Where packages and `make install` put it.
const OPENSIPS: [&str; 2] = ["/usr/sbin/opensips", "/usr/local/sbin/opensips"];
const OPENSIPS_MODULES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/opensips/modules/",
    "/usr/lib/opensips/modules/",
    "/usr/local/lib64/opensips/modules/",
];
const OPENSIPS_CONFIGURATION: &str = include_str!("../../examples/opensips.cfg");

/// Processes of a proxy outlive the first of them when that is killed. A child of the shell waits for the end of standard
/// input, which comes with ours, however that ends, and asks the proxy to end.
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
        let configuration = write(folder, "kamailio.cfg", CONFIGURATION)?;
        let folder_name = folder.display().to_string();
        let mut args: Vec<String> =
            ["-f", &configuration, "-DD", "-E", "-m", "32", "-M", "4"].map(str::to_owned).into();
        args.extend(["-w", &folder_name, "-Y", &folder_name].map(str::to_owned));
        args.extend(["-A".to_owned(), format!("LISTEN=udp:127.0.0.1:{port}")]);
        args.extend(["-A".to_owned(), format!("MEDIAPOINT=\"{media}\"")]);
        args.extend(definitions.iter().flat_map(|definition| ["-A", definition]).map(str::to_owned));
        Self::launch(folder, "kamailio", PROGRAM, args, port)
    }

    /// The same with OpenSIPS, which takes no definitions.
    pub(crate) fn opensips(folder: &Path, media: &str) -> Result<Self, Failure> {
        let found = |paths: &[&'static str]| paths.iter().copied().find(|path| Path::new(path).exists());
        let (Some(program), Some(modules)) = (found(&OPENSIPS), found(&OPENSIPS_MODULES)) else {
            return Err(Failure::Unable("opensips is not installed".to_owned()));
        };
        let port = free_pair()?;
        let own = format!("udp:127.0.0.1:{port}");
        let mut text = OPENSIPS_CONFIGURATION.to_owned();
        for (example, value) in [
            ("udp:127.0.0.1:5060", own.as_str()),
            ("udp:127.0.0.1:2223", media),
            (OPENSIPS_MODULES[0], modules),
        ] {
            ensure!(text.contains(example), "examples/opensips.cfg does not name {example}");
            text = text.replace(example, value);
        }
        let configuration = write(folder, "opensips.cfg", &text)?;
        let args = ["-F", "-m", "64", "-M", "8", "-f", &configuration].map(str::to_owned).into();
        Self::launch(folder, "opensips", program, args, port)
    }

    fn launch(
        folder: &Path,
        label: &str,
        program: &str,
        args: Vec<String>,
        port: u16,
    ) -> Result<Self, Failure> {
        let mut all = ["-c", SHELL, "proxy", program].map(str::to_owned).to_vec();
        all.extend(args);
        let mut process = Process::start_for_commands(folder, label, "sh", &all)?;
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

fn write(folder: &Path, name: &str, text: &str) -> Result<String, Failure> {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).during(path.display().to_string())?;
    Ok(path.display().to_string())
}
