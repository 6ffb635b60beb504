//! What unit tests share: the traces of the reference, and how long tests of random operands go on.

#[path = "../tests/common/data_pack.rs"]
mod data_pack;

use std::path::Path;

pub(crate) use data_pack::data_pack;

/// How many random operands to try of `all`: very few under Miri, which needs seconds for each.
pub(crate) const fn rounds(all: usize) -> usize {
    if cfg!(miri) { all / 2000 + 1 } else { all }
}

/// The JSON objects of a trace, one a line.
pub(crate) fn trace(folder: &Path, name: &str) -> Vec<serde_json::Value> {
    let path = folder.join("traces").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .collect()
}
