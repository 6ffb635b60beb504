//! Reads a configuration file of GLib's form: sections, keys and values, comments.

/// A file by sections, in order.
#[derive(Debug, Default)]
pub(super) struct KeyFile {
    pub(super) sections: Vec<Section>,
}

/// A section.
#[derive(Debug, Default, Clone)]
pub(super) struct Section {
    pub(super) name: String,
    /// Each with the number of its line, from 1.
    pub(super) entries: Vec<Entry>,
}

/// A line `key = value`.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
}

/// A line that is none of the form.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {what}; allowed: [SECTION], KEY = VALUE, or # and a comment")]
pub(super) struct Malformed {
    line: usize,
    what: &'static str,
}

impl KeyFile {
    /// Reads the text of a file.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        let mut file = Self::default();
        for (line, text) in text.lines().enumerate() {
            let (line, text) = (line + 1, text.trim());
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if let Some(name) = text.strip_prefix('[') {
                let name =
                    name.strip_suffix(']').ok_or(Malformed { line, what: "a section without its end" })?;
                file.sections.push(Section { name: name.trim().to_owned(), entries: Vec::new() });
                continue;
            }
            let (key, value) = text.split_once('=').ok_or(Malformed { line, what: "no key with a value" })?;
            let section =
                file.sections.last_mut().ok_or(Malformed { line, what: "a key before any section" })?;
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            section.entries.push(Entry { line, key, value });
        }
        Ok(file)
    }

    /// The section of this name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

impl Section {
    /// The value of a key; the last one counts, as in GLib.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.entries.iter().rfind(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }
}

impl Entry {
    /// The parts of a list, which semicolons separate.
    pub(super) fn list(&self) -> impl Iterator<Item = &str> {
        self.value.split(';').map(str::trim).filter(|part| !part.is_empty())
    }
}
