//! Control ports at Unix sockets.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};

use super::*;

/// A folder of its own, removed at the end. Paths of sockets are short by nature.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mp-ng-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn at(path: &Path) -> ListenConfig {
    ListenConfig::new(Address::Unix(path.to_owned()))
}

#[test]
fn datagrams_are_answered_to_the_name_they_came_from() {
    let (folder, dispatcher) = (Folder::new(), dispatcher());
    let path = folder.0.join("ng");
    let listener = Listener::datagrams(&at(&path), &clock(), &dispatcher).unwrap();
    let client = UnixDatagram::bind(folder.0.join("client")).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    UnixDatagram::unbound().unwrap().send_to(b"1 d7:command4:pinge", &path).unwrap();
    client.send_to(b"1 d7:command4:pinge", &path).unwrap();
    let mut reply = [0; 100];
    let len = client.recv(&mut reply).unwrap();
    assert_eq!(&reply[..len], b"1 d1:ni0e6:result4:ponge");
    assert_eq!(listener.address().to_string(), format!("unix:{}", path.display()));
    drop(listener);
    assert!(!path.exists(), "its file is removed");
    assert_eq!(
        load(&dispatcher.counters().refused_peers),
        1,
        "nothing can be answered to a socket without a name"
    );
}

#[test]
fn streams_take_messages_with_a_cookie_and_without() {
    let (folder, dispatcher) = (Folder::new(), dispatcher());
    let path = folder.0.join("ng");
    let _listener = Listener::streams(&at(&path), &clock(), &dispatcher).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut ask = |message: &[u8], reply: &str| {
        client.write_all(message).unwrap();
        let mut read = vec![0; reply.len()];
        client.read_exact(&mut read).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), reply);
    };
    ask(b"d7a_1 d7:command4:pinge", "d7a_1 d1:ni0e6:result4:ponge");
    ask(b"d7:command4:pinge", "d1:ni1e6:result4:ponge");
    ask(br#"{"command":"ping"}"#, r#"{"n":2,"result":"pong"}"#);
    // Without a cookie nothing is known to be a repetition.
    ask(b"d7:command4:pinge", "d1:ni3e6:result4:ponge");
}

#[test]
fn a_socket_that_a_dead_server_left_is_replaced_and_no_other_file() {
    let (folder, dispatcher) = (Folder::new(), dispatcher());
    let path = folder.0.join("ng");
    type Open = fn(&ListenConfig, &Clock, &Arc<Dispatcher<Echo>>) -> Result<Listener, ListenError>;
    for open in [Listener::datagrams as Open, Listener::streams as Open] {
        // Of either kind.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = open(&at(&path), &clock(), &dispatcher).unwrap();
        let second = open(&at(&path), &clock(), &dispatcher).unwrap_err();
        assert!(second.to_string().to_lowercase().contains("in use"), "{second}");
        drop(first);
        assert!(!path.exists());
    }
    fs::write(&path, "precious").unwrap();
    assert!(Listener::datagrams(&at(&path), &clock(), &dispatcher).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn the_file_has_the_mode_and_owner_asked_for() {
    let (folder, dispatcher) = (Folder::new(), dispatcher());
    let path = folder.0.join("ng");
    let own = fs::metadata(&folder.0).unwrap();
    let unix = UnixOptions { mode: 0o620, user: Some(own.uid()), group: Some(own.gid()) };
    let config = ListenConfig { unix, ..at(&path) };
    let _listener = Listener::streams(&config, &clock(), &dispatcher).unwrap();
    let file = fs::metadata(&path).unwrap();
    assert_eq!((file.permissions().mode() & 0o777, file.uid(), file.gid()), (0o620, own.uid(), own.gid()));
}
