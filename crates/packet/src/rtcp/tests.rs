use std::time::Duration;

use super::*;
use crate::error::TooShort;
use crate::ntp::NtpTime;
use crate::rtp::{RtpTicks, Seq};

const INFO: SenderInfo = SenderInfo {
    ntp: NtpTime(0x0102_0304_0506_0708),
    rtp: RtpTicks(0x1112_1314),
    packets: 0x2122_2324,
    octets: 0x3132_3334,
};

const BLOCK: ReportBlock = ReportBlock {
    ssrc: Ssrc(0xaabb_ccdd),
    fraction_lost: 0x40,
    cumulative_lost: -2,
    highest_sequence: 0x0001_fffe,
    jitter: 77,
    last_sr: 0x0304_0506,
    delay_since_last_sr: 0x0001_8000,
};

/// A packet of `count` and `kind` around a body of whole words.
fn packet(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    assert_eq!(body.len() % 4, 0);
    let words = u16::try_from(body.len() / 4).unwrap().to_be_bytes();
    [&[0x80 | count, kind, words[0], words[1]][..], body].concat()
}

/// The same packet with the padding bit set.
fn padded(count: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = packet(count, kind, body);
    bytes[0] |= 0x20;
    bytes
}

fn refusal(bytes: &[u8]) -> Malformed {
    Compound::parse(bytes).unwrap_err()
}

fn only(bytes: &[u8]) -> Packet<'_> {
    let mut packets = Compound::parse(bytes).unwrap().packets();
    let first = packets.next().unwrap();
    assert!(packets.next().is_none());
    first
}

fn empty_report() -> Vec<u8> {
    packet(0, 201, &[0, 0, 0, 1])
}

// test-of: [RFC3550 6.4.1]
#[test]
fn a_sender_report_has_the_layout_of_the_figure() {
    let mut out = [0; 64];
    let mut writer = CompoundWriter::new(&mut out);
    writer.sender_report(Ssrc(0x5152_5354), &INFO, &[BLOCK]).unwrap();
    let len = writer.finish();
    let expected = [
        0x81, 200, 0, 12, 0x51, 0x52, 0x53, 0x54, // header
        1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33,
        0x34, //
        0xaa, 0xbb, 0xcc, 0xdd, 0x40, 0xff, 0xff, 0xfe, 0, 1, 0xff, 0xfe, 0, 0, 0, 77, 3, 4, 5, 6, 0, 1,
        0x80, 0,
    ];
    assert_eq!(out[..len], expected);
    let Packet::SenderReport { ssrc, info, reports } = only(&expected) else { panic!("another type") };
    assert_eq!((ssrc, info), (Ssrc(0x5152_5354), INFO));
    assert_eq!(reports.len(), 1);
    assert_eq!(reports.collect::<Vec<_>>(), [BLOCK]);
}

// test-of: [RFC3550 6.4.2]
// test-of: [RFC3550 6.4.3]
#[test]
fn a_receiver_report_may_be_empty_and_may_carry_a_profiles_extension() {
    let bytes = empty_report();
    let Packet::ReceiverReport { ssrc, reports } = only(&bytes) else { panic!("another type") };
    assert_eq!((ssrc, reports.len()), (Ssrc(1), 0));
    let bytes = packet(0, 201, &[0, 0, 0, 1, 9, 9, 9, 9]);
    let Packet::ReceiverReport { reports, .. } = only(&bytes) else { panic!("another type") };
    assert_eq!(reports.count(), 0);
}

#[test]
fn cumulative_loss_is_clamped_to_its_24_bits() {
    for (given, expected) in
        [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (0x7f_ffff, 0x7f_ffff), (-1, -1), (0, 0)]
    {
        let mut out = [0; 64];
        let mut writer = CompoundWriter::new(&mut out);
        writer.receiver_report(Ssrc(1), &[ReportBlock { cumulative_lost: given, ..BLOCK }]).unwrap();
        let len = writer.finish();
        let Packet::ReceiverReport { mut reports, .. } = only(&out[..len]) else { panic!("another type") };
        assert_eq!(reports.next().unwrap().cumulative_lost, expected);
    }
}

