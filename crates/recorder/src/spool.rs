//! The folder of sealed recordings: opens journals, syncs them together, finishes them, and completes after a crash what is
//! there.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::SealError;
use crate::file_keys::{FinishedKeys, KeyStock};
use crate::files::Files;
use crate::journal::{Journal, Opened, journal_name};
use crate::keys::{NodeKey, RecoveryIdentity};
use crate::manifest::{Manifest, piece_hashes};
use crate::seal::{Sealer, manifest_name, millis};
use crate::sink::{Chunk, Fact, Finished, Header, RecordingId, Sink, Spool};

/// How often a chain's head is signed.
const SIGN_EVERY: Duration = Duration::from_secs(10);
/// Ending of a journal's name.
const JOURNAL: &str = ".journal";
/// What is added to the name of a journal whose beginning is damaged; nothing touches it any more.
const DAMAGED: &str = ".damaged";

/// How long plugins may take for one recording where nothing else is said.
pub(crate) const PLUGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolConfig {
    /// Keeps recordings without any recipient as plain files. Whoever reads the disk hears the calls.
    pub danger_unencrypted: bool,
    /// How long the plugins of recipients may take for the keys of one recording; 10 s by default. Those that are not done
    /// then are killed, and the recording is refused.
    pub plugin_timeout: Duration,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { danger_unencrypted: false, plugin_timeout: PLUGIN_TIMEOUT }
    }
}

struct Inner {
    files: Arc<dyn Files>,
    node: NodeKey,
    recovery: RecoveryIdentity,
    keys: KeyStock,
    config: SpoolConfig,
    /// Recordings that this process makes.
    open: Mutex<BTreeSet<String>>,
}

impl Inner {
    fn open(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sealer(&self, now: Duration) -> Sealer<'_> {
        Sealer {
            files: &*self.files,
            node: &self.node,
            keys: &self.keys,
            danger_unencrypted: self.config.danger_unencrypted,
            now,
        }
    }
}

/// A [`Spool`] whose sinks are journals.
#[derive(Clone)]
pub struct SealedSpool(Arc<Inner>);

impl fmt::Debug for SealedSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedSpool").field("open", &self.0.open().len()).finish_non_exhaustive()
    }
}

impl SealedSpool {
    /// A spool over a folder.
    #[must_use]
    pub fn new(
        files: Arc<dyn Files>,
        node: NodeKey,
        recovery: RecoveryIdentity,
        config: SpoolConfig,
    ) -> Self {
        let keys = KeyStock::new(recovery.recipient(), config.plugin_timeout);
        Self(Arc::new(Inner { files, node, recovery, keys, config, open: Mutex::default() }))
    }

    /// Has keys wrapped ahead for these recipients, where there are plugins among them, so that the first recordings need
    /// not wait for them.
    ///
    /// # Errors
    /// One of them is no recipient; the system has no more threads.
    pub fn prepare(&self, recipients: &[String]) -> Result<(), SealError> {
        self.0.keys.prepare(recipients)
    }

    fn begin(&self, header: &Header) -> Result<(Journal, Option<FinishedKeys>), SealError> {
        if header.recipients.is_empty() && !self.0.config.danger_unencrypted {
            return Err(SealError::NoRecipient);
        }
        let of_this =
            |name: &String| name.split_once('.').is_some_and(|(stem, _)| stem == header.id.as_str());
        if self.0.files.list()?.iter().any(of_this) {
            return Err(SealError::Io(io::ErrorKind::AlreadyExists.into()));
        }
        let (node, keys) = (self.0.node.public(), self.0.keys.take(&header.recipients)?);
        let journal = Journal::create_with(&self.0.files, header, (keys.secret, keys.wrapped), node)?;
        Ok((journal, keys.finished))
    }

    fn recover_one(&self, id: &str, now: Duration) -> Result<Finished, SealError> {
        let files = &*self.0.files;
        let name = journal_name(id);
        if let Some(finished) = self.finished(id)? {
            files.remove(&name)?;
            files.sync_names()?;
            return Ok(finished);
        }
        let opened = match Opened::read(io::BufReader::new(files.open(&name)?)) {
            Err(error @ SealError::NoBeginning) => {
                files.remove(&name)?;
                files.sync_names()?;
                return Err(error);
            }
            Err(error @ SealError::DamagedBeginning) => {
                files.rename(&name, &format!("{name}{DAMAGED}"))?;
                files.sync_names()?;
                return Err(error);
            }
            opened => opened?,
        };
        let journal = opened.unlock([self.0.recovery.as_identity()].into_iter())?;
        match self.0.sealer(now).seal(id, journal.secret(), None) {
            // The first record is not there: nothing was ever kept.
            Err(error @ SealError::NoBeginning) => {
                files.remove(&name)?;
                files.sync_names()?;
                Err(error)
            }
            sealed => sealed,
        }
    }

