//! System packages: which feature needs which, what is missing, and installing it where allowed.
//!
//! Debian and Ubuntu are known. Elsewhere the programs are looked for by name and the missing ones reported.

use std::path::Path;

use clap::ValueEnum;

use crate::error::Error;
use crate::shell::{Program, find_program};

/// A part of the project that needs system packages of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Feature {
    /// Compile the workspace: a C compiler for the crates that bring C or assembly, and CMake for one of them.
    Build,
    /// Run `cargo xtask test`.
    Test,
    /// Run `cargo xtask demo`: recorded speech.
    Demo,
    /// Run `cargo xtask interop`: the outside programs that calls are exchanged with.
    Interop,
    /// Run `cargo xtask compare`: the server to compare with.
    Compare,
    /// Run `cargo xtask fuzz`: a C++ compiler for libFuzzer.
    Fuzz,
    /// Run `cargo xtask deny` and `fuzz` without compiling their programs: an environment of Python for prebuilt ones.
    Tools,
}

/// A Debian package and how to see that it is there without asking the package manager.
#[derive(Clone, Copy)]
struct Package {
    name: &'static str,
    /// A program it brings, or an absolute path that exists when it is installed.
    proof: &'static str,
}

const fn package(name: &'static str, proof: &'static str) -> Package {
    Package { name, proof }
}

const COMPILER: Package = package("gcc", "cc");
/// Builds libopus, from the sources that the crate `opus` brings.
const CMAKE: Package = package("cmake", "cmake");
const MAKE: Package = package("make", "make");
const SPEECH: Package =
    package("asterisk-core-sounds-en-wav", "/usr/share/asterisk/sounds/en_US_f_Allison/vm-intro.wav");
const FFMPEG: Package = package("ffmpeg", "ffmpeg");
/// Encodes and decodes G.729 in a program that a scenario compiles; nothing of ours links it.
const BCG729: Package = package("libbcg729-dev", "/usr/include/bcg729/encoder.h");
/// The coders that the feature `amr` links.
const AMR: [Package; 3] = [
    package("libopencore-amrnb-dev", "/usr/include/opencore-amrnb/interf_enc.h"),
    package("libopencore-amrwb-dev", "/usr/include/opencore-amrwb/dec_if.h"),
    package("libvo-amrwbenc-dev", "/usr/include/vo-amrwbenc/enc_if.h"),
];
const RTPENGINE: Package = package("rtpengine-daemon", "rtpengine");

/// The SIP proxy that `examples/kamailio.cfg` is for, with its rtpengine module. Debian puts it where not every user's path
/// leads.
const KAMAILIO: Package = package("kamailio", "/usr/sbin/kamailio");

impl Feature {
    fn packages(self) -> Vec<Package> {
        match self {
            Self::Build => vec![COMPILER, CMAKE, MAKE, package("libc6-dev", "/usr/include/stdlib.h")],
            Self::Test => [COMPILER, FFMPEG, SPEECH].into_iter().chain(AMR).collect(),
            Self::Demo => vec![COMPILER, SPEECH],
            Self::Interop => vec![
                COMPILER,
                FFMPEG,
                SPEECH,
                RTPENGINE,
                package("gstreamer1.0-tools", "gst-launch-1.0"),
                package("gstreamer1.0-plugins-base", ""),
                package("gstreamer1.0-plugins-good", ""),
                package("gstreamer1.0-plugins-bad", ""),
                package("sip-tester", "sipp"),
                package("baresip-core", "baresip"),
                package("linphone-cli", "linphonec"),
                KAMAILIO,
                // Of scenarios with PyPI's pesq and PJSIP, each in an environment of its own.
                package("python3-venv", "python3"),
                package("tshark", "tshark"),
                package("util-linux", "setpriv"),
                BCG729,
            ],
            // Transcoded calls talk with recorded speech.
            Self::Compare => vec![COMPILER, RTPENGINE, SPEECH, package("util-linux", "taskset")],
            Self::Fuzz => vec![COMPILER, package("g++", "c++")],
            Self::Tools => vec![package("python3-venv", "")],
        }
    }
}

/// `cargo xtask setup`.
pub(crate) fn command(features: &[Feature], only_check: bool) -> Result<(), Error> {
    let chosen = if features.is_empty() { Feature::value_variants() } else { features };
    for feature in chosen {
        let missing = missing(*feature);
        let name = feature.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        if missing.is_empty() {
            println!("{name}: ready");
        } else {
            println!("{name}: needs {}", missing.join(" "));
        }
    }
    if only_check {
        let packages = missing_of(chosen);
        return if packages.is_empty() { Ok(()) } else { Err(Error::Missing { packages }) };
    }
    ensure(chosen)
}

/// Installs what the features lack, or says which packages are missing.
pub(crate) fn ensure(features: &[Feature]) -> Result<(), Error> {
    let packages = missing_of(features);
    if packages.is_empty() {
        return Ok(());
    }
    let Some(privilege) = Privilege::detect() else {
        return Err(Error::Missing { packages });
    };
    println!("installing missing packages: {}", packages.join(" "));
    install(privilege, &packages)?;
    let still = missing_of(features);
    if still.is_empty() { Ok(()) } else { Err(Error::Missing { packages: still }) }
}

fn missing_of(features: &[Feature]) -> Vec<String> {
    let mut all: Vec<String> =
        features.iter().flat_map(|feature| missing(*feature)).map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}

fn missing(feature: Feature) -> Vec<&'static str> {
    feature.packages().iter().filter(|package| !is_present(package)).map(|package| package.name).collect()
}

fn is_present(package: &Package) -> bool {
    if package.proof.starts_with('/') {
        return Path::new(package.proof).exists();
    }
    if !package.proof.is_empty() {
        return find_program(package.proof).is_some();
    }
    // Plug-in packages bring no program. Off Debian there is nobody to ask: the scenario that needs it will tell.
    if find_program("dpkg-query").is_none() {
        return true;
    }
    Program::new("dpkg-query", ["--show", "--showformat=${db:Status-Status}", package.name])
        .output_quiet()
        .is_some_and(|status| status == "installed")
}

/// How packages may be installed here.
#[derive(Clone, Copy)]
enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    fn detect() -> Option<Self> {
        find_program("apt-get")?;
        if Program::new("id", ["-u"]).output().is_ok_and(|id| id.trim() == "0") {
            return Some(Self::Root);
        }
        Program::new("sudo", ["-n", "true"]).succeeds().then_some(Self::Sudo)
    }
}

/// Installs packages without starting any daemon they bring: a media server that starts by itself would take the
/// very ports a test is about to use.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get install --yes --quiet --no-install-recommends "$@" \
    || { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends "$@"; }
"#;

fn install(privilege: Privilege, packages: &[String]) -> Result<(), Error> {
    let script = ["sh", "-c", INSTALL, "install"];
    let (program, prefix): (&str, &[&str]) = match privilege {
        Privilege::Root => ("env", &[]),
        Privilege::Sudo => ("sudo", &["-n"]),
    };
    let args = prefix.iter().chain(&script).copied().chain(packages.iter().map(String::as_str));
    Program::new(program, args).shown_as(&format!("apt-get install {}", packages.join(" "))).run()
}
