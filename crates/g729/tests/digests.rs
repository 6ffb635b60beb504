//! Streams made here decode to outputs of known digests. The digests were taken when every vector of the reference
//! decoded bit for bit, so that a checkout without those vectors notices a change too.

use mediapoint_g729::{Decoder, Frame};

/// The upper bits of a 64-bit congruential generator.
struct Source(u64);

impl Source {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 32
    }

    /// Whether something of this many per cent happens.
    fn happens(&mut self, per_cent: u64) -> bool {
        self.next() % 100 < per_cent
    }

    fn octets<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.next().to_le_bytes()[0])
    }

    /// A speech frame of any bits, but for gains out of these: GA and GB, seven bits.
    fn speech(&mut self, [a, b, c, d]: [u8; 4]) -> Frame {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next()) << 32 | u128::from(self.next());
        // The gains of the first subframe end with bit 50, those of the second with the frame.
        let place = |gains: u8, end: u32| u128::from(gains) << (80 - end);
        let mut choose = || match self.next() % 4 {
            0 => a,
            1 => b,
            2 => c,
            _ => d,
        };
        let bits = bits & !(place(0x7f, 51) | place(0x7f, 80)) | place(choose(), 51) | place(choose(), 80);
        let [_, _, _, _, _, _, octets @ ..] = bits.to_be_bytes();
        Frame::Speech(octets)
    }
}

/// Gains that keep the level of a few bits.
const QUIET: [u8; 4] = [0x56, 0x5a, 0x50, 0x14];
/// Gains that hold the level of speech.
const MEDIUM: [u8; 4] = [0x56, 0x08, 0x3d, 0x1c];
/// Gains that end in saturation.
const LOUD: [u8; 4] = [0x2d, 0x25, 0x2f, 0x05];

/// FNV-1a, 64 bits.
fn digest(samples: impl IntoIterator<Item = i16>) -> u64 {
    let bytes = samples.into_iter().flat_map(i16::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn decode(seed: u64, frames: usize, mut make: impl FnMut(&mut Source, usize) -> Option<Frame>) -> u64 {
    let mut source = Source(seed);
    let mut decoder = Decoder::new();
    digest((0..frames).flat_map(|n| match make(&mut source, n) {
        Some(frame) => decoder.decode(frame),
        None => decoder.decode_erased(),
    }))
}

#[test]
fn frames_of_random_bits() {
    assert_eq!(decode(1, 2000, |source, _| Some(Frame::Speech(source.octets()))), 0x7bee_131e_6c36_922b);
}

#[test]
fn quiet_frames() {
    assert_eq!(decode(2, 3000, |source, _| Some(source.speech(QUIET))), 0xd918_a269_1328_9018);
}

#[test]
fn frames_of_medium_level() {
    assert_eq!(decode(7, 3000, |source, _| Some(source.speech(MEDIUM))), 0x6742_ee8d_c1c0_6ef8);
}

#[test]
fn loud_frames() {
    assert_eq!(
        decode(8, 3000, |source, n| Some(source.speech(if n / 20 % 3 == 0 { LOUD } else { MEDIUM }))),
        0xdf53_6900_6710_d196
    );
}

#[test]
fn frames_some_of_which_are_lost() {
    let made = |source: &mut Source, n: usize| {
        // One in ten, and now and then a burst.
        let lost = source.happens(10) || n / 25 % 9 == 3;
        (!lost).then(|| source.speech(MEDIUM))
    };
    assert_eq!(decode(3, 4000, made), 0x0394_af95_82cf_1c53);
}

#[test]
fn speech_and_pauses() {
    let made = |source: &mut Source, n: usize| {
        Some(match n % 40 {
            0..20 => source.speech(MEDIUM),
            20 => Frame::Sid(source.octets()),
            _ if source.happens(15) => Frame::Sid(source.octets()),
            _ => Frame::Untransmitted,
        })
    };
    assert_eq!(decode(4, 4000, made), 0xabe0_3201_1539_c18b);
}

#[test]
fn any_kind_after_any() {
    let made = |source: &mut Source, _| match source.next() % 8 {
        0 | 1 => Some(source.speech(MEDIUM)),
        2 => Some(Frame::Speech(source.octets())),
        3 | 4 => Some(Frame::Sid(source.octets())),
        5 | 6 => Some(Frame::Untransmitted),
        _ => None,
    };
    assert_eq!(decode(5, 6000, made), 0xba7f_9fca_21c9_77b1);
}

#[test]
fn noise_of_every_level() {
    let made = |source: &mut Source, n: usize| {
        let [first, second] = source.octets();
        // The gain in the five bits before the last; each for fifty frames, up and down.
        let gain = u8::try_from(if n < 1600 { n / 50 } else { 31 - n / 50 % 32 }).unwrap();
        Some(if n.is_multiple_of(50) {
            Frame::Sid([first, second & 0xc0 | gain << 1])
        } else {
            Frame::Untransmitted
        })
    };
    assert_eq!(decode(6, 3200, made), 0x9e48_5412_4f91_34af);
}
