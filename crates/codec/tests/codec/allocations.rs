//! A packet costs no allocation, whatever becomes of it.

use mediapoint_codec::comfort_noise::{MAX_PAYLOAD, NoiseAnalyser, NoiseGenerator};
use mediapoint_codec::resample::{RATES, Resampler};
use mediapoint_codec::{EncoderSettings, OpusParameters};

use crate::support::*;

/// Allocations while `work` runs.
fn allocations(work: impl FnOnce()) -> u64 {
    mediapoint_allocations::measure(work).allocations
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![0u8; 100]))) > 0);
}

#[test]
fn packets_cost_no_allocation() {
    let party = opus(OpusParameters { use_dtx: true, use_in_band_fec: true, ..OpusParameters::default() });
    let settings = EncoderSettings { dtx: true, expected_loss_percent: 10, ..EncoderSettings::default() };
    for codec in ALL {
        let mut encoder = mediapoint_codec::encoder(&codec, 16_000, &party, &settings).unwrap();
        let mut decoder = decoder(&codec, 16_000);
        let pcm = speech_at(encoder.sample_rate());
        let mut payload = vec![0; 12_000];
        let mut out = vec![0; 5760];
        for ptime in ptimes(&codec) {
            let len = encoder.sample_rate() as usize / 1000 * ptime;
            let count = allocations(|| {
                for (n, frame) in pcm.chunks_exact(len).enumerate() {
                    let encoded = encoder.encode(frame, &mut payload).unwrap();
                    let payload = &payload[..encoded.len];
                    if encoded.len == 0 {
                        decoder.continue_noise(&mut out[..len]);
                    } else if n % 7 == 6 {
                        decoder.conceal(&mut out[..len], Some(payload));
                        decoder.feed_concealed(&out[..len]);
                    } else {
                        decoder.decode(payload, &mut out).unwrap();
                    }
                    assert!(decoder.decode(&[], &mut out).is_err());
                    encoder.expect_loss(20);
                }
                encoder.reset();
                decoder.reset();
            });
            assert_eq!(count, 0, "{codec:?}, {ptime} ms");
        }
    }
}

#[test]
fn rates_and_noise_cost_none_either() {
    let input = noise(480, 3);
    let mut output = [0; 4096];
    for from in RATES {
        for to in RATES {
            let mut resampler = Resampler::new(from, to).unwrap();
            let count = allocations(|| {
                for _ in 0..10 {
                    resampler.process(&input, &mut output);
                }
                resampler.reset();
            });
            assert_eq!(count, 0, "{from} to {to}");
        }
    }
    let (mut analyser, mut generator) = (NoiseAnalyser::new(8000), NoiseGenerator::new(8000, 1));
    let count = allocations(|| {
        let mut payload = [0; MAX_PAYLOAD];
        for _ in 0..10 {
            analyser.analyse(&input);
            let len = analyser.payload(&mut payload);
            generator.update(&payload[..len]);
            generator.generate(&mut output);
        }
    });
    assert_eq!(count, 0);
}
