//! Where tests find the vectors and traces of G.729's reference, which are not in the repository. The tests are ignored unless
//! asked for; `cargo xtask test` runs them where the vectors are.

use std::path::{Path, PathBuf};

/// The folder of the data pack.
pub(crate) fn data_pack() -> PathBuf {
    let named = std::env::var_os("MEDIAPOINT_G729_DATA").map(PathBuf::from);
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("shared/g729"));
    let found = named.into_iter().chain(above).find(|folder| folder.is_dir());
    assert!(found.is_some(), "MEDIAPOINT_G729_DATA has to name the folder of the ITU's vectors of G.729");
    found.unwrap_or_default()
}
