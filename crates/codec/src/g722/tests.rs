#![expect(clippy::cast_possible_truncation, reason = "helpers of the tests: values are small")]

use super::band::{HighBand, LowBand};
use super::coder::{G722Decoder, G722Encoder};
use super::filter::{Analysis, Synthesis};
use crate::{Decoder, Encoder};

fn digest(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, |digest, octet| {
        (digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The input of the Recommendation's Appendix II that makes the predictors overflow (Table II-3), in 15 bits, the same
/// for both bands.
fn overflow_sequence() -> Vec<i16> {
    let alternating = (0..639).map(|n| if n % 2 == 0 { i16::MIN } else { 0x7ffe });
    let turn = [0, 0xb1e0_u16.cast_signed(), 0xc000_u16.cast_signed()];
    let by_threes = [i16::MIN, 0x7ffe, i16::MIN].into_iter().cycle().take(126);
    alternating.chain(turn).chain(by_threes).map(|word| word >> 1).collect()
}

#[test]
fn overflow_sequence_gives_the_codes_that_are_published_for_it() {
    let (mut low, mut high) = (LowBand::new(), HighBand::new());
    let sequence = overflow_sequence();
    assert_eq!(sequence.len(), 768);
    let codes = sequence.into_iter().map(|value| high.encode(value) << 6 | low.encode(value));
    // Of ITU-T's file for it, without the words that reset the coder.
    assert_eq!(digest(codes), 0xd525_ad28_cad5_30ce);
}

#[test]
fn decoder_follows_the_encoder() {
    let (mut coding, mut decoding) = ((LowBand::new(), HighBand::new()), (LowBand::new(), HighBand::new()));
    let mut far = 0_i32;
    for (n, value) in (0..8000).map(|n: i32| ((n * n / 37) % 8000 - 4000) as i16).enumerate() {
        let (low, high) = (coding.0.encode(value), coding.1.encode(value / 8));
        let decoded = decoding.0.decode(low);
        decoding.1.decode(high);
        if n > 100 {
            far = far.max(i32::from(decoded).abs_diff(i32::from(value)).cast_signed());
        }
        // Same state: both would code the next value alike.
        assert_eq!(coding.0.quantise(value), decoding.0.quantise(value), "{n}");
        assert_eq!(coding.1.quantise(value), decoding.1.quantise(value), "{n}");
    }
    assert!(far < 8000, "{far}");
}

#[test]
fn filters_give_back_what_they_split_22_samples_late() {
    let (mut analysis, mut synthesis) = (Analysis::new(), Synthesis::new());
    let mut state = 1_u32;
    let pcm: Vec<i16> = (0..1600)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 18) as i16
        })
        .collect();
    let mut back = vec![0; pcm.len()];
    for (pcm, back) in pcm.chunks(160).zip(back.chunks_mut(160)) {
        let mut bands = Vec::new();
        analysis.process(pcm, |low, high| bands.push((low, high)));
        let mut bands = bands.into_iter();
        synthesis.process(back, || bands.next().unwrap_or_default());
    }
    let far = pcm.iter().zip(&back[22..]).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(far < 20, "{far}");
}

#[test]
fn payloads_of_any_length_are_one_stream() {
    let pcm: Vec<i16> = (0..3200).map(|n: i32| ((n * n / 11) % 9000 - 4500) as i16).collect();
    let mut octets = vec![0; 1600];
    for (pcm, octets) in pcm.chunks(800).zip(octets.chunks_mut(400)) {
        G722Encoder::encode(&mut G722Encoder::new(), pcm, octets).unwrap();
    }
    let mut whole = vec![0; 3200];
    let mut decoder = G722Decoder::new();
    for (octets, pcm) in octets.chunks(800).zip(whole.chunks_mut(1600)) {
        decoder.decode(octets, pcm).unwrap();
    }
    let mut pieces = Vec::new();
    let mut decoder = G722Decoder::new();
    let (mut rest, mut len) = (&octets[..], 1);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(len.min(rest.len()));
        let mut pcm = vec![0; 2 * now.len()];
        decoder.decode(now, &mut pcm).unwrap();
        pieces.extend_from_slice(&pcm);
        rest = later;
        len = len * 3 % 241 + 1;
    }
    assert_eq!(pieces, whole);
}
