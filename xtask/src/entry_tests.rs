//! `./x` on machines that lack something: a search path with nothing but what is put there, and no program that installs.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::shell::{find_program, workspace_root};

/// What every system has, and `./x` uses.
const BASE: &[&str] = &["sh", "dirname", "sed", "awk", "mktemp", "rm", "cat"];

/// A search path of its own, with programs that only say what they are given.
struct Machine {
    path: PathBuf,
    shell: Vec<&'static str>,
}

struct Ran {
    success: bool,
    text: String,
}

impl Machine {
    fn new(name: &str, shell: &[&'static str]) -> Self {
        let folder = format!("mediapoint-x-{}-{name}-{}", std::process::id(), shell.join("-"));
        let machine = Self { path: std::env::temp_dir().join(folder), shell: shell.to_vec() };
        fs::create_dir_all(&machine.path).unwrap();
        for program in BASE.iter().chain(shell.first()) {
            let real = find_program(program).unwrap();
            let _ = symlink(real, machine.path.join(program));
        }
        // Whoever runs the tests, the machine's user may install.
        machine.with("id", "echo 0")
    }

    fn with(self, program: &str, script: &str) -> Self {
        let file = self.path.join(program);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// With the programs that prove the packages of `build`.
    fn with_compilers(self) -> Self {
        self.with("cc", "").with("cmake", "").with("make", "")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path.join("log")).unwrap_or_default()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let (program, flags) = self.shell.split_first().unwrap();
        let ran = Command::new(find_program(program).unwrap())
            .args(flags)
            .arg(workspace_root().join("x"))
            .args(arguments)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", &self.path)
            .env("LOG", self.path.join("log"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [ran.stdout, ran.stderr].concat();
        Ran { success: ran.status.success(), text: String::from_utf8(text).unwrap() }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Each shell that this machine has.
fn shells() -> Vec<Vec<&'static str>> {
    let known = [vec!["sh"], vec!["dash"], vec!["bash"], vec!["busybox", "sh"]];
    known.into_iter().filter(|shell| find_program(shell[0]).is_some()).collect()
}

/// Says what it is called with, and by which toolchain.
const CARGO: &str = r#"echo "$RUSTUP_TOOLCHAIN cargo $*" >>"$LOG""#;

fn pinned() -> String {
    let text = fs::read_to_string(workspace_root().join("rust-toolchain.toml")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("channel = \"")).unwrap();
    line.trim_end_matches('"').to_owned()
}

#[test]
fn help_builds_nothing_and_needs_nothing() {
    for shell in shells() {
        let machine = Machine::new("help", &shell).with("cargo", CARGO);
        let help = machine.run(&["--help"]);
        assert!(help.success && help.text.contains("Usage: ./x"), "{shell:?}: {}", help.text);
        for arguments in [["test", "--help"], ["help", "test"], ["-h", "test"]] {
            let help = machine.run(&arguments);
            assert!(help.success && help.text.contains("Usage: ./x test"), "{shell:?}: {}", help.text);
        }
        let unknown = machine.run(&["tset"]);
        assert!(!unknown.success && unknown.text.contains("no command 'tset'"), "{}", unknown.text);
        assert_eq!(machine.log(), "", "{shell:?}");
    }
}

#[test]
fn what_is_missing_is_listed_and_nothing_is_installed_unasked() {
    for shell in shells() {
        let apt = r#"case $* in *print-uris*) echo "'http://mirror/gcc.deb' gcc.deb 1250000 SHA256:0";; *) echo "apt-get $*" >>"$LOG";; esac"#;
        let machine = Machine::new("bare", &shell).with("apt-get", apt);
        let ran = machine.run(&["demo"]);
        assert!(!ran.success, "{shell:?}: {}", ran.text);
        for line in [
            "missing on this machine: 1 packages, 1.2 MB to download",
            "gcc                          the C compiler",
            "cmake                        builds libopus",
            "curl, ca-certificates        fetch rustup",
            &format!("Rust {}                  the compiler; is not installed", pinned()),
            "run:  ./x --yes demo",
        ] {
            assert!(ran.text.contains(line), "{shell:?}: {line}: {}", ran.text);
        }
        assert!(!ran.text.contains("rtpengine"), "{shell:?}: of another command: {}", ran.text);
        assert_eq!(machine.log(), "", "{shell:?}");
    }
}

#[test]
fn with_yes_packages_are_installed_and_what_cannot_be_fetched_is_said() {
    for shell in shells() {
        let installs = r#"case $* in *install.sh*) echo "$*" >>"$LOG";; *) exec /bin/sh "$@";; esac"#;
        let machine = Machine::new("yes", &shell).with("apt-get", "").with("curl", "exit 7");
        fs::remove_file(machine.path.join("sh")).unwrap();
        let machine = machine.with("sh", installs).with("cc", "");
        let ran = machine.run(&["build", "--yes"]);
        assert!(!ran.success && ran.text.contains("rustup cannot be reached"), "{shell:?}: {}", ran.text);
        assert_eq!(machine.log(), "xtask/install.sh cmake make\n", "{shell:?}");
    }
}

#[test]
fn a_distributions_old_cargo_is_recognised() {
    for shell in shells() {
        let machine = Machine::new("old", &shell).with_compilers().with("cargo", CARGO).with("curl", "");
        let machine = machine.with("rustc", "echo 'rustc 1.63.0'").with("dpkg", "").with("apt-get", "");
        let ran = machine.run(&["build"]);
        assert!(!ran.success, "{shell:?}: {}", ran.text);
        let said = "is here as the distribution's package, 1.63.0, too old";
        assert!(ran.text.contains(said), "{shell:?}: {}", ran.text);
        assert_eq!(machine.log(), "", "{shell:?}");
        // A newer one than promised does, without rustup.
        let machine = machine.with("rustc", "echo 'rustc 2.1.0 (x)'");
        assert!(machine.run(&["build", "--prefix", "a b"]).success, "{shell:?}");
        assert_eq!(machine.log(), " cargo xtask build --prefix a b\n", "{shell:?}");
    }
}

#[test]
fn the_pinned_toolchain_goes_before_a_newer_one_by_whatever_name() {
    for shell in shells() {
        let pinned = pinned();
        let rustup = |named: &str| {
            format!(
                "case $1 in toolchain) echo 'stable-x (default)'; echo nightly-x; {named};; \
                 run) case $2 in stable-x) echo 'rustc 9.9.9 (a)';; nightly-x) echo 'rustc {pinned}-nightly';; \
                 *) echo 'rustc {pinned} (b)';; esac;; esac"
            )
        };
        let machine = Machine::new("named", &shell).with_compilers().with("cargo", CARGO);
        let machine = machine.with("rustc", "").with("rustup", &rustup("echo own"));
        let ran = machine.run(&["arrows", "--yes"]);
        assert!(ran.success, "{shell:?}: {}", ran.text);
        let machine = machine.with("rustup", &rustup(":"));
        let ran = machine.run(&["arrows"]);
        assert!(ran.success, "{shell:?}: {}", ran.text);
        let expected = "own cargo xtask --yes arrows\nstable-x cargo xtask arrows\n";
        assert_eq!(machine.log(), expected, "{shell:?}");
    }
}
