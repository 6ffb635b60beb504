//! The server as users get it: built and stripped, installed, as an archive and as a Debian package.
//!
//! All of them hold the same tree: the program, its configuration, a unit for systemd with its user, licences.

mod deb;
mod licences;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::run::target_folder;
use crate::setup::{self, Feature, Privilege};
use crate::shell::{self, Program};

/// Where what is built is put.
const DIST: &str = "dist";
/// Where programs of the unit's are, until they are installed elsewhere.
const UNIT_PROGRAMS: &str = "/usr/bin/";

const PROGRAM: u32 = 0o755;
const TEXT: u32 = 0o644;

/// `./x build`: the server in release, and a copy without symbols.
pub(crate) fn build() -> Result<(), Error> {
    setup::ensure(&[Feature::Build])?;
    Program::cargo(["build", "--release", "--package", "mediapoint-server"]).run()?;
    let built = target_folder()?.join("release").join("mediapoint");
    let stripped = strip(&built, &Path::new(DIST).join("mediapoint"))?;
    println!("{}: {}", stripped.display(), megabytes(&stripped)?);
    Ok(())
}

/// `./x install`: the tree into the system, or below `destdir`.
pub(crate) fn install(prefix: &str, destdir: &Path) -> Result<(), Error> {
    if !prefix.starts_with('/') {
        return Err(Error::Tool(format!("--prefix {prefix}: has to begin with /, such as /usr/local")));
    }
    build()?;
    let stage = target_folder()?.join("package").join("install");
    let files = stage_tree(&stage, prefix, &Path::new(DIST).join("mediapoint"))?;
    let as_root = !writable(destdir, prefix) && matches!(Privilege::detect(), Some(Privilege::Sudo));
    let run = |words: &[&str]| {
        // `env` stands for nothing: the same words follow either.
        Program::new(if as_root { "sudo" } else { "env" }, words).run()
    };
    for (file, mode) in &files {
        let destination = destdir.join(file);
        // Whoever has edited it keeps it.
        if file.starts_with("etc") && destination.exists() {
            println!("{} is there already and stays", destination.display());
            continue;
        }
        let (from, to) = (stage.join(file).display().to_string(), destination.display().to_string());
        run(&["install", "-D", "-m", &format!("{mode:o}"), &from, &to])?;
    }
    if destdir == Path::new("/") && Path::new("/run/systemd/system").exists() {
        run(&["systemd-sysusers", &format!("{prefix}/lib/sysusers.d/mediapoint.conf")])?;
        run(&["systemctl", "daemon-reload"])?;
        println!("installed. Edit /etc/mediapoint/mediapoint.toml, then: systemctl enable --now mediapoint");
    } else {
        println!("installed. The unit runs it as the user mediapoint, which `systemd-sysusers` makes");
    }
    Ok(())
}

/// `./x dist`: an archive and a Debian package of a program that needs no library of the system.
pub(crate) fn dist() -> Result<(), Error> {
    setup::ensure(&[Feature::Build])?;
    let program = built_static()?;
    let version = version()?;
    let folder = target_folder()?.join("package");

    let name = archive_name(&version);
    let stage = folder.join("archive");
    stage_tree(&stage.join(&name), "/usr/local", &program)?;
    let archive = archive()?;
    archived(&stage, &name, &archive)?;
    println!("{}: {}", archive.display(), megabytes(&archive)?);

    let package = deb::build(&folder.join("deb"), &program, &version)?;
    println!("{}: {}", package.display(), megabytes(&package)?);
    Ok(())
}

/// The Debian package that `dist` made.
pub(crate) fn debian_package() -> Result<PathBuf, Error> {
    Ok(Path::new(DIST).join(deb::name(&version()?)?))
}

/// The archive that `dist` made.
pub(crate) fn archive() -> Result<PathBuf, Error> {
    Ok(Path::new(DIST).join(format!("{}.tar.gz", archive_name(&version()?))))
}

fn archive_name(version: &str) -> String {
    format!("mediapoint-{version}-{}-linux", std::env::consts::ARCH)
}

