//! Audio files: any that `symphonia` decodes to 8 kHz mono samples, and such samples to WAV.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use crate::recording::SAMPLE_RATE;

/// Longest audio that is read, in seconds; what follows is left out.
const MAX_SECONDS: u32 = 3_600;

/// Input frames that the resampler takes at a time.
const CHUNK: usize = 1_024;

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
    #[error("cannot resample from {rate} Hz: {reason}")]
    Resample {
        /// The file's rate.
        rate: u32,
        /// The resampler's reason.
        reason: String,
    },
    /// The WAV file cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

/// Reads the first audio track of a file (WAV, AIFF, FLAC, Ogg, Matroska, MP3) as 8 kHz mono; an hour at most.
///
/// # Errors
/// Where it cannot be opened, is of no known format, or holds no audio. Damage in the middle is passed over.
pub fn read(path: &Path) -> Result<Vec<i16>, AudioError> {
    let file = File::open(path).map_err(|source| AudioError::Open { path: path.to_owned(), source })?;
    let unreadable = |e: SymphoniaError| AudioError::Read { path: path.to_owned(), reason: e.to_string() };
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(unreadable)?;
    let empty = || AudioError::Empty { path: path.to_owned() };
    let track = format.default_track(TrackType::Audio).ok_or_else(empty)?;
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or_else(empty)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(unreadable)?;
    let id = track.id;
    let (mono, rate) = decode(format.as_mut(), decoder.as_mut(), id).map_err(unreadable)?;
    if mono.is_empty() {
        return Err(empty());
    }
    resample(&mono, rate)
}

/// Brings mono samples (-1 to 1) of another rate to 8 kHz.
///
/// # Errors
/// [`AudioError::Resample`] where the rate is 0 or otherwise beyond the resampler.
pub fn resample(mono: &[f32], rate: u32) -> Result<Vec<i16>, AudioError> {
    if rate == SAMPLE_RATE {
        return Ok(mono.iter().map(|sample| quantise(*sample)).collect());
    }
    let fail = |reason: String| AudioError::Resample { rate, reason };
    let wide = |rate: u32| usize::try_from(rate).unwrap_or(usize::MAX);
    let mut resampler = Fft::<f32>::new(wide(rate), wide(SAMPLE_RATE), CHUNK, 1, FixedSync::Input)
        .map_err(|e| fail(e.to_string()))?;
    let input = InterleavedSlice::new(mono, 1, mono.len()).map_err(|e| fail(e.to_string()))?;
    let output = resampler.process_all(&input, mono.len(), None).map_err(|e| fail(e.to_string()))?;
    Ok(output.take_data().into_iter().map(quantise).collect())
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

/// The track's samples with their channels averaged, and its rate.
fn decode(
    format: &mut dyn FormatReader,
    decoder: &mut dyn AudioDecoder,
    track: u32,
) -> Result<(Vec<f32>, u32), SymphoniaError> {
    let (mut mono, mut rate, mut interleaved) = (Vec::new(), SAMPLE_RATE, Vec::new());
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // A file that was cut short ends with an error instead of an end.
            Ok(None) | Err(SymphoniaError::IoError(_) | SymphoniaError::ResetRequired) => break,
            Err(e) => return Err(e),
        };
        if packet.track_id != track {
            continue;
        }
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(SymphoniaError::DecodeError(_)) => continue,
            Err(e) => return Err(e),
        };
        rate = buffer.spec().rate();
        let channels = buffer.spec().channels().count().max(1);
        interleaved.resize(buffer.samples_interleaved(), 0.0_f32);
        buffer.copy_to_slice_interleaved(&mut interleaved);
        #[expect(clippy::cast_precision_loss, reason = "a handful of channels")]
        let scale = 1.0 / channels as f32;
        mono.extend(interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() * scale));
        if mono.len() / rate.max(1) as usize >= MAX_SECONDS as usize {
            break;
        }
    }
    Ok((mono, rate))
}

#[expect(clippy::cast_possible_truncation, reason = "the value is clamped to the range")]
fn quantise(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
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
        assert!(matches!(resample(&[0.0; 10], 0), Err(AudioError::Resample { .. })));
    }
}
