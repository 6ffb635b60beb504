//! G.711 by frames of 160 samples, 20 ms of audio: between the laws in place, and to and from linear.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mediapoint_g711::{Law, a_to_mu_in_place, decode_slice, encode_slice, mu_to_a_in_place};

const FRAME: usize = 160;

/// Speech-like: all magnitudes, both signs, no run that a branch predictor could learn.
fn samples() -> [i16; FRAME] {
    let mut state = 0x2545_f491_u32;
    std::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let [low, high, shift, _] = state.to_le_bytes();
        i16::from_le_bytes([low, high]) >> (shift % 10)
    })
}

fn convert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("g711/frame of 160");
    group.throughput(Throughput::Elements(1));
    let mut codes = [0; FRAME];
    encode_slice(Law::Mu, &samples(), &mut codes);
    group.bench_function("mu to A in place", |bencher| {
        bencher.iter(|| mu_to_a_in_place(black_box(&mut codes)))
    });
    group.bench_function("A to mu in place", |bencher| {
        bencher.iter(|| a_to_mu_in_place(black_box(&mut codes)))
    });
    for law in [Law::A, Law::Mu] {
        let linear = samples();
        let mut out = [0; FRAME];
        group.bench_function(format!("encode {law:?}"), |bencher| {
            bencher.iter(|| encode_slice(law, black_box(&linear), black_box(&mut codes)));
        });
        group.bench_function(format!("decode {law:?}"), |bencher| {
            bencher.iter(|| decode_slice(law, black_box(&codes), black_box(&mut out)));
        });
    }
    group.finish();
}

criterion_group!(benches, convert);
criterion_main!(benches);
