//! What holds for any bytes at all, as functions that panic where it does not. Unit tests, the replay of the
//! corpus and the fuzz targets call the same ones.

mod frame;
mod rtcp;
mod rtp;

pub use self::frame::frame_matches_oracle;
pub use self::rtcp::rtcp_round_trips;
pub use self::rtp::{rtp_matches_oracle, rtp_patch_keeps_the_rest};

use crate::demux::{Kind, classify};
use crate::stun::{FingerprintCheck, MessageWriter, StunView, attribute_kind};
use crate::telephone_event::{BLOCK_LEN, DtmfDigit, EventBlock, EventBlocks};

/// Every block of a payload that parses is written back byte for byte, but for the reserved bit.
pub fn event_round_trips(payload: &[u8]) {
    let first = EventBlock::read(payload).ok();
    assert_eq!(first.is_some(), payload.len() >= BLOCK_LEN, "a block is whatever has four bytes");
    let Ok(blocks) = EventBlocks::parse(payload) else {
        assert!(
            payload.is_empty() || !payload.len().is_multiple_of(BLOCK_LEN),
            "{} bytes refused",
            payload.len()
        );
        return;
    };
    assert_eq!(blocks.len() * BLOCK_LEN, payload.len());
    assert_eq!(blocks.clone().next(), first);
    for (block, wire) in blocks.zip(payload.chunks_exact(BLOCK_LEN)) {
        let mut out = [0; BLOCK_LEN];
        assert_eq!(block.write(&mut out), Ok(BLOCK_LEN));
        let mut expected = [0; BLOCK_LEN];
        expected.copy_from_slice(wire);
        // [RFC4733 2.3] The reserved bit is sent as zero.
        let [_, flags, ..] = &mut expected;
        *flags &= 0xbf;
        assert_eq!(out, expected);
        if let Some(digit) = block.digit() {
            assert_eq!(DtmfDigit::from_char(digit.as_char()), Some(digit));
        }
    }
}

/// Any bytes can be read as a STUN message without a panic, and one that parses is written back with the same
/// attributes and a correct fingerprint.
pub fn stun_never_panics(datagram: &[u8]) {
    let Ok(view) = StunView::parse(datagram) else { return };
    // [RFC7983 3] Methods above 0x0ff are not for ports shared with other protocols.
    assert_eq!(classify(datagram) == Kind::Stun, view.method().get() <= 0x0ff);
    assert_eq!(view.length() + crate::stun::HEADER_LEN, datagram.len());
    let _ = (view.xor_mapped_address(), view.username());
    if let Some(integrity) = view.message_integrity() {
        assert!(datagram.windows(integrity.hmac.len()).any(|window| window == integrity.hmac));
        assert!(integrity.attributes.len() + integrity.hmac.len() < datagram.len());
    }
    if view.fingerprint() != FingerprintCheck::Absent {
        let last = view.attributes().last();
        assert_eq!(last.map(|attribute| attribute.kind), Some(attribute_kind::FINGERPRINT));
    }

    let mut out = vec![0; datagram.len() + 8];
    let capacity = out.len();
    let written = MessageWriter::new(&mut out, view.class(), view.method(), view.transaction_id())
        .map_err(Into::into)
        .and_then(|mut writer| {
            view.attributes().try_for_each(|attribute| writer.attribute(attribute.kind, attribute.value))?;
            writer.finish_with_fingerprint()
        });
    if capacity - crate::stun::HEADER_LEN > usize::from(u16::MAX) {
        assert!(written.is_err(), "{capacity} bytes exceed the length field");
        return;
    }
    assert_eq!(written, Ok(capacity));
    let again = StunView::parse(&out);
    assert!(again.is_ok(), "{again:?}");
    let Ok(again) = again else { return };
    assert_eq!(again.message_type(), view.message_type());
    assert_eq!(again.transaction_id(), view.transaction_id());
    assert_eq!(again.fingerprint(), FingerprintCheck::Correct);
    assert!(again.attributes().take(view.attributes().count()).eq(view.attributes()));
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the lengths generated are small")]
mod tests;
