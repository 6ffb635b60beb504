//! Proof that a finished recording is whole and unaltered, or the place and the reason where it is not.
//!
//! Without an identity: the manifest's signature, the hash of each piece of the files, the chain and the heads that were signed
//! while it was made. With one: every record, from its plaintext.

mod pages;

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::chain::{Chain, Digest, RecordKind, digest_of};
use crate::error::SealError;
use crate::journal::read_up_to;
use crate::keys::{self, Identities, NodePublicKey};
use crate::manifest::{Manifest, PIECE};
use crate::metadata::{Entry, Metadata, layout};
use crate::seal::{end_of, join_facts};
use crate::sink::{Fact, Header};

/// Where something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The manifest.
    Manifest,
    /// The file of metadata.
    Metadata,
    /// Octets of the audio's file, and about what time they hold.
    Octets {
        /// The first.
        from: u64,
        /// The one behind the last.
        to: u64,
        /// Time of the first, from the recording's beginning.
        time: Duration,
    },
    /// A record, and the time it begins at.
    Record {
        /// Its number.
        index: u32,
        /// Time of its first sample, from the recording's beginning.
        time: Duration,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest"),
            Self::Metadata => f.write_str("metadata"),
            Self::Octets { from, to, time } => {
                write!(f, "audio, octets {from} to {to}, from {:.3} s", time.as_secs_f64())
            }
            Self::Record { index, time } => write!(f, "page {index}, at {:.3} s", time.as_secs_f64()),
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The file is not there.
    #[error("is missing")]
    Missing,
    /// The file cannot be read as what it is.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It is signed by a key that is not trusted.
    #[error("is signed by {0}, which is not trusted")]
    Signer(String),
    /// Its octets are others.
    #[error("is altered")]
    Altered,
    /// It ends too early.
    #[error("is cut off")]
    CutOff,
    /// There is more than there was.
    #[error("has something added")]
    Longer,
    /// It stands twice.
    #[error("is there twice")]
    Doubled,
    /// It is not there.
    #[error("is dropped")]
    Dropped,
    /// It stands elsewhere.
    #[error("is moved")]
    Moved,
    /// A link or a signed head of the chain is not of its records.
    #[error("does not fit into the chain")]
    Chain,
    /// It says otherwise than the records.
    #[error("contradicts the records")]
    Contradiction,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub reason: Reason,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place, self.reason)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The manifest, if it is one.
    pub manifest: Option<Manifest>,
    /// What is wrong, in the order of the checks.
    pub findings: Vec<Finding>,
    /// Records that were checked from their plaintext.
    pub records_opened: usize,
    /// Personal metadata, where an identity opened it.
    pub personal: Vec<serde_json::Value>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Opens a file beside the manifest by its name.
pub type OpenFile<'f> = dyn FnMut(&str) -> io::Result<Box<dyn Read>> + 'f;

/// Checks the recording whose manifest has this name; `trusted` are the nodes whose signature counts. With `identities`
/// every record is checked, too.
///
/// # Errors
/// A file cannot be read; [`SealError::WrongIdentity`] where no identity opens the recording.
pub fn verify(
    manifest: &str,
    open: &mut OpenFile<'_>,
    trusted: &[NodePublicKey],
    identities: Option<&Identities>,
) -> Result<Report, SealError> {
    let mut report = Report { manifest: None, findings: Vec::new(), records_opened: 0, personal: Vec::new() };
    let manifest = match Manifest::read(open(manifest)?) {
        Err(SealError::Manifest(reason)) => {
            report.findings.push(Finding { place: Place::Manifest, reason: Reason::Unreadable(reason) });
            return Ok(report);
        }
        manifest => manifest?,
    };
    let mut check = Check { manifest: &manifest, findings: Vec::new() };
    check.signer(trusted)?;
    check.chain()?;
    check.audio(open)?;
    check.metadata(open)?;
    if let Some(identities) = identities {
        check.records(open, identities, &mut report)?;
    }
    report.findings = check.findings;
    report.manifest = Some(manifest);
    Ok(report)
}

