use std::io::Cursor;

use ogg::{PacketWriteEndInfo, PacketWriter};

use super::head::{Head, tags};
use super::timeline::{Page, Stretch, Timeline};
use super::*;

// test-of: [RFC6716 3.1]
// test-of: [RFC6716 3.2]
#[test]
fn lengths_follow_the_first_octet() {
    // Configuration, then a bit for stereo, then the code of frames.
    for (packet, wanted) in [
        (&[0 << 3][..], 480),
        (&[3 << 3], 2880),
        (&[13 << 3], 960),
        (&[16 << 3], 120),
        (&[31 << 3 | 4], 960),
        (&[31 << 3 | 1], 1920),
        (&[31 << 3 | 3, 0x80 | 6], 5760),
        (&[3], 0),
        (&[], 0),
    ] {
        assert_eq!(packet_length(packet), wanted, "{packet:?}");
    }
}

// test-of: [RFC7845 5.1]
#[test]
fn head_reads_as_it_was_written_and_refuses_what_it_cannot_mean() {
    let bytes = HEAD.bytes();
    assert_eq!(bytes.len(), 19);
    assert_eq!(Head::read(&bytes).unwrap(), HEAD);
    assert!(matches!(Head::read(b"\x01vorbis."), Err(OggError::NotOpus(_))));
    assert!(matches!(Head::read(&bytes[..12]), Err(OggError::Head { len: 12, .. })));
    let with = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        Head::read(&bytes)
    };
    assert!(matches!(with(8, 0x10), Err(OggError::Head { version: 0x10, .. })));
    assert!(with(8, 2).is_ok());
    assert!(matches!(with(9, 3), Err(OggError::Channels { channels: 3, mapping: 0 })));
    assert!(matches!(with(18, 1), Err(OggError::Channels { mapping: 1, .. })));
}

const HEAD: Head = Head { pre_skip: 312, rate: 16_000, gain: -256 };
/// A packet of 20 ms.
const PACKET: [u8; 3] = [31 << 3, 1, 2];

fn page(granule: u64, last: bool, missing: u32, packets: usize) -> Page {
    Page { at: 1000, granule, last, missing, packets: vec![PACKET.to_vec(); packets] }
}

fn cuts(timeline: &mut Timeline, granule: u64, last: bool, packets: usize) -> Vec<(u64, u64)> {
    let placed = timeline.place(page(granule, last, 0, packets));
    let cut = |stretch| match stretch {
        Stretch::Packet(_, Cut { front, back }) => (front, back),
        Stretch::Gap(length) => panic!("a gap of {length}"),
    };
    placed.into_iter().map(cut).collect()
}

/// The gap before a page, and what is cut off its last packet.
fn gap(timeline: &mut Timeline, page: Page) -> (u64, u64) {
    let placed = timeline.place(page);
    let gap = if let Some(Stretch::Gap(length)) = placed.first() { *length } else { 0 };
    let Some(Stretch::Packet(_, Cut { back, .. })) = placed.last() else { panic!("{placed:?}") };
    (gap, *back)
}

// test-of: [RFC7845 4]
/// test-of: [RFC3533 6]
#[test]
fn a_missing_page_is_a_gap_as_long_as_positions_say() {
    let mut timeline = Timeline { skip: 100, ..Timeline::default() };
    assert_eq!(gap(&mut timeline, page(1920, false, 0, 2)), (0, 0));
    assert_eq!(gap(&mut timeline, page(50 * 960, false, 1, 2)), (46 * 960, 0));
    // Positions alone say it too.
    assert_eq!(gap(&mut timeline, page(53 * 960, false, 0, 2)), (960, 0));
    // The end cuts off a part of the last packet, and the gap is whole packets all the same.
    assert_eq!(gap(&mut timeline, page(60 * 960 - 7, true, 2, 2)), (5 * 960, 7));
    assert_eq!(timeline.position, Some(60 * 960));
    assert_eq!(
        timeline.remarks(),
        [
            "a gap of 0.920 s before the page at byte 1000: 1 page is missing",
            "a gap of 0.020 s before the page at byte 1000: its position says so",
            "a gap of 0.100 s before the page at byte 1000: 2 pages are missing",
        ]
    );
}

#[test]
fn gaps_at_the_beginning_and_positions_that_mean_nothing_are_told() {
    // The first page of audio is missing: what is not to be heard of the beginning was on it.
    let mut timeline = Timeline { skip: 312, ..Timeline::default() };
    assert_eq!(gap(&mut timeline, page(4 * 960, false, 1, 1)), (3 * 960 - 312, 0));
    assert_eq!(timeline.skip, 0);
    for granule in [u64::MAX, 1 << 40, 960] {
        let mut timeline = Timeline::default();
        assert_eq!(gap(&mut timeline, page(960, false, 0, 1)), (0, 0));
        assert_eq!(gap(&mut timeline, page(granule, false, 1, 1)), (0, 0));
        assert_eq!(timeline.position, Some(2 * 960), "{granule}");
        let [said] = &timeline.remarks()[..] else { panic!("{:?}", timeline.remarks()) };
        assert!(said.starts_with("a gap of unknown length, which is not filled, before"), "{said}");
    }
    let mut timeline = Timeline::default();
    for second in 0..20 {
        timeline.place(page(second * 48_000, false, 1, 1));
    }
    assert_eq!(timeline.remarks().len(), 9);
    assert_eq!(timeline.remarks()[8], "12 further gaps, 11.760 s in all");
}

