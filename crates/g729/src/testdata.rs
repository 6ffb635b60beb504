//! Where tests find the data pack, which is not in the repository: traces and vectors of the reference; and how long
//! tests of random operands go on.

use std::path::{Path, PathBuf};

/// The folder of the data pack, or `None` with the reason printed. Under CI its absence is a failure.
pub(crate) fn data_pack(who: &str) -> Option<PathBuf> {
    let found = match std::env::var_os("MEDIAPOINT_G729_DATA") {
        Some(named) => Some(PathBuf::from(named)),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|above| above.join("shared/g729"))
            .find(|folder| folder.is_dir()),
    };
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{who}: set MEDIAPOINT_G729_DATA to the G.729 data pack");
        eprintln!("{who} skipped: no G.729 data pack (set MEDIAPOINT_G729_DATA, or put it in shared/g729)");
    }
    found
}

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
