//! RTP and RTCP packets that an attacker writes: headers [RFC3550 5.1, 6.4, 6.6] with any content behind them.

/// Octets of an RTP header.
pub(super) const HEADER: usize = 12;
/// Payload of 20 ms of G.711.
pub(super) const PAYLOAD: usize = 160;

/// A packet of `payload` octets of PCMU.
pub(super) fn packet(sequence: u16, timestamp: u32, ssrc: u32, payload: usize) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER + payload);
    packet.extend([0x80, 0]);
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(HEADER + payload, 0xd5);
    packet
}

/// Puts a sequence number, a timestamp and an SSRC into a packet; nothing where it is none.
pub(super) fn stamp(packet: &mut [u8], sequence: u16, timestamp: u32, ssrc: u32) {
    let Some(fields) = packet.get_mut(2..HEADER) else { return };
    let values = sequence.to_be_bytes().into_iter().chain(timestamp.to_be_bytes()).chain(ssrc.to_be_bytes());
    fields.iter_mut().zip(values).for_each(|(octet, value)| *octet = value);
}

/// A compound of an empty report and a BYE of that SSRC.
pub(super) fn bye(ssrc: u32) -> Vec<u8> {
    let [a, b, c, d] = ssrc.to_be_bytes();
    vec![0x80, 201, 0, 1, a, b, c, d, 0x81, 203, 0, 1, a, b, c, d]
}

/// True for RTCP on a port that carries RTP [RFC5761 4].
pub(super) fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|second| (192..=223).contains(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamped_packet_is_one_written_so() {
        let mut stamped = packet(0, 0, 0, PAYLOAD);
        stamp(&mut stamped, 7, 8, 9);
        assert_eq!(stamped, packet(7, 8, 9, PAYLOAD));
        assert_eq!(stamped.len(), 172);
        assert!(!is_rtcp(&stamped) && is_rtcp(&bye(9)));
        stamp(&mut [0; 3], 1, 2, 3);
    }
}
