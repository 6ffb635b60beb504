//! From a journal to the finished files.
//!
//! The journal is read twice: once for what is in it, once for the audio. Every file is written under a name of its own,
//! synced, read back and compared before it gets its final name; the manifest gets its name last, and the journal goes
//! once that is on the disk. Whatever is interrupted is done again from the journal, which a finished manifest outlives.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::chain::{Chain, Digest, RecordKind, Salt, SignedHead, digest_of};
use crate::error::{CutReason, SealError};
use crate::files::{Append, Files};
use crate::format::repair;
use crate::journal::{JournalReader, Opened, Secret, journal_name};
use crate::keys::{NodeKey, Recipients};
use crate::manifest::{
    AudioFile, Blob, ChainSummary, Manifest, MetadataFile, PIECE, Piece, Recovery, list_record, piece_hashes,
};
use crate::metadata::{Entry, Metadata, PieceOf};
use crate::sink::{Fact, FactKind, Finished, Header};

/// Ending of a file that is not complete.
pub(crate) const PARTIAL: &str = ".partial";

/// Name of a recording's manifest.
pub(crate) fn manifest_name(id: &str) -> String {
    format!("{id}.manifest.json")
}

/// Whoever seals: where, as whom, when.
pub(crate) struct Sealer<'s> {
    pub(crate) files: &'s dyn Files,
    pub(crate) node: &'s NodeKey,
    pub(crate) danger_unencrypted: bool,
    pub(crate) now: Duration,
}

/// What is in a journal.
struct Content {
    header: Header,
    salt: Salt,
    origin: Digest,
    chain: Chain,
    entries: Vec<Entry>,
    /// Kinds and digests of all records.
    listed: Vec<u8>,
    heads: Vec<SignedHead>,
    facts: Vec<Fact>,
    /// The header that holds, and its record.
    container_header: Option<(u32, PieceOf, Vec<u8>)>,
    /// The last piece of audio, and its record.
    last: Option<(u32, PieceOf, Vec<u8>)>,
    end: Option<(u64, u64)>,
    recovery: Option<Recovery>,
}

impl Content {
    /// Reads all of a journal; `octets` is its length.
    fn read(mut journal: JournalReader<impl Read>, octets: u64) -> Result<Self, SealError> {
        let start = match journal.next()? {
            Ok(Some(record)) if record.kind == RecordKind::Start => record.bytes.to_vec(),
            _ => return Err(SealError::NoBeginning),
        };
        let header = serde_json::from_slice(&start).map_err(|_| SealError::DamagedBeginning)?;
        let salt = journal.secret().salt();
        let mut content = Self {
            header,
            origin: *journal.origin(),
            chain: Chain::new(journal.origin()),
            salt,
            entries: Vec::new(),
            listed: Vec::new(),
            heads: Vec::new(),
            facts: Vec::new(),
            container_header: None,
            last: None,
            end: None,
            recovery: None,
        };
        content.take(RecordKind::Start, &start)?;
        let cut = loop {
            match journal.next()? {
                Ok(Some(record)) => content.take(record.kind, record.bytes)?,
                Ok(None) => break None,
                Err(reason) => break Some(reason),
            }
        };
        if let Some(reason) = cut
            && !(reason == CutReason::NotARecord && content.end.is_some())
        {
            let unusable_octets = octets.saturating_sub(journal.octets());
            content.recovery = Some(Recovery { reason: reason.to_string(), unusable_octets });
        }
        Ok(content)
    }

    fn take(&mut self, kind: RecordKind, bytes: &[u8]) -> Result<(), SealError> {
        let index = self.chain.records();
        let digest = digest_of(&self.salt, index, kind, &[bytes]);
        match kind {
            RecordKind::Header | RecordKind::Body => {
                let (piece, octets) = PieceOf::read(kind, bytes).ok_or(SealError::DamagedBeginning)?;
                self.take_piece(index, kind, piece, octets);
            }
            _ => self.entries.push(Entry::Here { kind, bytes: bytes.to_vec() }),
        }
        match kind {
            RecordKind::Fact => self.facts.extend(serde_json::from_slice::<Fact>(bytes).ok()),
            RecordKind::Head => self.heads.extend(SignedHead::from_bytes(bytes)),
            RecordKind::End => self.end = end_of(bytes),
            _ => {}
        }
        list_record(&mut self.listed, kind, &digest);
        self.chain.push(kind, &digest);
        Ok(())
    }