struct Check<'m> {
    manifest: &'m Manifest,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn find(&mut self, place: Place, reason: Reason) {
        self.findings.push(Finding { place, reason });
    }

    fn signer(&mut self, trusted: &[NodePublicKey]) -> Result<(), SealError> {
        let signer = self.manifest.signer()?;
        if !trusted.contains(&signer) {
            self.find(Place::Manifest, Reason::Signer(signer.to_string()));
        }
        Ok(())
    }

    fn chain(&mut self) -> Result<(), SealError> {
        let summary = &self.manifest.chain;
        let (key, id) = (self.manifest.signer()?.0, self.manifest.id.as_str());
        let origin: Option<&Digest> = summary.origin.0.as_slice().try_into().ok();
        let Some(origin) = origin else {
            self.find(Place::Manifest, Reason::Chain);
            return Ok(());
        };
        let (mut chain, mut heads, mut fits) = (Chain::new(origin), summary.heads(), true);
        for (kind, digest) in summary.records() {
            let Some(kind) = RecordKind::from_number(kind) else {
                fits = false;
                break;
            };
            if kind == RecordKind::Head {
                fits &= heads.next().flatten().is_some_and(|head| head.is_of(&key, id, &chain));
            }
            chain.push(kind, digest);
        }
        if !fits || heads.next().is_some() || chain.head().as_slice() != summary.head.0 {
            self.find(Place::Manifest, Reason::Chain);
        }
        Ok(())
    }

    fn audio(&mut self, open: &mut OpenFile<'_>) -> Result<(), SealError> {
        let audio = &self.manifest.audio;
        let Some(mut input) = existing(open, &audio.file)? else {
            self.find(Place::Octets { from: 0, to: audio.octets, time: Duration::ZERO }, Reason::Missing);
            return Ok(());
        };
        let (mut piece, mut from) = (vec![0; PIECE], 0_u64);
        for listed in &audio.pieces {
            let len = read_up_to(&mut input, &mut piece)?;
            let expected = audio.octets.saturating_sub(from).min(PIECE as u64);
            let time = self.manifest.time_of(listed.first_sample);
            if (len as u64) < expected {
                self.find(
                    Place::Octets { from: from.saturating_add(len as u64), to: audio.octets, time },
                    Reason::CutOff,
                );
                return Ok(());
            }
            let to = from.saturating_add(expected);
            let held = piece.get(..usize::try_from(expected).unwrap_or(len)).unwrap_or_default();
            if Sha256::digest(held).as_slice() != listed.sha256.0 {
                self.find(Place::Octets { from, to, time }, Reason::Altered);
            }
            from = to;
            if len as u64 > expected {
                let to = from.saturating_add(1);
                self.find(Place::Octets { from, to, time: self.end() }, Reason::Longer);
                return Ok(());
            }
        }
        if from != audio.octets {
            self.find(Place::Manifest, Reason::Contradiction);
        }
        if io::copy(&mut input, &mut io::sink())? > 0 {
            let to = from.saturating_add(1);
            self.find(Place::Octets { from, to, time: self.end() }, Reason::Longer);
        }
        Ok(())
    }

    fn end(&self) -> Duration {
        self.manifest.time_of(self.manifest.audio.samples)
    }

    fn metadata(&mut self, open: &mut OpenFile<'_>) -> Result<(), SealError> {
        let listed = &self.manifest.metadata;
        let Some(input) = existing(open, &listed.file)? else {
            self.find(Place::Metadata, Reason::Missing);
            return Ok(());
        };
        let mut file = Vec::new();
        input.take(listed.octets.saturating_add(1)).read_to_end(&mut file)?;
        let length = file.len() as u64;
        let reason = if length < listed.octets {
            Reason::CutOff
        } else if length > listed.octets {
            Reason::Longer
        } else if Sha256::digest(&file).as_slice() != listed.sha256.0 {
            Reason::Altered
        } else {
            return Ok(());
        };
        self.find(Place::Metadata, reason);
        Ok(())
    }

    fn records(
        &mut self,
        open: &mut OpenFile<'_>,
        identities: &Identities,
        report: &mut Report,
    ) -> Result<(), SealError> {
        let manifest = self.manifest;
        let metadata = match self.plain(open, &manifest.metadata.file, identities)? {
            Ok(input) => Metadata::read(input).ok(),
            Err(_) => None,
        };
        let opened = metadata.as_ref().filter(|metadata| metadata.id() == manifest.id.as_str());
        let Some((salt, entries)) = opened.and_then(|metadata| Some((metadata.salt()?, metadata.entries()?)))
        else {
            self.find(Place::Metadata, Reason::Unreadable("it does not open".to_owned()));
            return Ok(());
        };
        if entries.len() != manifest.chain.len() {
            self.find(Place::Metadata, Reason::Contradiction);
            return Ok(());
        }
        for ((index, entry), (kind, digest)) in (0_u32..).zip(&entries).zip(manifest.chain.records()) {
            if let Entry::Here { kind: own, bytes } = entry {
                let own_digest = digest_of(&salt, index, *own, &[bytes]);
                if kind != own.number() || own_digest != *digest {
                    self.find(Place::Record { index, time: Duration::ZERO }, Reason::Altered);
                }
                report.records_opened += 1;
            } else if kind != entry.kind().number() {
                self.find(Place::Record { index, time: Duration::ZERO }, Reason::Altered);
            }
        }
        if !agrees(manifest, &entries) {
            self.find(Place::Manifest, Reason::Contradiction);
        }
        let digests: Vec<Digest> = manifest.chain.records().map(|(_, digest)| *digest).collect();
        match self.plain(open, &manifest.audio.file, identities)? {
            Ok(input) => {
                let pages = pages::Pages::new(&salt, &digests, layout(&entries));
                report.records_opened += pages.check(input, &mut |index, sample, reason| {
                    self.find(Place::Record { index, time: manifest.time_of(sample) }, reason);
                });
            }
            Err(reason) => {
                let to = manifest.audio.octets;
                self.find(Place::Octets { from: 0, to, time: Duration::ZERO }, reason);
            }
        }
        report.personal = metadata.map(Metadata::personal).unwrap_or_default();
        Ok(())
    }

    /// The plaintext of a file, or why there is none.
    fn plain(
        &self,
        open: &mut OpenFile<'_>,
        name: &str,
        identities: &Identities,
    ) -> Result<Result<Box<dyn Read>, Reason>, SealError> {
        let Some(input) = existing(open, name)? else { return Ok(Err(Reason::Missing)) };
        let input = io::BufReader::with_capacity(PIECE, input);
        if !self.manifest.audio.encrypted {
            return Ok(Ok(Box::new(input)));
        }
        match keys::decrypt(input, identities.iter()) {
            Ok(plain) => Ok(Ok(Box::new(plain))),
            // A wrong key is the caller's mistake, unless the file itself is known to be damaged.
            Err(SealError::WrongIdentity) if self.findings.is_empty() => Err(SealError::WrongIdentity),
            Err(error) => Ok(Err(Reason::Unreadable(error.to_string()))),
        }
    }
}

/// Whether what the manifest says of the recording is what its records say.
fn agrees(manifest: &Manifest, entries: &[Entry]) -> bool {
    let here = |wanted: RecordKind| {
        entries.iter().filter_map(move |entry| match entry {
            Entry::Here { kind, bytes } if *kind == wanted => Some(bytes.as_slice()),
            _ => None,
        })
    };
    let start: Option<Header> =
        here(RecordKind::Start).next().and_then(|start| serde_json::from_slice(start).ok());
    let audio = &manifest.audio;
    let begun = start.is_some_and(|start| {
        start.id == manifest.id
            && (start.rate, start.channels) == (audio.rate, audio.channels)
            && start.media_type == audio.media_type
            && crate::seal::millis(start.began) == manifest.began_ms
    });
    let facts: Vec<Fact> =
        here(RecordKind::Fact).filter_map(|fact| serde_json::from_slice(fact).ok()).collect();
    let end = here(RecordKind::End).next().and_then(end_of);
    begun
        && join_facts(facts) == manifest.facts
        && end == Some((audio.samples, manifest.completed_ms))
        && here(RecordKind::End).count() == 1
}

fn existing(open: &mut OpenFile<'_>, name: &str) -> io::Result<Option<Box<dyn Read>>> {
    match open(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}
