//! The vectors of RFC 5769, whose HMACs and fingerprints were made by another program.

use hmac::{Hmac, KeyInit, Mac};

use super::*;
use crate::error::WriteError;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const TRANSACTION: TransactionId =
    TransactionId([0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae]);

/// RFC 5769, section 2.1.
const REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20,
    0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00,
    0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a,
    0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf,
    0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28,
    0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

/// RFC 5769, section 2.2.
const ANSWER_V4: [u8; 80] = [
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00,
    0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53,
    0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

/// RFC 5769, section 2.3.
const ANSWER_V6: [u8; 92] = [
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa,
    0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f,
    0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1,
    0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e,
    0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80,
    0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
];

fn hmac(parts: &[&[u8]]) -> [u8; 20] {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(PASSWORD).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// A message of `attributes`, written with the writer.
fn written(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = [0xa5; 256];
    let mut writer = MessageWriter::new(&mut out, Class::Request, Method::BINDING, TRANSACTION).unwrap();
    for (kind, value) in attributes {
        writer.attribute(*kind, value).unwrap();
    }
    let len = writer.finish();
    out[..len].to_vec()
}

// test-of: [RFC8489 5]
#[test]
fn the_header_of_the_sample_request_is_read() {
    let view = StunView::parse(&REQUEST).unwrap();
    assert_eq!((view.class(), view.method()), (Class::Request, Method::BINDING));
    assert_eq!(view.message_type(), 1);
    assert_eq!(view.length(), 0x58);
    assert_eq!(view.transaction_id(), TRANSACTION);
}

// test-of: [RFC8489 14]
// test-of: [RFC8489 14.3]
// test-of: [RFC8489 18.3]
// test-of: [RFC8445 16.1]
#[test]
fn the_attributes_of_the_sample_request_are_read_without_their_padding() {
    let view = StunView::parse(&REQUEST).unwrap();
    let list: Vec<_> = view.attributes().map(|attribute| (attribute.kind, attribute.value.len())).collect();
    assert_eq!(list, [(0x8022, 16), (0x0024, 4), (0x8029, 8), (0x0006, 9), (0x0008, 20), (0x8028, 4)]);
    assert_eq!(view.username(), Some(&b"evtj:h6vY"[..]));
    assert_eq!(view.attribute(attribute_kind::PRIORITY).unwrap().value, [0x6e, 0, 1, 0xff]);
    assert_eq!(view.attribute(attribute_kind::USE_CANDIDATE), None);
    assert_eq!(view.xor_mapped_address(), Ok(None));
}

// test-of: [RFC8489 14.2]
#[test]
fn the_addresses_of_the_sample_answers_are_read() {
    let address = |bytes| StunView::parse(bytes).unwrap().xor_mapped_address().unwrap().unwrap();
    assert_eq!(StunView::parse(&ANSWER_V4).unwrap().class(), Class::Success);
    assert_eq!(address(&ANSWER_V4), "192.0.2.1:32853".parse().unwrap());
    assert_eq!(address(&ANSWER_V6), "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap());
}

// test-of: [RFC8489 14.7]
#[test]
fn the_fingerprints_of_the_samples_are_correct_and_no_other_is() {
    for sample in [&REQUEST[..], &ANSWER_V4, &ANSWER_V6] {
        assert_eq!(StunView::parse(sample).unwrap().fingerprint(), FingerprintCheck::Correct);
        let mut damaged = sample.to_vec();
        damaged[25] ^= 1;
        assert_eq!(StunView::parse(&damaged).unwrap().fingerprint(), FingerprintCheck::Wrong);
    }
    let cut = written(&[(attribute_kind::FINGERPRINT, &[0; 3])]);
    assert_eq!(StunView::parse(&cut).unwrap().fingerprint(), FingerprintCheck::Wrong);
}

#[test]
fn a_fingerprint_counts_only_as_the_last_attribute() {
    let none = written(&[]);
    assert_eq!(StunView::parse(&none).unwrap().fingerprint(), FingerprintCheck::Absent);
    let early = written(&[(attribute_kind::FINGERPRINT, &[0; 4]), (attribute_kind::USERNAME, b"u")]);
    assert_eq!(StunView::parse(&early).unwrap().fingerprint(), FingerprintCheck::Absent);
}

// test-of: [RFC8489 14.5]
#[test]
fn the_bytes_that_message_integrity_covers_give_the_samples_hmac() {
    for sample in [&REQUEST[..], &ANSWER_V4, &ANSWER_V6] {
        let integrity = StunView::parse(sample).unwrap().message_integrity().unwrap();
        assert_eq!(&hmac(&[&integrity.header, integrity.attributes]), integrity.hmac);
    }
    assert_eq!(StunView::parse(&written(&[])).unwrap().message_integrity(), None);
    let short = written(&[(attribute_kind::MESSAGE_INTEGRITY, &[0; 16])]);
    assert_eq!(StunView::parse(&short).unwrap().message_integrity(), None);
}

// test-of: [RFC8489 14.5]
// test-of: [RFC8489 14.6]
#[test]
fn what_stands_after_message_integrity_is_ignored() {
    let bytes = written(&[
        (attribute_kind::MESSAGE_INTEGRITY, &[7; 20]),
        (attribute_kind::USERNAME, b"forged"),
        (attribute_kind::MESSAGE_INTEGRITY, &[9; 20]),
        (attribute_kind::MESSAGE_INTEGRITY_SHA256, &[8; 32]),
    ]);
    let view = StunView::parse(&bytes).unwrap();
    assert_eq!(view.username(), None);
    assert_eq!(view.attribute(attribute_kind::MESSAGE_INTEGRITY).unwrap().value, [7; 20]);
    assert_eq!(view.attribute(attribute_kind::MESSAGE_INTEGRITY_SHA256).unwrap().value, [8; 32]);
    assert_eq!(view.message_integrity().unwrap().hmac, &[7; 20]);
    assert_eq!(view.attributes().count(), 4);
}

// test-of: [RFC8489 14.5]
// test-of: [RFC8489 14.7]
#[test]
fn the_sample_request_is_written_byte_for_byte_but_for_its_padding() {
    let mut out = [0xa5; 128];
    let mut writer = MessageWriter::new(&mut out, Class::Request, Method::BINDING, TRANSACTION).unwrap();
    writer.attribute(0x8022, b"STUN test client").unwrap();
    writer.attribute(attribute_kind::PRIORITY, &[0x6e, 0, 1, 0xff]).unwrap();
    writer.attribute(0x8029, &REQUEST[52..60]).unwrap();
    writer.username("evtj:h6vY").unwrap();
    writer.message_integrity(|covered| hmac(&[covered])).unwrap();
    let len = writer.finish_with_fingerprint().unwrap();
    assert_eq!(len, REQUEST.len());
    // The sample pads the name with spaces, we with zeros; all sums after it differ for that.
    assert_eq!(out[..73], REQUEST[..73]);
    assert_eq!(out[73..76], [0; 3]);
    let view = StunView::parse(&out[..len]).unwrap();
    assert_eq!(view.fingerprint(), FingerprintCheck::Correct);
    let integrity = view.message_integrity().unwrap();
    assert_eq!(&hmac(&[&integrity.header, integrity.attributes]), integrity.hmac);
}

// test-of: [RFC8489 14.2]
#[test]
fn the_addresses_of_the_sample_answers_are_written_byte_for_byte() {
    for (sample, at) in [(&ANSWER_V4[..], 36..48), (&ANSWER_V6[..], 36..60)] {
        let address = StunView::parse(sample).unwrap().xor_mapped_address().unwrap().unwrap();
        let mut out = [0; 128];
        let mut writer = MessageWriter::new(&mut out, Class::Success, Method::BINDING, TRANSACTION).unwrap();
        writer.xor_mapped_address(address).unwrap();
        let len = writer.finish();
        assert_eq!(out[20..len], sample[at]);
    }
}

// test-of: [RFC8489 5]
// test-of: [RFC8489 18.2]
#[test]
fn class_and_method_are_interleaved_and_parted_without_loss() {
    for kind in 0..0x4000 {
        let (class, method) = split_type(kind);
        assert!(method.get() <= 0x0fff);
        assert_eq!(join_type(class, method), kind);
    }
    assert_eq!(split_type(0x0101), (Class::Success, Method::BINDING));
    assert_eq!(split_type(0x0111), (Class::Error, Method::BINDING));
    assert_eq!(split_type(0x0011), (Class::Indication, Method::BINDING));
    assert_eq!(split_type(0x3eef), (Class::Request, Method(0x0fff)));
}

#[test]
fn headers_that_are_not_stun_are_refused() {
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = ANSWER_V4;
        bytes[at..at + to.len()].copy_from_slice(to);
        StunView::parse(&bytes).unwrap_err()
    };
    for len in 0..20 {
        let refusal = Malformed::Truncated { needed: 20, available: len };
        assert_eq!(StunView::parse(&REQUEST[..len]).unwrap_err(), refusal);
    }
    assert_eq!(changed(0, &[0x40]), Malformed::StunType(0x40));
    assert_eq!(changed(0, &[0x80]), Malformed::StunType(0x80));
    assert_eq!(changed(4, &[0x21, 0x12, 0xa4, 0x43]), Malformed::StunCookie(0x2112_a443));
    assert_eq!(changed(2, &[0, 0x38]), Malformed::StunLength { declared: 0x38, available: 60 });
    assert_eq!(changed(2, &[0, 0x40]), Malformed::StunLength { declared: 0x40, available: 60 });
    let mut unaligned = written(&[]);
    unaligned.extend([0, 0]);
    unaligned[3] = 2;
    let refusal = Malformed::StunLength { declared: 2, available: 2 };
    assert_eq!(StunView::parse(&unaligned).unwrap_err(), refusal);
}

#[test]
fn attributes_that_run_past_the_end_are_refused() {
    let mut bytes = written(&[(attribute_kind::USERNAME, b"name")]);
    for declared in [5, 8, 0xffff] {
        bytes[22..24].copy_from_slice(&u16::to_be_bytes(declared));
        let declared = usize::from(declared);
        let refusal = Malformed::StunAttribute { kind: attribute_kind::USERNAME, declared, available: 4 };
        assert_eq!(StunView::parse(&bytes).unwrap_err(), refusal);
    }
}

// test-of: [RFC8489 14.1]
#[test]
fn values_that_are_no_address_are_refused() {
    let read = |value: &[u8]| {
        let bytes = written(&[(attribute_kind::XOR_MAPPED_ADDRESS, value)]);
        StunView::parse(&bytes).unwrap().xor_mapped_address().unwrap_err()
    };
    let of = |declared, available| Malformed::StunAttribute {
        kind: attribute_kind::XOR_MAPPED_ADDRESS,
        declared,
        available,
    };
    assert_eq!(read(&[0, 3, 0, 0, 1, 2, 3, 4]), Malformed::StunFamily(3));
    assert_eq!(read(&[]), of(0, 8));
    assert_eq!(read(&[0, 1, 0]), of(3, 8));
    assert_eq!(read(&[0, 1, 0, 0, 1, 2, 3]), of(7, 8));
    assert_eq!(read(&[0, 1, 0, 0, 1, 2, 3, 4, 5]), of(9, 8));
    assert_eq!(read(&[0, 2, 0]), of(3, 20));
    assert_eq!(read(&[0, 2, 0, 0, 1, 2, 3, 4]), of(8, 20));
    let mut long = [0; 21];
    long[1] = 2;
    assert_eq!(read(&long), of(21, 20));
}

#[test]
fn a_full_buffer_keeps_the_attributes_it_has() {
    let mut short = [0xa5; 19];
    let error = MessageWriter::new(&mut short, Class::Request, Method::BINDING, TRANSACTION).unwrap_err();
    assert_eq!(error, TooShort { needed: 20, available: 19 });
    assert_eq!(short, [0xa5; 19]);

    for capacity in 28..36 {
        let mut out = vec![0xa5; capacity];
        let mut writer = MessageWriter::new(&mut out, Class::Request, Method::BINDING, TRANSACTION).unwrap();
        writer.username("user").unwrap();
        let refusal = WriteError::from(TooShort { needed: 8, available: capacity - 28 });
        assert_eq!(writer.username("more"), Err(refusal));
        let needed = WriteError::from(TooShort { needed: 24, available: capacity - 28 });
        assert_eq!(writer.message_integrity(|_| [0; 20]), Err(needed));
        assert_eq!(writer.finish(), 28);
        let view = StunView::parse(&out[..28]).unwrap();
        assert_eq!(view.username(), Some(&b"user"[..]));
        assert!(out[28..].iter().all(|&byte| byte == 0xa5));
    }
}

#[test]
fn a_message_past_its_length_field_is_refused() {
    let mut out = vec![0; 70_000];
    let mut writer = MessageWriter::new(&mut out, Class::Request, Method::BINDING, TRANSACTION).unwrap();
    assert_eq!(writer.attribute(1, &[0; 65_536]), Err(WriteError::PacketTooLong(65_560)));
    writer.attribute(1, &[0; 65_520]).unwrap();
    assert_eq!(writer.attribute(1, &[0; 8]), Err(WriteError::PacketTooLong(65_556)));
    writer.attribute(1, &[0; 4]).unwrap();
    let len = writer.finish();
    assert_eq!(len, 20 + 65_532);
    assert!(StunView::parse(&out[..len]).is_ok());
}

#[test]
fn debug_shows_no_values() {
    let view = StunView::parse(&REQUEST).unwrap();
    let shown = format!("{:?} {:?}", view.attributes().collect::<Vec<_>>(), view.message_integrity());
    assert!(!shown.contains("101, 118") && !shown.contains("154, 234"), "{shown}");
}
