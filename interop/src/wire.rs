//! A party's RTP and RTCP ports, as a phone has them: one socket each for both directions.
//!
//! Outside programs send and receive in separate processes with separate sockets. A wire joins the two behind one
//! address, untouched, and keeps everything that came from the server. Nothing is lost while a receiver starts: what
//! came before it was attached waits.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mediapoint_packet::demux::is_rtcp;

use crate::error::{Context as _, Failure, ensure};
use crate::process::{LOOPBACK, wait_until};
use crate::rtp::Arrival;

/// How long a blocked read waits before it looks whether the wire is being closed.
const WAKE: Duration = Duration::from_millis(50);

/// The two channels of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Media.
    Rtp,
    /// Reports about it.
    Rtcp,
}

/// A party's pair of ports.
pub(crate) struct Wire {
    rtp: Arc<Joint>,
    rtcp: Arc<Joint>,
    closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// One socket towards the server, one towards the program that sends, and where the program that receives listens.
struct Joint {
    outside: UdpSocket,
    inside: UdpSocket,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    server: Option<SocketAddr>,
    receiver: Option<SocketAddr>,
    waiting: VecDeque<Vec<u8>>,
    arrivals: Vec<Arrival>,
}

impl Wire {
    /// Opens an even port and the odd one above it.
    pub(crate) fn open() -> Result<Self, Failure> {
        let (rtp, rtcp) = port_pair()?;
        let closing = Arc::new(AtomicBool::new(false));
        let rtp = Arc::new(Joint::new(rtp)?);
        let rtcp = Arc::new(Joint::new(rtcp)?);
        let mut threads = Vec::new();
        for joint in [&rtp, &rtcp] {
            for pump in [Joint::pump_in as fn(&Joint, &AtomicBool), Joint::pump_out] {
                let (joint, closing) = (Arc::clone(joint), Arc::clone(&closing));
                threads.push(std::thread::spawn(move || pump(&joint, &closing)));
            }
        }
        Ok(Self { rtp, rtcp, closing, threads })
    }

    /// The RTP port that the party's SDP names.
    pub(crate) fn port(&self) -> Result<u16, Failure> {
        port_of(&self.rtp.outside)
    }

    /// The port a sending program sends RTP to; RTCP goes to its own.
    pub(crate) fn inlet(&self, channel: Channel) -> Result<u16, Failure> {
        port_of(&self.joint(channel).inside)
    }

    /// Names the server's RTP port, from its SDP; RTCP is one above.
    pub(crate) fn connect(&self, port: u16) {
        self.rtp.lock().server = Some((LOOPBACK, port).into());
        self.rtcp.lock().server = Some((LOOPBACK, port.saturating_add(1)).into());
    }

    /// The server's RTP port, once connected.
    pub(crate) fn server_port(&self) -> Option<u16> {
        self.rtp.lock().server.map(|server| server.port())
    }

    /// Hands what came and what comes to the program that listens on this port.
    pub(crate) fn attach(&self, channel: Channel, port: u16) {
        let joint = self.joint(channel);
        let mut state = joint.lock();
        let receiver = (LOOPBACK, port).into();
        state.receiver = Some(receiver);
        while let Some(datagram) = state.waiting.pop_front() {
            // A receiver that went away again shows in what it recorded.
            let _ = joint.inside.send_to(&datagram, receiver);
        }
    }

    /// Sends a datagram of our own from the party's port.
    pub(crate) fn send(&self, channel: Channel, datagram: &[u8]) -> Result<(), Failure> {
        let joint = self.joint(channel);
        let server = joint.lock().server;
        let server =
            server.ok_or_else(|| Failure::Wrong("wire is not connected to the server yet".to_owned()))?;
        joint.outside.send_to(datagram, server).during("sending to the server")?;
        Ok(())
    }

    /// Everything that came on this channel so far.
    pub(crate) fn arrivals(&self, channel: Channel) -> Vec<Arrival> {
        self.joint(channel).lock().arrivals.clone()
    }

