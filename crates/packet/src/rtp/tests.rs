use super::*;

/// PCMU, marker, sequence 0xfffe, four bytes of payload.
const PLAIN: [u8; 16] = [0x80, 0x80, 0xff, 0xfe, 0, 1, 2, 3, 0xde, 0xad, 0xbe, 0xef, 0x11, 0x22, 0x33, 0x44];

/// Two contributing sources, a one-byte extension of one word, three bytes of payload, two of padding.
const FULL: [u8; 33] = [
    0xb2, 0x08, 0x12, 0x34, 0x80, 0, 0, 1, 0xca, 0xfe, 0xba, 0xbe, // fixed header
    0, 0, 0, 7, 0, 0, 0, 9, // contributing sources
    0xbe, 0xde, 0, 1, 0x51, 0xaa, 0xbb, 0, // extension
    0x55, 0x66, 0x77, 0, 2, // payload, padding
];

const FIELDS: HeaderPatch = HeaderPatch {
    marker: true,
    payload_type: PayloadType::from_second_byte(101),
    sequence: Seq(0x0102),
    timestamp: RtpTicks(0x0304_0506),
    ssrc: Ssrc(0x0708_090a),
};

fn with_first(first: u8) -> [u8; 16] {
    let mut packet = PLAIN;
    packet[0] = first;
    packet
}

// test-of: [RFC3550 5.1]
#[test]
fn a_plain_packet_is_read_field_by_field() {
    let view = RtpView::parse(&PLAIN).unwrap();
    assert!(view.marker());
    assert_eq!(view.payload_type(), PayloadType::PCMU);
    assert_eq!(view.sequence(), Seq(0xfffe));
    assert_eq!(view.timestamp(), RtpTicks(0x0001_0203));
    assert_eq!(view.ssrc(), Ssrc(0xdead_beef));
    assert_eq!(view.csrcs().len(), 0);
    assert_eq!(view.extension(), None);
    assert_eq!(view.payload(), [0x11, 0x22, 0x33, 0x44]);
    assert_eq!(view.payload_range(), 12..16);
    assert_eq!(view.header_len(), 12);
    assert_eq!(view.padding_len(), 0);
}

// test-of: [RFC3550 5.1]
// test-of: [RFC3550 5.3.1]
#[test]
fn a_packet_with_everything_is_read_field_by_field() {
    let view = RtpView::parse(&FULL).unwrap();
    assert!(!view.marker());
    assert_eq!(view.payload_type(), PayloadType::PCMA);
    assert_eq!(view.timestamp(), RtpTicks(0x8000_0001));
    assert_eq!(view.csrcs().collect::<Vec<_>>(), [Ssrc(7), Ssrc(9)]);
    let extension = view.extension().unwrap();
    assert_eq!(extension, Extension { profile: 0xbede, data: &[0x51, 0xaa, 0xbb, 0] });
    assert_eq!(extension.elements().collect::<Vec<_>>(), [Element { id: 5, data: &[0xaa, 0xbb] }]);
    assert_eq!(view.payload(), [0x55, 0x66, 0x77]);
    assert_eq!(view.payload_range(), 28..31);
    assert_eq!(view.padding_len(), 2);
}

#[test]
fn every_way_to_cut_the_header_short_is_refused() {
    for len in 0..12 {
        let refusal = Malformed::Truncated { needed: 12, available: len };
        assert_eq!(RtpView::parse(&FULL[..len]).unwrap_err(), refusal);
    }
    for len in 12..20 {
        let refusal = Malformed::CsrcList { count: 2, available: len - 12 };
        assert_eq!(RtpView::parse(&FULL[..len]).unwrap_err(), refusal);
    }
    for len in 20..24 {
        let refusal = Malformed::HeaderExtension { needed: 4, available: len - 20 };
        assert_eq!(RtpView::parse(&FULL[..len]).unwrap_err(), refusal);
    }
    for len in 24..28 {
        let refusal = Malformed::HeaderExtension { needed: 8, available: len - 20 };
        assert_eq!(RtpView::parse(&FULL[..len]).unwrap_err(), refusal);
    }
    // From here on only the padding count is wrong: there is none, or it is a byte of the payload.
    assert_eq!(RtpView::parse(&FULL[..28]).unwrap_err(), Malformed::Padding { count: 0, available: 0 });
    assert_eq!(RtpView::parse(&FULL[..29]).unwrap_err(), Malformed::Padding { count: 0x55, available: 1 });
}

