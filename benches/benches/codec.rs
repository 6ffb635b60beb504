//! Every codec by frames of 20 ms of recorded speech: encoding, decoding, concealing; and the conversions of sample
//! rates, and comfort noise.

#![expect(clippy::indexing_slicing, reason = "lengths that the bench itself sets")]

use std::hint::black_box;

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use mediapoint_benches::speech;
use mediapoint_codec::comfort_noise::{MAX_PAYLOAD, NoiseAnalyser, NoiseGenerator};
use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Codec, Decoder, Encoder, EncoderSettings, Parameters, decoder, encoder};

/// A packet's audio for each step, round and round.
struct Frames {
    pcm: Vec<i16>,
    len: usize,
    next: usize,
}

impl Frames {
    fn new(rate: u32) -> Self {
        Self { pcm: speech(rate), len: rate as usize / 50, next: 0 }
    }

    fn next(&mut self) -> &[i16] {
        let start = self.next;
        self.next = if start + 2 * self.len > self.pcm.len() { 0 } else { start + self.len };
        &self.pcm[start..start + self.len]
    }
}

fn coder(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut encoder: Box<dyn Encoder>,
    mut decoder: Box<dyn Decoder>,
) {
    let mut frames = Frames::new(encoder.sample_rate());
    let mut payload = [0; 2000];
    group.bench_function(format!("{name} encode"), |bencher| {
        bencher.iter(|| encoder.encode(black_box(frames.next()), black_box(&mut payload)));
    });
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    for _ in 0..500 {
        if let Ok(encoded) = encoder.encode(frames.next(), &mut payload) {
            payloads.push(payload[..encoded.len].to_vec());
        }
    }
    let mut pcm = [0; 960];
    let mut round = payloads.iter().cycle();
    group.bench_function(format!("{name} decode"), |bencher| {
        bencher.iter(|| round.next().map(|payload| decoder.decode(black_box(payload), black_box(&mut pcm))));
    });
}

fn codecs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec/20 ms");
    for codec in [Codec::PCMU, Codec::PCMA, Codec::G722, Codec::G729, Codec::L16_8K, Codec::L16_48K] {
        let settings = EncoderSettings::default();
        let Ok(encoder) = encoder(&codec, 16_000, &Parameters::default(), &settings) else { continue };
        let Ok(decoder) = decoder(&codec, 16_000) else { continue };
        let name = format!("{} {} Hz", codec.sdp_name(), encoder.sample_rate());
        coder(&mut group, &name, encoder, decoder);
    }
    for rate in [8000, 16_000, 48_000] {
        for complexity in [0, 2, 5, 8, 10] {
            let settings =
                EncoderSettings { opus_complexity: Some(complexity), ..EncoderSettings::default() };
            let Ok(encoder) = encoder(&Codec::OPUS, rate, &Parameters::default(), &settings) else {
                continue;
            };
            let Ok(decoder) = decoder(&Codec::OPUS, rate) else { continue };
            coder(&mut group, &format!("opus {rate} Hz complexity {complexity}"), encoder, decoder);
        }
    }
    group.finish();
}

fn rates(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resample/20 ms");
    for (from, to) in
        [(8000, 16_000), (16_000, 8000), (8000, 48_000), (48_000, 8000), (16_000, 48_000), (48_000, 16_000)]
    {
        let Ok(mut resampler) = Resampler::new(from, to) else { continue };
        let mut frames = Frames::new(from);
        let mut out = [0; 960];
        group.bench_function(format!("{from} to {to}"), |bencher| {
            bencher.iter(|| resampler.process(black_box(frames.next()), black_box(&mut out)));
        });
    }
    group.finish();
}

fn noise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("comfort noise/20 ms");
    let (mut analyser, mut generator) = (NoiseAnalyser::new(8000), NoiseGenerator::new(8000, 1));
    let mut frames = Frames::new(8000);
    group.bench_function("analyse", |bencher| bencher.iter(|| analyser.analyse(black_box(frames.next()))));
    let mut payload = [0; MAX_PAYLOAD];
    group.bench_function("describe", |bencher| bencher.iter(|| analyser.payload(black_box(&mut payload))));
    generator.update(&payload);
    let mut pcm = [0; 160];
    group.bench_function("generate", |bencher| bencher.iter(|| generator.generate(black_box(&mut pcm))));
    group.finish();
}

criterion_group!(benches, codecs, rates, noise);
criterion_main!(benches);
