//! Audio files: any that `symphonia` decodes to mono samples, whole or a block at a time, and 8 kHz samples to WAV.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use mediapoint_prompt::audio::{RateConverter, RateError, ReadError, Reader};

use crate::recording::SAMPLE_RATE;

/// Longest audio that is read whole, in seconds; what follows is left out.
const MAX_SECONDS: u64 = 3_600;

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Its format or coding is none that is known, or it is damaged at its beginning.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The decoder's reason.
        reason: String,
    },
    /// It has no audio.
    #[error("{} holds no audio", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Its sample rate cannot be brought to 8 kHz.
    #[error(transparent)]
    Resample(#[from] RateError),
    /// The WAV file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

/// Reads the first audio track of a file (WAV, AIFF, AU, FLAC, Ogg, Matroska, MP3) as 8 kHz mono; an hour at most.
///
/// # Errors
/// Where it cannot be opened, is of no known format, or holds no audio. Damage in the middle is passed over; pages that an
/// Ogg file lacks are silence as long as they were.
pub fn read(path: &Path) -> Result<Vec<i16>, AudioError> {
    let file = File::open(path).map_err(|source| AudioError::Open { path: path.to_owned(), source })?;
    let empty = || AudioError::Empty { path: path.to_owned() };
    let unreadable = |error: ReadError| match error {
        ReadError::NoAudio => empty(),
        error => AudioError::Read { path: path.to_owned(), reason: error.to_string() },
    };
    let extension = path.extension().and_then(|extension| extension.to_str());
    let mut reader = Reader::new(Box::new(file), extension).map_err(unreadable)?;
    let rate = reader.rate().ok_or_else(empty)?;
    let mut converter = RateConverter::new(rate, SAMPLE_RATE)?;
    let mut samples = Vec::new();
    while reader.read() / u64::from(rate) < MAX_SECONDS {
        let Some(mono) = reader.next_block().map_err(unreadable)? else { break };
        converter.push(mono, &mut samples)?;
    }
    converter.finish(&mut samples)?;
    if samples.is_empty() { Err(empty()) } else { Ok(samples) }
}

/// Writes 8 kHz mono samples as a 16-bit WAV file.
///
/// # Errors
/// [`AudioError::Write`] with the system's reason.
pub fn write_wav(path: &Path, samples: &[i16]) -> Result<(), AudioError> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let fail = |e: hound::Error| AudioError::Write { path: path.to_owned(), reason: e.to_string() };
    let mut writer = hound::WavWriter::create(path, spec).map_err(fail)?;
    for sample in samples {
        writer.write_sample(*sample).map_err(fail)?;
    }
    writer.finalize().map_err(fail)
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "made up values well inside their ranges")]
mod tests {
    use super::*;
    use crate::similarity::alike;

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("caller-{}-{name}", std::process::id()))
    }

    fn tone(rate: u32, hertz: f64, samples: usize) -> impl Iterator<Item = f64> {
        (0..samples).map(move |n| (n as f64 * hertz * std::f64::consts::TAU / f64::from(rate)).sin())
    }

    #[test]
    fn what_is_written_is_read_back_sample_for_sample() {
        let path = temporary("own.wav");
        let samples: Vec<i16> = tone(8_000, 440.0, 4_000).map(|s| (s * 20_000.0) as i16).collect();
        write_wav(&path, &samples).unwrap();
        assert_eq!(read(&path).unwrap(), samples);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn stereo_of_44100_hz_becomes_the_same_tone_at_8000() {
        let path = temporary("stereo.wav");
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 24,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for sample in tone(44_100, 1_000.0, 44_100) {
            writer.write_sample((sample * 4_000_000.0) as i32).unwrap();
            writer.write_sample((sample * 4_000_000.0) as i32).unwrap();
        }
        writer.finalize().unwrap();
        let heard = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!((7_990..=8_010).contains(&heard.len()), "{}", heard.len());
        let wanted: Vec<i16> =
            tone(8_000, 1_000.0, 8_000).map(|s| (s * 4_000_000.0 / 256.0) as i16).collect();
        // The resampler's delay is no whole sample, so that the phase, not the tone, may differ a little.
        let likeness = alike(&wanted[400..7_600], &heard[400..7_600], &[]);
        assert!(likeness.lag_samples == 0 && likeness.correlation > 0.995, "{likeness:?}");
        assert!(likeness.segmental_snr_db > 20.0, "{likeness:?}");
    }

    #[test]
    fn what_is_no_audio_says_so() {
        let path = temporary("text.wav");
        std::fs::write(&path, "no audio at all").unwrap();
        assert!(matches!(read(&path), Err(AudioError::Read { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path), Err(AudioError::Open { .. })));
    }
}
