//! A folder that is a system's root, and programs run in it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _, pipe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::error::Error;
use crate::shell::{self, Program};

/// What is done in the root before each program, in a mount namespace that ends with it: system file systems.
const ENTER: &str = r#"
set -eu
root=$1 folder=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"#;

/// Where the host's Rust is put in the root, where rustup cannot be reached.
const RUST: &str = "opt/rust";

/// Variables of the host that reach programs in the root: how to get out to the net.
const PASSED: &[&str] = &["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// Where the host's certificate authorities are put in the root, where its environment names them: behind a proxy that reads
/// what is fetched, others are not trusted.
const AUTHORITIES: &str = "etc/authorities-of-the-host.crt";

/// Variables that name the file of certificate authorities, each of other programs.
const TRUST: &[&str] = &[
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
];

pub(super) struct Root {
    folder: PathBuf,
    log: PathBuf,
}

impl Root {
    /// Makes a root anew with debootstrap's smallest set of packages, of this machine's release, from its mirror.
    pub(super) fn make(folder: &Path) -> Result<Self, Error> {
        let root = Self { folder: folder.join("root"), log: folder.join("log") };
        fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.to_path_buf(), source })?;
        // Not by another: nothing of the host is mounted there but while a program runs.
        Program::new("rm", ["-rf", "--one-file-system", &root.folder.display().to_string()]).run()?;
        let _ = fs::remove_file(&root.log);
        let mirror = Mirror::of_this_machine()?;
        let commit = Program::new("git", ["log", "-1", "--format=%H %s"]).output()?;
        root.log_line(&format!("commit {}", commit.trim()))?;
        root.log_line(&format!("a bare {} from this machine's mirror", mirror.release))?;
        let components = format!("--components={}", mirror.components);
        let folder = root.folder.display().to_string();
        let arguments = ["--variant=minbase", &components, &mirror.release, &folder, &mirror.address];
        root.logged("debootstrap", Command::new("debootstrap").args(arguments))?;
        for file in ["etc/resolv.conf", "etc/hosts"] {
            let _ = fs::copy(Path::new("/").join(file), root.folder.join(file));
        }
        let mut named = TRUST.iter().filter_map(std::env::var_os).map(PathBuf::from);
        if let Some(authorities) = named.find(|file| file.is_file()) {
            root.log_line(
                "the root is given the certificate authorities that this machine's environment names",
            )?;
            root.put(&authorities, AUTHORITIES)?;
        }
        Ok(root)
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// Puts a file into the root.
    pub(super) fn put(&self, file: &Path, place: &str) -> Result<(), Error> {
        let to = self.folder.join(place);
        let folder = to.parent().unwrap_or(&self.folder);
        let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(file, &to).map(|_| ()));
        copied.map_err(|source| Error::Io { path: file.to_path_buf(), source })
    }

    /// The same for a file of the root.
    pub(super) fn put_own(&self, file: &str, place: &str) -> Result<(), Error> {
        self.put(&self.folder.join(file), place)
    }

    /// Puts a clone of the last commit into the root, unless it is there.
    pub(super) fn clone_into(&self, place: &str) -> Result<(), Error> {
        let to = self.folder.join(place);
        if to.exists() {
            return Ok(());
        }
        Program::new("git", ["clone", "--quiet", "--no-hardlinks", ".", &to.display().to_string()]).run()
    }

    /// Nothing where rustup can be reached, as `./x` fetches Rust then; else the host's toolchain, without its cache.
    pub(super) fn give_rust(&self) -> Result<(), Error> {
        let reach = ["--silent", "--fail", "--head", "--connect-timeout", "10", "https://sh.rustup.rs"];
        if Program::new("curl", reach).succeeds() {
            return self.log_line("rustup can be reached: ./x fetches Rust");
        }
        if self.folder.join(RUST).exists() {
            return Ok(());
        }
        self.log_line("rustup cannot be reached from here: the root is given this machine's toolchain, no cache of crates")?;
        let toolchain = Program::new("rustc", ["--print", "sysroot"]).output()?;
        let to = self.folder.join(RUST);
        let copy = |part: &str| {
            fs::create_dir_all(&to).map_err(|source| Error::Io { path: to.clone(), source })?;
            let from = Path::new(toolchain.trim()).join(part).display().to_string();
            Program::new("cp", ["-a", from.as_str(), &to.display().to_string()]).run()
        };
        copy("bin")?;
        copy("lib")?;
        // Where crates come from, if not from the usual place.
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
        match home.map(|home| home.join("config.toml")).filter(|file| file.is_file()) {
            Some(file) => self.put(&file, "build/.cargo/config.toml"),
            None => Ok(()),
        }
    }

    /// Runs a program in the root, shown and logged; a non-zero exit is an error.
    pub(super) fn run(&self, what: &str, folder: &str, words: &[&str]) -> Result<(), Error> {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", ENTER, "enter"]).arg(&self.folder).arg(folder).args(words);
        let path = format!("/{RUST}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let passed: Vec<_> = PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))).collect();
        command.env_clear().env("PATH", path).env("HOME", "/build").env("LC_ALL", "C.UTF-8").envs(passed);
        if self.folder.join(AUTHORITIES).is_file() {
            command.envs(TRUST.iter().map(|name| (name, format!("/{AUTHORITIES}"))));
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").env("CARGO_TERM_COLOR", "never");
        fs::create_dir_all(self.folder.join("build"))
            .map_err(|source| Error::Io { path: self.folder.join("build"), source })?;
        self.logged(what, &mut command)
    }

    /// A line for the screen and the log.
    pub(super) fn log_line(&self, line: &str) -> Result<(), Error> {
        println!("{line}");
        let log = File::options().create(true).append(true).open(&self.log);
        let written = log.and_then(|mut log| writeln!(log, "{line}"));
        written.map_err(|source| Error::Io { path: self.log.clone(), source })
    }

    fn logged(&self, what: &str, command: &mut Command) -> Result<(), Error> {
        self.log_line(&format!("=== {what}"))?;
        let failed = |source| Error::Spawn { program: what.to_owned(), source };
        let begun = Instant::now();
        let (reader, writer) = pipe().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(failed)?).stderr(writer);
        let mut child = command.spawn().map_err(failed)?;
        // The command holds the other end of the pipe until it is given another.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        for line in BufReader::new(reader).split(b'\n') {
            self.log_line(&String::from_utf8_lossy(&line.map_err(failed)?))?;
        }
        let status = child.wait().map_err(failed)?;
        self.log_line(&format!("=== {what}: {status}, {} s", begun.elapsed().as_secs()))?;
        if status.success() { Ok(()) } else { Err(Error::Failed { command: what.to_owned(), status }) }
    }
}

