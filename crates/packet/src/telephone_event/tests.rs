use super::*;

const FIVE: EventBlock = EventBlock { code: 5, end: true, volume: 10, duration: 800 };

// test-of: [RFC4733 2.3]
#[test]
fn a_block_has_the_layout_of_the_figure() {
    let mut out = [0xa5; 5];
    assert_eq!(FIVE.write(&mut out), Ok(4));
    assert_eq!(out, [5, 0x80 | 10, 3, 0x20, 0xa5]);
    assert_eq!(EventBlock::read(&out), Ok(FIVE));
    let going_on = EventBlock { end: false, volume: 63, duration: u16::MAX, code: 255 };
    assert_eq!(going_on.write(&mut out), Ok(4));
    assert_eq!(out[..4], [255, 0x3f, 0xff, 0xff]);
    assert_eq!(EventBlock::read(&out[..4]), Ok(going_on));
}

// test-of: [RFC4733 2.3]
#[test]
fn reserved_bit_is_ignored() {
    assert_eq!(EventBlock::read(&[5, 0xc0 | 10, 3, 0x20]), Ok(FIVE));
}

#[test]
fn a_volume_past_its_six_bits_is_written_as_the_largest() {
    let mut out = [0; 4];
    EventBlock { end: false, volume: 64, ..FIVE }.write(&mut out).unwrap();
    assert_eq!(out[1], MAX_VOLUME);
}

#[test]
fn a_short_buffer_is_left_alone() {
    let mut out = [0xa5; 3];
    assert_eq!(FIVE.write(&mut out), Err(TooShort { needed: 4, available: 3 }));
    assert_eq!(out, [0xa5; 3]);
}

// test-of: [RFC4733 2.5.1.5]
#[test]
fn several_blocks_are_read_in_order() {
    let payload = [1, 0x8a, 0, 80, 2, 0x8a, 0, 90, 3, 0x0a, 0, 10];
    let blocks = EventBlocks::parse(&payload).unwrap();
    assert_eq!(blocks.len(), 3);
    assert_eq!(
        blocks.map(|block| (block.code, block.end, block.duration)).collect::<Vec<_>>(),
        [(1, true, 80), (2, true, 90), (3, false, 10)]
    );
}

#[test]
fn a_payload_that_is_no_whole_number_of_blocks_is_refused() {
    for len in [0, 1, 3, 5, 7, 9] {
        assert_eq!(EventBlocks::parse(&[0; 9][..len]).unwrap_err(), Malformed::EventLength(len));
    }
    for len in 0..4 {
        assert_eq!(EventBlock::read(&[0; 3][..len.min(3)]), Err(Malformed::EventLength(len)));
    }
}

// test-of: [RFC4733 3.2]
// test-of: [RFC2833 3.10]
#[test]
fn codes_and_characters_are_those_of_the_table() {
    let by_the_table: Vec<char> = (0..=16).map(|c| DtmfDigit::from_code(c).unwrap().as_char()).collect();
    assert_eq!(by_the_table.iter().collect::<String>(), "0123456789*#ABCD!");
    for (code, c) in (0..).zip(by_the_table) {
        let digit = DtmfDigit::from_char(c).unwrap();
        assert_eq!((digit.code(), digit.to_string()), (code, c.to_string()));
        assert_eq!(DtmfDigit::from_char(c.to_ascii_lowercase()), Some(digit));
        assert_eq!(EventBlock { code, ..FIVE }.digit(), Some(digit));
    }
    assert_eq!(DtmfDigit::from_code(16), Some(DtmfDigit::FLASH));
}

#[test]
fn what_is_no_digit_is_none() {
    for code in 17..=255 {
        assert_eq!(DtmfDigit::from_code(code), None);
        assert_eq!(EventBlock { code, ..FIVE }.digit(), None);
    }
    for c in ['E', 'e', ' ', '+', '\u{0}', '１', 'Ａ'] {
        assert_eq!(DtmfDigit::from_char(c), None, "{c}");
    }
}
