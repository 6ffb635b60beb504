//! Speech comes out of every codec, and of every two in a row, as near to what went in as the codec can.

use mediapoint_codec::{Codec, Encoding};

use crate::support::*;

/// Signal to noise in decibels that each codec reaches on this speech, less half a decibel, and its delay in
/// milliseconds at most. Waveform is not what G.729 and Opus are made to keep.
fn expected(codec: &Codec) -> (f64, f64) {
    match codec.encoding {
        Encoding::Pcmu | Encoding::Pcma => (36.5, 0.0),
        Encoding::L16 => (120.0, 0.0),
        Encoding::G722 => (37.0, 1.5),
        Encoding::G729 => (5.5, 15.0),
        Encoding::Gsm => (14.5, 0.0),
        _ => (12.0, 15.0),
    }
}

// test-of: [RFC6716 3.4]
#[test]
fn every_codec_alone_at_every_packet_time() {
    for codec in ALL {
        let (least, delay) = expected(&codec);
        for ptime in ptimes(&codec) {
            let mut encoder = encoder(&codec, 16_000);
            let rate = encoder.sample_rate();
            let pcm = speech_at(rate);
            let payloads = payloads(&mut *encoder, &pcm, ptime);
            let mut decoder = decoder(&codec, rate);
            assert_eq!(decoder.sample_rate(), rate);
            let output = decoded(&mut *decoder, &payloads);
            assert_eq!(output.len(), payloads.len() * rate as usize * ptime / 1000);
            let most = (f64::from(rate) * delay / 1000.0) as usize;
            let (snr, delay) = snr(&pcm, &output, most);
            println!("{} {ptime} ms: {snr:.1} dB, delay {delay} samples", codec.sdp_name());
            assert!(snr > least, "{} {rate} Hz, {ptime} ms: {snr} dB", codec.sdp_name());
        }
    }
}

#[test]
fn every_pair_in_a_row() {
    let original = speech();
    for first in ALL {
        let mut one = encoder(&first, 8000);
        let pcm = resampled(&original, 8000, one.sample_rate());
        let first_payloads = payloads(&mut *one, &pcm, 20);
        let between = decoded(&mut *decoder(&first, one.sample_rate()), &first_payloads);
        for second in ALL {
            let mut two = encoder(&second, one.sample_rate());
            let input = resampled(&between, one.sample_rate(), two.sample_rate());
            let second_payloads = payloads(&mut *two, &input, 60);
            let output = decoded(&mut *decoder(&second, two.sample_rate()), &second_payloads);
            let heard = resampled(&output, two.sample_rate(), 8000);
            let (snr, delay) = snr(&original, &heard, 400);
            println!("{} to {}: {snr:.1} dB, delay {delay}", first.sdp_name(), second.sdp_name());
            // The noises add up. A change of rates costs what lies above 3400 Hz.
            let filters = if one.sample_rate() == 8000 && two.sample_rate() == 8000 { 120.0 } else { 30.0 };
            let noises = [expected(&first).0, expected(&second).0, filters];
            let least = -10.0 * noises.map(|snr| 10_f64.powf(-snr / 10.0)).iter().sum::<f64>().log10() - 2.5;
            assert!(snr > least, "{first:?} to {second:?}: {snr} dB");
        }
    }
}

#[test]
fn coders_are_deterministic_and_a_reset_is_a_new_one() {
    for codec in ALL {
        let mut one = encoder(&codec, 16_000);
        let mut pcm = speech_at(one.sample_rate());
        pcm.truncate(one.sample_rate() as usize);
        let once = payloads(&mut *one, &pcm, 20);
        assert_eq!(payloads(&mut *encoder(&codec, 16_000), &pcm, 20), once);
        one.reset();
        assert_eq!(payloads(&mut *one, &pcm, 20), once, "{codec:?}");

        let mut two = decoder(&codec, 16_000);
        let heard = decoded(&mut *two, &once);
        two.conceal(&mut [0; 160], None);
        two.reset();
        assert_eq!(decoded(&mut *two, &once), heard, "{codec:?}");
    }
}
