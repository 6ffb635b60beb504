//! Descriptions of one PCMU stream with telephone events, in place of SIP.

use std::net::{IpAddr, SocketAddr};

use crate::failure::Failure;

/// Payload type of telephone events, which the softphones have, too.
pub(crate) const EVENTS: u8 = 101;

/// A description that says where audio is to be sent.
pub(crate) fn write(at: SocketAddr) -> String {
    let (ip, port) = (at.ip(), at.port());
    let family = if at.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=ivr 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 {EVENTS}\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-15\r\na=sendrecv\r\n"
    )
}

/// Where the party of a description listens.
pub(crate) fn address(description: &str) -> Result<SocketAddr, Failure> {
    let word = |start: &str, place: usize| {
        let line = description.lines().find_map(|line| line.trim().strip_prefix(start))?;
        line.split_whitespace().nth(place)
    };
    let ip: Option<IpAddr> = word("c=IN ", 1).and_then(|word| word.parse().ok());
    let port: Option<u16> = word("m=audio ", 0).and_then(|word| word.parse().ok());
    ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)).ok_or(Failure::NoAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let at: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        assert_eq!(address(&write(at)).unwrap(), at);
        assert!(address("v=0\r\n").is_err());
    }
}
