//! What the two parties say: a file of the user's, or recorded prompts that a Debian package brings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_caller::audio::{self, AudioError};
use mediapoint_caller::recording::SAMPLE_RATE;

const PACKAGE: &str = "asterisk-core-sounds-en-wav";
/// Where the package puts them today.
const FOLDER: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";
/// What the caller and the callee say; long enough for half a minute.
const PROMPTS: [&str; 2] = ["demo-congrats.wav", "basic-pbx-ivr-main.wav"];

/// Why there is nothing to say.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpeechError {
    #[error(
        "no recorded speech here: install it with `apt-get install {PACKAGE}`, or name a file with --audio FILE"
    )]
    Missing,
    #[error(transparent)]
    Unreadable(#[from] AudioError),
}

/// What one party says: 8 kHz samples and where they are from.
#[derive(Debug, Clone)]
pub(super) struct Speech {
    pub(super) path: PathBuf,
    pub(super) samples: Arc<[i16]>,
}

/// What the caller and the callee say for `length`: `file`, or the prompts.
pub(super) fn find(file: Option<&Path>, length: Duration) -> Result<[Speech; 2], SpeechError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_audio_is_said_again_and_long_audio_is_cut() {
        assert_eq!(fill(&[1, 2, 3], Duration::from_millis(1)), [1, 2, 3, 1, 2, 3, 1, 2]);
        assert_eq!(fill(&[7; 8000], Duration::from_millis(20)).len(), 160);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = find(Some(Path::new("no/such.wav")), Duration::from_secs(1)).unwrap_err().to_string();
        assert!(error.starts_with("cannot open no/such.wav"), "{error}");
    }
}