/// The server linked with the C library into itself: one program for every distribution, whatever their versions.
fn built_static() -> Result<PathBuf, Error> {
    let host = Program::new("rustc", ["--version", "--verbose"]).output()?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
    let variable = format!("CARGO_TARGET_{}_RUSTFLAGS", host.to_uppercase().replace('-', "_"));
    // With a target named, the flag is not for build scripts and macros, which the compiler has to load.
    Program::cargo(["build", "--release", "--package", "mediapoint-server", "--target", &host])
        .env(&variable, "-C target-feature=+crt-static")
        .run()?;
    let built = target_folder()?.join(&host).join("release").join("mediapoint");
    strip(&built, &Path::new(DIST).join("mediapoint-static"))
}

fn strip(built: &Path, copy: &Path) -> Result<PathBuf, Error> {
    make_folder(copy.parent().unwrap_or(copy))?;
    let (built, copied) = (built.display().to_string(), copy.display().to_string());
    Program::new("strip", ["-o", copied.as_str(), built.as_str()]).run()?;
    Ok(copy.to_path_buf())
}

/// Puts everything that is installed into an empty folder as it will lie below the root; returns the files and their modes.
fn stage_tree(stage: &Path, prefix: &str, program: &Path) -> Result<Vec<(PathBuf, u32)>, Error> {
    if stage.exists() {
        fs::remove_dir_all(stage).map_err(|source| Error::Io { path: stage.to_path_buf(), source })?;
    }
    let below = Path::new(prefix.trim_start_matches('/'));
    let documents = below.join("share/doc/mediapoint");
    let mut tree = Tree { stage, files: Vec::new() };
    tree.copy(program, below.join("bin/mediapoint"), PROGRAM)?;
    tree.copy(Path::new("mediapoint.toml"), "etc/mediapoint/mediapoint.toml", TEXT)?;
    let unit = shell::read(Path::new("packaging/mediapoint.service"))?;
    let unit = unit.replace(&format!("={UNIT_PROGRAMS}"), &format!("={prefix}/bin/"));
    tree.write(&unit, below.join("lib/systemd/system/mediapoint.service"))?;
    tree.copy(
        Path::new("packaging/mediapoint.sysusers"),
        below.join("lib/sysusers.d/mediapoint.conf"),
        TEXT,
    )?;
    for page in ["docs/operations.md", "docs/control-ng.md", "docs/security.md"] {
        tree.copy(Path::new(page), documents.join(Path::new(page).file_name().unwrap_or_default()), TEXT)?;
    }
    tree.copy(Path::new("LICENSE-MIT"), documents.join("LICENSE-MIT"), TEXT)?;
    tree.write(&licences::third_party()?, documents.join("third-party-licences.txt"))?;
    offered(&mut tree, below, program)?;
    Ok(tree.files)
}

/// Manual pages and completions, where the program makes them.
fn offered(tree: &mut Tree<'_>, below: &Path, program: &Path) -> Result<(), Error> {
    let program = program.display().to_string();
    let shells = [
        ("bash", "share/bash-completion/completions/mediapoint"),
        ("zsh", "share/zsh/site-functions/_mediapoint"),
        ("fish", "share/fish/vendor_completions.d/mediapoint.fish"),
    ];
    for (shell, place) in shells {
        if let Some(text) = Program::new(&program, ["completions", shell]).output_quiet() {
            tree.write(&text, below.join(place))?;
        }
    }
    let pages = target_folder()?.join("package").join("man");
    make_folder(&pages)?;
    if !Program::new(&program, ["man", &pages.display().to_string()]).succeeds() {
        return Ok(());
    }
    let entries = fs::read_dir(&pages).map_err(|source| Error::Io { path: pages.clone(), source })?;
    for page in entries.flatten().map(|entry| entry.path()) {
        let place = below.join("share/man/man1").join(page.file_name().unwrap_or_default());
        tree.copy(&page, place, TEXT)?;
    }
    Ok(())
}

/// A folder that files are put into.
struct Tree<'s> {
    stage: &'s Path,
    files: Vec<(PathBuf, u32)>,
}

