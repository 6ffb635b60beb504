//! The service on its thread, and a folder that takes long files in parts.

use std::sync::{Arc, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mediapoint_content::{
    Catalogue, Clock, Delivery, Library, Listener, RecordingId, Service, ServiceConfig, SqliteDatabase,
    Store, StoredEvent,
};

use crate::support::{Finished, Folder, Receiver, Site, assert_stored, columns, entry, spool, spooled};

/// Fails once for each recording, and passes it on then.
struct Reluctant(mpsc::Sender<RecordingId>, std::sync::Mutex<Vec<RecordingId>>);

impl Listener for Reluctant {
    fn deliver<'a>(&'a self, event: &'a StoredEvent) -> Delivery<'a> {
        Box::pin(async {
            let mut seen = self.1.lock().unwrap();
            if !seen.contains(&event.recording) {
                seen.push(event.recording.clone());
                return Err("later".into());
            }
            self.0.send(event.recording.clone()).map_err(|error| error.to_string())
        })
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[test]
fn the_thread_wakes_for_what_is_submitted_and_for_the_next_attempt() {
    let folder = Folder::new();
    let store = Store::folder(&folder.join("store")).unwrap();
    let database = SqliteDatabase::open(&folder.join("catalogue.sqlite")).unwrap();
    let catalogue = Arc::new(Catalogue::new(Box::new(database)));
    let (told, receiver) = mpsc::channel();
    let mut config = ServiceConfig::new(&spool(&folder), columns());
    config.back_off.first = Duration::from_millis(20);
    let listener = Box::new(Reluctant(told, std::sync::Mutex::default()));
    let clock: Clock = Arc::new(now);
    let service = Service::open(config, store, Arc::clone(&catalogue), listener, clock).unwrap();
    let service = Arc::new(service);
    let thread = std::thread::spawn({
        let service = Arc::clone(&service);
        move || service.run()
    });
    let to = age::x25519::Identity::generate().to_public();
    for name in ["first", "second"] {
        let finished = Finished::new(name, &to, 100);
        finished.write(&spool(&folder));
        service.submit(&finished.id, &entry("+1")).unwrap();
        // Without the wake-up, the next look at the queue is a minute away.
        assert_eq!(receiver.recv_timeout(Duration::from_secs(30)), Ok(finished.id));
    }
    service.stop();
    thread.join().unwrap().unwrap();
    assert_eq!(spooled(&folder), [""; 0]);
}

#[tokio::test]
async fn a_folder_takes_a_long_file_in_parts() {
    let folder = Folder::new();
    let store = Store::folder(&folder.join("store")).unwrap().with_part_bytes(1000);
    let site = Site::over(folder, store);
    let finished = Finished::new("long", &age::x25519::Identity::generate().to_public(), 10_500);
    site.take(&finished, &entry("+1")).await;
    let receiver: &Receiver = &site.told;
    let library: Library = site.library();
    assert_stored(&library, receiver, &[finished]).await;
    let day = site.folder.join("store/acme/2026/03/01");
    assert_eq!(std::fs::read_dir(day).unwrap().count(), 3, "no part of an upload is left");
}

/// What puts left that their process did not live to complete goes; everything else stays.
#[test]
fn staging_files_are_removed_wherever_they_are() {
    let folder = Folder::new();
    let deep = folder.join("acme/2026/11/29");
    std::fs::create_dir_all(&deep).unwrap();
    for name in ["a.opus.sealed", "a.opus.sealed#1", "a.manifest.json#12", "b#x", "c#"] {
        std::fs::write(deep.join(name), b"x").unwrap();
    }
    mediapoint_content::remove_staged(&folder.0).unwrap();
    let mut left: Vec<String> = std::fs::read_dir(&deep)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["a.opus.sealed", "b#x"]);
}

/// Whatever the umask is, which is that of the tests here: files are commonly readable by others.
#[tokio::test]
async fn files_and_folder_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new();
    let to = age::x25519::Identity::generate().to_public();
    site.take(&Finished::new("whole", &to, 100), &entry("+1")).await;
    let parts =
        Site::over(Folder::new(), Store::folder(&site.folder.join("store")).unwrap().with_part_bytes(1000));
    parts.take(&Finished::new("parts", &to, 10_000), &entry("+1")).await;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = site.folder.join("store");
    assert_eq!(mode(&store), 0o700);
    let day = store.join("acme/2026/03/01");
    let files: Vec<_> = std::fs::read_dir(day).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 6);
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// A folder in the place of a file is what the system refuses to read, as it does a bad sector.
#[tokio::test]
async fn a_local_file_that_cannot_be_read_for_a_while_is_stored_without_an_operator() {
    let site = Site::new();
    let to = age::x25519::Identity::generate().to_public();
    let finished = Finished::new("a", &to, 100);
    finished.write(&spool(&site.folder));
    let (file, beside) = (spool(&site.folder).join("a.opus.age"), site.folder.join("beside"));
    std::fs::rename(&file, &beside).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(site.service.submit(&finished.id, &entry("+1")).unwrap());
    for failures in 1..=3 {
        let next = site.service.work().await.unwrap().expect("another attempt");
        let pending = site.service.pending().unwrap();
        assert_eq!((pending[0].failures, pending[0].stuck.as_deref()), (failures, None));
        assert!(pending[0].last_failure.as_ref().unwrap().contains("a.opus.age"), "{pending:?}");
        site.hand.set(next);
    }
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&beside, &file).unwrap();
    assert_eq!(site.service.work().await.unwrap(), None);
    assert_eq!(site.service.pending().unwrap(), []);

    let finished = Finished::new("b", &to, 100);
    finished.write(&spool(&site.folder));
    let file = spool(&site.folder).join("b.opus.age");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(site.service.submit(&finished.id, &entry("+1")).unwrap());
    let mut attempts = 1;
    while let Some(next) = site.service.work().await.unwrap() {
        attempts += 1;
        site.hand.set(next);
    }
    let pending = site.service.pending().unwrap();
    assert!(attempts == 8 && pending[0].stuck.is_some(), "{attempts} attempts, {pending:?}");
}
