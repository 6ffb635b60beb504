//! What parties say: a file of the user's, recorded prompts that a Debian package brings, or a synthetic voice that counts.

mod voice;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::audio::{self, AudioError};
use crate::recording::SAMPLE_RATE;

const PACKAGE: &str = "asterisk-core-sounds-en-wav";
/// Where the package puts them today.
const FOLDER: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// What the caller and the callee say; long enough for half a minute.
const PROMPTS: [&str; 2] = ["demo-congrats.wav", "basic-pbx-ivr-main.wav"];

/// Why there is nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// No file was named and the package is not there.
    #[error(
        "no recorded speech here: install it with `apt-get install {PACKAGE}`, or name a file with --audio FILE"
    )]
    Missing,
    /// The file cannot be used.
    #[error(transparent)]
    Unreadable(#[from] AudioError),
}

/// What one party says.
#[derive(Debug, Clone)]
pub struct Speech {
    /// The file it is from.
    pub path: PathBuf,
    /// Its samples at 8 kHz.
    pub samples: Arc<[i16]>,
}

/// What the caller and the callee say for `length`: `file`, or the prompts; over again where they are short.
///
/// # Errors
/// [`SpeechError`] where there is neither, or the file is no audio.
pub fn find(file: Option<&Path>, length: Duration) -> Result<[Speech; 2], SpeechError> {
    let read = |path: &Path| {
        let samples = fill(&audio::read(path)?, length).into();
        Ok::<_, SpeechError>(Speech { path: path.to_owned(), samples })
    };
    if let Some(file) = file {
        let speech = read(file)?;
        return Ok([speech.clone(), speech]);
    }
    let [caller, callee] = PROMPTS.map(locate);
    match (caller, callee) {
        (Some(caller), Some(callee)) => Ok([read(&caller)?, read(&callee)?]),
        _ => Err(SpeechError::Missing),
    }
}

/// The same for who has to show a call wherever it is: a synthetic voice counts where there are no prompts. It is no measure
/// of quality.
///
/// # Errors
/// [`SpeechError`] where a file was named and is no audio.
pub fn find_or_count(file: Option<&Path>, length: Duration) -> Result<[Speech; 2], SpeechError> {
    match find(file, length) {
        Err(SpeechError::Missing) => {
            let samples = usize::try_from(length.as_millis() * u128::from(SAMPLE_RATE) / 1000).unwrap_or(0);
            let speech = |name: &str, speaker| Speech {
                path: PathBuf::from(name),
                samples: voice::count(speaker, samples).into(),
            };
            let low = voice::Speaker { pitch: 110.0, shorter: 1.0, first: 1 };
            let high = voice::Speaker { pitch: 190.0, shorter: 0.87, first: 6 };
            Ok([speech("counting (low voice)", low), speech("counting (high voice)", high)])
        }
        other => other,
    }
}

/// A language that the synthetic voice counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// In a low voice.
    English,
    /// In a high voice.
    Spanish,
}

/// The synthetic voice says numbers from 0 to 9, others are left out: 8 kHz samples, the same each time. For announcements of
/// examples and tests.
#[must_use]
pub fn numbers(language: Language, numbers: &[usize]) -> Vec<i16> {
    let speaker = match language {
        Language::English => voice::Speaker { pitch: 110.0, shorter: 1.0, first: 0 },
        Language::Spanish => voice::Speaker { pitch: 190.0, shorter: 0.87, first: 0 },
    };
    voice::numbers(speaker, language, numbers)
}

/// A prompt where the package puts it, or where the package manager says it is.
fn locate(name: &str) -> Option<PathBuf> {
    let usual = Path::new(FOLDER).join(name);
    if usual.exists() {
        return Some(usual);
    }
    let listed = Command::new("dpkg").args(["-L", PACKAGE]).output().ok()?;
    let listed = String::from_utf8(listed.stdout).ok()?;
    listed.lines().map(PathBuf::from).find(|path| path.file_name().is_some_and(|file| file == name))
}

/// As much of the samples as fits, or the samples again and again.
fn fill(samples: &[i16], length: Duration) -> Vec<i16> {
    let wanted = usize::try_from(length.as_millis() * u128::from(SAMPLE_RATE) / 1000).unwrap_or(0);
    samples.iter().copied().cycle().take(wanted).collect()
}

/// Something that codecs of speech take for it: a voice of changing pitch through two moving resonances, in syllables
/// with pauses between, at 8 kHz. The same each time. For tests; where quality or speed is judged it is no substitute.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a wave within 16 bits")]
pub fn synthetic(samples: usize) -> Vec<i16> {
    const SYLLABLE: usize = 1_700;
    let mut state = 7_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let mut said = Vec::with_capacity(samples);
    let (mut past, mut phase) = ([[0.0_f64; 2]; 2], 0.0);
    while said.len() < samples {
        let (pitch, low, high) =
            (90.0 + 90.0 * random(), 300.0 + 500.0 * random(), 1000.0 + 1500.0 * random());
        let (loud, pause) = (0.4 + 0.6 * random(), if random() < 0.3 { 1_500 } else { 200 });
        for n in 0..SYLLABLE + pause {
            let swell = (std::f64::consts::PI * n as f64 / SYLLABLE as f64).sin().max(0.0);
            let swell = if n < SYLLABLE { swell * loud } else { 0.0 };
            phase += pitch / 8000.0;
            let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
            phase -= pulse;
            let mut wave = swell * (pulse * 1500.0 + (random() - 0.5) * 60.0);
            for (past, hertz) in past.iter_mut().zip([low, high]) {
                let turn = std::f64::consts::TAU * hertz / 8000.0;
                wave += 2.0 * 0.95 * turn.cos() * past[0] - 0.95 * 0.95 * past[1];
                *past = [wave, past[0]];
            }
            said.push(wave.clamp(-20_000.0, 20_000.0) as i16);
        }
    }
    said.truncate(samples);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_audio_is_said_again_and_long_audio_is_cut() {
        assert_eq!(fill(&[1, 2, 3], Duration::from_millis(1)), [1, 2, 3, 1, 2, 3, 1, 2]);
        assert_eq!(fill(&[7; 8000], Duration::from_millis(20)).len(), 160);
    }

    #[test]
    fn somebody_speaks_where_there_is_nothing_to_play() {
        let [caller, callee] = find_or_count(None, Duration::from_secs(2)).unwrap();
        assert_eq!([caller.samples.len(), callee.samples.len()], [16_000; 2]);
        assert_ne!(caller.samples, callee.samples);
        let missing = find_or_count(Some(Path::new("no/such.wav")), Duration::from_secs(1));
        assert!(matches!(missing, Err(SpeechError::Unreadable(_))), "{missing:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = find(Some(Path::new("no/such.wav")), Duration::from_secs(1)).unwrap_err().to_string();
        assert!(error.starts_with("cannot open no/such.wav"), "{error}");
    }
}
