//! What the tests share: folders, recordings, a clock that is set by hand.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mediapoint_content::{
    Catalogue, Clock, Delivery, Entry, Library, Listener, PersonalColumns, PseudonymKey, Query, RecordingId,
    Service, ServiceConfig, SqliteDatabase, Store, StoredEvent,
};

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // In memory where the system has that: these tests sync thousands of times.
        let memory = PathBuf::from("/dev/shm");
        let base = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let path = base.join(format!("content-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// 2026-03-01 00:00 UTC.
pub(crate) const START: i64 = 1_772_323_200_000;
pub(crate) const DAY: i64 = 86_400_000;

/// A clock that stands still until it is set.
#[derive(Clone)]
pub(crate) struct Hand(Arc<AtomicI64>);

impl Hand {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || time.load(Ordering::SeqCst))
    }

    pub(crate) fn set(&self, at: i64) {
        self.0.store(at, Ordering::SeqCst);
    }
}

pub(crate) fn id(text: &str) -> RecordingId {
    RecordingId::new(text).unwrap()
}

pub(crate) fn columns() -> PersonalColumns {
    PersonalColumns::Pseudonym(PseudonymKey::new([9; 32]))
}

pub(crate) fn entry(party: &str) -> Entry {
    Entry {
        tenant: "acme".into(),
        call: format!("call-of-{party}"),
        parties: vec![party.into(), "+4930999".into()],
        tags: BTreeMap::from([("queue".into(), "sales".into())]),
        started: START,
        length: 20_000,
        format: "opus".into(),
        recovered: false,
    }
}

pub(crate) fn encrypt(to: &age::x25519::Recipient, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let to = std::iter::once(to as &dyn age::Recipient);
    let mut writer = age::Encryptor::with_recipients(to).unwrap().wrap_output(&mut out).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap();
    out
}

/// Bytes that are the same nowhere.
pub(crate) fn audio(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at.wrapping_mul(2_654_435_761) >> 13 & 0xff).unwrap()).collect()
}

/// The files of a finished recording.
#[derive(Clone)]
pub(crate) struct Finished {
    pub(crate) id: RecordingId,
    pub(crate) audio: Vec<u8>,
    pub(crate) meta: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

impl Finished {
    pub(crate) fn new(name: &str, to: &age::x25519::Recipient, length: usize) -> Self {
        Self {
            id: id(name),
            audio: encrypt(to, &audio(length)),
            meta: encrypt(to, b"{\"parties\":[]}"),
            manifest: format!("{{\"recording\":\"{name}\"}}").into_bytes(),
        }
    }

    pub(crate) fn files(&self) -> [(String, &[u8]); 3] {
        [
            (format!("{}.opus.age", self.id), &self.audio),
            (format!("{}.meta.age", self.id), &self.meta),
            (format!("{}.manifest.json", self.id), &self.manifest),
        ]
    }

    pub(crate) fn write(&self, spool: &Path) {
        for (name, bytes) in self.files() {
            std::fs::write(spool.join(name), bytes).unwrap();
        }
    }
}

/// Remembers what it was told.
#[derive(Clone, Default)]
pub(crate) struct Receiver(pub(crate) Arc<Mutex<Vec<StoredEvent>>>);

impl Listener for Receiver {
    fn deliver<'a>(&'a self, event: &'a StoredEvent) -> Delivery<'a> {
        self.0.lock().unwrap().push(event.clone());
        Box::pin(async { Ok(()) })
    }
}

/// A service over a folder, with the catalogue in SQLite beside it.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) hand: Hand,
    pub(crate) store: Store,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) told: Receiver,
    pub(crate) service: Service,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let store = Store::folder(&folder.join("store")).unwrap();
        Self::over(folder, store)
    }

    pub(crate) fn over(folder: Folder, store: Store) -> Self {
        let database = SqliteDatabase::open(&folder.join("catalogue.sqlite")).unwrap();
        let catalogue = Arc::new(Catalogue::new(Box::new(database)));
        Self::with(folder, store, catalogue)
    }

    pub(crate) fn with(folder: Folder, store: Store, catalogue: Arc<Catalogue>) -> Self {
        let (hand, told) = (Hand::new(), Receiver::default());
        let config = ServiceConfig::new(&spool(&folder), columns());
        let listener = Box::new(told.clone());
        let service =
            Service::open(config, store.clone(), Arc::clone(&catalogue), listener, hand.clock()).unwrap();
        Self { folder, hand, store, catalogue, told, service }
    }

    pub(crate) fn library(&self) -> Library {
        Library::new(self.store.clone(), Arc::clone(&self.catalogue), columns(), self.hand.clock())
    }

    /// Submits a recording and works until nothing is left.
    pub(crate) async fn take(&self, finished: &Finished, entry: &Entry) {
        finished.write(&spool(&self.folder));
        assert!(self.service.submit(&finished.id, entry).unwrap());
        assert_eq!(self.service.work().await.unwrap(), None);
        assert_eq!(self.service.pending().unwrap(), []);
    }
}

/// The spool folder, made where it is not there.
pub(crate) fn spool(folder: &Folder) -> PathBuf {
    let spool = folder.join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    spool
}

/// Works, and sets the clock on to each next attempt, until nothing is left.
pub(crate) async fn drain(service: &Service, hand: &Hand) {
    for _ in 0..10_000 {
        match service.work().await.unwrap() {
            Some(at) => hand.set(at),
            None => return,
        }
    }
    panic!("the queue does not empty: {:?}", service.pending());
}

/// Files in the spool folder that are a recording's.
pub(crate) fn spooled(folder: &Folder) -> Vec<String> {
    let names = std::fs::read_dir(spool(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with("content-queue")).collect();
    names.sort();
    names
}

/// Everything is where it belongs: one row and one entry of the audit log, the same bytes, nothing local, nothing doubled.
pub(crate) async fn assert_stored(library: &Library, told: &Receiver, all: &[Finished]) {
    let records = library.list(Query::default()).await.unwrap();
    let names: Vec<&RecordingId> = records.iter().map(|record| &record.id).collect();
    assert_eq!(names, all.iter().map(|one| &one.id).collect::<Vec<_>>());
    let log = library.catalogue().audit_log(0, 1000).await.unwrap();
    for one in all {
        let stored =
            log.iter().filter(|entry| entry.recording == one.id.as_str() && entry.action == "stored");
        assert_eq!(stored.count(), 1, "{}", one.id);
        for (part, bytes) in
            [(mediapoint_content::Part::Audio, &one.audio), (mediapoint_content::Part::Metadata, &one.meta)]
        {
            let mut out = Vec::new();
            library.export(&one.id, part, "test", &mut out).await.unwrap();
            assert!(out == *bytes, "{} {part:?}", one.id);
        }
        assert_eq!(library.manifest(&one.id).await.unwrap(), one.manifest);
        let deliveries = told.0.lock().unwrap().clone();
        assert!(deliveries.iter().any(|event| event.recording == one.id), "{} was not told", one.id);
        let mut ids: Vec<String> = deliveries.into_iter().map(|event| event.delivery).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all.len(), "one delivery id each");
    }
    assert!(library.catalogue().audit_check(None).await.unwrap().is_ok());
}