    /// The octets of a header that no longer holds are kept among the metadata, for its digest.
    fn take_piece(&mut self, index: u32, kind: RecordKind, piece: PieceOf, octets: &[u8]) {
        self.entries.push(Entry::InAudio { kind, piece });
        let slot = if kind == RecordKind::Header { &mut self.container_header } else { &mut self.last };
        let before = slot.replace((index, piece, octets.to_vec()));
        if kind == RecordKind::Header
            && let Some((index, piece, octets)) = before
        {
            self.keep(index, kind, piece, &octets);
        }
    }

    fn keep(&mut self, index: u32, kind: RecordKind, piece: PieceOf, octets: &[u8]) {
        let bytes = [&piece.first_sample.to_be_bytes(), &piece.samples.to_be_bytes(), octets].concat();
        if let Some(entry) = self.entries.get_mut(index as usize) {
            *entry = Entry::Here { kind, bytes };
        }
    }

    /// Samples of one channel.
    fn samples(&self) -> u64 {
        let held = self.last.as_ref().map_or(0, |(_, piece, _)| piece.end());
        self.end.map_or(held, |(samples, _)| samples)
    }

    /// Closes what a crash left open: the container's end, a fact that says so, the end of the chain. Gives the record
    /// whose place the patch takes.
    fn close(&mut self, now_ms: u64) -> Result<Option<u32>, SealError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let samples = self.samples();
        let patched = self.repair(samples)?;
        let fact = Fact { start: samples, samples: 0, kind: FactKind::Recovered };
        self.take(RecordKind::Fact, &serde_json::to_vec(&fact).map_err(io::Error::from)?)?;
        let end = [samples.to_be_bytes(), now_ms.to_be_bytes()].concat();
        self.take(RecordKind::End, &end)?;
        Ok(patched)
    }

    fn repair(&mut self, samples: u64) -> Result<Option<u32>, SealError> {
        let Some((_, header_piece, mut header)) = self.container_header.clone() else { return Ok(None) };
        let audio = (self.header.extension.as_str(), self.header.rate, self.header.channels);
        let before = header.clone();
        let Some((index, piece, octets)) = self.last.clone() else {
            // Without any audio the header is the last piece.
            let mut last = header.clone();
            if repair(audio, samples, &mut header, &mut last).is_ok() {
                self.take_header(header_piece, if header == before { &last } else { &header }, &before)?;
            }
            return Ok(None);
        };
        let mut last = octets.clone();
        // A container that is not known stays as it is; the fact says that it was cut off.
        if repair(audio, samples, &mut header, &mut last).is_err() {
            return Ok(None);
        }
        self.take_header(header_piece, &header, &before)?;
        if last == octets {
            return Ok(None);
        }
        self.keep(index, RecordKind::Body, piece, &octets);
        let patch = PieceOf { target: index, ..piece };
        let number = self.chain.records();
        let digest = patch.digest(&self.salt, number, RecordKind::Patch, &last);
        self.entries.push(Entry::InAudio { kind: RecordKind::Patch, piece: patch });
        list_record(&mut self.listed, RecordKind::Patch, &digest);
        self.chain.push(RecordKind::Patch, &digest);
        self.last = Some((number, patch, last));
        Ok(Some(index))
    }

    fn take_header(&mut self, piece: PieceOf, header: &[u8], before: &[u8]) -> Result<(), SealError> {
        if header == before {
            return Ok(());
        }
        let bytes = [&piece.first_sample.to_be_bytes(), &piece.samples.to_be_bytes(), header].concat();
        self.take(RecordKind::Header, &bytes)
    }

    /// Facts by start, those that touch joined.
    fn joined_facts(&self) -> Vec<Fact> {
        join_facts(self.facts.clone())
    }
}

/// Samples and wall clock of the end.
pub(crate) fn end_of(bytes: &[u8]) -> Option<(u64, u64)> {
    let (samples, at_ms) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*samples), u64::from_be_bytes(at_ms.try_into().ok()?)))
}

/// Facts by start, those of one kind that touch joined.
pub(crate) fn join_facts(mut facts: Vec<Fact>) -> Vec<Fact> {
    facts.sort_by_key(|fact| fact.start);
    let mut joined: Vec<Fact> = Vec::new();
    for fact in facts {
        let fits = joined.iter_mut().rev().take(4).any(|last| last.join(&fact));
        if !fits {
            joined.push(fact);
        }
    }
    joined
}

/// Milliseconds since 1970.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Names of a finished recording's files.
struct Names {
    audio: String,
    metadata: String,
    manifest: String,
    encrypted: bool,
}

