//! The clips: recordings, and speech by whatever synthesisers are installed.

use std::error::Error;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::variant::{VARIANTS, Variant, converted};

/// Letters of a text that is spoken at once: some minutes.
const LETTERS: usize = 5000;
/// Where every Debian system has texts.
const TEXTS: &str = "/usr/share/common-licenses";

/// A way to speak: its program and arguments, and whether it writes to standard output or to the file in place of `OUT`. `IN`
/// is the text's file.
const VOICES: [(&str, &[&str]); 22] = [
    ("espeak-ng male", &["espeak-ng", "-v", "en-us", "-p", "25", "-s", "150", "-f", "IN", "--stdout"]),
    ("espeak-ng male", &["espeak-ng", "-v", "en-gb", "-p", "45", "-s", "190", "-f", "IN", "--stdout"]),
    ("espeak-ng male", &["espeak-ng", "-v", "de", "-p", "35", "-s", "160", "-f", "IN", "--stdout"]),
    ("espeak-ng male", &["espeak-ng", "-v", "it", "-p", "30", "-s", "170", "-f", "IN", "--stdout"]),
    ("espeak-ng male", &["espeak-ng", "-v", "ru", "-p", "40", "-s", "150", "-f", "IN", "--stdout"]),
    ("espeak-ng female", &["espeak-ng", "-v", "en-us+f2", "-p", "60", "-s", "150", "-f", "IN", "--stdout"]),
    ("espeak-ng female", &["espeak-ng", "-v", "en-gb+f3", "-p", "70", "-s", "185", "-f", "IN", "--stdout"]),
    ("espeak-ng female", &["espeak-ng", "-v", "fr+f4", "-p", "65", "-s", "160", "-f", "IN", "--stdout"]),
    ("espeak-ng female", &["espeak-ng", "-v", "es+f2", "-p", "75", "-s", "170", "-f", "IN", "--stdout"]),
    ("espeak-ng female", &["espeak-ng", "-v", "pl+f3", "-p", "60", "-s", "150", "-f", "IN", "--stdout"]),
    ("espeak-ng child", &["espeak-ng", "-v", "en-us+f5", "-p", "95", "-s", "150", "-f", "IN", "--stdout"]),
    ("espeak-ng child", &["espeak-ng", "-v", "en-gb+f5", "-p", "99", "-s", "180", "-f", "IN", "--stdout"]),
    ("espeak-ng child", &["espeak-ng", "-v", "nl+f4", "-p", "99", "-s", "160", "-f", "IN", "--stdout"]),
    ("espeak-ng child", &["espeak-ng", "-v", "pt+f5", "-p", "92", "-s", "140", "-f", "IN", "--stdout"]),
    ("flite male", &["flite", "-voice", "kal16", "-f", "IN", "-o", "OUT"]),
    ("flite male", &["flite", "-voice", "awb", "-f", "IN", "-o", "OUT"]),
    ("flite male", &["flite", "-voice", "rms", "-f", "IN", "-o", "OUT"]),
    ("flite female", &["flite", "-voice", "slt", "-f", "IN", "-o", "OUT"]),
    ("festival male", &["text2wave", "IN", "-o", "OUT"]),
    ("pico female", &["pico2wave", "-l", "en-US", "-w", "OUT", "TEXT"]),
    ("pico female", &["pico2wave", "-l", "en-GB", "-w", "OUT", "TEXT"]),
    ("pico female", &["pico2wave", "-l", "de-DE", "-w", "OUT", "TEXT"]),
];

enum Source {
    File(PathBuf),
    Speech { voice: usize, text: Arc<str> },
}

pub(crate) struct Item {
    source: Source,
    name: String,
    variant: Variant,
}

/// All clips: the unaltered recordings first, then what is made of them, then synthesised speech in an order that mixes it. `half` is `tuning`, `test` or all.
pub(crate) fn items(folders: &[PathBuf], half: Option<&str>) -> Result<Vec<Item>, Box<dyn Error>> {
    let mut files = Vec::new();
    for folder in folders {
        collect(folder, &mut files)?;
    }
    let mut items: Vec<Item> = Vec::new();
    for file in files {
        let name = file.display().to_string();
        for variant in VARIANTS {
            items.push(Item { source: Source::File(file.clone()), name: name.clone(), variant });
        }
    }
    let mut texts = Vec::new();
    collect_texts(&mut texts)?;
    for (voice, (kind, command)) in VOICES.iter().enumerate() {
        if !command.first().is_some_and(|program| installed(program)) {
            eprintln!("no {kind}: not installed");
            continue;
        }
        for (number, text) in texts.iter().enumerate() {
            let name = format!("{} {number}", command.join(" "));
            let some = VARIANTS.iter().cycle().nth(usize::try_from(hash(&name) % 11).unwrap_or(0));
            let variant = some.copied().unwrap_or(Variant::Unaltered);
            items.push(Item { source: Source::Speech { voice, text: text.clone() }, name, variant });
        }
    }
    items.retain(|item| match half {
        Some("tuning") => hash(&item.name) & 1 == 0,
        Some("test") => hash(&item.name) & 1 == 1,
        _ => true,
    });
    let rank = |item: &Item| match (&item.source, item.variant) {
        (Source::File(_), Variant::Unaltered) => 0,
        (Source::File(_), _) => 1,
        (Source::Speech { .. }, _) => 2,
    };
    items.sort_by_key(|item| (rank(item), hash(&format!("{} {}", item.name, item.variant))));
    Ok(items)
}