// test-of: [RFC3550 6.4.1]
#[test]
fn the_round_trip_of_the_specification_is_6125_ms() {
    // The example of the figure: A = b710:8000, LSR = b705:2000, DLSR = 5.25 s.
    let block = ReportBlock { last_sr: 0xb705_2000, delay_since_last_sr: 0x0005_4000, ..BLOCK };
    let arrival = NtpTime(0x0000_b710_8000_0000);
    assert_eq!(block.round_trip(arrival), Some(Duration::from_millis(6125)));
}

#[test]
fn a_round_trip_that_cannot_be_is_none() {
    let arrival = NtpTime(0x0000_b710_8000_0000);
    let none_yet = ReportBlock { last_sr: 0, delay_since_last_sr: 0, ..BLOCK };
    assert_eq!(none_yet.round_trip(NtpTime(0x0000_0001_0000_0000)), None);
    let held_too_long = ReportBlock { last_sr: 0xb710_0000, delay_since_last_sr: 0x8001, ..BLOCK };
    assert_eq!(held_too_long.round_trip(arrival), None);
    let from_the_future = ReportBlock { last_sr: 0xb710_8001, delay_since_last_sr: 0, ..BLOCK };
    assert_eq!(from_the_future.round_trip(arrival), None);
    let across_the_wrap = ReportBlock { last_sr: 0xffff_ffff, delay_since_last_sr: 0, ..BLOCK };
    assert_eq!(across_the_wrap.round_trip(NtpTime(0x0000_0000_ffff_0000)), Some(Duration::from_secs(1)));
}

