//! A real S3 server and a real PostgreSQL behind a network that is cut at every piece of data, one after the other.

use std::sync::Arc;

use mediapoint_content::{Catalogue, Library, Part, Stage, Store};

use crate::proxy::{Proxy, Way};
use crate::servers::{Moto, Postgres};
use crate::support::{Finished, Folder, Site, assert_stored, columns, drain, entry, spool, spooled};

/// A transfer through `proxy` that is cut at piece `at`. False if there were fewer pieces.
async fn cut(site: &Site, direct: &Library, proxy: &Proxy, finished: &Finished, way: Way, at: usize) -> bool {
    finished.write(&spool(&site.folder));
    site.service.submit(&finished.id, &entry("+1")).unwrap();
    proxy.cut_at(way, at);
    site.service.work().await.unwrap();
    let hit = proxy.heal();
    drain(&site.service, &site.hand).await;
    assert_eq!(spooled(&site.folder), [""; 0]);
    assert_stored(direct, &site.told, std::slice::from_ref(finished)).await;
    hit
}

#[tokio::test]
async fn a_real_s3_server_that_goes_away_at_any_moment() {
    let Some(moto) = Moto::start() else { return };
    let proxy = Proxy::before(moto.address());
    let direct = Store::s3(&Moto::config(moto.address())).unwrap();
    let to = age::x25519::Identity::generate().to_public();
    for way in [Way::ToServer, Way::ToClient] {
        let mut at = 0;
        loop {
            // A client of its own each time, so that no connection of before is used.
            let store = Store::s3(&Moto::config(proxy.address)).unwrap().with_part_bytes(1500);
            let site = Site::over(Folder::new(), store);
            let direct =
                Library::new(direct.clone(), Arc::clone(&site.catalogue), columns(), site.hand.clock());
            let finished = Finished::new(&format!("s3-{way:?}-{at}"), &to, 4000);
            if !cut(&site, &direct, &proxy, &finished, way, at).await {
                break;
            }
            at += 1;
        }
        assert!(at > 10, "{way:?}: {at} pieces");
        println!("{way:?}: cut at each of {at} pieces");
    }
}

#[tokio::test]
async fn a_real_postgres_that_goes_away_at_any_moment() {
    let Some(postgres) = Postgres::start() else { return };
    let proxy = Proxy::before(postgres.address());
    let to = age::x25519::Identity::generate().to_public();
    for way in [Way::ToServer, Way::ToClient] {
        let mut at = 0;
        loop {
            let name = format!("cut_{}_{at}", u8::from(way == Way::ToClient));
            postgres.make(&name).await;
            let folder = Folder::new();
            let store = Store::folder(&folder.join("store")).unwrap();
            let catalogue = Arc::new(Catalogue::new(postgres.open(&name, proxy.address)));
            let site = Site::with(folder, store, catalogue);
            let direct = Arc::new(Catalogue::new(postgres.open(&name, postgres.address())));
            let direct = Library::new(site.store.clone(), direct, columns(), site.hand.clock());
            if !cut(&site, &direct, &proxy, &Finished::new("pg", &to, 100), way, at).await {
                break;
            }
            at += 1;
        }
        assert!(at > 10, "{way:?}: {at} pieces");
        println!("{way:?}: cut at each of {at} pieces");
    }
}

#[tokio::test]
async fn a_database_that_is_down_for_long_keeps_the_local_copy_until_it_is_back() {
    let Some(mut postgres) = Postgres::start() else { return };
    postgres.make("down").await;
    let folder = Folder::new();
    let store = Store::folder(&folder.join("store")).unwrap();
    let catalogue = Arc::new(Catalogue::new(postgres.open("down", postgres.address())));
    let site = Site::with(folder, store, catalogue);
    let to = age::x25519::Identity::generate().to_public();
    let all: Vec<Finished> = (0..3).map(|n| Finished::new(&format!("down-{n}"), &to, 100)).collect();
    site.take(&all[0], &entry("+1")).await;
    postgres.stop();
    for one in &all[1..] {
        one.write(&spool(&site.folder));
        site.service.submit(&one.id, &entry("+1")).unwrap();
    }
    for _ in 0..20 {
        let next = site.service.work().await.unwrap();
        site.hand.set(next.expect("there is another attempt"));
    }
    let pending = site.service.pending().unwrap();
    assert!(pending.iter().all(|one| one.stage == Some(Stage::Stored) && one.stuck.is_none()), "{pending:?}");
    assert_eq!(spooled(&site.folder).len(), 6);
    postgres.resume();
    drain(&site.service, &site.hand).await;
    assert_stored(&site.library(), &site.told, &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_recording_in_s3_is_read_from_the_middle_and_removed() {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let Some(moto) = Moto::start() else { return };
    let site = Site::over(Folder::new(), Store::s3(&Moto::config(moto.address())).unwrap());
    let identity = age::x25519::Identity::generate();
    // More than a part of the usual size.
    let finished = Finished::new("middle", &identity.to_public(), 9_000_000);
    site.take(&finished, &entry("+1")).await;
    let library = site.library();
    let identities: Vec<Box<dyn age::Identity + Send + Sync>> = vec![Box::new(identity)];
    let runtime = tokio::runtime::Handle::current();
    let mut listening = library.open(&finished.id, Part::Audio, "anna", identities, runtime).await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut part = [0; 1000];
        listening.seek(SeekFrom::Start(8_500_000)).unwrap();
        listening.read_exact(&mut part).unwrap();
        part
    });
    assert_eq!(read.await.unwrap(), crate::support::audio(9_000_000)[8_500_000..8_501_000]);
    assert!(library.verify(&finished.id, "anna").await.is_ok());
    library.delete(&finished.id, "anna", "test").await.unwrap();
    assert!(library.manifest(&finished.id).await.is_err());
}