/// FNV-1a, then mixed so that every bit depends on all.
fn hash(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    (fnv ^ (fnv >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            files.push(path);
        }
    }
    Ok(())
}

fn collect_texts(texts: &mut Vec<Arc<str>>) -> Result<(), Box<dyn Error>> {
    let Ok(folder) = fs::read_dir(TEXTS) else { return Ok(()) };
    let mut files: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    for file in files.iter().filter(|file| !file.is_symlink()) {
        let text = fs::read_to_string(file)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        for part in words.chunks(LETTERS / 6) {
            texts.push(part.join(" ").into());
        }
    }
    Ok(())
}

fn installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).exists()))
}

impl Item {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn variant(&self) -> Variant {
        self.variant
    }

    /// Its row of the table.
    pub(crate) fn part(&self) -> String {
        match &self.source {
            Source::File(_) => format!("recordings, {}", self.variant.row()),
            Source::Speech { voice, .. } => VOICES.get(*voice).map_or("", |(kind, _)| kind).to_owned(),
        }
    }

    /// Its samples at 8000 Hz, `None` where a synthesiser cannot speak. Those in the folder `kept` are taken from there, and all
    /// others are kept there.
    pub(crate) fn samples(&self, kept: Option<&Path>) -> Result<Option<Vec<i16>>, Box<dyn Error>> {
        let Some(folder) = kept else { return self.made() };
        let file = folder.join(format!("{:016x}.pcm", hash(&format!("{} {}", self.name, self.variant))));
        if let Ok(bytes) = fs::read(&file) {
            let pcm: Vec<i16> = bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect();
            return Ok(Some(pcm).filter(|pcm| !pcm.is_empty()));
        }
        let pcm = self.made()?;
        let bytes: Vec<u8> = pcm.iter().flatten().flat_map(|sample| sample.to_le_bytes()).collect();
        // A run that is stopped leaves no half of a clip.
        let part = file.with_extension("part");
        fs::write(&part, bytes)?;
        fs::rename(&part, &file)?;
        Ok(pcm)
    }

    fn made(&self) -> Result<Option<Vec<i16>>, Box<dyn Error>> {
        let pcm = match &self.source {
            Source::File(file) => read(hound::WavReader::open(file)?)?,
            Source::Speech { voice, text } => match spoken(*voice, text)? {
                Some(pcm) => pcm,
                None => return Ok(None),
            },
        };
        self.variant.of(pcm).map(Some)
    }
}

fn read<R: std::io::Read>(reader: hound::WavReader<R>) -> Result<Vec<i16>, Box<dyn Error>> {
    let (rate, channels) = (reader.spec().sample_rate, usize::from(reader.spec().channels));
    // A stream to a pipe announces more than comes.
    let pcm: Vec<i16> = reader.into_samples::<i16>().map_while(Result::ok).step_by(channels).collect();
    Ok(if rate == 8000 { pcm } else { converted(&pcm, f64::from(rate) / 8000.0) })
}

fn spoken(voice: usize, text: &str) -> Result<Option<Vec<i16>>, Box<dyn Error>> {
    let Some((_, command)) = VOICES.get(voice) else { return Ok(None) };
    let folder = std::env::temp_dir();
    let place = |end: &str| {
        folder.join(format!("talk-off-{}-{:?}.{end}", std::process::id(), std::thread::current().id()))
    };
    let (from, to) = (place("txt"), place("wav"));
    fs::write(&from, text)?;
    let mut words = command.iter().map(|word| match *word {
        "IN" => from.clone().into_os_string(),
        "OUT" => to.clone().into_os_string(),
        "TEXT" => text.into(),
        other => other.into(),
    });
    let Some(program) = words.next() else { return Ok(None) };
    let output = Command::new(program).args(words).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    let wav = if command.contains(&"OUT") { fs::read(&to).unwrap_or_default() } else { output.stdout };
    let _ = (fs::remove_file(&from), fs::remove_file(&to));
    if !output.status.success() || wav.len() < 1000 {
        return Ok(None);
    }
    read(hound::WavReader::new(Cursor::new(wav))?).map(Some)
}
