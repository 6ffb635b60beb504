//! What the encoder makes of signals of our own, as digests that were taken when it was bit-exact on all vectors.

#[path = "common/signals.rs"]
mod signals;

use mediapoint_g729::{Decoder, Encoder, EncoderOptions, Frame};

/// FNV-1a over the frames, each with its length before it.
fn digest(frames: &[Frame]) -> u64 {
    let bytes = frames.iter().flat_map(|frame| {
        let octets = frame.as_bytes();
        [octets.len().to_le_bytes()[0]].into_iter().chain(octets.iter().copied()).collect::<Vec<_>>()
    });
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn encode(signal: &[[i16; Frame::SAMPLES]], dtx: bool) -> Vec<Frame> {
    let mut encoder = Encoder::new(EncoderOptions { dtx });
    signal.iter().map(|samples| encoder.encode(samples)).collect()
}

/// Digests without and with discontinuous transmission.
fn both(signal: &[[i16; Frame::SAMPLES]]) -> [u64; 2] {
    [false, true].map(|dtx| digest(&encode(signal, dtx)))
}

#[test]
fn what_is_like_speech_is_coded_as_ever() {
    let found: Vec<_> = (0..4).map(|seed| both(&signals::speech_like(seed, 1000))).collect();
    assert_eq!(found, SPEECH_LIKE, "{found:#018x?}");
}

#[test]
fn extreme_signals_are_coded_as_ever() {
    let found: Vec<_> = (0..signals::EXTREMES).map(|kind| both(&signals::extreme(kind, 300))).collect();
    assert_eq!(found, EXTREME, "{found:#018x?}");
}

#[test]
fn what_is_like_speech_has_pauses_and_stays_below_half_of_the_rate() {
    let frames = encode(&signals::speech_like(0, 1000), true);
    let count = |kind: fn(&Frame) -> bool| frames.iter().filter(|frame| kind(frame)).count();
    let speech = count(|frame| matches!(frame, Frame::Speech(_)));
    let sids = count(|frame| matches!(frame, Frame::Sid(_)));
    assert!((300..900).contains(&speech) && (10..200).contains(&sids), "{speech} {sids}");
    assert!(
        encode(&signals::speech_like(0, 1000), false).iter().all(|frame| matches!(frame, Frame::Speech(_)))
    );
}

#[test]
fn transmission_is_switched_while_running() {
    let signal = signals::speech_like(1, 900);
    let mut encoder = Encoder::new(EncoderOptions { dtx: true });
    let mut frames = Vec::new();
    for (n, samples) in signal.iter().enumerate() {
        encoder.set_dtx(!(300..600).contains(&n));
        frames.push(encoder.encode(samples));
    }
    let silent = |range: std::ops::Range<usize>| frames[range].contains(&Frame::Untransmitted);
    assert!(silent(0..300) && !silent(300..600) && silent(600..900));
    assert_eq!(frames[..300], encode(&signal, true)[..300]);
    // The far end hears something of every sample's size all the time.
    let mut decoder = Decoder::new();
    let loud = |samples: &[i16]| samples.iter().map(|&x| i64::from(x).pow(2)).sum::<i64>();
    let (mut heard, mut said) = (0, 0);
    for (frame, samples) in frames.iter().zip(&signal) {
        heard += loud(&decoder.decode(*frame));
        said += loud(samples);
    }
    assert!(heard > said / 4 && heard < said * 4, "{heard} {said}");
}

#[test]
fn clone_goes_on_as_the_original_does() {
    let signal = signals::speech_like(2, 300);
    let (before, after) = signal.split_at(150);
    let mut encoder = Encoder::new(EncoderOptions { dtx: true });
    for samples in before {
        encoder.encode(samples);
    }
    let mut clone = encoder.clone();
    for samples in after {
        assert_eq!(encoder.encode(samples), clone.encode(samples));
    }
}

const SPEECH_LIKE: [[u64; 2]; 4] = [
    [0xa3ee_a278_3864_dfd5, 0xdca4_4c43_6ee6_5eaa],
    [0x2e65_8a93_90bd_5585, 0xf381_bf6d_4096_fe82],
    [0x20d4_83ac_310e_a148, 0xedff_2e0a_cfbc_7b4b],
    [0xb431_419a_0e31_a9b1, 0x155e_bde0_4eda_7777],
];
const EXTREME: [[u64; 2]; signals::EXTREMES] = [
    [0x2811_b4f9_aa38_36e1, 0x4840_9dff_9d83_bcd3],
    [0x68b2_7aef_3ef0_5ba5, 0x06ab_5ca9_82f2_1110],
    [0xebea_2369_8841_8280, 0x5c63_97e0_562c_5621],
    [0xe4e0_b442_eead_7503, 0x8b7a_05e3_32b6_58be],
    [0x9e78_b78e_5784_39cc, 0x9e78_b78e_5784_39cc],
    [0x029c_890d_87cd_8688, 0x1ca2_b8ae_64f1_fe45],
    [0xf693_8a59_6dc7_2eed, 0x2da1_199e_3dfe_ba86],
    [0xe82d_c6fe_c789_11ba, 0xb240_ff5b_4638_d9a5],
    [0x7e90_b85f_dcab_89f9, 0x86db_9783_b01b_5d09],
    [0xac17_3cd2_b2bc_504d, 0xfcf2_8a01_34f9_6588],
    [0x33c7_be6a_c1f1_7a38, 0xcd45_ab94_0c6d_6bec],
    [0x5334_edd6_b90d_1926, 0x3b5d_4c3a_34ee_d0ef],
    [0x00d2_a7a5_f39c_3612, 0x2e47_f200_46a1_c004],
    [0x2811_b4f9_aa38_36e1, 0x4840_9dff_9d83_bcd3],
    [0x410e_b887_d80c_ca50, 0x7e4e_1f59_dcb1_894d],
    [0x2c5d_347b_f5e3_392e, 0x2c5d_347b_f5e3_392e],
    [0x1482_f7bf_ee5b_a8a7, 0x1482_f7bf_ee5b_a8a7],
    [0xed0c_45f3_f92c_efc6, 0xed0c_45f3_f92c_efc6],
    [0xee24_e835_d452_df11, 0xee24_e835_d452_df11],
    [0x0c38_8eae_d091_a777, 0x0c38_8eae_d091_a777],
];
