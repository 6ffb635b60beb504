//! docs/dependencies.md: what each dependency is for. Who takes it, its version and its licence are read from the
//! manifests; the reason is written by hand, and there must be one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use super::{conclude, deployed};
use crate::error::Error;
use crate::{fuzz, shell};

const PAGE: &str = "docs/dependencies.md";
/// What follows it is made anew.
const MARKER: &str =
    "<!-- What follows is made by `cargo xtask docs-check --conformance write`, the reasons excepted. -->";
/// How the README says how many crates the server links.
const README: (&str, &str) = ("README.md", "`mediapoint` links ");

/// Where a dependency ends up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Server,
    Laboratory,
    Tests,
    Build,
    Fuzz,
}

impl Place {
    const ALL: [Self; 5] = [Self::Server, Self::Laboratory, Self::Tests, Self::Build, Self::Fuzz];

    const fn title(self) -> &'static str {
        match self {
            Self::Server => "Linked into the server",
            Self::Laboratory => "Linked into the laboratory's programs, checks and optional features",
            Self::Tests => "For tests alone",
            Self::Build => "For building alone",
            Self::Fuzz => "For the fuzz targets alone",
        }
    }
}

/// A direct dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dependency {
    version: String,
    licence: String,
    /// Who of us takes it.
    users: BTreeSet<String>,
}

/// Direct dependencies by where they end up and name. Two versions of one would be two names.
type Inventory = BTreeMap<(Place, String), Dependency>;

/// Crates in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    /// Linked into the server, ours included.
    linked: usize,
    own: usize,
    /// From outside, in the lock files of the workspace and of the fuzz targets.
    locked: usize,
    fuzz: usize,
}

/// `cargo xtask docs-check`, third part. With `write` everything but the reasons is brought up to date.
pub(crate) fn check(write: bool) -> Result<(), Error> {
    let tree = deployed::tree()?;
    let linked = deployed::linked(&tree);
    let workspace = metadata("Cargo.toml")?;
    let fuzz = metadata(fuzz::MANIFEST)?;
    let is_linked = |name: &str| linked.iter().any(|(linked, _)| *linked == name);
    let mut inventory = Inventory::new();
    collect(&mut inventory, &workspace, |package, kind, name| match kind {
        DependencyKind::Build => Place::Build,
        DependencyKind::Development => Place::Tests,
        _ if is_linked(package) && is_linked(name) => Place::Server,
        _ => Place::Laboratory,
    });
    collect(&mut inventory, &fuzz, |_, _, _| Place::Fuzz);
    let counts = Counts {
        linked: linked.len(),
        own: linked.iter().filter(|(name, _)| name.starts_with("mediapoint-")).count(),
        locked: locked(&shell::read(Path::new("Cargo.lock"))?),
        fuzz: locked(&shell::read(Path::new("fuzz/Cargo.lock"))?),
    };
    let page = shell::read(Path::new(PAGE))?;
    let (wanted, mut findings) = bring_up_to_date(&page, &inventory, counts);
    if wanted != page && write {
        let path = Path::new(PAGE);
        std::fs::write(path, wanted).map_err(|source| Error::Io { path: path.into(), source })?;
    } else if wanted != page {
        findings.extend(differences(&page, &wanted));
        findings.push(format!("{PAGE} is not up to date: run `cargo xtask docs-check --conformance write`"));
    }
    findings.extend(of_readme(&shell::read(Path::new(README.0))?, counts.linked));
    let clean = format!(
        "each of {} direct dependencies has its reason; {} crates linked, {} locked",
        inventory.len(),
        counts.linked,
        counts.locked
    );
    conclude("dependencies", findings, &clean)
}

fn metadata(manifest: &str) -> Result<Metadata, Error> {
    Ok(MetadataCommand::new().manifest_path(manifest).features(CargoOpt::AllFeatures).exec()?)
}