#[test]
fn other_versions_are_refused() {
    for version in [0, 1, 3] {
        assert_eq!(
            RtpView::parse(&with_first(version << 6)).unwrap_err(),
            Malformed::Version(version),
            "version {version}"
        );
    }
}

#[test]
fn the_longest_header_leaves_an_empty_payload() {
    let mut packet = vec![0x9f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    packet.extend([0xa5; 60]);
    packet.extend([0, 1, 0xff, 0xff]);
    packet.resize(packet.len() + 0xffff * 4, 0x5a);
    let view = RtpView::parse(&packet).unwrap();
    assert_eq!(view.csrcs().len(), 15);
    assert_eq!(view.header_len(), packet.len());
    assert_eq!(view.payload(), []);
    assert_eq!(view.payload_range(), packet.len()..packet.len());

    packet.pop();
    let available = packet.len() - 72;
    let refusal = Malformed::HeaderExtension { needed: 4 + 0xffff * 4, available };
    assert_eq!(RtpView::parse(&packet).unwrap_err(), refusal);
}

#[test]
fn padding_of_zero_or_past_the_payload_is_refused() {
    let padded = |last: u8| {
        let mut packet = with_first(0xa0);
        packet[15] = last;
        packet
    };
    for count in [0, 5, 255] {
        let refusal = Malformed::Padding { count, available: 4 };
        assert_eq!(RtpView::parse(&padded(count)).unwrap_err(), refusal);
    }
    for count in 1..=4u8 {
        let packet = padded(count);
        let view = RtpView::parse(&packet).unwrap();
        assert_eq!(view.payload().len(), 4 - usize::from(count));
        assert_eq!(view.padding_len(), usize::from(count));
    }
    assert_eq!(
        RtpView::parse(&with_first(0xa0)[..12]).unwrap_err(),
        Malformed::Padding { count: 0, available: 0 }
    );
}

#[test]
fn an_extension_may_be_empty() {
    let mut packet = with_first(0x90);
    packet[12..].copy_from_slice(&[0xbe, 0xde, 0, 0]);
    let view = RtpView::parse(&packet).unwrap();
    assert_eq!(view.extension(), Some(Extension { profile: 0xbede, data: &[] }));
    assert_eq!(view.extension().unwrap().elements().count(), 0);
    assert_eq!(view.payload(), []);
}

fn elements(profile: u16, data: &[u8]) -> Vec<(u8, Vec<u8>)> {
    Extension { profile, data }.elements().map(|e| (e.id, e.data.to_vec())).collect()
}

// test-of: [RFC8285 4.2]
// test-of: [RFC8285 4]
#[test]
fn one_byte_elements_are_read_between_padding() {
    assert_eq!(
        elements(0xbede, &[0x10, 0xff, 0, 0, 0x23, 1, 2, 3, 4, 0xe0, 7, 0]),
        [(1, vec![0xff]), (2, vec![1, 2, 3, 4]), (14, vec![7])]
    );
    let mut longest = vec![0x3f];
    longest.extend(0..16);
    longest.extend([0; 3]);
    assert_eq!(elements(0xbede, &longest), [(3, (0..16).collect())]);
}

// test-of: [RFC8285 4.2]
// test-of: [RFC8285 4.1.2]
#[test]
fn identifier_15_and_0_with_a_length_end_the_elements() {
    assert_eq!(elements(0xbede, &[0x10, 1, 0xf0, 9, 0x20, 2, 0, 0]), [(1, vec![1])]);
    assert_eq!(elements(0xbede, &[0x10, 1, 0x01, 9, 9, 0x20, 2, 0]), [(1, vec![1])]);
}

#[test]
fn an_element_that_runs_past_the_end_ends_the_elements() {
    assert_eq!(elements(0xbede, &[0x10, 1, 0x2f, 9]), [(1, vec![1])]);
    assert_eq!(elements(0x1000, &[1, 1, 7, 2]), [(1, vec![7])]);
    assert_eq!(elements(0x1000, &[1, 1, 7, 2, 200, 1, 1, 1]), [(1, vec![7])]);
    let mut iterator = Extension { profile: 0xbede, data: &[0x2f, 9, 0x10, 1] }.elements();
    assert_eq!((iterator.next(), iterator.next()), (None, None));
}

// test-of: [RFC8285 4.3]
// test-of: [RFC8285 4]
#[test]
fn two_byte_elements_are_read_whatever_the_application_bits() {
    for profile in 0x1000..=0x100f {
        assert_eq!(
            elements(profile, &[0, 1, 0, 0, 255, 2, 8, 9, 15, 1, 3, 0]),
            [(1, vec![]), (255, vec![8, 9]), (15, vec![3])]
        );
    }
}

#[test]
fn an_extension_of_another_form_has_no_elements() {
    for profile in [0, 0xbedd, 0x0fff, 0x1010] {
        assert_eq!(elements(profile, &[0x10, 1, 0x10, 1]), []);
    }
}

#[test]
fn a_patch_keeps_padding_extension_sources_and_payload() {
    let mut packet = FULL;
    patch(&mut packet, &FIELDS).unwrap();
    assert_eq!(packet[..12], [0xb2, 0x80 | 101, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(packet[12..], FULL[12..]);
    let view = RtpView::parse(&packet).unwrap();
    assert_eq!((view.marker(), view.payload_type()), (true, FIELDS.payload_type));
    assert_eq!(view.payload(), [0x55, 0x66, 0x77]);

    patch(&mut packet, &HeaderPatch { marker: false, ..FIELDS }).unwrap();
    assert!(!RtpView::parse(&packet).unwrap().marker());
}

#[test]
fn a_patch_of_what_is_no_rtp_changes_nothing() {
    let mut short = [0x80; 11];
    let refusal = Malformed::Truncated { needed: 12, available: 11 };
    assert_eq!(patch(&mut short, &FIELDS), Err(refusal));
    assert_eq!(short, [0x80; 11]);
    let mut other = with_first(0x40);
    assert_eq!(patch(&mut other, &FIELDS), Err(Malformed::Version(1)));
    assert_eq!(other, with_first(0x40));
}

#[test]
fn a_header_is_written_or_the_buffer_is_left_alone() {
    let HeaderPatch { marker, payload_type, sequence, timestamp, ssrc } = FIELDS;
    let header = RtpHeader { marker, payload_type, sequence, timestamp, ssrc };
    let mut short = [0xa5; 11];
    assert_eq!(header.write(&mut short), Err(TooShort { needed: 12, available: 11 }));
    assert_eq!(short, [0xa5; 11]);

    let mut out = [0xa5; 13];
    assert_eq!(header.write(&mut out), Ok(12));
    assert_eq!(out, [0x80, 0x80 | 101, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xa5]);
    let view = RtpView::parse(&out).unwrap();
    assert_eq!(view.ssrc(), ssrc);
    assert_eq!(view.payload(), [0xa5]);
}

#[test]
fn distances_take_the_shorter_way_round() {
    assert_eq!(Seq(2).distance_from(Seq(0xffff)), 3);
    assert_eq!(Seq(0xffff).distance_from(Seq(2)), -3);
    assert_eq!(Seq(5).distance_from(Seq(5)), 0);
    assert_eq!(Seq(0x7fff).distance_from(Seq(0)), i16::MAX);
    assert_eq!(Seq(0x8000).distance_from(Seq(0)), i16::MIN);
    assert_eq!(Seq(0xfffe).wrapping_add(3), Seq(1));
    assert_eq!(RtpTicks(80).distance_from(RtpTicks(u32::MAX - 79)), 160);
    assert_eq!(RtpTicks(0x8000_0000).distance_from(RtpTicks(0)), i32::MIN);
    assert_eq!(RtpTicks(u32::MAX).wrapping_add(160), RtpTicks(159));
}

// test-of: [RFC3551 6]
// test-of: [RFC3389 4]
#[test]
fn payload_types_end_at_127() {
    assert_eq!(PayloadType::new(127).map(PayloadType::get), Some(127));
    assert_eq!(PayloadType::new(128), None);
    assert_eq!(PayloadType::new(255), None);
    assert_eq!(PayloadType::new(0), Some(PayloadType::PCMU));
    assert_eq!(PayloadType::new(8), Some(PayloadType::PCMA));
    assert_eq!(PayloadType::new(13), Some(PayloadType::COMFORT_NOISE));
}

#[test]
fn debug_shows_no_media() {
    let shown = format!("{:?}", RtpView::parse(&PLAIN).unwrap());
    assert!(shown.contains("payload_len: 4"), "{shown}");
    assert!(!shown.contains("17") && !shown.contains("0x11"), "{shown}");
    assert_eq!(Ssrc(0xbeef).to_string(), "0x0000beef");
}