/// Where this machine's own release comes from.
struct Mirror {
    release: String,
    address: String,
    components: &'static str,
}

impl Mirror {
    fn of_this_machine() -> Result<Self, Error> {
        let system = shell::read(Path::new("/etc/os-release"))?;
        let value = |key: &str| {
            let value = system.lines().find_map(|line| line.strip_prefix(key));
            value.map(|value| value.trim_matches('"').to_owned()).unwrap_or_default()
        };
        let release = value("VERSION_CODENAME=");
        let format = ["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
        let targets = Program::new("apt-get", format).output()?;
        let address = address(&targets, &release).ok_or_else(|| {
            Error::Tool(format!("apt of this machine has no source of {release}: run apt-get update"))
        })?;
        // Ubuntu has recorded speech in another part than Debian.
        let components = if value("ID=") == "ubuntu" { "main,universe" } else { "main" };
        Ok(Self { release, address, components })
    }
}

/// The address in apt's list of a release, by its name alone: not of its updates.
fn address(targets: &str, release: &str) -> Option<String> {
    let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(_, name)| *name == release).map(|(address, _)| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_release_itself() {
        let targets = "http://mirror/tools cloud\nhttp://mirror/debian bookworm-updates\nhttp://mirror/debian bookworm\n";
        assert_eq!(address(targets, "bookworm").as_deref(), Some("http://mirror/debian"));
        assert_eq!(address(targets, "trixie"), None);
    }
}
