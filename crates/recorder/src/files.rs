//! The file layer: one folder of recordings in the making, and what must be asked of a disk so that nothing is lost.
//!
//! Everything above writes through [`Files`], so that tests put [`crate::simulated::SimulatedDisk`] in its place and cut the
//! power at every call.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};

/// A file that only grows, cut back where an addition failed.
pub trait Append: Send {
    /// Adds all of `bytes` at the end.
    ///
    /// # Errors
    /// The disk refused; any part of `bytes` may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `len` octets.
    ///
    /// # Errors
    /// The disk refused.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes the content survive a loss of power. The name needs [`Files::sync_names`].
    ///
    /// # Errors
    /// The disk refused.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of files, without folders in it.
pub trait Files: Send + Sync {
    /// Makes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where the name is taken; the disk refused.
    fn create_new(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// Opens a file to be read from its beginning.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]; the disk refused.
    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>>;

    /// Gives a file another name, which must be free.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where the name is taken; the disk refused.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`]; the disk refused.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Names of all files, sorted.
    ///
    /// # Errors
    /// The disk refused.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes names that were made, changed and removed survive a loss of power.
    ///
    /// # Errors
    /// The disk refused.
    fn sync_names(&self) -> io::Result<()>;

    /// Makes all that was written so far, in any file, survive a loss of power.
    ///
    /// # Errors
    /// The disk refused.
    fn sync_all(&self) -> io::Result<()>;

    /// Octets that are free for who is not root.
    ///
    /// # Errors
    /// The disk refused.
    fn free_space(&self) -> io::Result<u64>;

    /// Where a file is.
    fn path(&self, name: &str) -> PathBuf;
}

/// Name of the file whose lock says that a process works in the folder.
pub(crate) const LOCK: &str = ".lock";

/// A folder of the file system, which this process has to itself.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    folder: File,
    _lock: File,
}

impl Folder {
    /// Takes a folder, which is made with mode 0700 where there is none.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] where another process has it; it cannot be made or opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process has the folder"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { path: path.to_owned(), folder: File::open(path)?, _lock: lock })
    }
}

impl Files for Folder {
    fn create_new(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(self.path(name))?;
        Ok(Box::new(OsFile(file)))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.path(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        match rustix::fs::renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE) {
            // Some network file systems do not know the flag. The folder is ours alone.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                if to.try_exists()? {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                fs::rename(from, to)
            }
            result => Ok(result?),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // What is no UTF-8 is not ours.
            if let Ok(name) = entry.file_name().into_string()
                && name != LOCK
                && entry.file_type()?.is_file()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.folder.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.folder)?)
    }

    fn free_space(&self) -> io::Result<u64> {
        let space = rustix::fs::fstatvfs(&self.folder)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

struct OsFile(File);

impl Append for OsFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("mediapoint-files-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_name_that_is_taken_is_never_overwritten() {
        let path = folder("names");
        let files = Folder::open(&path).unwrap();
        files.create_new("a").unwrap().append(b"one").unwrap();
        files.create_new("b").unwrap().append(b"two").unwrap();
        assert_eq!(files.create_new("a").err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(files.rename("a", "b").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        files.rename("a", "c").unwrap();
        assert_eq!(files.list().unwrap(), ["b", "c"]);
        assert_eq!(fs::read(files.path("b")).unwrap(), b"two");
        files.sync_all().unwrap();
        files.sync_names().unwrap();
        assert!(files.free_space().unwrap() > 0);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_folder_belongs_to_one_at_a_time() {
        let path = folder("lock");
        let first = Folder::open(&path).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        drop(first);
        Folder::open(&path).unwrap();
        fs::remove_dir_all(path).unwrap();
    }
}
