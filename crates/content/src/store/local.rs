//! Local files: measured, read from, removed. On tokio's blocking threads.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::StoreError;
use crate::age_header::{MAX_HEADER, header_length};
use crate::catalogue::FileSum;
use crate::hex;

/// Takes length and hash of a file. With `apart`, it has to be an age file, and its header is measured.
///
/// # Errors
/// [`StoreError::Local`] if it cannot be read, or is no age file.
pub async fn measure(path: &Path, apart: bool) -> Result<FileSum, StoreError> {
    blocking(path, move |path| {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes, mut header) = (Sha256::new(), 0_u64, 0);
        let mut buffer = vec![0; MAX_HEADER];
        loop {
            let read = fill(&mut file, &mut buffer)?;
            let part = buffer.get(..read).unwrap_or_default();
            if apart && bytes == 0 {
                let length = header_length(part).map_err(io::Error::other)?;
                header = u64::try_from(length).map_err(io::Error::other)?;
            }
            if read == 0 {
                return Ok(FileSum { bytes, sha256: hex(&hash.finalize()), header });
            }
            hash.update(part);
            bytes += u64::try_from(read).map_err(io::Error::other)?;
        }
    })
    .await
}

/// The first `bytes` of a file.
pub(crate) async fn start_of(path: &Path, bytes: u64) -> Result<Vec<u8>, StoreError> {
    Ok(part_of(path, 0, bytes).await?.to_vec())
}

/// `bytes` of a file, from `at` on. All of them: a file that is shorter is another than was measured.
pub(super) async fn part_of(path: &Path, at: u64, bytes: u64) -> Result<Bytes, StoreError> {
    blocking(path, move |path| {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut part = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
        file.read_exact(&mut part)?;
        Ok(Bytes::from(part))
    })
    .await
}

/// Removes files of one folder, those that are there, and syncs the folder.
pub(crate) async fn remove(folder: &Path, files: Vec<PathBuf>) -> Result<(), StoreError> {
    blocking(folder, move |folder| {
        for file in files {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        File::open(folder)?.sync_all()
    })
    .await
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    let owned = path.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&owned)).await;
    let done = done.map_err(|error| StoreError::Away(error.to_string()))?;
    done.map_err(|error| StoreError::Local {
        path: path.to_owned(),
        reason: error.to_string(),
        unreadable: error.raw_os_error().is_some() && error.kind() != io::ErrorKind::NotFound,
    })
}
