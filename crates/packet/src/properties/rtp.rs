//! RTP against the `rtp` crate of webrtc-rs, and the in-place rewrite against a fresh parse.

use ::rtp::packet::Packet;
use webrtc_util::marshal::Unmarshal;

use crate::rtp::{Extension, HeaderPatch, Malformed, PayloadType, RtpTicks, RtpView, Seq, Ssrc, patch};

/// A packet that both read has the same fields in both; the exceptions are those this file names.
pub fn rtp_matches_oracle(bytes: &[u8]) {
    if let Some(extension) = RtpView::parse(bytes).ok().and_then(|view| view.extension()) {
        let naive = walk(&extension).found;
        assert!(extension.elements().map(|e| (e.id, e.data.to_vec())).eq(naive), "elements differ");
    }
    let bytes = &defused(bytes)[..];
    let mut rest = bytes;
    match (RtpView::parse(bytes), Packet::unmarshal(&mut rest)) {
        (Ok(view), Ok(oracle)) => assert_same(&view, &oracle),
        (Err(reason), Ok(_)) => assert!(is_stricter_for_a_reason(reason), "{reason} where the oracle reads"),
        (Ok(_), Err(error)) => assert!(bytes.is_empty(), "read where the oracle says {error}"),
        (Err(_), Err(_)) => {}
    }
}

/// The packet, with an extension of another form where its elements stop early.
///
/// [RFC3550 5.3.1] A receiver may ignore an extension, and by [RFC8285 4.2] an element that stops the list
/// leaves the payload alone. `rtp` 0.17.2 takes the rest of the extension for payload instead, and panics at
/// an element that runs past the end of the packet, so that it is not to see either.
fn defused(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut readable = bytes.clone();
    if let Some(first) = readable.first_mut() {
        // The oracle looks at the elements before version and padding.
        *first = *first & 0x1f | 0x80;
    }
    let Ok(view) = RtpView::parse(&readable) else { return bytes };
    if let Some(extension) = view.extension().filter(|extension| !walk(extension).complete) {
        let profile = view.header_len() - extension.data.len() - 4;
        if let Some(profile) = bytes.get_mut(profile..profile + 2) {
            profile.fill(0);
        }
    }
    bytes
}

/// What we refuse and the oracle does not.
const fn is_stricter_for_a_reason(reason: Malformed) -> bool {
    match reason {
        // [RFC3550 5.1] The version is 2; the oracle leaves the check to its caller.
        Malformed::Version(_) => true,
        // [RFC3550 5.1] The padding count includes itself, so that zero is no count.
        Malformed::Padding { count, .. } => count == 0,
        _ => false,
    }
}

/// The elements of an extension found byte by byte, and whether they fill it.
struct Elements {
    found: Vec<(u8, Vec<u8>)>,
    complete: bool,
}

/// A twin of [`Extension::elements`] that says why it stopped.
fn walk(extension: &Extension<'_>) -> Elements {
    let two_byte = extension.profile & 0xfff0 == 0x1000;
    let mut elements = Elements { found: Vec::new(), complete: true };
    if extension.profile != 0xbede && !two_byte {
        return elements;
    }
    let mut bytes = extension.data.iter().copied();
    while let Some(first) = bytes.next() {
        if first == 0 {
            continue;
        }
        let (id, len) = if two_byte {
            (first, bytes.next())
        } else {
            (first >> 4, Some((first & 0x0f) + 1).filter(|_| !matches!(first >> 4, 0 | 15)))
        };
        let data: Vec<u8> = bytes.by_ref().take(usize::from(len.unwrap_or(0))).collect();
        if len.is_none_or(|len| usize::from(len) != data.len()) {
            elements.complete = false;
            return elements;
        }
        elements.found.push((id, data));
    }
    elements
}

fn assert_same(view: &RtpView<'_>, oracle: &Packet) {
    let header = &oracle.header;
    assert_eq!(view.marker(), header.marker);
    assert_eq!(view.payload_type().get(), header.payload_type);
    assert_eq!(view.sequence().0, header.sequence_number);
    assert_eq!(view.timestamp().0, header.timestamp);
    assert_eq!(view.ssrc().0, header.ssrc);
    assert!(view.csrcs().map(|csrc| csrc.0).eq(header.csrc.iter().copied()));
    assert_eq!(view.padding_len() > 0, header.padding);
    assert_eq!(view.payload(), &oracle.payload[..]);
    assert_eq!(view.extension().is_some(), header.extension);
    if let Some(extension) = view.extension() {
        assert_eq!(extension.profile, header.extension_profile);
        let ours = extension.elements().map(|element| (element.id, element.data));
        let theirs = header.extensions.iter().map(|element| (element.id, &element.payload[..]));
        // [RFC8285 4.3] The low four bits are the application's; the oracle knows the form only with zeros.
        if matches!(extension.profile, 0xbede | 0x1000) {
            assert!(ours.eq(theirs), "elements differ");
        }
    }
}

/// A rewritten packet has the new fixed header and is otherwise the one it was.
pub fn rtp_patch_keeps_the_rest(bytes: &[u8]) {
    let fields = HeaderPatch {
        marker: true,
        payload_type: PayloadType::PCMA,
        sequence: Seq(0x1234),
        timestamp: RtpTicks(0x89ab_cdef),
        ssrc: Ssrc(0xfedc_ba98),
    };
    let mut packet = bytes.to_vec();
    let patched = patch(&mut packet, &fields);
    match RtpView::parse(bytes) {
        Ok(before) => {
            assert_eq!(patched, Ok(()));
            let after = RtpView::parse(&packet);
            assert!(after.is_ok(), "{after:?}");
            let Ok(after) = after else { return };
            let Extracted(marker, payload_type, sequence, timestamp, ssrc) = extract(&after);
            assert_eq!(fields, HeaderPatch { marker, payload_type, sequence, timestamp, ssrc });
            assert_eq!(after.payload_range(), before.payload_range());
            assert_eq!(after.padding_len(), before.padding_len());
            assert_eq!(packet.get(12..), bytes.get(12..));
        }
        // Only the fixed header is looked at, so that a packet refused for what follows it may be rewritten.
        Err(_) if patched.is_ok() => assert_eq!(packet.get(12..), bytes.get(12..)),
        Err(_) => assert_eq!(packet, bytes),
    }
}

struct Extracted(bool, PayloadType, Seq, RtpTicks, Ssrc);

const fn extract(view: &RtpView<'_>) -> Extracted {
    Extracted(view.marker(), view.payload_type(), view.sequence(), view.timestamp(), view.ssrc())
}