    /// The finished files of a recording, if they are all there and whole.
    fn finished(&self, id: &str) -> Result<Option<Finished>, SealError> {
        let files = &*self.0.files;
        let name = manifest_name(id);
        let manifest = match files.open(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => Manifest::read(file?),
        };
        let Ok(manifest) = manifest else { return Ok(None) };
        let whole = |file: &str, hashes: Vec<&[u8]>, octets: u64| match files.open(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(input) => {
                let (found, length) = piece_hashes(input)?;
                Ok(length == octets && found.iter().map(<[u8; 32]>::as_slice).eq(hashes))
            }
        };
        let pieces = manifest.audio.pieces.iter().map(|piece| piece.sha256.0.as_slice()).collect();
        if !whole(&manifest.audio.file, pieces, manifest.audio.octets)?
            || files.open(&manifest.metadata.file).is_err()
        {
            return Ok(None);
        }
        Ok(Some(Finished {
            path: files.path(&manifest.audio.file),
            manifest: files.path(&name),
            metadata: files.path(&manifest.metadata.file),
            samples: manifest.audio.samples,
            bytes: manifest.audio.octets,
            id: manifest.id,
        }))
    }
}

impl Spool for SealedSpool {
    fn open(&self, header: &Header) -> io::Result<Box<dyn Sink>> {
        let id = header.id.as_str().to_owned();
        if !self.0.open().insert(id.clone()) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let claim = Claim { inner: Arc::clone(&self.0), id };
        let (journal, keys) = self.begin(header)?;
        Ok(Box::new(SealedSink { claim, journal, keys, signed_at: header.began, signed_records: 0 }))
    }

    fn sync(&self) -> io::Result<()> {
        self.0.files.sync_all()
    }

    fn free_space(&self) -> io::Result<u64> {
        self.0.files.free_space()
    }

    fn recover(&self, now: Duration, each: &mut dyn FnMut(io::Result<Finished>)) -> io::Result<usize> {
        // What a killed process wrote is there, and not yet on the disk.
        self.0.files.sync_all()?;
        let mut count = 0;
        for name in self.0.files.list()? {
            let Some(id) = name.strip_suffix(JOURNAL).and_then(|id| RecordingId::new(id).ok()) else {
                continue;
            };
            let claimed = self.0.open().insert(id.as_str().to_owned());
            if !claimed {
                continue;
            }
            let _claim = Claim { inner: Arc::clone(&self.0), id: id.as_str().to_owned() };
            count += 1;
            each(self.recover_one(id.as_str(), now).map_err(io::Error::from));
        }
        Ok(count)
    }
}

/// That a recording is worked on; others leave it alone as long as this lives.
struct Claim {
    inner: Arc<Inner>,
    id: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.inner.open().remove(&self.id);
    }
}

struct SealedSink {
    claim: Claim,
    journal: Journal,
    /// Those of the finished files.
    keys: Option<FinishedKeys>,
    signed_at: Duration,
    signed_records: u32,
}

impl SealedSink {
    fn sign(&mut self, now: Duration) -> Result<(), SealError> {
        if self.signed_records != self.journal.records() {
            self.journal.sign_head(&self.claim.inner.node, millis(now))?;
            self.signed_records = self.journal.records();
        }
        self.signed_at = now;
        Ok(())
    }

    fn complete(&mut self, samples: u64, now: Duration) -> Result<Finished, SealError> {
        let inner = Arc::clone(&self.claim.inner);
        self.sign(now)?;
        self.journal.end(samples, millis(now))?;
        // Nothing is written beside a journal that is not itself on the disk.
        self.journal.sync()?;
        inner.files.sync_names()?;
        let keys = self.keys.take();
        inner.sealer(now).seal(&self.claim.id, self.journal.secret(), keys)
    }
}

impl Sink for SealedSink {
    fn chunk(&mut self, chunk: &Chunk) -> io::Result<()> {
        Ok(self.journal.append_chunk(chunk)?)
    }

    fn fact(&mut self, fact: &Fact) -> io::Result<()> {
        Ok(self.journal.append_fact(fact)?)
    }

    fn personal(&mut self, json: &[u8]) -> io::Result<()> {
        Ok(self.journal.append_personal(json)?)
    }

    fn tick(&mut self, now: Duration) -> io::Result<()> {
        if now.saturating_sub(self.signed_at) >= SIGN_EVERY {
            self.sign(now)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, samples: u64, now: Duration) -> io::Result<Finished> {
        Ok(self.complete(samples, now)?)
    }
}

#[cfg(test)]
mod tests;
