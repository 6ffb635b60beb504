//! Call analysis: 20 ms of voice activity, of tone detection, and of all that decides who answered.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_analysis::{
    AnalyserSettings, CallAnalyser, ToneDetector, ToneSettings, Vad, VadSettings, VoiceActivity,
};
use mediapoint_benches::speech_like;

const SECONDS: usize = 10;

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("analysis");
    let pcm = speech_like(8_000 * SECONDS);
    let frames = pcm.as_chunks::<160>().0;
    let mut next = frames.iter().cycle();
    let mut vad = Vad::new(VadSettings::default());
    group.bench_function("voice activity", |b| {
        b.iter(|| next.next().map(|frame| black_box(vad.process(frame))))
    });
    let mut tones = ToneDetector::new(ToneSettings::default());
    group.bench_function("tones", |b| {
        b.iter(|| next.next().map(|frame| black_box(tones.process_frame(frame))))
    });
    // Probabilities that are never reached: it goes on for ever.
    let settings = AnalyserSettings {
        decide_within_ms: u32::MAX,
        total_analysis_time_ms: u32::MAX,
        late_after_ms: u32::MAX,
        person_probability: 2.0,
        machine_probability: 2.0,
        ..AnalyserSettings::default()
    };
    let mut analyser = CallAnalyser::new(settings);
    group.bench_function("who answered", |b| {
        b.iter(|| next.next().map(|frame| black_box(analyser.process(frame))))
    });
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
