//! System packages: which feature needs which, what is missing, and installing it where allowed.
//!
//! Debian and Ubuntu are known. Elsewhere the programs are looked for by name and the missing ones reported.

use std::io::{IsTerminal as _, Write as _, stdin};
use std::path::Path;
use std::sync::OnceLock;

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
    /// Run `cargo xtask compare --conference`: the conference bridge to compare with.
    CompareConference,
    /// Run `cargo xtask compare --network`: what makes the network.
    CompareNetwork,
    /// Run `cargo xtask compare --profile`: what samples both cores.
    CompareProfile,
    /// Run `cargo xtask talk-off`: recordings, synthesisers, the library to compare with.
    TalkOff,
    /// Run `cargo xtask amd`: recorded and synthesised speech.
    Amd,
    /// Run `cargo xtask fuzz`: a C++ compiler for libFuzzer.
    Fuzz,
    /// Run `cargo xtask instructions`: what counts them.
    Instructions,
    /// Run `cargo xtask bare`: what makes a bare system.
    Bare,
    /// Run `cargo xtask deny` and `fuzz` without compiling their programs: an environment of Python for prebuilt ones.
    Tools,
}

/// What each feature needs, one package a line; `./x` reads the same file.
const PACKAGES: &str = include_str!("../packages.txt");

/// A Debian package and how to see that it is there without asking the package manager.
#[derive(Clone, Copy)]
struct Package {
    name: &'static str,
    /// A program it brings, an absolute path that exists when it is installed, or `-`.
    proof: &'static str,
    purpose: &'static str,
}

/// The lines of [`PACKAGES`]: the features of each package, and the package.
fn table() -> impl Iterator<Item = (&'static str, Package)> {
    let lines = PACKAGES.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut words = line.splitn(4, ' ');
        let (features, name) = (words.next()?, words.next()?);
        Some((features, Package { name, proof: words.next()?, purpose: words.next()? }))
    })
}

impl Feature {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Its own packages. Those of [`Feature::Build`] count for each.
    fn packages(self) -> Vec<Package> {
        let name = self.name();
        let of = |features: &str| features.split(',').any(|one| one == name);
        table().filter(|(features, _)| of(features)).map(|(_, package)| package).collect()
    }
}

/// `cargo xtask setup`.
pub(crate) fn command(features: &[Feature], only_check: bool) -> Result<(), Error> {
    let chosen = if features.is_empty() { Feature::value_variants() } else { features };
    for feature in chosen {
        let missing = missing(*feature);
        let name = feature.name();
        if missing.is_empty() {
            println!("{name}: ready");
        } else {
            let missing: Vec<&str> = missing.iter().map(|package| package.name).collect();
            println!("{name}: needs {}", missing.join(" "));
        }
    }
    if only_check {
        let packages: Vec<String> =
            missing_of(chosen).iter().map(|package| package.name.to_owned()).collect();
        return if packages.is_empty() { Ok(()) } else { Err(Error::Missing { packages }) };
    }
    ensure(chosen)
}

/// Whether packages may be installed unasked.
static CONSENT: OnceLock<bool> = OnceLock::new();

/// Packages are installed without a question: `--yes`, or a run of CI.
pub(crate) fn consent(yes: bool) {
    let _ = CONSENT.set(yes || std::env::var_os("CI").is_some());
}

/// Installs what the features lack, or says which packages are missing. Asks on a terminal; elsewhere it installs nothing
/// without consent.
pub(crate) fn ensure(features: &[Feature]) -> Result<(), Error> {
    let packages = missing_of(features);
    if packages.is_empty() {
        return Ok(());
    }
    let names = |packages: &[Package]| packages.iter().map(|package| package.name.to_owned()).collect();
    let missing = || Error::Missing { packages: names(&packages) };
    println!("missing on this machine{}", download(&packages));
    for package in &packages {
        println!("  {:28} {}", package.name, package.purpose);
    }
    let privilege = Privilege::detect().ok_or_else(missing)?;
    if !CONSENT.get().copied().unwrap_or(false) && !asked() {
        return Err(missing());
    }
    install(privilege, &packages)?;
    let still = missing_of(features);
    if still.is_empty() { Ok(()) } else { Err(Error::Missing { packages: names(&still) }) }
}