/// Adds what the packages of a workspace take from outside.
fn collect(
    inventory: &mut Inventory,
    metadata: &Metadata,
    place: impl Fn(&str, DependencyKind, &str) -> Place,
) {
    let packages: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|package| (&package.id, package)).collect();
    let members = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    for node in members.filter(|node| metadata.workspace_members.contains(&node.id)) {
        let Some(user) = packages.get(&node.id) else { continue };
        for dependency in &node.deps {
            let Some(package) = packages.get(&dependency.pkg).filter(|package| package.source.is_some())
            else {
                continue;
            };
            for kind in &dependency.dep_kinds {
                let place = place(&user.name, kind.kind, &package.name);
                let entry =
                    inventory.entry((place, package.name.to_string())).or_insert_with(|| Dependency {
                        version: package.version.to_string(),
                        licence: package.license.clone().unwrap_or_default(),
                        users: BTreeSet::new(),
                    });
                let user = user.name.strip_prefix("mediapoint-").unwrap_or(&user.name);
                entry.users.insert(user.to_owned());
            }
        }
    }
}

/// Crates of a lock file that come from outside.
fn locked(lock: &str) -> usize {
    lock.lines().filter(|line| line.starts_with("source = ")).count()
}

/// The page as it should be, with the reasons that it has, and which are missing or left over.
fn bring_up_to_date(page: &str, inventory: &Inventory, counts: Counts) -> (String, Vec<String>) {
    let head = page.split(MARKER).next().unwrap_or_default();
    let reasons = reasons(page);
    let mut findings = Vec::new();
    let Counts { linked, own, locked, fuzz } = counts;
    let mut out = format!(
        "{head}{MARKER}\n\nThe server links {linked} crates, {own} of them ours. From outside, `Cargo.lock` has {locked} \
         crates, for all programs, tests and platforms, and `fuzz/Cargo.lock` {fuzz}. Taken directly: {}.\n",
        inventory.keys().map(|(_, name)| name).collect::<BTreeSet<_>>().len(),
    );
    for place in Place::ALL {
        out.push_str(&format!("\n## {}\n\n", place.title()));
        let rows: Vec<(&String, &Dependency)> = inventory
            .iter()
            .filter(|((at, _), _)| *at == place)
            .map(|((_, name), one)| (name, one))
            .collect();
        if rows.is_empty() {
            out.push_str("None.\n");
            continue;
        }
        out.push_str("| crate | version | licence | taken by | what for, and why not otherwise |\n");
        out.push_str("| --- | --- | --- | --- | --- |\n");
        for (name, Dependency { version, licence, users }) in rows {
            let users = users.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let reason = reasons.get(&(place.title(), name.as_str())).copied().unwrap_or_default();
            if reason.is_empty() {
                findings.push(format!("{PAGE}: no reason for {name} under {:?}", place.title()));
            }
            out.push_str(&format!("| {name} | {version} | {licence} | {users} | {reason} |\n"));
        }
    }
    let is_taken = |(title, name): &(&str, &str)| {
        inventory.keys().any(|(place, taken)| place.title() == *title && taken == name)
    };
    let left = reasons.keys().filter(|row| !is_taken(row));
    findings.extend(left.map(|(title, name)| format!("{PAGE}: nobody takes {name} under {title:?}")));
    (out, findings)
}

/// The last column by heading and first column.
fn reasons(page: &str) -> BTreeMap<(&str, &str), &str> {
    let mut title = "";
    let mut reasons = BTreeMap::new();
    let below = page.split_once(MARKER).map(|(_, below)| below).unwrap_or_default();
    for line in below.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            title = heading;
        }
        let row = line.strip_prefix("| ").and_then(|line| line.strip_suffix('|'));
        let columns: Vec<&str> =
            row.map(|row| row.splitn(5, " | ").map(str::trim).collect()).unwrap_or_default();
        match columns.as_slice() {
            [name, _, _, _, reason] if !["crate", "---"].contains(name) => {
                reasons.insert((title, *name), *reason);
            }
            _ => {}
        }
    }
    reasons
}

/// Lines that are to change.
fn differences(page: &str, wanted: &str) -> Vec<String> {
    let have: BTreeSet<&str> = page.lines().collect();
    let new = wanted.lines().filter(|line| !have.contains(line));
    new.map(|line| format!("{PAGE}: should have {line:?}")).collect()
}

