//! Every operation of store, database and listener goes wrong once, in each of four ways, and then all of them at once:
//! nothing is lost, nothing is doubled, and the local copy never goes before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mediapoint_content::{
    Catalogue, CatalogueError, Entry, Library, Query, Service, ServiceConfig, Shredding, SqliteDatabase,
    State, Store,
};
use object_store::memory::InMemory;

use crate::faults::{FAULTS, FailingDatabase, FailingListener, FailingStore, Fault, Plan};
use crate::support::{
    Finished, Folder, Hand, Receiver, assert_stored, columns, drain, entry, id, spool, spooled,
};

/// Bytes of a part: the longer recording has five.
const PART: u64 = 1000;

/// What survives the process.
struct World {
    folder: Folder,
    memory: Arc<InMemory>,
    hand: Hand,
    told: Receiver,
    all: [Finished; 2],
    shredding: Shredding,
    parts: Arc<AtomicUsize>,
}

impl World {
    fn new(shredding: Shredding) -> Self {
        let to = age::x25519::Identity::generate().to_public();
        let all = [Finished::new("long", &to, 4200), Finished::new("short", &to, 300)];
        let (memory, hand, told) = (Arc::new(InMemory::new()), Hand::new(), Receiver::default());
        Self { folder: Folder::new(), memory, hand, told, all, shredding, parts: Arc::default() }
    }

    fn store(&self, plan: &Arc<Plan>) -> Store {
        let store = FailingStore {
            inner: Arc::clone(&self.memory),
            plan: Arc::clone(plan),
            parts: Arc::clone(&self.parts),
        };
        let store = Arc::new(store);
        Store::new(store.clone(), Some(store)).with_part_bytes(PART)
    }

    fn catalogue(&self, plan: &Arc<Plan>) -> Arc<Catalogue> {
        let inner = Box::new(SqliteDatabase::open(&self.folder.join("catalogue.sqlite")).unwrap());
        Arc::new(Catalogue::new(Box::new(FailingDatabase { inner, plan: Arc::clone(plan) })))
    }

    fn service(&self, plan: &Arc<Plan>) -> Service {
        let mut config = ServiceConfig::new(&spool(&self.folder), columns());
        // One after the other, so that operations have the same numbers in each run.
        (config.at_once, config.shredding) = (1, self.shredding);
        let listener = FailingListener { inner: self.told.clone(), plan: Arc::clone(plan) };
        let (store, catalogue) = (self.store(plan), self.catalogue(plan));
        Service::open(config, store, catalogue, Box::new(listener), self.hand.clock()).unwrap()
    }

    fn library(&self, plan: &Arc<Plan>) -> Library {
        Library::new(self.store(plan), self.catalogue(plan), columns(), self.hand.clock())
    }

    /// One life of the process: until everything is done, or the plan ends it.
    async fn live(&self, plan: &Arc<Plan>) {
        let service = self.service(plan);
        service.adopt(&|_, _| entry("+1")).unwrap();
        tokio::select! {
            () = drain(&service, &self.hand) => {}
            () = plan.died.notified() => {}
        }
    }

    /// What holds at every moment: a recording without local files is stored whole.
    async fn check(&self) {
        let (spooled, library) = (spooled(&self.folder), self.library(&Plan::none()));
        for one in &self.all {
            let here = one.files().iter().filter(|(name, _)| spooled.contains(name)).count();
            if here < 3 {
                library.verify(&one.id, "test").await.unwrap();
            }
        }
    }
}

