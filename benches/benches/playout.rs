//! The receiving half of a leg by pulls of 20 ms: a packet in and audio out, with and without loss, and concealment alone.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mediapoint_codec::Codec;
use mediapoint_jitter::{Arrived, Concealer, Playout, PlayoutConfig};
use mediapoint_packet::Time;
use mediapoint_packet::rtp::{PayloadType, RtpTicks};

const L16_16K: PayloadType = match PayloadType::new(97) {
    Some(number) => number,
    None => PayloadType::PCMU,
};

/// A voice of 140 Hz: full of harmonics, so that nothing is cut short.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "saturates; numbers are small"
)]
fn voice(rate: u32, at: usize) -> i16 {
    let seconds = at as f32 / rate as f32;
    let phase = 2.0 * std::f32::consts::PI * 140.0 * seconds;
    (1..9_u8).map(f32::from).map(|n| 5000.0 * (n * phase + n * n).sin() / n).sum::<f32>() as i16
}

/// A stream that goes on and on: one packet, one pull.
struct Stream {
    playout: Playout,
    payload: Vec<u8>,
    payload_type: PayloadType,
    ticks: u32,
    pcm: Vec<i16>,
    packet: u64,
    /// Every so many packets one is lost; 0: none.
    loss: u64,
}

impl Stream {
    fn new(rate: u32, payload_type: PayloadType, loss: u64) -> Option<Self> {
        let payloads = [(PayloadType::PCMU, Codec::PCMU), (L16_16K, Codec::L16_16K)];
        let playout = Playout::new(PlayoutConfig::new(rate).ok()?, &payloads).ok()?;
        let (ticks, payload) = if payload_type == PayloadType::PCMU {
            (
                160,
                (0..160)
                    .map(|at| mediapoint_g711::encode(mediapoint_g711::Law::Mu, voice(8000, at)))
                    .collect(),
            )
        } else {
            (320, (0..320).flat_map(|at| voice(16_000, at).to_be_bytes()).collect())
        };
        let pcm = vec![0; rate as usize / 50];
        let mut stream = Self { playout, payload, payload_type, ticks, pcm, packet: 0, loss };
        (0..1000).for_each(|_| stream.step());
        Some(stream)
    }

    fn step(&mut self) {
        self.packet += 1;
        let now = Time::from_millis(self.packet * 20);
        if self.loss == 0 || !self.packet.is_multiple_of(self.loss) {
            let wrapped = u32::try_from(self.packet & 0xffff).unwrap_or(0);
            let arrived = Arrived {
                epoch: 0,
                index: self.packet,
                timestamp: RtpTicks(wrapped.wrapping_mul(self.ticks)),
                payload_type: self.payload_type,
                marker: false,
                payload: &self.payload,
            };
            self.playout.insert(now, &arrived);
        }
        self.playout.pull(now + Duration::from_millis(5), black_box(&mut self.pcm));
    }
}

fn streams(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("playout/packet in, 20 ms out");
    group.throughput(Throughput::Elements(1));
    for (name, rate, payload_type, loss) in [
        ("PCMU at 8 kHz", 8000, PayloadType::PCMU, 0),
        ("PCMU at 8 kHz, one of 20 lost", 8000, PayloadType::PCMU, 20),
        ("PCMU at 16 kHz", 16_000, PayloadType::PCMU, 0),
        ("L16 at 16 kHz", 16_000, L16_16K, 0),
    ] {
        let Some(mut stream) = Stream::new(rate, payload_type, loss) else { continue };
        group.bench_function(name, |bencher| bencher.iter(|| stream.step()));
    }
    group.finish();
}

/// 400 legs in turn, as in a server: each is found in a cold cache.
fn many_legs(criterion: &mut Criterion) {
    const LEGS: usize = 400;
    let mut group = criterion.benchmark_group("playout/400 legs in turn");
    let mut legs: Vec<Stream> = (0..LEGS).filter_map(|_| Stream::new(8000, PayloadType::PCMU, 0)).collect();
    group.throughput(Throughput::Elements(LEGS as u64));
    group.bench_function("PCMU", |bencher| {
        bencher.iter(|| legs.iter_mut().for_each(Stream::step));
    });
    let mut decoders: Vec<_> =
        (0..LEGS).filter_map(|_| mediapoint_codec::decoder(&Codec::PCMU, 8000).ok()).collect();
    let (payload, mut pcm) = ([0x55; 160], [0; 160]);
    group.bench_function("PCMU, decoders alone", |bencher| {
        bencher.iter(|| {
            for decoder in &mut decoders {
                let _ = black_box(decoder.decode(black_box(&payload), black_box(&mut pcm)));
            }
        });
    });
    group.finish();
}

fn concealment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("conceal/20 ms");
    group.throughput(Throughput::Elements(1));
    for rate in [8000, 16_000, 48_000] {
        let len = rate as usize / 50;
        let frame =
            |number: usize| -> Vec<i16> { (0..len).map(|at| voice(rate, number * len + at)).collect() };
        let Ok(mut concealer) = Concealer::new(rate) else { continue };
        let (first, mut gap, next) = (frame(0), frame(1), frame(2));
        let mut heard = frame(0);
        (0..5).for_each(|number| concealer.good(&mut frame(number)));
        group.bench_function(format!("heard, at {rate} Hz"), |bencher| {
            bencher.iter(|| concealer.good(black_box(&mut heard)));
        });
        group.bench_function(format!("blind and heard again, at {rate} Hz"), |bencher| {
            bencher.iter_batched_ref(
                || first.clone(),
                |first| {
                    concealer.conceal(black_box(&mut gap));
                    concealer.good(first);
                },
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("between, at {rate} Hz"), |bencher| {
            bencher.iter_batched_ref(
                || next.clone(),
                |next| concealer.conceal_before(black_box(&mut gap), next),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, streams, many_legs, concealment);
criterion_main!(benches);
