//! Recording: what 400 ms of a call, both channels, cost the thread that encodes, by format, complexity and who talks.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mediapoint_benches::speech;
use mediapoint_recorder::{
    Channels, Encoder, EncoderSettings, Facts, Format, LossPlace, TapFrameView, TapState, TimeLine,
};

/// Frames of 20 ms in a chunk.
const CHUNK: usize = 20;

/// Both channels of a call.
struct Call {
    rate: u32,
    left: Vec<i16>,
    right: Vec<i16>,
    state: TapState,
}

impl Call {
    fn both(rate: u32) -> Self {
        let left = speech(rate);
        let mut right = left.clone();
        right.rotate_left(left.len() / 3);
        Self { rate, left, right, state: TapState::Open }
    }

    fn one(rate: u32) -> Self {
        let both = Self::both(rate);
        Self { right: vec![0; both.left.len()], ..both }
    }

    fn paused(rate: u32) -> Self {
        Self { state: TapState::Paused, ..Self::both(rate) }
    }
}

fn record(criterion: &mut Criterion, name: &str, format: Format, complexity: u8, call: &Call) {
    let settings = EncoderSettings { complexity, ..EncoderSettings::default() };
    let Ok(mut encoder) = Encoder::new(format, call.rate, &settings) else { return };
    let (mut line, mut facts) = (TimeLine::new(call.rate), Facts::default());
    let tick = call.rate as usize / 50;
    let frames: Vec<_> = call.left.chunks_exact(tick).zip(call.right.chunks_exact(tick)).collect();
    let mut frames = frames.iter().cycle();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            for (left, right) in frames.by_ref().take(CHUNK) {
                let view = TapFrameView {
                    position: line.position(),
                    left,
                    right,
                    state: call.state,
                    ..TapFrameView::default()
                };
                let _ = line.push(&view, LossPlace::Tap);
                while let Some(frame) = line.poll(&mut facts) {
                    let _ = black_box(encoder.encode(&frame));
                }
                facts.drain().for_each(drop);
            }
        });
    });
}

fn recording(criterion: &mut Criterion) {
    let (both, one) = (Call::both(8000), Call::one(8000));
    for complexity in [0, 2, 5, 8] {
        let name = format!("record 400 ms/opus 8 kHz, complexity {complexity}, both talk");
        record(criterion, &name, Format::OPUS_STEREO, complexity, &both);
    }
    let opus = Format::OPUS_STEREO;
    record(criterion, "record 400 ms/opus 8 kHz, one talks", opus, 0, &one);
    record(criterion, "record 400 ms/opus 8 kHz, paused", opus, 0, &Call::paused(8000));
    record(criterion, "record 400 ms/opus 8 kHz, one channel", Format::OPUS_MONO, 0, &both);
    record(criterion, "record 400 ms/opus 16 kHz, both talk", opus, 0, &Call::both(16_000));
    record(criterion, "record 400 ms/flac 8 kHz, both talk", Format::Flac(Channels::Stereo), 0, &both);
    record(criterion, "record 400 ms/wav 8 kHz, both talk", Format::Wav(Channels::Stereo), 0, &both);
}

criterion_group!(benches, recording);
criterion_main!(benches);