// test-of: [RFC3550 A.2]
// test-of: [RFC3550 6.1]
#[test]
fn a_whole_compound_is_iterated_in_order() {
    let mut out = [0xff; 256];
    let mut writer = CompoundWriter::new(&mut out);
    writer.sender_report(Ssrc(1), &INFO, &[]).unwrap();
    writer.cname(Ssrc(1), "leg@example").unwrap();
    writer.bye(&[Ssrc(1)], Some("done")).unwrap();
    let len = writer.finish();
    let mut bytes = out[..len].to_vec();
    bytes.extend(packet(3, 195, &[1, 2, 3, 4]));
    let compound = Compound::parse(&bytes).unwrap();
    assert!(!compound.is_reduced_size());
    let kinds: Vec<&str> = compound
        .packets()
        .map(|packet| match packet {
            Packet::SenderReport { .. } => "sr",
            Packet::SourceDescription(_) => "sdes",
            Packet::Bye { .. } => "bye",
            Packet::Unknown(Unknown { kind: 195, count: 3, body: [1, 2, 3, 4] }) => "unknown",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["sr", "sdes", "bye", "unknown"]);
    assert_eq!(compound.into_iter().count(), 4);
}

// test-of: [RFC5506 4.1]
// test-of: [RFC5506 3.4.2]
#[test]
fn what_starts_with_no_report_is_of_reduced_size() {
    let loss = packet(1, 206, &[0, 0, 0, 1, 0, 0, 0, 2]);
    assert!(Compound::parse(&loss).unwrap().is_reduced_size());
    let with_report = [empty_report(), loss].concat();
    assert!(!Compound::parse(&with_report).unwrap().is_reduced_size());
}

#[test]
fn one_malformed_packet_spoils_the_compound() {
    let good = empty_report();
    assert_eq!(refusal(&[]), Malformed::Truncated { needed: 4, available: 0 });
    assert_eq!(
        refusal(&[&good[..], &[0x80, 203]].concat()),
        Malformed::Truncated { needed: 4, available: 2 }
    );
    assert_eq!(refusal(&[&good[..], &[0x40, 203, 0, 0]].concat()), Malformed::Version(1));
    assert_eq!(
        refusal(&[&good[..], &[0x80, 203, 0, 1]].concat()),
        Malformed::RtcpLength { kind: 203, declared: 8, available: 4 }
    );
    // A receiver report that names two blocks and has one, a sender report without its information.
    let block = [0; 28];
    assert_eq!(refusal(&packet(2, 201, &block)), Malformed::Truncated { needed: 48, available: 24 });
    assert_eq!(refusal(&packet(0, 200, &[0; 20])), Malformed::Truncated { needed: 4, available: 0 });
    assert_eq!(refusal(&packet(0, 201, &[])), Malformed::Truncated { needed: 4, available: 0 });
}

// test-of: [RFC3550 6.4.1]
// test-of: [RFC3550 A.2]
#[test]
fn padding_is_taken_off_but_not_from_the_first_of_several() {
    let bytes = padded(0, 201, &[0, 0, 0, 1, 0, 0, 0, 4]);
    assert!(matches!(only(&bytes), Packet::ReceiverReport { ssrc: Ssrc(1), .. }));
    let first = [bytes.clone(), empty_report()].concat();
    assert_eq!(refusal(&first), Malformed::PaddedFirst(201));
    let last = [empty_report(), bytes.clone()].concat();
    assert_eq!(Compound::parse(&last).unwrap().packets().count(), 2);
    let between = [empty_report(), bytes, empty_report()].concat();
    assert_eq!(Compound::parse(&between).unwrap().packets().count(), 3);
}

#[test]
fn padding_that_does_not_fit_is_refused() {
    let with_count = |count: u8| padded(0, 201, &[0, 0, 0, 1, 0, 0, 0, count]);
    assert_eq!(refusal(&with_count(0)), Malformed::Padding { count: 0, available: 8 });
    assert_eq!(refusal(&with_count(12)), Malformed::Padding { count: 12, available: 8 });
    assert_eq!(refusal(&padded(0, 201, &[])), Malformed::Padding { count: 0, available: 0 });
    // Padding that takes the whole body leaves no report.
    assert_eq!(refusal(&with_count(8)), Malformed::Truncated { needed: 4, available: 0 });
}

#[test]
fn a_goodbye_padded_to_the_end_of_its_word_is_read() {
    let bytes = padded(1, 203, &[0, 0, 0, 1, 1, b'x', 0, 2]);
    let Packet::Bye { ssrcs, reason } = only(&bytes) else { panic!("another type") };
    assert_eq!((ssrcs.collect::<Vec<_>>(), reason), (vec![Ssrc(1)], Some(&b"x"[..])));
}

// test-of: [RFC3550 6.5]
// test-of: [RFC3550 6.5.1]
// test-of: [RFC3550 6.5.2]
// test-of: [RFC3550 6.5.6]
#[test]
fn chunks_and_items_are_read_up_to_their_end_marks() {
    let body = [
        0, 0, 0, 1, 1, 3, b'a', b'@', b'b', 2, 1, b'n', 0, 0, 0, 0, // ends in a word of zeros
        0, 0, 0, 2, 6, 5, b't', b'o', b'o', b'l', b's', 0, // ends in one zero
        0, 0, 0, 3, 0, 0, 0, 0, // no items
    ];
    let bytes = packet(3, 202, &body);
    let Packet::SourceDescription(description) = only(&bytes) else { panic!("another type") };
    let chunks: Vec<_> = description.chunks().collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.ssrc).collect::<Vec<_>>(), [Ssrc(1), Ssrc(2), Ssrc(3)]);
    let items: Vec<_> = chunks.iter().map(|chunk| chunk.items().collect::<Vec<_>>()).collect();
    assert_eq!(items[0], [Item { kind: Item::CNAME, value: b"a@b" }, Item { kind: Item::NAME, value: b"n" }]);
    assert_eq!(items[1], [Item { kind: Item::TOOL, value: b"tools" }]);
    assert_eq!(items[2], []);
    assert_eq!(description.cname(Ssrc(1)), Some(&b"a@b"[..]));
    assert_eq!(description.cname(Ssrc(2)), None);
    assert_eq!(description.cname(Ssrc(4)), None);
    let shown = format!("{:?}", items[0]);
    assert!(!shown.contains("97"), "a name in {shown}");
}

