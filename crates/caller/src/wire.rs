//! RTP as the `rtp` crate reads and writes it, fenced so that its panics on a peer's bytes stay here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::{Buf, Bytes};
use rtp::header::Header;
use rtp::packet::Packet;
use webrtc_srtp::context::Context;
use webrtc_util::marshal::{Marshal, Unmarshal};

/// Least length of an SRTP packet: a header and the shortest tag [RFC3711 3.1].
const MIN_SRTP: usize = 12 + 4;
/// Least length of an SRTCP packet: header, index and the shortest tag [RFC3711 3.4].
const MIN_SRTCP: usize = 8 + 4 + 10;

/// Runs `work` of a foreign parser; a panic, or a refusal, is `None`.
fn fenced<T, E>(work: impl FnOnce() -> Result<T, E>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()?.ok()
}

/// Reads a packet of version 2.
pub(crate) fn parse(datagram: &[u8]) -> Option<Packet> {
    let packet = fenced(|| Packet::unmarshal(&mut &*datagram))?;
    (packet.header.version == 2).then_some(packet)
}

/// Reads the header only, and gives the rest with it; for packets known to have no padding.
pub(crate) fn parse_header(datagram: &[u8]) -> Option<(Header, &[u8])> {
    fenced(|| {
        let mut rest = datagram;
        let header = Header::unmarshal(&mut rest)?;
        debug_assert_eq!(rest.remaining(), rest.len());
        Ok::<_, webrtc_util::Error>((header, rest))
    })
}

/// Writes a packet.
pub(crate) fn write(packet: &Packet) -> Option<Bytes> {
    packet.marshal().ok()
}

/// Writes header and payload one behind the other and gives their length; `None` where `out` is too short.
pub(crate) fn write_to(header: &Header, payload: &[u8], out: &mut [u8]) -> Option<usize> {
    let at = header.marshal_to(out).ok()?;
    out.get_mut(at..at + payload.len())?.copy_from_slice(payload);
    Some(at + payload.len())
}

/// Checks and decrypts an SRTP packet.
pub(crate) fn unprotect(context: &mut Context, datagram: &[u8]) -> Option<Bytes> {
    if datagram.len() < MIN_SRTP {
        return None;
    }
    fenced(|| context.decrypt_rtp(datagram))
}

/// Checks and decrypts an SRTCP packet.
pub(crate) fn unprotect_rtcp(context: &mut Context, datagram: &[u8]) -> Option<Bytes> {
    if datagram.len() < MIN_SRTCP {
        return None;
    }
    fenced(|| context.decrypt_rtcp(datagram))
}
