//! Prompts in several languages: a folder per language tag, found with fallback [RFC4647 3.4].

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::format::FileFormat;
use crate::store::PromptSource;

/// Most files of a set.
const MAX_FILES: usize = 100_000;
/// Folders within a language's folder, one in the other, at most.
const MAX_DEPTH: usize = 8;

/// Files by language and name, as they were when the set was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSet {
    default: Box<str>,
    languages: BTreeMap<Box<str>, BTreeMap<Box<str>, PathBuf>>,
}

/// A prompt that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPrompt<'a> {
    /// What to load.
    pub source: PromptSource,
    /// The language that it is in, in lower case.
    pub language: &'a str,
}

impl PromptSet {
    /// Reads the names of a set's files: `FOLDER/es-MX/menu/welcome.wav` is the prompt `menu/welcome` in Mexican Spanish.
    /// `default` is the language where nothing else fits. Links to folders are not followed; where a file's extension is
    /// none of audio, it is left out.
    ///
    /// # Errors
    /// What the system says where a folder cannot be read; where there are more than 100,000 files.
    pub fn open(folder: &Path, default: &str) -> io::Result<Self> {
        let mut set = Self { default: normal(default), languages: BTreeMap::new() };
        let mut left = MAX_FILES;
        // A store takes a relative name as one within its folders.
        for entry in fs::read_dir(fs::canonicalize(folder)?)? {
            let entry = entry?;
            let tag = entry.file_name();
            let Some(tag) = tag.to_str().filter(|tag| is_tag(tag)) else { continue };
            if entry.file_type()?.is_dir() {
                let names = set.languages.entry(normal(tag)).or_default();
                collect(&entry.path(), "", MAX_DEPTH, names, &mut left)?;
            }
        }
        Ok(set)
    }

    /// The prompt in the language asked for, or in the next more general one, or in the default: `es-MX`, `es`, then the
    /// default and its more general ones [RFC4647 3.4]. Tags compare without case; `_` counts as `-`, `*` asks for any.
    #[must_use]
    pub fn find(&self, name: &str, language: &str) -> Option<FoundPrompt<'_>> {
        let asked = normal(language);
        // With or without the extension.
        let stem = name.rsplit_once('.').filter(|(_, end)| FileFormat::of_extension(end).is_some());
        let stem = stem.map_or(name, |(stem, _)| stem);
        ranges(&asked).chain(ranges(&self.default)).find_map(|tag| {
            let (language, names) = self.languages.get_key_value(tag)?;
            let path = names.get(stem)?;
            Some(FoundPrompt { source: PromptSource::file(path), language })
        })
    }

    /// The languages that there are folders of, in lower case.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(|tag| &**tag)
    }
}

fn normal(tag: &str) -> Box<str> {
    tag.trim().replace('_', "-").to_ascii_lowercase().into()
}

/// Subtags of one to eight letters and digits.
fn is_tag(tag: &str) -> bool {
    tag.split(['-', '_']).all(|subtag| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|octet| octet.is_ascii_alphanumeric())
    })
}

/// A tag, then without its last subtag, and so on. A single letter or digit that is last then goes with it [RFC4647 3.4].
fn ranges(tag: &str) -> impl Iterator<Item = &str> {
    fn shorter<'a>(tag: &&'a str) -> Option<&'a str> {
        let (rest, _) = tag.rsplit_once('-')?;
        match rest.rsplit_once('-') {
            Some((before, single)) if single.len() == 1 => Some(before),
            _ => Some(rest),
        }
    }
    std::iter::successors(Some(tag).filter(|tag| !tag.is_empty() && *tag != "*"), shorter)
}

fn collect(
    folder: &Path,
    prefix: &str,
    depth: usize,
    names: &mut BTreeMap<Box<str>, PathBuf>,
    left: &mut usize,
) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    // The same choice each time where a name has two files.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let full = entry.file_name();
        if entry.file_type()?.is_dir() {
            if let Some(folder) = full.to_str().filter(|_| depth > 0) {
                collect(&path, &format!("{prefix}{folder}/"), depth - 1, names, left)?;
            }
        } else if FileFormat::of_path(&path).is_some() {
            *left =
                left.checked_sub(1).ok_or_else(|| io::Error::other("more than 100,000 prompts in a set"))?;
            names.entry(format!("{prefix}{name}").into()).or_insert(path);
        }
    }
    Ok(())
}