impl Sealer<'_> {
    /// Finishes the recording `id` from its journal, whose key is `secret`.
    pub(crate) fn seal(&self, id: &str, secret: &Secret) -> Result<Finished, SealError> {
        let journal = journal_name(id);
        let octets = self.octets_of(&journal)?;
        let mut content = Content::read(self.open(id, secret)?, octets)?;
        let patched = content.close(millis(self.now))?;
        let recipients = Recipients::parse(&content.header.recipients)?;
        if recipients.is_empty() && !self.danger_unencrypted {
            return Err(SealError::NoRecipient);
        }
        let encrypted = !recipients.is_empty();
        let ending = if encrypted { ".age" } else { "" };
        let names = Names {
            audio: format!("{id}.{}{ending}", content.header.extension),
            metadata: if encrypted { format!("{id}.meta.age") } else { format!("{id}.meta.json") },
            manifest: manifest_name(id),
            encrypted,
        };
        self.clear(id)?;
        let sealed = self.write_all(id, secret, &content, patched, &recipients, &names);
        if sealed.is_err() {
            // Room for others; what cannot be removed now is removed when it is tried again.
            let _ = self.clear(id);
        }
        let (samples, bytes) = sealed?;
        self.files.remove(&journal)?;
        self.files.sync_names()?;
        Ok(Finished {
            id: content.header.id,
            path: self.files.path(&names.audio),
            manifest: self.files.path(&names.manifest),
            metadata: self.files.path(&names.metadata),
            samples,
            bytes,
        })
    }

    fn open(&self, id: &str, secret: &Secret) -> Result<JournalReader<impl Read + use<>>, SealError> {
        let input = io::BufReader::with_capacity(PIECE, self.files.open(&journal_name(id))?);
        let opened = Opened::read(input)?;
        if opened.id() != id {
            return Err(SealError::DamagedBeginning);
        }
        opened.with_secret(secret.clone())
    }

    fn octets_of(&self, name: &str) -> Result<u64, SealError> {
        Ok(io::copy(&mut self.files.open(name)?, &mut io::sink())?)
    }

    /// Removes what an earlier attempt left.
    fn clear(&self, id: &str) -> Result<(), SealError> {
        let journal = journal_name(id);
        for name in self.files.list()? {
            if name.split_once('.').is_some_and(|(stem, _)| stem == id) && name != journal {
                self.files.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Writes the three files, and gives samples and octets of the audio.
    fn write_all(
        &self,
        id: &str,
        secret: &Secret,
        content: &Content,
        patched: Option<u32>,
        recipients: &Recipients,
        names: &Names,
    ) -> Result<(u64, u64), SealError> {
        let audio = self.write_audio(content, self.open(id, secret)?, patched, recipients, names)?;
        let (samples, bytes) = (audio.samples, audio.octets);
        let metadata = self.write_metadata(content, recipients, names)?;
        let mut manifest = Manifest {
            version: 1,
            id: content.header.id.clone(),
            node: self.node.public().to_string(),
            began_ms: millis(content.header.began),
            completed_ms: content.end.map_or_else(|| millis(self.now), |(_, at_ms)| at_ms),
            audio,
            metadata,
            facts: content.joined_facts(),
            recovered: content.recovery.clone(),
            chain: ChainSummary::new(&content.origin, &content.chain, content.listed.clone(), &content.heads),
            signature: Blob::default(),
        };
        let text = manifest.sign(self.node)?;
        self.write_file(&names.manifest, &text)?;
        self.rename(&names.audio)?;
        self.rename(&names.metadata)?;
        self.files.sync_names()?;
        self.rename(&names.manifest)?;
        self.files.sync_names()?;
        Ok((samples, bytes))
    }

    fn rename(&self, name: &str) -> io::Result<()> {
        self.files.rename(&format!("{name}{PARTIAL}"), name)
    }

    fn write_audio(
        &self,
        content: &Content,
        journal: JournalReader<impl Read>,
        patched: Option<u32>,
        recipients: &Recipients,
        names: &Names,
    ) -> Result<AudioFile, SealError> {
        let partial = format!("{}{PARTIAL}", names.audio);
        let mut output = Hashing::new(self.files.create_new(&partial)?);
        let mut starts = Vec::new();
        let mut header = 0;
        if names.encrypted {
            let written = Rc::clone(&output.written);
            let mut sealed = recipients.encryptor()?.wrap_output(&mut output)?;
            header = written.get();
            write_container(content, journal, patched, &mut sealed, &mut starts)?;
            sealed.finish()?;
        } else {
            write_container(content, journal, patched, &mut output, &mut starts)?;
        }
        let (hashes, octets) = output.finish()?;
        if piece_hashes(self.files.open(&partial)?)? != (hashes.clone(), octets) {
            return Err(SealError::ReadBack(partial));
        }
        let place = |octet| if names.encrypted { plain_octet(octet, header) } else { octet };
        let pieces = (0_u64..)
            .zip(&hashes)
            .map(|(number, hash)| Piece {
                first_sample: page_at(place(number.saturating_mul(PIECE as u64)), &starts),
                sha256: Blob(hash.to_vec()),
            })
            .collect();
        Ok(AudioFile {
            file: names.audio.clone(),
            encrypted: names.encrypted,
            media_type: content.header.media_type.clone(),
            rate: content.header.rate,
            channels: content.header.channels,
            samples: content.samples(),
            octets,
            pieces,
        })
    }

    fn write_metadata(
        &self,
        content: &Content,
        recipients: &Recipients,
        names: &Names,
    ) -> Result<MetadataFile, SealError> {
        let metadata = Metadata::new(content.header.id.as_str(), &content.salt, &content.entries);
        let text = serde_json::to_vec_pretty(&metadata).map_err(io::Error::from)?;
        let file = if names.encrypted {
            let mut file = Vec::new();
            let mut sealed = recipients.encryptor()?.wrap_output(&mut file)?;
            sealed.write_all(&text)?;
            sealed.finish()?;
            file
        } else {
            text
        };
        self.write_file(&names.metadata, &file)?;
        let sha256 = Blob(Sha256::digest(&file).to_vec());
        Ok(MetadataFile { file: names.metadata.clone(), octets: file.len() as u64, sha256 })
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), SealError> {
        let partial = format!("{name}{PARTIAL}");
        let mut output = Hashing::new(self.files.create_new(&partial)?);
        output.write_all(bytes)?;
        let written = output.finish()?;
        if piece_hashes(self.files.open(&partial)?)? != written {
            return Err(SealError::ReadBack(partial));
        }
        Ok(())
    }
}

/// Writes the container's pieces in their order; `starts` says which sample begins at which octet.
fn write_container(
    content: &Content,
    mut journal: JournalReader<impl Read>,
    patched: Option<u32>,
    output: &mut impl Write,
    starts: &mut Vec<(u64, u64)>,
) -> Result<(), SealError> {
    let mut octets = 0_u64;
    let mut write = |piece: &PieceOf, bytes: &[u8]| {
        starts.push((octets, piece.first_sample));
        octets = octets.saturating_add(bytes.len() as u64);
        output.write_all(bytes)
    };
    if let Some((_, piece, header)) = &content.container_header {
        write(piece, header)?;
    }
    while let Ok(Some(record)) = journal.next()? {
        if record.kind != RecordKind::Body {
            continue;
        }
        match (&content.last, patched) {
            (Some((_, piece, patch)), Some(index)) if index == record.index => write(piece, patch)?,
            _ => {
                let (piece, bytes) =
                    PieceOf::read(record.kind, record.bytes).ok_or(SealError::DamagedBeginning)?;
                write(&piece, bytes)?;
            }
        }
    }
    Ok(())
}

/// First sample of the page in which an octet of the container stands.
fn page_at(octet: u64, starts: &[(u64, u64)]) -> u64 {
    let behind = starts.partition_point(|(start, _)| *start <= octet);
    starts.get(behind.saturating_sub(1)).map_or(0, |(_, sample)| *sample)
}

/// Where an octet of an age file is in what it holds, if its header takes `header` octets.
const fn plain_octet(octet: u64, header: u64) -> u64 {
    const CHUNK: u64 = 64 * 1024;
    let payload = octet.saturating_sub(header);
    let within = payload % (CHUNK + 16);
    (payload / (CHUNK + 16)) * CHUNK + if within < CHUNK { within } else { CHUNK }
}

/// Hashes each piece of what it writes.
struct Hashing {
    file: Box<dyn Append>,
    piece: Vec<u8>,
    hashes: Vec<Digest>,
    written: Rc<Cell<u64>>,
}

impl Hashing {
    fn new(file: Box<dyn Append>) -> Self {
        Self { file, piece: Vec::with_capacity(PIECE), hashes: Vec::new(), written: Rc::default() }
    }

    fn end_piece(&mut self) -> io::Result<()> {
        if !self.piece.is_empty() {
            self.file.append(&self.piece)?;
            self.hashes.push(Sha256::digest(&self.piece).into());
            self.piece.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<(Vec<Digest>, u64)> {
        self.end_piece()?;
        self.file.sync()?;
        Ok((self.hashes, self.written.get()))
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE.saturating_sub(self.piece.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.piece.extend_from_slice(taken);
        self.written.set(self.written.get().saturating_add(taken.len() as u64));
        if self.piece.len() == PIECE {
            self.end_piece()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
