//! A folder that a server records to, and the identity of who can listen.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;

/// A folder of its own, with the identity beside the server's spool.
#[derive(Debug)]
pub(crate) struct RecordedFolder {
    path: PathBuf,
    recipient: String,
}

impl RecordedFolder {
    /// Makes the folder, which must not be there, and the identity.
    pub(crate) fn new(path: PathBuf) -> io::Result<Self> {
        DirBuilder::new().mode(0o700).create(&path)?;
        let identity = age::x25519::Identity::generate();
        let folder = Self { path, recipient: identity.to_public().to_string() };
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.identity())?;
        writeln!(file, "{}", identity.to_string().expose_secret())?;
        Ok(folder)
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// File of the identity that opens recordings.
    pub(crate) fn identity(&self) -> PathBuf {
        self.path.join("identity.txt")
    }

    /// The server's folder of recordings.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// What a server needs to record here.
    pub(crate) fn flags(&self) -> Vec<String> {
        let spool = self.spool().display().to_string();
        ["--recordings", &spool, "--recipient", &self.recipient].map(str::to_owned).into()
    }

    /// Removes it with all recordings.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(self.path)
    }
}
