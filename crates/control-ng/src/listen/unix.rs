//! Unix sockets: made with the mode that they keep, in the place of one that a dead process left, removed at the end.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::Peer;

/// Who may use a Unix socket: whoever may write to its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixOptions {
    /// Permission bits of the file.
    pub mode: u32,
    /// Owner, by number; the server's own where `None`.
    pub user: Option<u32>,
    /// Group, by number; the server's own where `None`.
    pub group: Option<u32>,
}

impl Default for UnixOptions {
    /// For the server's own user and group.
    fn default() -> Self {
        Self { mode: 0o660, user: None, group: None }
    }
}

/// The file of a bound socket; removed when dropped, unless another took its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|now| now == self.identity) {
            // Nothing is lost where it stays: the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// A socket of this kind bound to `path`.
pub(super) fn bind(path: &Path, options: UnixOptions, kind: Type) -> io::Result<(OwnedFd, SocketFile)> {
    replace_stale(path, kind)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    // The file is made with the mode of the socket: nobody gets in between `bind` and the change of its owner.
    let unbound = File::from(OwnedFd::from(socket));
    unbound.set_permissions(Permissions::from_mode(options.mode & 0o700))?;
    let socket = Socket::from(OwnedFd::from(unbound));
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
    if options.user.is_some() || options.group.is_some() {
        chown(path, options.user, options.group)?;
    }
    fs::set_permissions(path, Permissions::from_mode(options.mode & 0o777))?;
    if kind == Type::STREAM {
        socket.listen(128)?;
    }
    Ok((socket.into(), file))
}

/// Removes a socket that nobody listens at any more. Any other file stays, and the bind fails.
fn replace_stale(path: &Path, kind: Type) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    let answered = match kind {
        Type::STREAM => UnixStream::connect(path).map(drop),
        _ => UnixDatagram::unbound().and_then(|probe| probe.connect(path)),
    };
    match answered {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Somebody listens, or it is a socket of another kind that somebody holds.
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// Who sent a datagram; `None` where its socket has no name, so that nothing can be answered.
pub(super) fn peer(from: &UnixAddr) -> Option<Peer> {
    let path = from.as_pathname().map(|path| path.as_os_str().as_encoded_bytes().to_vec());
    let name = || from.as_abstract_name().map(|name| [b"@", name].concat());
    path.or_else(name).map(|name| Peer::Unix(Arc::from(name)))
}
