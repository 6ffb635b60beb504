#![expect(clippy::cast_possible_truncation, reason = "helpers of the tests: values are small")]

use super::*;

const EFFICIENT: AmrLayout = AmrLayout::BANDWIDTH_EFFICIENT;
const ALIGNED: AmrLayout = AmrLayout { octet_align: true, ..EFFICIENT };
const SORTED: AmrLayout = AmrLayout { robust_sorting: true, ..ALIGNED };

/// Octets that differ.
fn pattern(seed: u8) -> [u8; 60] {
    std::array::from_fn(|n| (n as u8).wrapping_mul(37).wrapping_add(seed))
}

fn frame(band: Band, kind: u8, seed: u8) -> Frame {
    Frame::new(band, kind, true, &pattern(seed)).unwrap()
}

fn packed(layout: AmrLayout, request: u8, frames: &[Frame]) -> Vec<u8> {
    let mut octets = [0x55; 800];
    let len = pack(layout, request, frames, &mut octets).unwrap();
    octets[..len].to_vec()
}

/// Octets written as bits, with spaces between the fields.
fn bits(text: &str) -> Vec<u8> {
    let bits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').map(|byte| byte - b'0').collect();
    bits.chunks(8)
        .map(|bits| bits.iter().enumerate().fold(0, |octet, (n, bit)| octet | bit << (7 - n)))
        .collect()
}

// test-of: [RFC4867 4.3]
// test-of: [RFC4867 4.3.1]
// test-of: [RFC4867 4.3.2]
#[test]
fn bandwidth_efficient_payloads_have_no_gap_between_bits() {
    // The RFC's first example: no request, one frame of 7.4 kbit/s; its 148 bits and two that fill up.
    let ones = Frame::new(Band::Narrow, 4, true, &[0xff; 60]).unwrap();
    let wanted = bits(&format!("1111 0 0100 1 {} 00", "1".repeat(148)));
    assert_eq!(wanted.len(), 20);
    assert_eq!(packed(EFFICIENT, NO_REQUEST, &[ones]), wanted);
    // AMR-WB, mode 8 asked for, a frame of 6.6 kbit/s of which bits are damaged.
    let damaged = Frame::new(Band::Wide, 0, false, &[0xff; 60]).unwrap();
    let wanted = bits(&format!("1000 0 0000 0 {} 00", "1".repeat(132)));
    assert_eq!(packed(EFFICIENT, 8, &[damaged]), wanted);
    // Several: speech, one that was not sent, noise.
    let frames = [ones, Frame::nothing(Band::Narrow), Frame::new(Band::Narrow, 8, true, &[0xff; 5]).unwrap()];
    let wanted = bits(&format!("1111 1 0100 1 1 1111 1 0 1000 1 {}", "1".repeat(148 + 39)));
    assert_eq!(packed(EFFICIENT, NO_REQUEST, &frames), wanted);
    let read = unpack(Band::Narrow, EFFICIENT, &wanted).unwrap();
    assert_eq!((read.request, read.frames()), (NO_REQUEST, &frames[..]));
}

// test-of: [RFC4867 4.4]
#[test]
fn octet_aligned_payloads_fill_up_every_field() {
    // A request for mode 6, two frames of 4.75 kbit/s, and between them one that is missing.
    let one = Frame::new(Band::Narrow, 0, true, &[0xff; 12]).unwrap();
    let two = Frame::new(Band::Narrow, 0, false, &[0xaa; 12]).unwrap();
    let frames = [one, Frame::nothing(Band::Narrow), two];
    let wanted = bits(&format!(
        "0110 0000 1 0000 1 00 1 1111 1 00 0 0000 0 00 {}0 {}",
        "1".repeat(95),
        "10101010".repeat(12)
    ));
    // The 96th bit is none.
    assert_eq!(wanted.len(), 4 + 24);
    assert_eq!(packed(ALIGNED, 6, &frames), wanted);
    assert_eq!(unpack(Band::Narrow, ALIGNED, &wanted).unwrap().frames(), frames);
    // What fills up may be anything.
    let mut dirty = wanted;
    for (place, bits) in [(0, 0x0f), (1, 0x03), (15, 0x01)] {
        dirty[place] |= bits;
    }
    assert_eq!(unpack(Band::Narrow, ALIGNED, &dirty).unwrap().frames(), frames);
}

