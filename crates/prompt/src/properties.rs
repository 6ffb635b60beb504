//! What must hold whatever comes: called by tests, by the replay of the corpus and by the fuzz target.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::time::Duration;

use crate::decode::{Hint, Limits, decode_bytes};
use crate::format::FileFormat;
use crate::tone::ToneDefinition;

/// Formats that an input names by its first octet.
const FORMATS: [FileFormat; 8] = [
    FileFormat::Pcmu,
    FileFormat::Pcma,
    FileFormat::G722,
    FileFormat::G729,
    FileFormat::G729Serial,
    FileFormat::Gsm,
    FileFormat::Raw8k,
    FileFormat::OggOpus,
];

/// Decodes a file: the first octet says as what, the rest is the file, or the text of a tone.
///
/// # Panics
/// If audio is beyond a limit, or a tone is read otherwise than it was written.
pub fn decode(data: &[u8]) {
    let Some((choice, file)) = data.split_first() else { return };
    if *choice == u8::MAX {
        return tone(file);
    }
    let hint = FORMATS.get(usize::from(*choice)).map_or(Hint::None, |format| Hint::Exactly(*format));
    let limits = Limits { file_bytes: 1 << 16, duration: Duration::from_secs(20), audio_bytes: 1 << 20 };
    // Breakdowns of outside decoders are caught; a hook that ends the process would see them before.
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(|| decode_bytes(file, hint, &limits)));
    set_hook(hook);
    match outcome {
        Ok(Ok(audio)) => {
            assert!(!audio.samples.is_empty() && audio.rate > 0, "audio of nothing");
            assert!(audio.duration() <= limits.duration, "{:?}", audio.duration());
            assert!(audio.samples.len() as u64 * 2 <= limits.audio_bytes, "{}", audio.samples.len());
        }
        Ok(Err(_)) => {}
        Err(panic) => resume_unwind(panic),
    }
}

fn tone(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(tone) = ToneDefinition::parse(text) else { return };
    let written = tone.to_string();
    assert_eq!(ToneDefinition::parse(&written).as_ref(), Ok(&tone), "{text:?} as {written:?}");
}
