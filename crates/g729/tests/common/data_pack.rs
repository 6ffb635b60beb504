//! Where tests find the vectors and traces of G.729's reference, which are not in the repository.

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