// test-of: [RFC4867 4.4.3]
#[test]
fn sorted_octets_take_turns() {
    let (one, two) = (frame(Band::Narrow, 0, 1), frame(Band::Narrow, 1, 100));
    let octets = packed(SORTED, NO_REQUEST, &[one, two]);
    let (a, b) = (one.octets(), two.octets());
    assert_eq!(octets[..3], bits("1111 0000 1 0000 1 00 0 0001 1 00"));
    assert_eq!(octets[3..7], [a[0], b[0], a[1], b[1]]);
    assert_eq!(octets[25..], [a[11], b[11], b[12]]);
    assert_eq!(unpack(Band::Narrow, SORTED, &octets).unwrap().frames(), [one, two]);
    // Check sums are passed over.
    let crc = AmrLayout { crc: true, ..ALIGNED };
    let mut octets = packed(ALIGNED, NO_REQUEST, &[one, Frame::nothing(Band::Narrow), two]);
    octets.splice(4..4, [0x12, 0x34]);
    assert_eq!(
        unpack(Band::Narrow, crc, &octets).unwrap().frames(),
        [one, Frame::nothing(Band::Narrow), two]
    );
}

#[test]
fn every_frame_comes_back_in_every_layout() {
    for band in [Band::Narrow, Band::Wide] {
        let kinds: Vec<u8> = (0..16).filter(|kind| band.bits(*kind).is_some()).collect();
        assert_eq!(kinds.len(), if band == Band::Narrow { 10 } else { 12 });
        for layout in [EFFICIENT, ALIGNED, SORTED] {
            for count in 1..=MAX_FRAMES {
                for first in 0..kinds.len() {
                    let frames: Vec<Frame> = (0..count)
                        .map(|n| {
                            let kind = kinds[(first + n * 5) % kinds.len()];
                            Frame::new(band, kind, n % 3 != 1, &pattern((n * 11 + first) as u8)).unwrap()
                        })
                        .collect();
                    let octets = packed(layout, first as u8, &frames);
                    let read = unpack(band, layout, &octets).unwrap();
                    assert_eq!((read.request, read.frames()), (first as u8, &frames[..]), "{layout:?}");
                    // Less of it is cut off, more of it is another layout.
                    for len in 0..octets.len() {
                        assert!(unpack(band, layout, &octets[..len]).is_err(), "{layout:?} {len}");
                    }
                    let longer = [&octets[..], &[0]].concat();
                    assert!(matches!(unpack(band, layout, &longer), Err(AmrError::Behind { .. })));
                }
            }
        }
    }
}

#[test]
fn what_no_payload_may_have_is_refused() {
    // Types that are not defined, in one frame or in any of several.
    for (band, kinds) in [(Band::Narrow, 9..=14), (Band::Wide, 10..=13)] {
        for kind in kinds {
            assert_eq!(band.bits(kind), None);
            assert_eq!(Frame::new(band, kind, true, &[0; 60]), None);
            let octets = bits(&format!("1111 0000 1 1111 1 00 0 {kind:04b} 1 00"));
            assert_eq!(unpack(band, ALIGNED, &octets), Err(AmrError::FrameType(kind)));
        }
    }
    let many = [0xf0].into_iter().chain([0xfc; 13]).chain([0x7c]).collect::<Vec<u8>>();
    assert_eq!(unpack(Band::Narrow, ALIGNED, &many), Err(AmrError::Frames(13)));
    assert_eq!(pack(EFFICIENT, 0, &[], &mut [0; 9]), Err(AmrError::Frames(0)));
    let frame = frame(Band::Wide, 8, 1);
    assert_eq!(pack(EFFICIENT, 0, &[frame], &mut [0; 60]), Err(AmrError::Room { need: 61, have: 60 }));
    for layout in [AmrLayout { interleaving: true, ..ALIGNED }, AmrLayout { crc: true, ..ALIGNED }] {
        assert_eq!(pack(layout, 0, &[frame], &mut [0; 99]), Err(AmrError::Layout));
    }
    assert_eq!(
        unpack(Band::Wide, AmrLayout { interleaving: true, ..ALIGNED }, &[0; 9]),
        Err(AmrError::Layout)
    );
    assert_eq!(Frame::new(Band::Wide, 8, true, &[0; 59]), None);
}

#[test]
fn any_octets_are_read_or_refused() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let mut read = 0;
    for round in 0..60_000_usize {
        let len = usize::from(random()) % 70;
        let octets: Vec<u8> = (0..len).map(|_| random()).collect();
        let band = if round % 2 == 0 { Band::Narrow } else { Band::Wide };
        let layout = [EFFICIENT, ALIGNED, SORTED, AmrLayout { crc: true, ..ALIGNED }][round / 2 % 4];
        if let Ok(payload) = unpack(band, layout, &octets) {
            read += 1;
            if layout.is_coded() {
                let again = packed(layout, payload.request, payload.frames());
                assert_eq!(unpack(band, layout, &again), Ok(payload));
            }
        }
    }
    assert!(read > 100, "{read}");
}