    /// How many datagrams came on this channel so far.
    pub(crate) fn count(&self, channel: Channel) -> usize {
        self.joint(channel).lock().arrivals.len()
    }

    /// Waits for the first RTP packet and returns its SSRC, which stands in clear in SRTP too.
    pub(crate) fn first_ssrc(&self, who: &str) -> Result<u32, Failure> {
        let came = wait_until(Duration::from_secs(5), || self.count(Channel::Rtp) > 0);
        ensure!(came, "{who} received nothing");
        let first =
            self.rtp.lock().arrivals.first().and_then(|arrival| crate::rtp::Header::read(&arrival.bytes));
        first
            .map(|header| header.ssrc)
            .ok_or_else(|| Failure::Wrong(format!("{who} received something other than RTP")))
    }

    /// Waits until no RTP has come for a while.
    pub(crate) fn wait_quiet(&self) {
        let quiet = Duration::from_millis(300);
        let opened = Instant::now();
        // Bounded, since a server may have reason to go on sending.
        wait_until(Duration::from_secs(5), || {
            self.rtp.lock().arrivals.last().map_or(opened, |last| last.at.max(opened)).elapsed() > quiet
        });
    }

    fn joint(&self, channel: Channel) -> &Joint {
        match channel {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of a pump has already been printed.
            let _ = thread.join();
        }
    }
}

impl Joint {
    fn new(outside: UdpSocket) -> Result<Self, Failure> {
        let inside = UdpSocket::bind((LOOPBACK, 0)).during("binding a port for the sending program")?;
        for socket in [&outside, &inside] {
            socket.set_read_timeout(Some(WAKE)).during("setting a socket's timeout")?;
        }
        Ok(Self { outside, inside, state: Mutex::default() })
    }

    /// From the server to the receiving program.
    fn pump_in(&self, closing: &AtomicBool) {
        pump(&self.outside, closing, |datagram, _| {
            let mut state = self.lock();
            state.arrivals.push(Arrival { at: Instant::now(), bytes: datagram.to_vec() });
            match state.receiver {
                // A receiver that went away shows in what it recorded.
                Some(receiver) => drop(self.inside.send_to(datagram, receiver)),
                None => state.waiting.push_back(datagram.to_vec()),
            }
        });
    }

    /// From the sending program to the server.
    fn pump_out(&self, closing: &AtomicBool) {
        pump(&self.inside, closing, |datagram, from| {
            let (server, receiver) = {
                let state = self.lock();
                (state.server, state.receiver)
            };
            // A receiving program's reports go the same way as a sending program's media.
            if let Some(server) = server
                && (Some(from) != receiver || is_rtcp(datagram))
            {
                let _ = self.outside.send_to(datagram, server);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pump(socket: &UdpSocket, closing: &AtomicBool, mut each: impl FnMut(&[u8], SocketAddr)) {
    let mut buffer = [0; 2048];
    while !closing.load(Ordering::Relaxed) {
        // Anything but a datagram is the timeout, or an ICMP error about an earlier send.
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            each(buffer.get(..length).unwrap_or_default(), from);
        }
    }
}

fn port_of(socket: &UdpSocket) -> Result<u16, Failure> {
    Ok(socket.local_addr().during("reading a socket's address")?.port())
}

fn port_pair() -> Result<(UdpSocket, UdpSocket), Failure> {
    for _ in 0..100 {
        let first = UdpSocket::bind((LOOPBACK, 0)).during("binding a media port")?;
        let port = port_of(&first)?;
        if port.is_multiple_of(2)
            && let Ok(second) = UdpSocket::bind((LOOPBACK, port.saturating_add(1)))
        {
            return Ok((first, second));
        }
    }
    Err(Failure::Wrong("no free pair of UDP ports".to_owned()))
}

/// A pair of free ports for a program that binds them itself.
pub(crate) fn free_pair() -> Result<u16, Failure> {
    port_of(&port_pair()?.0)
}
