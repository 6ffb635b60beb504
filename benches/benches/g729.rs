//! G.729 by 20 ms of audio, two frames, of something like speech: encoding and decoding, with and without discontinuous
//! transmission. Beside libbcg729 it is measured by benches/compare/g729.sh.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mediapoint_benches::speech_like;
use mediapoint_g729::{Decoder, Encoder, EncoderOptions, Frame};

/// Pairs of frames: ten seconds, after which the signal begins again.
const PAIRS: usize = 500;

fn code(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("g729/20 ms");
    group.throughput(Throughput::Elements(1));
    let samples = speech_like(PAIRS * 2 * Frame::SAMPLES);
    let (frames, _) = samples.as_chunks::<{ Frame::SAMPLES }>();
    for dtx in [false, true] {
        let mut encoder = Encoder::new(EncoderOptions { dtx });
        let mut pairs = frames.as_chunks::<2>().0.iter().cycle();
        group.bench_function(format!("encode, dtx {dtx}"), |bencher| {
            bencher.iter(|| {
                pairs.next().map(|pair| pair.each_ref().map(|samples| encoder.encode(black_box(samples))))
            });
        });

        let mut encoder = Encoder::new(EncoderOptions { dtx });
        let coded: Vec<Frame> = frames.iter().map(|samples| encoder.encode(samples)).collect();
        let mut decoder = Decoder::new();
        let mut pairs = coded.as_chunks::<2>().0.iter().cycle();
        group.bench_function(format!("decode, dtx {dtx}"), |bencher| {
            bencher.iter(|| pairs.next().map(|pair| pair.map(|frame| decoder.decode(black_box(frame)))));
        });
    }
    group.finish();
}

criterion_group!(benches, code);
criterion_main!(benches);
