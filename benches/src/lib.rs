//! Criterion benches, a file per topic, under `benches/`; here the signals that they share.

pub mod counted;
pub mod loaded;
pub mod played;
pub mod recorded;
pub mod rooms;
pub mod step;

/// Recorded speech at `rate` hertz: Debian's `asterisk-core-sounds-en-wav`, or noise of speech's level where it is
/// missing. Band-limited to 4 kHz.
#[must_use]
pub fn speech(rate: u32) -> Vec<i16> {
    resampled(recorded().unwrap_or_else(noise), rate)
}

/// 10 s of [`speech_like`] at `rate` hertz, band-limited to 4 kHz.
#[must_use]
pub fn speech_like_at(rate: u32) -> Vec<i16> {
    resampled(speech_like(80_000), rate)
}

/// Audio of 8000 Hz at another rate.
fn resampled(pcm: Vec<i16>, rate: u32) -> Vec<i16> {
    let Ok(mut resampler) = mediapoint_codec::resample::Resampler::new(8000, rate) else { return pcm };
    let mut out = vec![0; pcm.len() * rate as usize / 8000 + 1];
    let written = resampler.process(&pcm, &mut out);
    out.truncate(written);
    out
}

fn recorded() -> Option<Vec<i16>> {
    let file = hound::WavReader::open("/usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav").ok()?;
    file.into_samples().collect::<Result<_, _>>().ok()
}

fn noise() -> Vec<i16> {
    let mut state = 0x2545_f491_u32;
    (0..80_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let [low, high, ..] = state.to_le_bytes();
            i16::from_le_bytes([low, high]) >> 4
        })
        .collect()
}

/// Something like telephone speech at 8000 Hz: voiced sounds of moving pitch and formants, hissing ones, and pauses
/// with noise, half a minute of it without a repetition.
///
/// The same samples every time. It is no speech, but takes all ways through a speech coder in like shares.
#[must_use]
pub fn speech_like(samples: usize) -> Vec<i16> {
    let mut voice = Voice::default();
    (0..samples).map(|n| voice.step(n)).collect()
}

/// A source of pulses or noise and three resonators.
#[derive(Default)]
struct Voice {
    phase: f64,
    resonators: [[f64; 2]; 3],
    noise: u32,
}

impl Voice {
    fn noise(&mut self) -> f64 {
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.noise >> 8) / f64::from(1 << 23) - 1.0
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "samples within their range"
    )]
    fn step(&mut self, n: usize) -> i16 {
        let t = n as f64 / 8000.0;
        // Syllables of 0.2 s; of every ten two are hissed and three are silent.
        let syllable = (t / 0.2) as u32;
        let kind = syllable.wrapping_mul(2_654_435_761) >> 16;
        let within = (t / 0.2).fract();
        let loud = (within * std::f64::consts::PI).sin();
        let pitch = 125.0 + 60.0 * (t * 0.9).sin() + f64::from(kind % 60) + 20.0 * within;
        self.phase += pitch / 8000.0;
        let pulse = if self.phase >= 1.0 { 1.0 } else { 0.0 };
        self.phase = self.phase.fract();
        let hiss = self.noise();
        let (source, gain) = match kind % 10 {
            0..5 => (pulse + 0.02 * hiss, 6000.0 * loud),
            5..7 => (0.4 * hiss, 900.0 * loud),
            _ => (0.0, 0.0),
        };
        let formants = [
            (300.0 + f64::from(kind % 500), 60.0),
            (900.0 + f64::from(kind / 7 % 1200) + 200.0 * within, 90.0),
            (2400.0 + f64::from(kind / 3 % 700), 150.0),
        ];
        let mut sum = 0.0;
        for ((frequency, width), past) in formants.into_iter().zip(&mut self.resonators) {
            let radius = (-std::f64::consts::PI * width / 8000.0).exp();
            let angle = 2.0 * std::f64::consts::PI * frequency / 8000.0;
            let out = source + 2.0 * radius * angle.cos() * past[0] - radius * radius * past[1];
            *past = [out, past[0]];
            sum += out;
        }
        (gain * sum + 30.0 * hiss).clamp(-32_000.0, 32_000.0) as i16
    }
}
