//! A TCP proxy that cuts the network at a chosen piece of data.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Which way a piece goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A request, which the server does not get.
    ToServer,
    /// An answer to what the server did.
    ToClient,
}

#[derive(Default)]
struct Network {
    /// Cut before this piece.
    cut: Option<(Way, usize)>,
    seen: [usize; 2],
    down: bool,
    hit: bool,
    open: Vec<TcpStream>,
}

/// A proxy before a server.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    network: Arc<Mutex<Network>>,
}

impl Proxy {
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::<Mutex<Network>>::default();
        let shared = Arc::clone(&network);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                connect(client, server, &shared);
            }
        });
        Self { address, network }
    }

    /// Cuts before piece `at` from now on, and stays cut.
    pub(crate) fn cut_at(&self, way: Way, at: usize) {
        let mut network = self.network.lock().unwrap();
        (network.cut, network.seen, network.hit) = (Some((way, at)), [0; 2], false);
    }

    /// The network is whole again. True if it was cut.
    pub(crate) fn heal(&self) -> bool {
        let mut network = self.network.lock().unwrap();
        (network.cut, network.down) = (None, false);
        network.hit
    }
}

fn connect(client: TcpStream, server: SocketAddr, network: &Arc<Mutex<Network>>) {
    let mut state = network.lock().unwrap();
    if state.down {
        return;
    }
    let Ok(server) = TcpStream::connect(server) else { return };
    let copy = |stream: &TcpStream| stream.try_clone().unwrap();
    state.open.retain(|stream| stream.peer_addr().is_ok());
    state.open.extend([copy(&client), copy(&server)]);
    for (from, to, way) in
        [(copy(&client), copy(&server), Way::ToServer), (copy(&server), copy(&client), Way::ToClient)]
    {
        let network = Arc::clone(network);
        std::thread::spawn(move || pass(from, to, way, &network));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, way: Way, network: &Mutex<Network>) {
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut state = network.lock().unwrap();
        let seen = &mut state.seen[usize::from(way == Way::ToClient)];
        let number = *seen;
        *seen += 1;
        if state.cut == Some((way, number)) {
            (state.down, state.hit) = (true, true);
        }
        if state.down {
            for stream in state.open.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
            return;
        }
        drop(state);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
