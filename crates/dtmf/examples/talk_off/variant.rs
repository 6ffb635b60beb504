//! What is done to a clip before it is heard: another speed, or a coder.

use std::error::Error;
use std::f64::consts::PI;
use std::fmt;

use mediapoint_codec::resample::Resampler;
use mediapoint_codec::{Codec, EncoderSettings, Parameters, decoder, encoder};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Variant {
    Unaltered,
    /// Faster and higher, or slower and lower.
    Speed(f64),
    Coded(&'static str),
}

/// All variants.
pub(crate) const VARIANTS: [Variant; 11] = [
    Variant::Unaltered,
    Variant::Speed(0.8),
    Variant::Speed(0.87),
    Variant::Speed(0.94),
    Variant::Speed(1.06),
    Variant::Speed(1.15),
    Variant::Speed(1.25),
    Variant::Coded("PCMA"),
    Variant::Coded("PCMU"),
    Variant::Coded("G729"),
    Variant::Coded("opus"),
];

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unaltered => f.write_str("unaltered"),
            Self::Speed(speed) => write!(f, "at speed {speed}"),
            Self::Coded(name) => write!(f, "through {name}"),
        }
    }
}

impl Variant {
    /// Its row of the table.
    pub(crate) fn row(self) -> String {
        match self {
            Self::Speed(_) => "speeds 0.8 to 1.25".to_owned(),
            other => other.to_string(),
        }
    }

    pub(crate) fn of(self, pcm: Vec<i16>) -> Result<Vec<i16>, Box<dyn Error>> {
        match self {
            Self::Unaltered => Ok(pcm),
            Self::Speed(speed) => Ok(converted(&pcm, speed)),
            Self::Coded("PCMA") => through(&Codec::PCMA, &pcm),
            Self::Coded("PCMU") => through(&Codec::PCMU, &pcm),
            Self::Coded("G729") => through(&Codec::G729, &pcm),
            Self::Coded(_) => through(&Codec::OPUS, &pcm),
        }
    }
}

/// Through a coder, by 20 ms.
fn through(codec: &Codec, pcm: &[i16]) -> Result<Vec<i16>, Box<dyn Error>> {
    let mut encoder = encoder(codec, 48_000, &Parameters::default(), &EncoderSettings::default())?;
    let mut decoder = decoder(codec, encoder.sample_rate())?;
    let (rate, back) = (encoder.sample_rate(), decoder.sample_rate());
    let (mut up, mut down) = (Resampler::new(8000, rate)?, Resampler::new(back, 8000)?);
    let mut wide = vec![0; pcm.len() * rate as usize / 8000 + 100];
    let made = up.process(pcm, &mut wide);
    wide.truncate(made);
    let (mut payload, mut decoded) = (vec![0; 2000], vec![0; back as usize / 8]);
    let (mut narrow, mut out) = (vec![0; 2000], Vec::new());
    for frame in wide.chunks_exact(rate as usize / 50) {
        let coded = encoder.encode(frame, &mut payload)?;
        let len = decoder.decode(payload.get(..coded.len).unwrap_or_default(), &mut decoded)?.samples;
        let made = down.process(decoded.get(..len).unwrap_or_default(), &mut narrow);
        out.extend_from_slice(narrow.get(..made).unwrap_or_default());
    }
    Ok(out)
}

/// `samples` with a sample for every `step` of them, by a windowed sinc that keeps what both rates can hold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a clip are small and positive"
)]
pub(crate) fn converted(samples: &[i16], step: f64) -> Vec<i16> {
    /// Zero crossings on either side.
    const REACH: f64 = 12.0;
    let cutoff = (1.0 / step).min(1.0) * 0.96;
    let reach = REACH / cutoff;
    let count = (samples.len() as f64 / step) as usize;
    // The kernel at 512 places between two samples; the nearest is near enough.
    let width = reach.ceil() as usize * 2 + 1;
    let kernel = |off: f64| {
        let window = if off.abs() < reach { 0.5 + 0.5 * (PI * off / reach).cos() } else { 0.0 };
        let x = PI * off * cutoff;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
        (cutoff * sinc * window) as f32
    };
    let rows: Vec<Vec<f32>> = (0..512)
        .map(|part| {
            let fraction = f64::from(part) / 512.0;
            (0..width).map(|n| kernel(n as f64 - (width / 2) as f64 - fraction)).collect()
        })
        .collect();
    let mut padded = vec![0.0_f32; width / 2];
    padded.extend(samples.iter().map(|sample| f32::from(*sample)));
    padded.resize(padded.len() + width, 0.0);
    (0..count)
        .map(|n| {
            let place = n as f64 * step;
            let row = rows.get((place.fract() * 512.0) as usize);
            let from = padded.get(place as usize..).unwrap_or_default();
            let sum: f32 = row.into_iter().flatten().zip(from).map(|(tap, sample)| tap * sample).sum();
            sum.round() as i16
        })
        .collect()
}
