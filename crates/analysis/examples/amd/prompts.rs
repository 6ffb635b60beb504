//! Debian's recorded prompts: packages `asterisk-core-sounds-{en,es,fr,it,ru}-wav` and `asterisk-prompt-*`.
#![allow(dead_code, reason = "tests and the evaluation share this file, and use different parts")]

use std::path::{Path, PathBuf};

use mediapoint_codec::{Codec, decoder};

/// Where the packages put their recordings.
pub const FOLDER: &str = "/usr/share/asterisk/sounds";
/// Folder, language, voice. Allison speaks two languages.
pub const VOICES: [(&str, &str, &str); 8] = [
    ("en_US_f_Allison", "en", "allison"),
    ("es_MX_f_Allison", "es", "allison"),
    ("fr_CA_f_June", "fr", "june"),
    ("it_IT_f_Menardi", "it", "menardi"),
    ("it_IT_m_Carlo", "it", "carlo"),
    ("ru_RU_f_IvrvoiceRU", "ru", "ivrvoice"),
    ("es", "es", "colombia"),
    ("fr", "fr", "armelle"),
];

/// A recording without the silence around it.
#[derive(Clone)]
pub struct Recording {
    /// Name without folder and extension: the same text in every language.
    pub name: String,
    pub language: &'static str,
    pub voice: String,
    pub pcm: Vec<f64>,
}

impl Recording {
    pub fn ms(&self) -> f64 {
        self.pcm.len() as f64 / 8.0
    }
}

/// Every recording of the packages that are installed, in order of their names.
pub fn all() -> Vec<Recording> {
    VOICES.into_iter().flat_map(|(folder, language, voice)| of_voice(folder, language, voice)).collect()
}

/// The recordings of a voice, in order of their names; none where its package is not installed.
pub fn of_voice(folder: &str, language: &'static str, voice: &str) -> Vec<Recording> {
    let mut out = Vec::new();
    let root = Path::new(FOLDER).join(folder);
    let mut files = Vec::new();
    list(&root, &mut files);
    files.sort();
    for file in files {
        let Some(pcm) = read(&file) else { continue };
        let pcm = trimmed(&pcm);
        let name = file.strip_prefix(&root).unwrap_or(&file).with_extension("");
        let name = name.to_string_lossy().into_owned();
        // Sounds that are no speech.
        if pcm.len() < 1200 || ["tone", "beep", "silence", "monkeys"].iter().any(|word| name.contains(word)) {
            continue;
        }
        out.push(Recording { name, language, voice: voice.to_owned(), pcm });
    }
    out
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn read(file: &Path) -> Option<Vec<f64>> {
    match file.extension()?.to_str()? {
        "wav" => {
            let mut reader = hound::WavReader::open(file).ok()?;
            if reader.spec().sample_rate != 8000 {
                return None;
            }
            Some(reader.samples::<i16>().flatten().map(f64::from).collect())
        }
        "gsm" => {
            let bytes = std::fs::read(file).ok()?;
            let mut decoder = decoder(&Codec::GSM, 8000).ok()?;
            let mut pcm = Vec::new();
            for frame in bytes.chunks_exact(33) {
                let mut block = [0; 160];
                decoder.decode(frame, &mut block).ok()?;
                pcm.extend(block.map(f64::from));
            }
            Some(pcm)
        }
        _ => None,
    }
}

/// Cuts off what is quieter than 36 dB below the loudest 20 ms at both ends.
pub fn trimmed(pcm: &[f64]) -> Vec<f64> {
    let energies: Vec<f64> = pcm.chunks(160).map(|frame| frame.iter().map(|x| x * x).sum()).collect();
    let most = energies.iter().copied().fold(0.0, f64::max);
    let loud = |energy: &f64| *energy > most / 4000.0 && *energy > 0.0;
    let Some(first) = energies.iter().position(loud) else { return Vec::new() };
    let last = energies.iter().rposition(loud).unwrap_or(first);
    pcm[first * 160..((last + 1) * 160).min(pcm.len())].to_vec()
}