impl Tree<'_> {
    fn copy(&mut self, from: &Path, to: impl Into<PathBuf>, mode: u32) -> Result<(), Error> {
        let bytes = fs::read(from).map_err(|source| Error::Io { path: from.to_path_buf(), source })?;
        self.put(&bytes, to.into(), mode)
    }

    fn write(&mut self, text: &str, to: impl Into<PathBuf>) -> Result<(), Error> {
        self.put(text.as_bytes(), to.into(), TEXT)
    }

    fn put(&mut self, bytes: &[u8], to: PathBuf, mode: u32) -> Result<(), Error> {
        write_file(&self.stage.join(&to), bytes, mode)?;
        self.files.push((to, mode));
        Ok(())
    }
}

fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    make_folder(path.parent().unwrap_or(path))?;
    let written = fs::write(path, bytes);
    let written = written.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    written.map_err(|source| Error::Io { path: path.to_path_buf(), source })
}

fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Io { path: path.to_path_buf(), source })
}

/// The folder `name` of `stage` as an archive, the same for the same content.
fn archived(stage: &Path, name: &str, archive: &Path) -> Result<(), Error> {
    let (stage, archive) = (stage.display().to_string(), archive.display().to_string());
    let time = format!("--mtime=@{}", time());
    let same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", time.as_str()];
    let arguments = ["--create", "--gzip", "--file", &archive, "--directory", &stage];
    Program::new("tar", arguments.into_iter().chain(same).chain([name])).run()
}

/// Seconds since 1970 of the last commit.
fn time() -> String {
    let printed = Program::new("git", ["log", "-1", "--format=%ct"]).output_quiet();
    printed.map_or_else(|| "0".to_owned(), |time| time.trim().to_owned())
}

fn version() -> Result<String, Error> {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec()?;
    let server = metadata.packages.iter().find(|package| package.name.as_str() == "mediapoint-server");
    let version = server.map(|package| package.version.to_string());
    version.ok_or_else(|| Error::Tool("the workspace has no mediapoint-server".to_owned()))
}

/// True where files can be put below the prefix without another user's rights.
fn writable(destdir: &Path, prefix: &str) -> bool {
    let wanted = destdir.join(prefix.trim_start_matches('/'));
    let Some(there) = wanted.ancestors().find(|folder| folder.exists()) else { return false };
    Program::new("test", ["-w", &there.display().to_string()]).succeeds()
}

fn megabytes(path: &Path) -> Result<String, Error> {
    let length = fs::metadata(path).map_err(|source| Error::Io { path: path.to_path_buf(), source })?.len();
    Ok(format!("{}.{} MB", length / 1_000_000, length / 100_000 % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_the_program_its_configuration_a_unit_that_starts_it_and_licences() {
        std::env::set_current_dir(shell::workspace_root()).unwrap();
        let stage = std::env::temp_dir().join(format!("mediapoint-tree-{}", std::process::id()));
        let program = stage.with_extension("program");
        fs::write(&program, "no program").unwrap();
        let files = stage_tree(&stage, "/opt/media", &program).unwrap();
        let mode = |name: &str| files.iter().find(|(file, _)| file == Path::new(name)).map(|(_, mode)| *mode);
        assert_eq!(mode("opt/media/bin/mediapoint"), Some(0o755));
        assert_eq!(mode("etc/mediapoint/mediapoint.toml"), Some(0o644));
        let unit = fs::read_to_string(stage.join("opt/media/lib/systemd/system/mediapoint.service")).unwrap();
        assert!(
            unit.contains("\nExecStart=/opt/media/bin/mediapoint serve --config /etc/mediapoint/"),
            "{unit}"
        );
        let user = fs::read_to_string(stage.join("opt/media/lib/sysusers.d/mediapoint.conf")).unwrap();
        assert!(user.contains("u mediapoint ") && unit.contains("\nUser=mediapoint\n"));
        let licences = stage.join("opt/media/share/doc/mediapoint/third-party-licences.txt");
        let licences = fs::read_to_string(licences).unwrap();
        assert!(licences.contains("ring 0.") && licences.contains("Permission"), "{licences:.200}");
        let executable = fs::metadata(stage.join("opt/media/bin/mediapoint")).unwrap().permissions().mode();
        assert_eq!(executable & 0o777, 0o755);
        fs::remove_dir_all(&stage).unwrap();
        fs::remove_file(&program).unwrap();
    }
}
