//! `cargo xtask bare`: what users do first, on a system with nothing but Debian: no compiler, no cargo, no cache.
//!
//! debootstrap makes the system's root in a folder, from the mirror that this machine's apt uses. A clone of the last commit
//! is put into it, the package and the archive of `dist` are installed and started there, the Containerfile's steps carried
//! out, then `./x demo` and, if wanted, `./x test`. Everything is kept in a log.

mod containerfile;
mod root;

use std::path::Path;

use crate::error::Error;
use crate::package;
use crate::run::target_folder;
use crate::setup::{self, Feature};
use crate::shell::{self, Program};
use root::Root;

/// Asks the control port for a ping, for ten seconds or so; bash can do it, and dd reads a datagram whole. Then ends the
/// server.
const PING: &str = r#"
set -eu
"$@" &
server=$!
for _ in $(seq 100); do
    if exec 3<>/dev/udp/127.0.0.1/2223 && printf '0 d7:command4:pinge' >&3 2>/dev/null &&
        answer=$(timeout 1 dd bs=1500 count=1 <&3 2>/dev/null) && [ "$answer" = '0 d6:result4:ponge' ]; then
        echo "the control port answers a ping"
        kill -TERM "$server"
        wait "$server"
        exit 0
    fi
    sleep 0.1
done
echo "no answer to a ping" >&2
kill -KILL "$server"
exit 1
"#;

const CONFIGURATION: &str = "/etc/mediapoint/mediapoint.toml";

/// How much is tried.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// The packages alone.
    Packages,
    /// And `./x demo` from a clone.
    Demo,
    /// And `./x test`.
    Full,
}

/// Builds the packages, makes a bare root and does in it what users do.
pub(crate) fn bare(extent: Extent) -> Result<(), Error> {
    if let Err(error) = setup::ensure(&[Feature::Build, Feature::Bare]) {
        return skipped(&error.to_string());
    }
    if Program::new("id", ["-u"]).output()?.trim() != "0" {
        return skipped("a root can be made by root alone: run it with sudo");
    }
    package::dist()?;
    let folder = target_folder()?.join("bare");
    let root = Root::make(&folder)?;
    installed(&root)?;
    container(&root, extent)?;
    if extent >= Extent::Demo {
        root.clone_into("src/mediapoint")?;
        root.give_rust()?;
        root.run("./x demo, as on a bare machine", "/src/mediapoint", &["./x", "demo", "--yes"])?;
    }
    if extent == Extent::Full {
        root.run("./x test, as on a bare machine", "/src/mediapoint", &["./x", "test", "--yes"])?;
    }
    println!("bare: all of it works on a bare system; the log is {}", root.log().display());
    Ok(())
}

/// The Debian package is installed, its program started as its user, and it goes again; so does the archive's program.
fn installed(root: &Root) -> Result<(), Error> {
    let package = package::debian_package()?;
    root.put(&package, "tmp/mediapoint.deb")?;
    root.put(&package::archive()?, "tmp/mediapoint.tar.gz")?;
    root.run("package lists", "/", &["apt-get", "update", "--quiet"])?;
    let install =
        ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "/tmp/mediapoint.deb"];
    root.run("the package is installed", "/", &install)?;
    root.run("its version", "/", &["mediapoint", "--version"])?;
    root.run("its configuration can be used", "/", &["mediapoint", "config", "--check", CONFIGURATION])?;
    root.run("its unit is sound", "/", &["systemd-analyze", "verify", "mediapoint.service"])?;
    let exposure = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--no-pager",
        "--threshold=20",
        "mediapoint.service",
    ];
    root.run("its unit leaves little open", "/", &exposure)?;
    let serve = ["mediapoint", "serve", "--config", CONFIGURATION];
    let as_user = ["runuser", "-u", "mediapoint", "--", "bash", "-c", PING, "ping"];
    root.run("it serves as its user", "/", &[as_user.as_slice(), &serve].concat())?;
    root.run("it goes again", "/", &["apt-get", "purge", "--yes", "--quiet", "mediapoint"])?;
    root.run(
        "nothing stays",
        "/",
        &["sh", "-c", "! test -e /usr/bin/mediapoint && ! test -e /etc/mediapoint/mediapoint.toml"],
    )?;

    let unpack = ["tar", "-xzf", "/tmp/mediapoint.tar.gz", "-C", "/opt"];
    root.run("the archive is unpacked", "/", &unpack)?;
    let program = "exec bash -c \"$0\" ping /opt/mediapoint-*/usr/local/bin/mediapoint serve";
    root.run("its program serves", "/", &["sh", "-c", program, PING])
}

/// The Containerfile: built where there is a builder, else its steps are carried out in the root.
fn container(root: &Root, extent: Extent) -> Result<(), Error> {
    for builder in ["podman", "buildah", "docker"] {
        if Program::new(builder, ["info"]).succeeds() {
            println!("the Containerfile is built by {builder}");
            let build = ["build", "--file", "Containerfile", "--tag", "mediapoint", "."];
            return Program::new(builder, build).run();
        }
    }
    root.log_line("no builder of containers here: the Containerfile's steps are carried out in the root")?;
    let text = shell::read(Path::new("Containerfile"))?;
    let [build, image] = containerfile::stages(&text)?;
    if extent >= Extent::Demo {
        root.clone_into("src/mediapoint")?;
        root.give_rust()?;
        for step in &build.steps {
            root.run("the Containerfile's build", "/src/mediapoint", &["sh", "-c", step])?;
        }
        root.put_own("src/mediapoint/dist/mediapoint", "usr/bin/mediapoint")?;
    } else {
        root.put(Path::new("dist/mediapoint-static"), "usr/bin/mediapoint")?;
    }
    root.put(Path::new("mediapoint.toml"), CONFIGURATION.trim_start_matches('/'))?;
    // The package's user has its name.
    root.run(
        "the package's user is removed",
        "/",
        &["sh", "-c", "! getent passwd mediapoint || userdel mediapoint"],
    )?;
    for step in &image.steps {
        root.run("the Containerfile's image", "/", &["sh", "-c", step])?;
    }
    let health =
        image.health.ok_or_else(|| Error::Tool("the Containerfile has no HEALTHCHECK".to_owned()))?;
    let command = containerfile::command(&image.entrypoint, &image.command);
    let tried = format!(
        "{command} & server=$!; for _ in $(seq 100); do if {health}; then kill -TERM $server; wait $server; exit 0; fi; sleep 0.1; done; kill -KILL $server; exit 1"
    );
    let user = image.user.unwrap_or_default();
    root.run("its server is healthy", "/", &["runuser", "-u", &user, "--", "bash", "-c", &tried])?;
    root.log_line("the Containerfile's steps work, and its health check finds the server well")
}

fn skipped(why: &str) -> Result<(), Error> {
    println!("bare: skipped: {why}");
    shell::note(&format!("bare was skipped: {}", why.replace('\n', " ")))
}
