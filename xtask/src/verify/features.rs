//! Every library and program builds without warnings under every set of its features.

use cargo_metadata::{MetadataCommand, Package};

use crate::error::Error;
use crate::shell::Program;

/// Most features of a crate that are tried in all combinations; of more, each alone, none and all.
const MOST: usize = 4;

/// `cargo xtask features`.
pub(crate) fn check() -> Result<(), Error> {
    let metadata = MetadataCommand::new().no_deps().exec()?;
    let (mut crates, mut sets) = (0, 0);
    for package in metadata.workspace_packages() {
        let features = features_of(package);
        if features.is_empty() {
            continue;
        }
        crates += 1;
        for set in combinations(&features) {
            sets += 1;
            let named = format!("--features={}", set.join(","));
            // A program without a library has features too.
            let has_lib = package.targets.iter().any(|target| target.is_lib());
            let targets = if has_lib { "--lib" } else { "--bins" };
            let arguments =
                ["clippy", "--quiet", targets, "--package", &package.name, "--no-default-features"];
            let chosen = [named.as_str(), "--", "--deny", "warnings"];
            Program::cargo(arguments.into_iter().chain(chosen)).run()?;
        }
    }
    println!("features: {crates} crates with features, {sets} sets of them, each without warnings");
    Ok(())
}

fn features_of(package: &Package) -> Vec<&str> {
    package.features.keys().map(String::as_str).filter(|name| *name != "default").collect()
}

fn combinations<'f>(features: &[&'f str]) -> Vec<Vec<&'f str>> {
    if features.len() > MOST {
        let alone = features.iter().map(|name| vec![*name]);
        return [Vec::new(), features.to_vec()].into_iter().chain(alone).collect();
    }
    let chosen = |set: usize| {
        let named = features.iter().enumerate().filter(move |(place, _)| set >> place & 1 == 1);
        named.map(|(_, name)| *name).collect()
    };
    (0..1 << features.len()).map(chosen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_features_are_tried_in_every_combination() {
        assert_eq!(combinations(&["a", "b"]), [vec![], vec!["a"], vec!["b"], vec!["a", "b"]]);
        assert_eq!(combinations(&["a", "b", "c", "d"]).len(), 16);
    }

    #[test]
    fn many_features_are_tried_alone_and_all_at_once() {
        let sets = combinations(&["a", "b", "c", "d", "e"]);
        assert_eq!(sets.len(), 7);
        assert!(sets.iter().all(|set| [0, 1, 5].contains(&set.len())));
    }
}