/// Asks on a terminal whether to install; nobody is there to answer elsewhere.
fn asked() -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    print!("Install them? [Y/n] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let read = stdin().read_line(&mut answer).is_ok_and(|length| length > 0);
    read && matches!(answer.trim(), "" | "y" | "Y" | "yes")
}

/// How much apt-get would fetch, where it knows: `: 12 packages, 34.5 MB to download`.
fn download(packages: &[Package]) -> String {
    let names = packages.iter().map(|package| package.name);
    let arguments = ["--print-uris", "--yes", "--no-install-recommends", "install"].into_iter().chain(names);
    let printed = Program::new("apt-get", arguments).output_quiet().unwrap_or_default();
    let sizes = sizes(&printed);
    if sizes.is_empty() {
        return String::new();
    }
    let sum: u64 = sizes.iter().sum();
    format!(": {} packages, {}.{} MB to download", sizes.len(), sum / 1_000_000, sum / 100_000 % 10)
}

/// Octets of each file that `apt-get --print-uris` names: `'ADDRESS' FILE SIZE HASH`.
fn sizes(printed: &str) -> Vec<u64> {
    let lines = printed.lines().filter(|line| line.starts_with('\''));
    lines.filter_map(|line| line.split(' ').nth(2)?.parse().ok()).collect()
}

fn missing_of(features: &[Feature]) -> Vec<Package> {
    let mut all: Vec<Package> = features.iter().flat_map(|feature| missing(*feature)).collect();
    all.sort_by_key(|package| package.name);
    all.dedup_by_key(|package| package.name);
    all
}

fn missing(feature: Feature) -> Vec<Package> {
    feature.packages().into_iter().filter(|package| !is_present(package)).collect()
}

fn is_present(package: &Package) -> bool {
    if package.proof.starts_with('/') {
        return Path::new(package.proof).exists();
    }
    if package.proof != "-" {
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
pub(crate) enum Privilege {
    Root,
    Sudo,
}

impl Privilege {
    pub(crate) fn detect() -> Option<Self> {
        find_program("apt-get")?;
        if Program::new("id", ["-u"]).output().is_ok_and(|id| id.trim() == "0") {
            return Some(Self::Root);
        }
        // On a terminal sudo may ask for a password.
        let free = || Program::new("sudo", ["-n", "true"]).succeeds();
        (find_program("sudo").is_some() && (stdin().is_terminal() || free())).then_some(Self::Sudo)
    }
}

fn install(privilege: Privilege, packages: &[Package]) -> Result<(), Error> {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    let script = ["sh", "xtask/install.sh"];
    let prefix = match privilege {
        Privilege::Root => "env",
        Privilege::Sudo => "sudo",
    };
    let arguments = script.into_iter().chain(names.iter().copied());
    Program::new(prefix, arguments).shown_as(&format!("apt-get install {}", names.join(" "))).run()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_one_of_known_features() {
        let features: BTreeSet<String> =
            Feature::value_variants().iter().map(|feature| feature.name()).collect();
        let lines = PACKAGES.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(table().count(), lines, "each line has features, package, proof and purpose");
        for (named, package) in table() {
            for feature in named.split(',') {
                assert!(features.contains(feature), "{}: {feature}", package.name);
            }
            assert!(!package.purpose.is_empty() && !package.proof.is_empty(), "{}", package.name);
        }
        assert!(Feature::value_variants().iter().all(|feature| !feature.packages().is_empty()));
    }

    #[test]
    fn sizes_are_read_from_what_apt_get_prints() {
        let printed = "Reading package lists...\nThe following NEW packages will be installed:\n  make\n\
            'http://mirror/pool/make_4.3-4.1_amd64.deb' make_4.3-4.1_amd64.deb 396356 MD5Sum:0f\n\
            'http://mirror/pool/cmake_3.25.1-1_amd64.deb' cmake_3.25.1-1_amd64.deb 8692344 SHA256:1a\n";
        assert_eq!(sizes(printed), [396_356, 8_692_344]);
        assert_eq!(sizes("E: Unable to locate package"), [0u64; 0]);
    }
}
