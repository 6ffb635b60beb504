//! One message a datagram.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::{self, JoinHandle};

use super::{Clock, ListenConfig, STOP_CHECK, is_time_out, stopped};
use crate::dispatch::count;
use crate::{AllowList, Dispatcher, Handler};

pub(super) fn start<H: Handler + 'static>(
    config: &ListenConfig,
    stop: &Arc<AtomicBool>,
    clock: &Clock,
    dispatcher: &Arc<Dispatcher<H>>,
) -> io::Result<(SocketAddr, Vec<JoinHandle<()>>)> {
    let socket = UdpSocket::bind(config.address)?;
    socket.set_read_timeout(Some(STOP_CHECK))?;
    let address = socket.local_addr()?;
    let spawn = |n| {
        let socket = socket.try_clone()?;
        let (stop, clock, dispatcher) = (Arc::clone(stop), Arc::clone(clock), Arc::clone(dispatcher));
        let allow = config.allow.clone();
        thread::Builder::new()
            .name(format!("ng-udp-{n}"))
            .spawn(move || serve(&socket, &stop, &clock, &dispatcher, &allow))
    };
    let threads = (0..config.udp_threads.clamp(1, 64)).map(spawn).collect::<io::Result<_>>()?;
    Ok((address, threads))
}

fn serve<H: Handler>(
    socket: &UdpSocket,
    stop: &AtomicBool,
    clock: &Clock,
    dispatcher: &Dispatcher<H>,
    allow: &AllowList,
) {
    let mut buffer = vec![0; 65_536];
    while !stopped(stop) {
        let (len, peer) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                // A pending ICMP error of an earlier reply shows up here; the socket is still good.
                if !is_time_out(&error) {
                    tracing::debug!(%error, "control port receive");
                }
                continue;
            }
        };
        if !allow.allows(peer.ip()) {
            count(&dispatcher.counters().refused_peers);
            continue;
        }
        let message = buffer.get(..len).unwrap_or_default();
        if let Some(reply) = dispatcher.answer(clock(), peer, message)
            && let Err(error) = socket.send_to(&reply, peer)
        {
            tracing::warn!(%error, bytes = reply.len(), "control port reply");
        }
    }
}
