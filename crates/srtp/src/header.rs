//! The few header fields that SRTP needs: SSRC, sequence number, and where the payload begins.
//! [RFC3550 5.1, 5.3.1, 6.4.1]

/// What SRTP needs of an RTP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpHeader {
    pub(crate) ssrc: u32,
    pub(crate) seq: u16,
    /// Bytes up to the payload: fixed header, contributing sources, extension.
    pub(crate) len: usize,
}

/// Reads a header; `None` where the version is not 2 or the header exceeds the packet.
pub(crate) fn rtp(packet: &[u8]) -> Option<RtpHeader> {
    let [first, _, seq_high, seq_low, _, _, _, _, s0, s1, s2, s3] = *packet.first_chunk::<12>()?;
    if first >> 6 != 2 {
        return None;
    }
    let mut len = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 != 0 {
        let [_, _, words_high, words_low] = *packet.get(len..)?.first_chunk::<4>()?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([words_high, words_low]));
    }
    (len <= packet.len()).then_some(RtpHeader {
        ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
        seq: u16::from_be_bytes([seq_high, seq_low]),
        len,
    })
}

/// The sender's SSRC of a compound RTCP packet; `None` where the version is not 2 or it is too short.
pub(crate) fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let [first, _, _, _, s0, s1, s2, s3] = *packet.first_chunk::<8>()?;
    (first >> 6 == 2).then_some(u32::from_be_bytes([s0, s1, s2, s3]))
}