/// Runs with a fault at operation `at`. False if there is no such operation.
async fn run(at: usize, many: usize, fault: Fault, shredding: Shredding) -> bool {
    let world = World::new(shredding);
    for one in &world.all {
        one.write(&spool(&world.folder));
    }
    let plan = Plan::new(at, many, fault);
    world.live(&plan).await;
    world.check().await;
    world.live(&Plan::none()).await;
    assert_eq!(spooled(&world.folder), [""; 0], "{fault:?} at {at}");
    assert_stored(&world.library(&Plan::none()), &world.told, &world.all).await;
    plan.hit.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_cut_at_any_operation_loses_and_doubles_nothing() {
    for fault in FAULTS {
        let mut at = 0;
        while run(at, 1, fault, Shredding::HeadersApart).await {
            at += 1;
        }
        assert!(at > 40, "{fault:?}: only {at} operations");
        println!("{fault:?}: {at} operations");
    }
}

#[tokio::test]
async fn a_long_outage_from_any_operation_on_loses_and_doubles_nothing() {
    let mut at = 0;
    while run(at, 7, Fault::FailBefore, Shredding::WholeFiles).await {
        at += 3;
    }
    let mut at = 0;
    while run(at, 7, Fault::FailAfter, Shredding::HeadersApart).await {
        at += 3;
    }
}

#[tokio::test]
async fn a_cut_at_any_operation_of_a_deletion_leaves_nothing_that_can_be_opened() {
    for fault in FAULTS {
        for at in 0.. {
            let world = World::new(Shredding::HeadersApart);
            let one = &world.all[1];
            one.write(&spool(&world.folder));
            world.live(&Plan::none()).await;
            let plan = Plan::new(at, 1, fault);
            let library = world.library(&plan);
            tokio::select! {
                _ = library.delete(&one.id, "test", "asked") => {}
                () = plan.died.notified() => {}
            }
            drop(library);
            let library = world.library(&Plan::none());
            let state = library.show(&one.id).await.unwrap().state;
            if state != State::Present {
                let mut out = Vec::new();
                let refused =
                    library.export(&one.id, mediapoint_content::Part::Audio, "test", &mut out).await;
                let refused = refused.unwrap_err().to_string();
                assert_eq!(refused, CatalogueError::Deleted(one.id.clone()).to_string());
            }
            // A deletion that began is finished by itself, one that did not begin by another call.
            let pruned =
                library.prune(&mediapoint_content::Retention::default(), "test", false).await.unwrap();
            assert_eq!(pruned.deleted.len(), usize::from(state == State::Shredded));
            library.delete(&one.id, "test", "asked").await.unwrap();
            assert_eq!(library.show(&one.id).await.unwrap().state, State::Removed);
            let left =
                futures_util::StreamExt::count(object_store::ObjectStore::list(&*world.memory, None)).await;
            assert_eq!(left, 0);
            let log = library.catalogue().audit_log(0, 100).await.unwrap();
            let count = |action: &str| log.iter().filter(|entry| entry.action == action).count();
            assert_eq!((count("shredded"), count("removed")), (1, 1), "{fault:?} at {at}");
            if !plan.hit.load(Ordering::SeqCst) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn parts_that_the_store_has_are_not_sent_again() {
    let world = World::new(Shredding::HeadersApart);
    world.all[0].write(&spool(&world.folder));
    // Manifest, metadata, a look whether it is there, the upload's begin, three parts: the process ends with the fourth.
    world.live(&Plan::new(7, 1, Fault::DieBefore)).await;
    assert_eq!(world.parts.load(Ordering::SeqCst), 4);
    let library = world.library(&Plan::none());
    world.live(&Plan::none()).await;
    assert_stored(&library, &world.told, &world.all[..1]).await;
    assert_eq!(world.parts.load(Ordering::SeqCst), 4 + 2, "the fourth and the last");
}

#[tokio::test]
async fn an_object_of_another_is_not_overwritten_and_the_local_copy_stays() {
    let world = World::new(Shredding::HeadersApart);
    let one = &world.all[1];
    one.write(&spool(&world.folder));
    let path = object_store::path::Path::from("acme/2026/03/01/short.manifest.json");
    let theirs = object_store::PutPayload::from_static(b"theirs");
    object_store::ObjectStoreExt::put(&*world.memory, &path, theirs).await.unwrap();
    let service = world.service(&Plan::none());
    service.adopt(&|_, _| entry("+1")).unwrap();
    service.work().await.unwrap();
    let pending = service.pending().unwrap();
    assert!(pending[0].stuck.as_ref().is_some_and(|reason| reason.contains("other content")), "{pending:?}");
    assert_eq!(spooled(&world.folder).len(), 3);
    assert_eq!(world.library(&Plan::none()).list(Query::default()).await.unwrap(), []);

    // Once it is gone, an operator's retry finishes the transfer.
    object_store::ObjectStoreExt::delete(&*world.memory, &path).await.unwrap();
    service.retry(&one.id).unwrap();
    drain(&service, &world.hand).await;
    assert_stored(&world.library(&Plan::none()), &world.told, &world.all[1..]).await;
}

#[tokio::test]
async fn a_local_file_that_was_altered_on_the_way_is_not_stored() {
    let world = World::new(Shredding::HeadersApart);
    let one = &world.all[1];
    one.write(&spool(&world.folder));
    // The first life ends at the upload of the audio, after the file was measured.
    world.live(&Plan::new(2, 1, Fault::DieBefore)).await;
    let mut altered = one.audio.clone();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(spool(&world.folder).join("short.opus.age"), altered).unwrap();
    let service = world.service(&Plan::none());
    service.work().await.unwrap();
    let pending = service.pending().unwrap();
    assert!(pending[0].stuck.is_some(), "{pending:?}");
    assert_eq!(spooled(&world.folder).len(), 3);
}

#[tokio::test]
async fn a_recording_that_was_registered_keeps_its_fields_through_a_crash() {
    let world = World::new(Shredding::HeadersApart);
    let one = &world.all[1];
    // Nobody knows its length yet.
    let begun = Entry { length: 0, ..entry("+4930123") };
    world.service(&Plan::none()).register(&one.id, &begun).unwrap();
    one.write(&spool(&world.folder));
    let service = world.service(&Plan::none());
    assert_eq!(service.pending().unwrap()[0].stage, None);
    let read = Entry { length: 7_654, recovered: true, ..entry("of nobody") };
    let adopted = service.adopt(&|_, _| read.clone()).unwrap();
    assert_eq!(adopted, std::slice::from_ref(&one.id));
    drain(&service, &world.hand).await;
    let library = world.library(&Plan::none());
    let query = Query { party: Some("+4930123".into()), ..Query::default() };
    let found = library.list(query).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].entry.recovered);
    assert_eq!(found[0].entry.length, 7_654, "which was not known when it began");
}

#[tokio::test]
async fn a_recording_that_was_registered_and_left_no_file_is_forgotten() {
    let world = World::new(Shredding::HeadersApart);
    let service = world.service(&Plan::none());
    for name in ["nothing", "journal", "damaged"] {
        service.register(&id(name), &entry("+1")).unwrap();
    }
    for file in ["journal.journal", "damaged.journal.damaged", "nothing-else.journal"] {
        std::fs::write(spool(&world.folder).join(file), "sealed").unwrap();
    }
    let service = world.service(&Plan::none());
    assert_eq!(service.adopt(&|_, _| entry("+1")).unwrap(), []);
    let left: Vec<String> = service.pending().unwrap().into_iter().map(|one| one.id.to_string()).collect();
    assert_eq!(left, ["damaged", "journal"], "what could not be completed is still awaited");
}

#[tokio::test]
async fn what_is_no_recording_is_refused_at_once() {
    let world = World::new(Shredding::HeadersApart);
    let service = world.service(&Plan::none());
    assert!(service.submit(&id("absent"), &entry("+1")).is_err());
    let mut bad = entry("+1");
    bad.format = "../opus".into();
    assert!(service.submit(&id("absent"), &bad).is_err());

    // A file that is not encrypted does not leave the machine where headers are kept apart.
    let to = age::x25519::Identity::generate().to_public();
    let plain = Finished { audio: b"OggS".to_vec(), ..Finished::new("plain", &to, 1) };
    plain.write(&spool(&world.folder));
    service.submit(&plain.id, &entry("+1")).unwrap();
    service.work().await.unwrap();
    let pending = service.pending().unwrap();
    assert!(pending[0].stuck.as_ref().is_some_and(|reason| reason.contains("no age file")), "{pending:?}");
}
