//! DTMF by frames of 20 ms at 8000 Hz: detector and suppressor on silence, recorded speech and digits, and the generator.
//! `benches/compare/dtmf.sh` has libspandsp beside it.

#![expect(clippy::indexing_slicing, reason = "lengths that the bench itself sets")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_benches::speech;
use mediapoint_dtmf::{Detector, DetectorSettings, Generator, GeneratorSettings, Replacement, Suppressor};
use mediapoint_packet::telephone_event::DtmfDigit;

const FRAME: usize = 160;

fn digits(rate: u32, seconds: usize) -> Vec<i16> {
    let mut pcm = vec![0; rate as usize * seconds];
    let Ok(mut generator) = Generator::new(rate, &GeneratorSettings::default()) else { return pcm };
    for (part, key) in pcm.chunks_mut(rate as usize / 5).zip("0123456789ABCD*#".chars().cycle()) {
        if DtmfDigit::from_char(key).is_some_and(|digit| generator.push(digit).is_ok()) {
            generator.fill(part);
        }
    }
    pcm
}

fn detect(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dtmf/20 ms");
    for (name, pcm) in [("silence", vec![0; 8000]), ("speech", speech(8000)), ("digits", digits(8000, 16))] {
        let frames = pcm.len() / FRAME;
        let mut detector = Detector::default();
        let mut next = 0;
        group.bench_function(format!("detect {name}"), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % frames;
                detector.process(black_box(&pcm[next * FRAME..][..FRAME]), |detection| {
                    black_box(detection);
                });
            });
        });
        let mut suppressor = Suppressor::new(Replacement::Silence);
        let mut frame = [0; FRAME];
        group.bench_function(format!("suppress {name}"), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % frames;
                frame.copy_from_slice(&pcm[next * FRAME..][..FRAME]);
                suppressor.process(black_box(&mut frame));
            });
        });
    }
    for rate in [16_000, 48_000] {
        let (pcm, len) = (speech(rate), rate as usize / 50);
        let settings = DetectorSettings::default();
        let Ok(mut suppressor) = Suppressor::with_rate(rate, Replacement::Silence, &settings) else {
            continue;
        };
        let (mut next, mut frame) = (0, vec![0; len]);
        group.bench_function(format!("suppress speech at {rate} Hz"), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % (pcm.len() / len);
                frame.copy_from_slice(&pcm[next * len..][..len]);
                suppressor.process(black_box(&mut frame));
            });
        });
    }
    group.finish();
}

fn generate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dtmf/20 ms");
    for rate in [8000, 48_000] {
        let settings = GeneratorSettings { duration_ms: 60_000, ..GeneratorSettings::default() };
        let Ok(mut generator) = Generator::new(rate, &settings) else { continue };
        let mut frame = vec![0; rate as usize / 50];
        group.bench_function(format!("generate at {rate} Hz"), |bencher| {
            bencher.iter(|| {
                if let (true, Some(digit)) = (generator.is_idle(), DtmfDigit::from_code(5)) {
                    let _ = generator.push(digit);
                }
                generator.fill(black_box(&mut frame))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, detect, generate);
criterion_main!(benches);