/// The README says how many crates the server links.
fn of_readme(readme: &str, linked: usize) -> Option<String> {
    let (name, words) = README;
    let said = readme.split_once(words).and_then(|(_, rest)| rest.split(' ').next());
    (said != Some(&linked.to_string())).then(|| format!("{name}: it should say \"{words}{linked} crates\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: Counts = Counts { linked: 9, own: 2, locked: 40, fuzz: 12 };

    fn inventory(of: &[(Place, &str, &str)]) -> Inventory {
        let entry = |(place, name, user): &(Place, &str, &str)| {
            let users = BTreeSet::from([(*user).to_owned()]);
            let one = Dependency { version: "1.0.0".into(), licence: "MIT".into(), users };
            ((*place, (*name).to_owned()), one)
        };
        of.iter().map(entry).collect()
    }

    /// A page that is as it should be.
    fn page() -> String {
        let page = format!("# Dependencies\n\nBy hand.\n\n{MARKER}\n");
        let (page, findings) = bring_up_to_date(&page, &known(), COUNTS);
        assert_eq!(findings.len(), 2, "{findings:?}");
        page.replace("| MIT | srtp |  |", "| MIT | srtp | ciphers |")
            .replace("| MIT | net |  |", "| MIT | net | drawn | at random |")
    }

    fn known() -> Inventory {
        inventory(&[(Place::Server, "aes", "srtp"), (Place::Tests, "proptest", "net")])
    }

    #[test]
    fn a_page_with_a_reason_for_each_stays_as_it_is() {
        let page = page();
        assert_eq!(bring_up_to_date(&page, &known(), COUNTS), (page.clone(), Vec::new()));
        assert!(page.starts_with("# Dependencies\n\nBy hand.\n"), "{page}");
        assert!(page.contains("## Linked into the server\n\n| crate |"), "{page}");
        assert!(page.contains("| aes | 1.0.0 | MIT | srtp | ciphers |"), "{page}");
        assert!(page.contains("## For building alone\n\nNone.\n"), "{page}");
    }

    #[test]
    fn a_dependency_without_a_row_and_a_row_without_a_dependency_are_found() {
        let page = page();
        let mut more = known();
        more.extend(inventory(&[(Place::Server, "clap", "server")]));
        let (wanted, findings) = bring_up_to_date(&page, &more, COUNTS);
        assert_eq!(findings, [format!("{PAGE}: no reason for clap under \"Linked into the server\"")]);
        assert_eq!(differences(&page, &wanted).len(), 2, "the row, and how many there are");
        let (wanted, findings) =
            bring_up_to_date(&page, &inventory(&[(Place::Server, "aes", "srtp")]), COUNTS);
        assert_eq!(findings, [format!("{PAGE}: nobody takes proptest under \"For tests alone\"")]);
        assert!(!wanted.contains("proptest"));
    }

    #[test]
    fn a_dependency_that_is_linked_now_needs_a_reason_there() {
        let moved = inventory(&[(Place::Server, "aes", "srtp"), (Place::Server, "proptest", "net")]);
        let (_, findings) = bring_up_to_date(&page(), &moved, COUNTS);
        assert_eq!(findings.len(), 2, "{findings:?}");
    }

    #[test]
    fn another_version_licence_user_or_count_makes_the_page_old() {
        let page = page();
        for change in [
            |one: &mut Dependency| one.version = "2.0.0".into(),
            |one: &mut Dependency| one.licence = "GPL-3.0".into(),
            |one: &mut Dependency| one.users.extend(["engine".to_owned()]),
        ] {
            let mut changed = known();
            changed.values_mut().take(1).for_each(change);
            let (wanted, findings) = bring_up_to_date(&page, &changed, COUNTS);
            assert_eq!((wanted == page, findings), (false, Vec::new()));
        }
        let counts = Counts { linked: 10, ..COUNTS };
        assert_ne!(bring_up_to_date(&page, &known(), counts).0, page);
        assert_eq!(of_readme("`mediapoint` links 9 crates", 9), None);
        assert!(of_readme("`mediapoint` links 9 crates", 10).is_some());
    }

    #[test]
    fn what_is_ours_is_not_counted_among_the_locked() {
        let lock = "[[package]]\nname = \"ours\"\n\n[[package]]\nname = \"aes\"\nsource = \"registry+x\"\n";
        assert_eq!(locked(lock), 1);
    }
}
