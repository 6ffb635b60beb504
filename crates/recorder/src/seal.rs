//! From a journal to the finished files.
//!
//! The journal is read twice: once for what is in it, once for the audio. Every file is written under a name of its own,
//! synced, read back and compared before it gets its final name; the manifest gets its name last, and the journal goes
//! once that is on the disk. Whatever is interrupted is done again from the journal, which a finished manifest outlives.

mod content;

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::chain::{Digest, RecordKind};
use crate::error::SealError;
use crate::file_keys::{FinishedKeys, KeyStock};
use crate::files::{Append, Files};
use crate::journal::{JournalReader, Opened, Secret, journal_name};
use crate::keys::NodeKey;
use crate::manifest::{AudioFile, Blob, ChainSummary, Manifest, MetadataFile, PIECE, Piece, piece_hashes};
use crate::metadata::{Metadata, PieceOf};
use crate::sink::Finished;

use content::Content;
pub(crate) use content::{end_of, join_facts};

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
    pub(crate) keys: &'s KeyStock,
    pub(crate) danger_unencrypted: bool,
    pub(crate) now: Duration,
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
    /// Finishes the recording `id` from its journal, whose key is `secret`. `keys` are what was made for it when it began.
    pub(crate) fn seal(
        &self,
        id: &str,
        secret: &Secret,
        keys: Option<FinishedKeys>,
    ) -> Result<Finished, SealError> {
        let journal = journal_name(id);
        let octets = self.octets_of(&journal)?;
        let mut content = Content::read(self.open(id, secret)?, octets)?;
        let patched = content.close(millis(self.now))?;
        let encrypted = !content.header.recipients.is_empty();
        if !encrypted && !self.danger_unencrypted {
            return Err(SealError::NoRecipient);
        }
        let keys = match keys {
            None if encrypted => self.keys.take(&content.header.recipients)?.finished,
            keys => keys,
        };
        if encrypted != keys.is_some() {
            // What is to be encrypted is never written plain.
            return Err(SealError::Encryption);
        }
        let ending = if encrypted { ".age" } else { "" };
        let names = Names {
            audio: format!("{id}.{}{ending}", content.header.extension),
            metadata: if encrypted { format!("{id}.meta.age") } else { format!("{id}.meta.json") },
            manifest: manifest_name(id),
            encrypted,
        };
        self.clear(id)?;
        let sealed = self.write_all((id, secret), &content, patched, keys, &names);
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
        (id, secret): (&str, &Secret),
        content: &Content,
        patched: Option<u32>,
        keys: Option<FinishedKeys>,
        names: &Names,
    ) -> Result<(u64, u64), SealError> {
        let (audio_key, metadata_key) = keys.map(|keys| (keys.audio, keys.metadata)).unzip();
        let audio = self.write_audio(content, self.open(id, secret)?, patched, audio_key, names)?;
        let (samples, bytes) = (audio.samples, audio.octets);
        let metadata = self.write_metadata(content, metadata_key, names)?;
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
        key: Option<age::Encryptor>,
        names: &Names,
    ) -> Result<AudioFile, SealError> {
        let partial = format!("{}{PARTIAL}", names.audio);
        let mut output = Hashing::new(self.files.create_new(&partial)?);
        let mut starts = Vec::new();
        let mut header = 0;
        if let Some(key) = key {
            let written = Rc::clone(&output.written);
            let mut sealed = key.wrap_output(&mut output)?;
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
        key: Option<age::Encryptor>,
        names: &Names,
    ) -> Result<MetadataFile, SealError> {
        let metadata = Metadata::new(content.header.id.as_str(), &content.salt, &content.entries);
        let text = serde_json::to_vec_pretty(&metadata).map_err(io::Error::from)?;
        let file = if let Some(key) = key {
            let mut file = Vec::new();
            let mut sealed = key.wrap_output(&mut file)?;
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
