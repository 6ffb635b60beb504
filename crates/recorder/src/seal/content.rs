//! What a journal holds, and what a crash left open in it.

use std::io::{self, Read};

use crate::chain::{Chain, Digest, RecordKind, Salt, SignedHead, digest_of};
use crate::error::{CutReason, SealError};
use crate::format::repair;
use crate::journal::JournalReader;
use crate::manifest::{Recovery, list_record};
use crate::metadata::{Entry, PieceOf};
use crate::sink::{Fact, FactKind, Header};

/// What is in a journal.
pub(super) struct Content {
    pub(super) header: Header,
    pub(super) salt: Salt,
    pub(super) origin: Digest,
    pub(super) chain: Chain,
    pub(super) entries: Vec<Entry>,
    /// Kinds and digests of all records.
    pub(super) listed: Vec<u8>,
    pub(super) heads: Vec<SignedHead>,
    facts: Vec<Fact>,
    /// The header that holds, and its record.
    pub(super) container_header: Option<(u32, PieceOf, Vec<u8>)>,
    /// The last piece of audio, and its record.
    pub(super) last: Option<(u32, PieceOf, Vec<u8>)>,
    pub(super) end: Option<(u64, u64)>,
    pub(super) recovery: Option<Recovery>,
}

impl Content {
    /// Reads all of a journal; `octets` is its length.
    pub(super) fn read(mut journal: JournalReader<impl Read>, octets: u64) -> Result<Self, SealError> {
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
            // A crash before the first audio: there is nothing to be kept, and a container of a header alone plays nowhere.
            if content.last.is_none() && matches!(reason, CutReason::NoEnd | CutReason::Truncated) {
                return Err(SealError::NoBeginning);
            }
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
    pub(super) fn samples(&self) -> u64 {
        let held = self.last.as_ref().map_or(0, |(_, piece, _)| piece.end());
        self.end.map_or(held, |(samples, _)| samples)
    }

    /// Closes what a crash left open: the container's end, a fact that says so, the end of the chain. Gives the record
    /// whose place the patch takes.
    pub(super) fn close(&mut self, now_ms: u64) -> Result<Option<u32>, SealError> {
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
    pub(super) fn joined_facts(&self) -> Vec<Fact> {
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
