//! Crate arrows: which workspace crate may depend on which, read from `cargo metadata`.
//!
//! The table is the architecture. A new edge is a decision: it is added here with the reason in docs/decisions.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::conclude;
use crate::error::Error;
use crate::shell;

/// Each crate and what it may link, by package name without the `mediapoint-` prefix.
const ALLOWED: &[(&str, &[&str])] = &[
    ("server", &["content", "control-ng", "engine", "net", "recorder", "sizing"]),
    // Programs of the laboratory: they drive a server from outside, and link nothing of it.
    ("tools", &["analysis", "caller", "codec", "conference", "dtmf", "g729", "net", "prompt", "recorder"]),
    ("control-ng", &["engine", "prompt", "recorder", "codec", "srtp", "g711", "packet"]),
    (
        "engine",
        &[
            "net",
            "srtp",
            "jitter",
            "prompt",
            "dtmf",
            "analysis",
            "conference",
            "recorder",
            "codec",
            "g711",
            "packet",
        ],
    ),
    ("caller", &["codec", "packet", "net", "g711", "prompt"]),
    ("testkit", &["engine", "net", "srtp", "codec", "g711", "packet"]),
    ("jitter", &["codec", "g711", "packet"]),
    ("prompt", &["codec", "g711", "g729"]),
    ("analysis", &["codec"]),
    ("conference", &[]),
    // Arithmetic, for whoever plans: it knows nothing of the engine.
    ("sizing", &[]),
    ("dtmf", &["codec", "g711", "jitter", "packet"]),
    ("recorder", &["packet"]),
    ("codec", &["amr", "g711", "g729", "packet"]),
    ("srtp", &["packet", "simd"]),
    ("net", &["packet"]),
    // Opaque files, a store and a database: it knows nothing of calls.
    ("content", &["recorder"]),
    // Bindings of outside libraries, and nothing else.
    ("amr", &[]),
    ("g711", &["simd"]),
    ("g729", &[]),
    ("packet", &[]),
    ("simd", &[]),
    ("allocations", &[]),
    // Outside the product: they may look at anything, and nothing may link them.
    (
        "benches",
        &[
            "server",
            "control-ng",
            "engine",
            "caller",
            "testkit",
            "net",
            "srtp",
            "jitter",
            "analysis",
            "conference",
            "dtmf",
            "codec",
            "g711",
            "g729",
            "packet",
            "prompt",
            "recorder",
            "simd",
        ],
    ),
    (
        "targets",
        &[
            "analysis",
            "control-ng",
            "engine",
            "testkit",
            "srtp",
            "jitter",
            "codec",
            "dtmf",
            "g729",
            "packet",
            "prompt",
            "recorder",
        ],
    ),
    // An example: it embeds the engine, and drives a server from outside.
    ("ivr", &["engine", "caller", "prompt", "dtmf", "packet"]),
    // Another: it drives a server from outside, and reads what it recorded.
    ("record", &["caller", "dtmf", "packet", "recorder"]),
    // As the one before, with a conference room.
    ("conference-demo", &["caller", "recorder"]),
    ("interop", &["caller", "codec", "g711", "g729", "packet"]),
    ("xtask", &[]),
];

/// Test support: any crate may have these among its dev-dependencies.
const TEST_SUPPORT: &[&str] = &["testkit", "caller", "allocations"];

/// Crates with a lint table of their own, because they hold unsafe code.
const OWN_LINTS: &[&str] = &["amr", "net", "simd", "g729", "allocations"];

type Table = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// `cargo xtask arrows`.
pub(crate) fn check() -> Result<(), Error> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let mut findings = findings_of(&metadata);
    for package in metadata.workspace_packages() {
        let manifest = shell::read(package.manifest_path.as_std_path())?;
        findings.extend(lint_finding(short(&package.name), &manifest));
    }
    let crates = metadata.workspace_packages().len();
    conclude("arrows", findings, &format!("{crates} crates keep to the table"))
}

fn findings_of(metadata: &Metadata) -> Vec<String> {
    let table: Table = ALLOWED.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let packages = metadata.workspace_packages();
    let members: BTreeSet<&str> = packages.iter().map(|package| short(&package.name)).collect();
    packages.iter().flat_map(|package| edges_of(package, &members, &table)).collect()
}

fn edges_of(package: &Package, members: &BTreeSet<&str>, table: &Table) -> Vec<String> {
    let from = short(&package.name);
    let Some(allowed) = table.get(from) else {
        return vec![format!("crate {from} is not in the table of arrows")];
    };
    let below = closure(from, table);
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let to = short(&dependency.name);
        // A crates.io package of the same name is no workspace edge; ours come by path.
        if !members.contains(to) || dependency.path.is_none() {
            continue;
        }
        let fine = match dependency.kind {
            DependencyKind::Development => below.contains(to) || TEST_SUPPORT.contains(&to) || to == from,
            _ => allowed.contains(to),
        };
        if !fine {
            findings
                .push(format!("{from} must not depend on {to} ({} dependency)", kind_name(dependency.kind)));
        }
    }
    findings
}

/// Everything reachable by allowed arrows.
fn closure<'t>(from: &str, table: &'t Table) -> BTreeSet<&'t str> {
    let mut seen = BTreeSet::new();
    let mut queue: Vec<&'t str> = table.get(from).into_iter().flatten().copied().collect();
    while let Some(next) = queue.pop() {
        if seen.insert(next) {
            queue.extend(table.get(next).into_iter().flatten());
        }
    }
    seen
}

fn lint_finding(name: &str, manifest: &str) -> Option<String> {
    let inherits = manifest
        .split("[lints]")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .is_some_and(|table| table.replace(' ', "").contains("workspace=true"));
    (!inherits && !OWN_LINTS.contains(&name)).then(|| format!("{name} does not take the workspace's lints"))
}

fn short(package: &str) -> &str {
    package.strip_prefix("mediapoint-").unwrap_or(package)
}

const fn kind_name(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Development => "dev",
        DependencyKind::Build => "build",
        _ => "normal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        ALLOWED.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect()
    }

    #[test]
    fn every_arrow_points_at_a_known_crate_and_none_in_a_circle() {
        let table = table();
        for (from, to) in &table {
            for name in to {
                assert!(table.contains_key(name), "{from} -> {name}");
            }
            assert!(!closure(from, &table).contains(from), "{from} reaches itself");
        }
    }

    #[test]
    fn what_lies_below_a_crate_includes_indirect_arrows() {
        assert!(closure("server", &table()).contains("g711"));
        assert!(!closure("packet", &table()).contains("engine"));
    }

    #[test]
    fn own_lint_table_is_refused_outside_the_unsafe_crates() {
        assert_eq!(lint_finding("engine", "[lints]\nworkspace = true\n"), None);
        assert!(lint_finding("engine", "[lints.rust]\nunsafe_code = \"allow\"\n").is_some());
        assert_eq!(lint_finding("net", "[lints.rust]\n"), None);
    }
}
