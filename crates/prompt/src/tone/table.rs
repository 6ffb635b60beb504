//! Tones by country.

use std::collections::BTreeMap;

use crate::tone::{ToneDefinition, ToneError};

/// The table that is built in.
const EMBEDDED: &str = include_str!("../tones.toml");
/// What is taken where a country lacks a tone, or is not in the table.
const DEFAULT: &str = "default";

/// Why a table is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// It is no TOML of countries with texts.
    #[error("not a table of tones: {0}")]
    Toml(String),
    /// A definition is none.
    #[error("{tone} of {country}: {source}")]
    Tone {
        /// The country's code.
        country: String,
        /// The tone's name.
        tone: String,
        /// What is wrong.
        source: ToneError,
    },
}

/// Tones by country and name: `dial`, `busy`, `ringback`, `congestion`, `sit`, and any others that a file of the user's
/// has.
#[derive(Debug, Clone, PartialEq)]
pub struct ToneTable {
    countries: BTreeMap<String, Country>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Country {
    name: String,
    tones: BTreeMap<String, ToneDefinition>,
}

impl ToneTable {
    /// The tones that are built in, with those of `text` in their place or beside them: a TOML table a country, a line
    /// a tone, as in the built-in one.
    ///
    /// # Errors
    /// [`TableError`] where the text is no such table.
    pub fn with(text: &str) -> Result<Self, TableError> {
        let mut table = Self { countries: BTreeMap::new() };
        table.add(EMBEDDED)?;
        table.add(text)?;
        Ok(table)
    }

    /// The tones that are built in alone.
    #[must_use]
    pub fn embedded() -> Self {
        // A test reads all of it.
        Self::with("").unwrap_or(Self { countries: BTreeMap::new() })
    }

    fn add(&mut self, text: &str) -> Result<(), TableError> {
        let read: BTreeMap<String, BTreeMap<String, String>> =
            toml::from_str(text).map_err(|error| TableError::Toml(error.to_string()))?;
        for (code, lines) in read {
            let country = self.countries.entry(code.to_ascii_lowercase()).or_default();
            for (name, value) in lines {
                if name == "name" {
                    country.name = value;
                    continue;
                }
                let definition = ToneDefinition::parse(&value).map_err(|source| TableError::Tone {
                    country: code.clone(),
                    tone: name.clone(),
                    source,
                })?;
                country.tones.insert(name, definition);
            }
        }
        Ok(())
    }

    /// A country's tone, or the one of `default`; the code compares without case.
    #[must_use]
    pub fn find(&self, country: &str, tone: &str) -> Option<&ToneDefinition> {
        let of = |code: &str| self.countries.get(code)?.tones.get(tone);
        of(&country.to_ascii_lowercase()).or_else(|| of(DEFAULT))
    }

    /// Codes and names of the countries, in order.
    pub fn countries(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.countries.iter().filter(|(code, _)| *code != DEFAULT);
        all.map(|(code, country)| (code.as_str(), country.name.as_str()))
    }
}
