//! The announcements and the music: made by the program, written as files, and loaded by the library as any other.
//!
//! A voice that says numbers stands for recordings, so that the example needs none and nobody holds rights in it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_caller::audio;
use mediapoint_caller::speech::{self, Language as Tongue};
use mediapoint_engine::Prompt;
use mediapoint_prompt::{PromptSet, PromptSource, PromptStore, StoreConfig};

use crate::failure::Failure;
use crate::script::{Announcement, Language};

/// The languages of the announcements.
const LANGUAGES: [Language; 2] = [Language::English, Language::Spanish];
/// The music's file, below the folder of prompts.
pub(crate) const MUSIC: &str = "music/waiting.wav";

/// A prompt as it stands in its file, 8 kHz.
#[derive(Debug, Clone)]
pub(crate) struct Sound {
    pub(crate) name: String,
    pub(crate) samples: Vec<i16>,
}

/// The name of an announcement in a language: its path below the folder, without the extension.
pub(crate) fn name(announcement: Announcement, language: Language) -> String {
    format!("{}/{}", language.tag(), announcement.name())
}

/// Writes all files below `folder`, and gives what is in them.
pub(crate) fn write(folder: &Path) -> Result<Vec<Sound>, Failure> {
    let mut sounds = Vec::new();
    for language in LANGUAGES {
        for announcement in Announcement::ALL {
            sounds.push(Sound {
                name: name(announcement, language),
                samples: speech_of(announcement, language),
            });
        }
    }
    sounds.push(Sound { name: MUSIC.trim_end_matches(".wav").to_owned(), samples: melody() });
    for sound in &sounds {
        let path = folder.join(format!("{}.wav", sound.name));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        audio::write_wav(&path, &sound.samples)?;
    }
    Ok(sounds)
}

/// What a caller says before the agent speaks to it, and what both say then.
pub(crate) fn voices(language: Language) -> [Vec<i16>; 3] {
    let tongue = tongue(language);
    [&[3, 4][..], &[5, 6, 7], &[8, 9, 0]].map(|numbers| speech::numbers(tongue, numbers))
}

/// The announcements as the engine plays them.
#[derive(Debug, Clone)]
pub(crate) struct Prompts {
    said: HashMap<(Announcement, Language), Arc<Prompt>>,
    pub(crate) music: Arc<Prompt>,
}

impl Prompts {
    /// Loads what stands in `folder`: each announcement from the folder of its language, or the one that is nearest.
    pub(crate) fn load(folder: &Path) -> Result<Self, Failure> {
        let set = PromptSet::open(folder, Language::English.tag())?;
        let store = PromptStore::new(StoreConfig { roots: vec![folder.into()], ..StoreConfig::default() })?;
        let load = |source: &PromptSource| {
            let loaded = store.load(source).wait(Duration::from_secs(5)).ok_or(Failure::Slow("a prompt"))?;
            loaded.map_err(Failure::from)
        };
        let mut said = HashMap::new();
        for language in LANGUAGES {
            for announcement in Announcement::ALL {
                let found = set
                    .find(announcement.name(), language.tag())
                    .ok_or_else(|| Failure::NoPrompt(name(announcement, language)))?;
                said.insert((announcement, language), load(&found.source)?);
            }
        }
        Ok(Self { said, music: load(&PromptSource::file(MUSIC))? })
    }

    pub(crate) fn get(&self, announcement: Announcement, language: Language) -> Option<Arc<Prompt>> {
        self.said.get(&(announcement, language)).cloned()
    }
}

const fn tongue(language: Language) -> Tongue {
    match language {
        Language::English => Tongue::English,
        Language::Spanish => Tongue::Spanish,
    }
}

/// Numbers that stand for the words of an announcement.
fn speech_of(announcement: Announcement, language: Language) -> Vec<i16> {
    let speak = |numbers: &[usize]| speech::numbers(tongue(language), numbers);
    match announcement {
        // In both, its own first.
        Announcement::Welcome => {
            let mut languages = LANGUAGES;
            languages.sort_by_key(|each| *each != language);
            languages.into_iter().flat_map(|each| speech::numbers(tongue(each), &[1, 2, 1, 2])).collect()
        }
        Announcement::Menu => speak(&[1, 7, 2, 9, 1, 7, 2, 9]),
        Announcement::Card => speak(&[4, 4, 4, 4, 1, 6]),
        Announcement::Goodbye => speak(&[0]),
    }
}

/// Ten seconds of plucked notes of a pentatonic scale, in an order that does not repeat.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a wave within 16 bits")]
fn melody() -> Vec<i16> {
    const NOTE: usize = 2_000;
    let mut state = 11_u32;
    let mut samples = Vec::with_capacity(40 * NOTE);
    for _ in 0..40 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let step = [0, 2, 4, 7, 9, 12, 14, 16].get((state >> 24) as usize % 8).copied().unwrap_or(0);
        let pitch = 262.0 * f64::powf(2.0, f64::from(step) / 12.0);
        for n in 0..NOTE {
            let time = n as f64 / 8000.0;
            let swell = (time * 200.0).min(1.0) * (-time * 6.0).exp();
            let turn = std::f64::consts::TAU * pitch * time;
            samples.push((swell * 7_000.0 * (turn.sin() + 0.4 * (2.0 * turn).sin())) as i16);
        }
    }
    samples
}