#[test]
fn source_descriptions_that_do_not_end_are_refused() {
    let of = |count, body: &[u8]| refusal(&packet(count, 202, body));
    assert_eq!(of(1, &[0, 0, 0, 1, 1, 2, b'a', b'b']), Malformed::SdesUnterminated(0));
    assert_eq!(of(1, &[0, 0, 0, 1, 1, 3, b'a', b'b']), Malformed::SdesItem { declared: 3, available: 2 });
    assert_eq!(of(1, &[0, 0, 0, 1, 2, 1, b'a', 1]), Malformed::Truncated { needed: 2, available: 1 });
    assert_eq!(of(1, &[]), Malformed::Truncated { needed: 4, available: 0 });
    let second = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
    assert_eq!(of(2, &second), Malformed::SdesUnterminated(1));
}

#[test]
fn the_longest_name_fits_and_one_byte_more_is_refused() {
    let mut out = [0xff; 300];
    for len in [0, 1, 2, 255] {
        let name = "n".repeat(len);
        let mut writer = CompoundWriter::new(&mut out);
        writer.receiver_report(Ssrc(1), &[]).unwrap();
        writer.cname(Ssrc(1), &name).unwrap();
        let written = writer.finish();
        let compound = Compound::parse(&out[..written]).unwrap();
        let Some(Packet::SourceDescription(description)) = compound.packets().nth(1) else {
            panic!("no source description")
        };
        assert_eq!(description.cname(Ssrc(1)), Some(name.as_bytes()));
    }
    let mut writer = CompoundWriter::new(&mut out);
    writer.receiver_report(Ssrc(1), &[]).unwrap();
    assert_eq!(writer.cname(Ssrc(1), &"n".repeat(256)), Err(WriteError::TextTooLong(256)));
    assert_eq!(writer.bye(&[], Some(&"n".repeat(256))), Err(WriteError::TextTooLong(256)));
    assert_eq!(writer.finish(), 8);
}

// test-of: [RFC3550 6.6]
#[test]
fn a_goodbye_may_name_no_source_and_no_reason() {
    let read = |bytes: &[u8]| {
        let Packet::Bye { ssrcs, reason } = only(bytes) else { panic!("another type") };
        (ssrcs.collect::<Vec<_>>(), reason.map(<[u8]>::to_vec))
    };
    assert_eq!(read(&packet(0, 203, &[])), (vec![], None));
    assert_eq!(read(&packet(2, 203, &[0, 0, 0, 1, 0, 0, 0, 2])), (vec![Ssrc(1), Ssrc(2)], None));
    assert_eq!(read(&packet(0, 203, &[2, b'o', b'k', 0])), (vec![], Some(b"ok".to_vec())));
    assert_eq!(
        refusal(&packet(0, 203, &[4, b'o', b'k', 0])),
        Malformed::ByeReason { declared: 4, available: 3 }
    );
    assert_eq!(refusal(&packet(1, 203, &[])), Malformed::Truncated { needed: 4, available: 0 });
}

// test-of: [RFC3550 6.7]
#[test]
fn an_application_packet_is_handed_out_whole() {
    let bytes = packet(5, 204, &[0, 0, 0, 1, b'q', b'o', b's', b' ', 1, 2, 3, 4]);
    let Packet::App(app) = only(&bytes) else { panic!("another type") };
    assert_eq!((app.subtype, app.ssrc, &app.name, app.data), (5, Ssrc(1), b"qos ", &[1, 2, 3, 4][..]));
    assert_eq!(refusal(&packet(5, 204, &[0, 0, 0, 1])), Malformed::Truncated { needed: 4, available: 0 });
}

// test-of: [RFC4585 6.1]
// test-of: [RFC4585 6.2]
// test-of: [RFC4585 6.2.1]
#[test]
fn a_generic_nack_lists_each_lost_packet_across_the_wrap() {
    let fci = [0xff, 0xfe, 0x80, 0x05, 0, 9, 0, 0];
    let bytes = packet(1, 205, &[&[0, 0, 0, 1, 0, 0, 0, 2][..], &fci].concat());
    let Packet::TransportFeedback(feedback) = only(&bytes) else { panic!("another type") };
    assert_eq!((feedback.fmt, feedback.sender_ssrc, feedback.media_ssrc), (1, Ssrc(1), Ssrc(2)));
    assert_eq!(feedback.fci, fci);
    assert_eq!(
        feedback.lost_sequences().collect::<Vec<_>>(),
        [Seq(0xfffe), Seq(0xffff), Seq(1), Seq(14), Seq(9)]
    );
    let other = TransportFeedback { fmt: 15, ..feedback };
    assert_eq!(other.lost_sequences().count(), 0);
    let all = TransportFeedback { fci: &[0, 0, 0xff, 0xff], ..feedback };
    assert!(all.lost_sequences().eq((0..17).map(Seq)));
}

