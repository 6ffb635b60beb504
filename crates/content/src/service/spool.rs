//! Files of a finished recording: `ID.FORMAT.age`, `ID.manifest.json`, `ID.meta.age`. The manifest is the last to appear.

use std::io;
use std::path::{Path, PathBuf};

use super::ServiceError;
use mediapoint_recorder::RecordingId;

const MANIFEST: &str = ".manifest.json";

pub(super) fn audio(spool: &Path, id: &RecordingId, format: &str) -> PathBuf {
    spool.join(format!("{id}.{format}.age"))
}

pub(super) fn manifest(spool: &Path, id: &RecordingId) -> PathBuf {
    spool.join(format!("{id}{MANIFEST}"))
}

pub(super) fn meta(spool: &Path, id: &RecordingId) -> PathBuf {
    spool.join(format!("{id}.meta.age"))
}

/// A finished recording in the folder.
pub(super) struct Found {
    pub(super) id: RecordingId,
    pub(super) format: String,
    pub(super) manifest: Vec<u8>,
}

/// Whether the files are there.
pub(super) fn check(spool: &Path, id: &RecordingId, format: &str) -> Result<(), ServiceError> {
    if !is_format(format) {
        let reason = "the format is not of 1 to 8 small letters and digits".to_owned();
        return Err(ServiceError::Spool { id: id.clone(), reason });
    }
    for file in [audio(spool, id, format), manifest(spool, id)] {
        if let Err(error) = std::fs::metadata(&file) {
            let reason = format!("{}: {error}", file.display());
            return Err(ServiceError::Spool { id: id.clone(), reason });
        }
    }
    Ok(())
}

/// Whether any file of a recording is there, such as a journal that could not be opened.
pub(super) fn has_any(spool: &Path, id: &RecordingId) -> Result<bool, ServiceError> {
    let is_of = |name: &String| name.split('.').next() == Some(id.as_str());
    Ok(names(spool)?.iter().any(is_of))
}

fn names(spool: &Path) -> Result<Vec<String>, crate::database::DatabaseError> {
    list(spool)
        .map_err(|error| crate::database::DatabaseError::Unavailable(format!("{}: {error}", spool.display())))
}

/// All that are finished. Unknown files are left alone.
pub(super) fn finished(spool: &Path) -> Result<Vec<Found>, ServiceError> {
    let names = names(spool)?;
    let mut all = Vec::new();
    for name in &names {
        let Some(id) = name.strip_suffix(MANIFEST).and_then(|id| RecordingId::new(id).ok()) else { continue };
        let format = names.iter().find_map(|name| {
            let format = name.strip_prefix(id.as_str())?.strip_prefix('.')?.strip_suffix(".age")?;
            (is_format(format) && format != "meta").then(|| format.to_owned())
        });
        let Some(format) = format else { continue };
        let read = std::fs::read(spool.join(name));
        let manifest =
            read.map_err(|error| ServiceError::Spool { id: id.clone(), reason: error.to_string() })?;
        all.push(Found { id, format, manifest });
    }
    Ok(all)
}

/// Formats are parts of file names.
fn is_format(format: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=8).contains(&format.len()) && format.bytes().all(fine)
}

fn list(folder: &Path) -> io::Result<Vec<String>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let mut names: Vec<String> = names.filter_map(io::Result::transpose).collect::<io::Result<_>>()?;
    names.sort_unstable();
    Ok(names)
}