// test-of: [RFC7845 4]
#[test]
fn beginning_and_end_are_cut_off_where_the_file_says() {
    let mut timeline = Timeline { skip: 1000, ..Timeline::default() };
    assert_eq!(cuts(&mut timeline, 2880, false, 3), [(960, 0), (40, 0), (0, 0)]);
    assert_eq!(cuts(&mut timeline, 5000, true, 3), [(0, 0), (0, 0), (0, 760)]);

    // All of it on one page, which ends before its packets do.
    assert_eq!(cuts(&mut Timeline::default(), 1000, true, 3), [(0, 0), (0, 920), (0, 960)]);
    // Recorded from the middle of a stream: the first page begins where it begins.
    let mut timeline = Timeline::default();
    assert_eq!(cuts(&mut timeline, 1_000_000, false, 2), [(0, 0), (0, 0)]);
    assert_eq!(cuts(&mut timeline, 1_000_500, true, 1), [(0, 460)]);
    // Positions that make no sense: nothing, or all, but no more than there is.
    assert_eq!(cuts(&mut Timeline::default(), u64::MAX, false, 1), [(0, 0)]);
    let mut timeline = Timeline::default();
    assert_eq!(cuts(&mut timeline, 1_000_000, false, 1), [(0, 0)]);
    assert_eq!(cuts(&mut timeline, 0, true, 1), [(0, 960)]);
    assert_eq!(cuts(&mut timeline, u64::MAX, true, 1), [(0, 0)]);
}

/// Reads all of a file; what it ends with.
fn read(bytes: &[u8]) -> Result<Vec<(Vec<u8>, OggPiece)>, OggError> {
    let mut reader = OggReader::open(Cursor::new(bytes))?;
    let mut packets = Vec::new();
    let mut packet = Vec::new();
    while let Some(piece) = reader.next(&mut packet)? {
        packets.push((packet.clone(), piece));
    }
    Ok(packets)
}

/// A generator that is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Pages with true checksums around packets and positions that mean anything.
fn stream(random: &mut Random) -> Vec<u8> {
    let mut writer = PacketWriter::new(Vec::new());
    for header in [HEAD.bytes(), tags()] {
        writer.write_packet(header, 7, PacketWriteEndInfo::EndPage, 0).unwrap();
    }
    for _ in 0..random.below(40) {
        let serial = if random.below(8) == 0 { 8 } else { 7 };
        let packet: Vec<u8> =
            (0..random.below(700)).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let end = match random.below(12) {
            0 => PacketWriteEndInfo::EndStream,
            1..4 => PacketWriteEndInfo::EndPage,
            _ => PacketWriteEndInfo::NormalPacket,
        };
        let position = random.below(1 << 31) << random.below(34);
        writer.write_packet(packet, serial, end, position).unwrap();
    }
    writer.into_inner()
}

#[test]
fn streams_that_mean_anything_are_read_or_refused() {
    let mut random = Random(1);
    let mut read_some = 0;
    for round in 0..300 {
        let mut bytes = stream(&mut random);
        if round % 3 == 0 {
            bytes.truncate(usize::try_from(random.below(bytes.len() as u64)).unwrap());
        }
        if let Ok(packets) = read(&bytes) {
            read_some += packets.len();
            for (packet, piece) in packets {
                match piece {
                    OggPiece::Payload(Cut { front, back }) => {
                        assert!(front <= packet_length(&packet) && back <= packet_length(&packet));
                    }
                    OggPiece::Gap(length) => assert!(length <= 3600 * 48_000),
                }
            }
        }
    }
    assert!(read_some > 500, "{read_some}");
}

#[test]
fn a_second_stream_behind_the_first_is_refused_with_its_place() {
    let mut bytes = Vec::new();
    for serial in [1, 2] {
        let mut writer = PacketWriter::new(Vec::new());
        for header in [HEAD.bytes(), tags()] {
            writer.write_packet(header, serial, PacketWriteEndInfo::EndPage, 0).unwrap();
        }
        writer.write_packet(PACKET.to_vec(), serial, PacketWriteEndInfo::EndStream, 960).unwrap();
        bytes.extend(writer.into_inner());
    }
    let half = bytes.len() as u64 / 2;
    let refused = read(&bytes);
    assert!(matches!(refused, Err(OggError::Chained { at }) if at == half), "{refused:?}");
}