// test-of: [RFC4585 6.3]
// test-of: [RFC4585 6.3.1]
// test-of: [RFC5104 4.3.1]
#[test]
fn picture_loss_and_full_intra_requests_are_told_apart() {
    let bytes = packet(1, 206, &[0, 0, 0, 1, 0, 0, 0, 2]);
    let Packet::PayloadFeedback(loss) = only(&bytes) else { panic!("another type") };
    assert!(loss.is_picture_loss());
    assert_eq!(loss.full_intra_requests().count(), 0);

    let entries = [0, 0, 0, 7, 3, 0, 0, 0, 0, 0, 0, 8, 4, 0, 0, 0];
    let bytes = packet(4, 206, &[&[0, 0, 0, 1, 0, 0, 0, 0][..], &entries].concat());
    let Packet::PayloadFeedback(request) = only(&bytes) else { panic!("another type") };
    assert!(!request.is_picture_loss());
    assert_eq!(request.full_intra_requests().collect::<Vec<_>>(), [(Ssrc(7), 3), (Ssrc(8), 4)]);

    assert_eq!(refusal(&packet(1, 206, &[0, 0, 0, 1])), Malformed::Truncated { needed: 4, available: 0 });
}

// test-of: [RFC3550 6.1]
#[test]
fn a_compound_cannot_start_without_a_report() {
    let mut out = [0; 64];
    let mut writer = CompoundWriter::new(&mut out);
    assert_eq!(writer.cname(Ssrc(1), "n"), Err(WriteError::ReportMustComeFirst(202)));
    assert_eq!(writer.bye(&[], None), Err(WriteError::ReportMustComeFirst(203)));
    assert_eq!(writer.finish(), 0);
}

#[test]
fn more_than_31_entries_are_refused() {
    let mut out = [0; 2048];
    let mut writer = CompoundWriter::new(&mut out);
    assert_eq!(writer.receiver_report(Ssrc(1), &[BLOCK; 32]), Err(WriteError::TooMany(32)));
    writer.receiver_report(Ssrc(1), &[BLOCK; 31]).unwrap();
    assert_eq!(writer.bye(&[Ssrc(1); 32], None), Err(WriteError::TooMany(32)));
    writer.bye(&[Ssrc(1); 31], None).unwrap();
    let len = writer.finish();
    assert_eq!(len, 8 + 31 * 24 + 4 + 31 * 4);
    let mut packets = Compound::parse(&out[..len]).unwrap().packets();
    assert!(matches!(packets.next(), Some(Packet::ReceiverReport { reports, .. }) if reports.len() == 31));
    assert!(matches!(packets.next(), Some(Packet::Bye { ssrcs, reason: None }) if ssrcs.len() == 31));
}

#[test]
fn a_full_buffer_keeps_the_packets_it_has() {
    let whole = 8 + 16;
    for capacity in 0..whole {
        let mut out = vec![0xa5; capacity];
        let mut writer = CompoundWriter::new(&mut out);
        let report = writer.receiver_report(Ssrc(1), &[]);
        let name = writer.cname(Ssrc(1), "abcde");
        let len = writer.finish();
        if capacity < 8 {
            assert_eq!(report, Err(TooShort { needed: 8, available: capacity }.into()));
            assert_eq!(name, Err(WriteError::ReportMustComeFirst(202)));
            assert_eq!(len, 0);
        } else {
            assert_eq!(report, Ok(()));
            assert_eq!(name, Err(TooShort { needed: 16, available: capacity - 8 }.into()));
            assert_eq!(len, 8);
        }
        assert!(out[len..].iter().all(|&byte| byte == 0xa5), "written past the end at {capacity}");
    }
}
