//! Opens files within folders, and none outside of them.

use std::fs::{File, Metadata};
use std::path::{Component, Path, PathBuf};

use crate::error::PromptError;

/// Opens a regular file whose place, without links, is in one of `roots`, themselves without links.
pub(super) fn open(roots: &[PathBuf], path: &Path) -> Result<(File, Metadata), PromptError> {
    let name = || path.display().to_string();
    let outside = || PromptError::Outside(name());
    if path.components().any(|component| matches!(component, Component::ParentDir)) {
        return Err(outside());
    }
    let failed = |reason: String| PromptError::File { name: name(), reason };
    let mut reason = None;
    for root in roots {
        // An absolute path takes the root's place.
        let place = match root.join(path).canonicalize() {
            Ok(place) => place,
            Err(error) => {
                // Whether a file outside is there is nobody's business.
                if path.is_relative() || path.starts_with(root) {
                    reason.get_or_insert(error.to_string());
                }
                continue;
            }
        };
        if !roots.iter().any(|root| place.starts_with(root)) {
            return Err(outside());
        }
        let about = place.metadata().map_err(|error| failed(error.to_string()))?;
        // Opening what is no file may wait for somebody to write.
        if !about.is_file() {
            return Err(failed("it is no regular file".to_owned()));
        }
        let file = File::open(&place).map_err(|error| failed(error.to_string()))?;
        let about = file.metadata().map_err(|error| failed(error.to_string()))?;
        return Ok((file, about));
    }
    Err(reason.map_or_else(outside, failed))
}
