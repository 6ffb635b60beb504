//! Encoding allocates nothing, speech or pauses.

#[path = "common/signals.rs"]
mod signals;

use mediapoint_g729::{Encoder, EncoderOptions};

#[test]
fn encoding_does_not_allocate() {
    let signal = signals::speech_like(3, 400);
    let extreme = signals::extreme(signals::EXTREMES - 1, 50);
    for dtx in [false, true] {
        let mut encoder = Encoder::new(EncoderOptions { dtx });
        let counts = mediapoint_allocations::measure(|| {
            for samples in signal.iter().chain(&extreme) {
                std::hint::black_box(encoder.encode(samples));
            }
            encoder.set_dtx(!dtx);
        });
        assert_eq!(counts.allocations, 0, "dtx {dtx}");
    }
}
