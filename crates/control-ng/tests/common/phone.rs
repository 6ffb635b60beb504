//! A party that sends and receives packets.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use mediapoint_packet::sdp::Sdp;
use mediapoint_srtp::{Inbound, Outbound};

use super::{host, phone, port};

/// A party with a socket of its own.
pub(crate) struct Phone {
    pub(crate) socket: UdpSocket,
    /// The port above, which the server's reports go to: nobody else's RTP port.
    pub(crate) _rtcp: UdpSocket,
    pub(crate) sequence: u16,
    /// Ticks of the RTP clock from one packet to the next.
    pub(crate) step: u32,
    pub(crate) srtp: Option<(Outbound, Inbound)>,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self::at("127.0.0.1:0")
    }

    pub(crate) fn at(address: &str) -> Self {
        let pair = || {
            let socket = UdpSocket::bind(address).unwrap();
            let mut above = socket.local_addr().unwrap();
            above.set_port(above.port().checked_add(1)?);
            Some((socket, UdpSocket::bind(above).ok()?))
        };
        // Two ports, one above the other; what other tests took is passed over.
        let (socket, rtcp) = (0..100).find_map(|_| pair()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { socket, _rtcp: rtcp, sequence: 1000, step: 160, srtp: None }
    }

    pub(crate) fn port(&self) -> u16 {
        self.socket.local_addr().unwrap().port()
    }

    pub(crate) fn sdp(&self, formats: &str) -> String {
        phone("127.0.0.1", self.port(), formats)
    }

    pub(crate) fn send(&mut self, to: &Sdp, payload_type: u8, payload: &[u8]) {
        self.sequence += 1;
        let mut packet = vec![0x80, payload_type];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&(u32::from(self.sequence) * self.step).to_be_bytes());
        packet.extend_from_slice(&[1, 2, 3, 4]);
        packet.extend_from_slice(payload);
        let len = packet.len();
        packet.resize(len + 64, 0);
        let len = match &mut self.srtp {
            Some((outbound, _)) => outbound.protect_rtp(&mut packet, len).unwrap(),
            None => len,
        };
        let to = SocketAddr::new(host(to, 0).parse().unwrap(), port(to, 0));
        self.socket.send_to(&packet[..len], to).unwrap();
    }

    /// Reads what has come, and forgets it.
    pub(crate) fn pass_over_waiting(&self) {
        self.socket.set_nonblocking(true).unwrap();
        while self.socket.recv(&mut [0; 2048]).is_ok() {}
        self.socket.set_nonblocking(false).unwrap();
    }

    /// Payloads of the RTP packets that wait.
    pub(crate) fn waiting(&mut self) -> Vec<Vec<u8>> {
        self.socket.set_nonblocking(true).unwrap();
        let mut payloads = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            payloads.push(buffer.get(12..len).unwrap_or_default().to_vec());
        }
        self.socket.set_nonblocking(false).unwrap();
        payloads
    }

    /// Payload type and payload of the next RTP packet.
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let mut buffer = [0; 2048];
        let (len, _) = self.socket.recv_from(&mut buffer).unwrap();
        let len = match &mut self.srtp {
            Some((_, inbound)) => inbound.unprotect_rtp(&mut buffer[..len]).unwrap().len(),
            None => len,
        };
        (buffer[1] & 0x7f, buffer[12..len].to_vec())
    }
}
