//! A Debian package, by `dpkg-deb` alone: every Debian and Ubuntu has it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{DIST, PROGRAM, TEXT, Tree, stage_tree, time, write_file};
use crate::error::Error;
use crate::shell::{self, Program};

const PARTS: &str = "packaging/debian";
/// Who answers for a package that is built from this tree, unless the variable says another.
const MAINTAINER: (&str, &str) = ("DEBEMAIL", "mediapoint developers <mediapoint@lists.invalid>");

/// Builds the package of the program in a folder of its own; returns where it is.
pub(super) fn build(stage: &Path, program: &Path, version: &str) -> Result<PathBuf, Error> {
    let files = stage_tree(stage, "/usr", program)?;
    let maintainer = std::env::var(MAINTAINER.0).unwrap_or_else(|_| MAINTAINER.1.to_owned());
    let mut tree = Tree { stage, files };
    let part = |name: &str| shell::read(&Path::new(PARTS).join(name));
    tree.write(&part("copyright")?, "usr/share/doc/mediapoint/copyright")?;
    tree.write(&part("lintian-overrides")?, "usr/share/lintian/overrides/mediapoint")?;
    let changes = changes(version, &maintainer);
    tree.write(&changes, "usr/share/doc/mediapoint/changelog")?;
    let pages: Vec<&PathBuf> = tree.files.iter().map(|(file, _)| file).collect();
    for page in
        pages.into_iter().filter(|file| file.starts_with("usr/share/man") || file.ends_with("changelog"))
    {
        Program::new("gzip", ["-9nf", &stage.join(page).display().to_string()]).run()?;
    }
    let octets = tree.files.iter().filter_map(|(file, _)| fs::metadata(stage.join(file)).ok());
    let kilobytes = octets.map(|file| file.len().div_ceil(1024)).sum::<u64>();
    let control = part("control")?
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", &architecture()?)
        .replace("@MAINTAINER@", &maintainer)
        .replace("@SIZE@", &kilobytes.to_string());
    let own = stage.join("DEBIAN");
    write_file(&own.join("control"), control.as_bytes(), TEXT)?;
    write_file(&own.join("conffiles"), b"/etc/mediapoint/mediapoint.toml\n", TEXT)?;
    for script in ["postinst", "prerm", "postrm"] {
        write_file(&own.join(script), part(script)?.as_bytes(), PROGRAM)?;
    }
    let package = Path::new(DIST).join(name(version)?);
    let (stage, out) = (stage.display().to_string(), package.display().to_string());
    Program::new("dpkg-deb", ["--root-owner-group", "--build", "-Zxz", &stage, &out])
        .env("SOURCE_DATE_EPOCH", &time())
        .run()?;
    if shell::find_program("lintian").is_some() {
        // A page there is where the program makes one.
        let strict = ["--fail-on", "error,warning", "--suppress-tags", "no-manual-page", "--allow-root"];
        Program::new("lintian", strict.into_iter().chain([out.as_str()])).run()?;
    }
    Ok(package)
}

/// The file's name, as Debian builds it.
pub(super) fn name(version: &str) -> Result<String, Error> {
    Ok(format!("mediapoint_{version}_{}.deb", architecture()?))
}

fn architecture() -> Result<String, Error> {
    Ok(Program::new("dpkg", ["--print-architecture"]).output()?.trim().to_owned())
}

/// A changelog in Debian's form.
fn changes(version: &str, maintainer: &str) -> String {
    let date = Program::new("date", ["-u", "-R", "-d", &format!("@{}", time())]).output_quiet();
    let date = date.unwrap_or_default();
    format!(
        "mediapoint ({version}) unstable; urgency=medium\n\n  * Built from the source tree, see its CHANGELOG.md.\n\n -- {maintainer}  {}\n",
        date.trim()
    )
}
