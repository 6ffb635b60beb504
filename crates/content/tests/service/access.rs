//! Opening, listening from any offset, exporting, verifying, holding and deleting.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use mediapoint_content::{
    Asker, CatalogueError, Entry, Library, LibraryError, Part, Query, Retention, Rule, State, StoreError,
};
use tokio::runtime::Handle;

use crate::support::{DAY, Finished, START, Site, audio, entry, id};

/// Opens the audio of `a` with one identity.
async fn open(
    library: &Library,
    identity: &age::x25519::Identity,
) -> Result<mediapoint_content::Listening, LibraryError> {
    let identities: Vec<Box<dyn age::Identity + Send + Sync>> = vec![Box::new(identity.clone())];
    library.open(&id("a"), Part::Audio, "anna", identities, Handle::current()).await
}

async fn actions(library: &Library) -> Vec<String> {
    let log = library.catalogue().audit_log(0, 100).await.unwrap();
    log.into_iter().map(|entry| format!("{} {}", entry.who, entry.action)).collect()
}

/// A site with one recording `a` of 3 MB, more than is fetched at a time.
async fn site(identity: &age::x25519::Identity) -> (Site, Finished) {
    let site = Site::new();
    let finished = Finished::new("a", &identity.to_public(), 3_000_000);
    site.take(&finished, &entry("+4930123")).await;
    (site, finished)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_recipient_reads_from_any_offset() {
    let identity = age::x25519::Identity::generate();
    let (site, _) = site(&identity).await;
    let mut listening = open(&site.library(), &identity).await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        listening.read_to_end(&mut all).unwrap();
        let mut parts = Vec::new();
        for offset in [2_999_990_u64, 0, 1_048_570, 65_535, 65_536, 1_500_000] {
            let mut part = [0; 10];
            assert_eq!(listening.seek(SeekFrom::Start(offset)).unwrap(), offset);
            listening.read_exact(&mut part).unwrap();
            parts.push((usize::try_from(offset).unwrap(), part));
        }
        (all, parts)
    });
    let (all, parts) = read.await.unwrap();
    let expected = audio(3_000_000);
    assert!(all == expected);
    for (offset, part) in parts {
        assert_eq!(part, expected[offset..offset + 10], "at {offset}");
    }
    assert_eq!(actions(&site.library()).await, ["content service stored", "anna opened"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_wrong_identity_is_refused_and_both_attempt_and_refusal_are_logged() {
    let (site, _) = site(&age::x25519::Identity::generate()).await;
    let refused = open(&site.library(), &age::x25519::Identity::generate()).await;
    assert!(matches!(refused, Err(LibraryError::NotARecipient(_))));
    assert_eq!(actions(&site.library()).await, ["content service stored", "anna opened", "anna refused"]);
}

/// Alters one byte of the object in the store's folder.
fn flip(site: &Site, name: &str, at: usize) {
    let path = site.folder.join("store/acme/2026/03/01").join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn altered_bytes_are_never_given_out() {
    let identity = age::x25519::Identity::generate();
    let (site, _) = site(&identity).await;
    flip(&site, "a.opus.sealed", 2_000_000);
    let library = site.library();
    let verified = library.verify(&id("a"), "anna").await;
    assert!(matches!(verified, Err(LibraryError::Store(StoreError::Differs { .. }))), "{verified:?}");
    let exported = library.export(&id("a"), Part::Audio, "anna", &mut Vec::new()).await;
    assert!(matches!(exported, Err(LibraryError::Store(StoreError::Differs { .. }))));
    let mut listening = open(&library, &identity).await.unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        (listening.read_to_end(&mut all).is_err(), all)
    });
    let (failed, all) = read.await.unwrap();
    assert!(failed && all.len() < 2_000_000 && all == audio(3_000_000)[..all.len()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_part_of_a_recording_is_verified() {
    let identity = age::x25519::Identity::generate();
    for (name, at) in [("a.manifest.json", 3), ("a.meta.sealed", 20), ("a.opus.sealed", 0)] {
        let (site, _) = site(&identity).await;
        assert!(site.library().verify(&id("a"), "anna").await.is_ok());
        flip(&site, name, at);
        let verified = site.library().verify(&id("a"), "anna").await;
        assert!(matches!(verified, Err(LibraryError::Store(StoreError::Differs { .. }))), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_check_gives_out_what_it_compared_and_is_one_entry_of_the_log() {
    let identity = age::x25519::Identity::generate();
    let (site, finished) = site(&identity).await;
    let library = site.library();
    let before = library.catalogue().audit_log(0, 100).await.unwrap().len();
    let checked = library.check(&id("a"), "anna").await.unwrap();
    assert_eq!(checked.whole, Ok(()));
    assert_eq!(checked.manifest, Some(finished.manifest.clone()));
    assert!(checked.audio == finished.audio && checked.metadata == finished.meta);
    for (name, at) in [("a.meta.sealed", 20), ("a.opus.sealed", 0), ("a.manifest.json", 3)] {
        flip(&site, name, at);
        let checked = library.check(&id("a"), "anna").await.unwrap();
        assert!(matches!(checked.whole, Err(StoreError::Differs { .. })), "{name}");
        assert_eq!(
            checked.manifest.is_some(),
            !name.contains("manifest"),
            "nothing is read in a manifest that is not whole"
        );
    }
    let log = library.catalogue().audit_log(0, 100).await.unwrap();
    let added: Vec<_> = log[before..].iter().map(|entry| (&*entry.action, &*entry.who)).collect();
    assert_eq!(added, [("verified", "anna"); 4]);
}

#[tokio::test]
async fn after_deletion_a_copy_of_the_object_is_opened_by_nobody() {
    let identity = age::x25519::Identity::generate();
    let (site, finished) = site(&identity).await;
    let object = site.folder.join("store/acme/2026/03/01/a.opus.sealed");
    let copy = std::fs::read(&object).unwrap();
    let header = finished.audio[..finished.audio.len() - copy.len()].to_vec();
    site.library().delete(&id("a"), "anna", "asked by the customer").await.unwrap();
    assert!(!object.exists());
    assert_eq!(site.library().show(&id("a")).await.unwrap().state, State::Removed);
    // Neither the copy nor the catalogue's files have the header, which alone has the key.
    assert!(finished.audio.ends_with(&copy) && age::Decryptor::new(&copy[..]).is_err());
    for file in std::fs::read_dir(&site.folder.0).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            // The line with the wrapped key, without the lines that every age file has.
            let key = &header[header.len() - 100..header.len() - 50];
            assert!(!bytes.windows(key.len()).any(|window| window == key), "{}", path.display());
        }
    }
    let opened = open(&site.library(), &identity).await.map(drop).unwrap_err();
    assert!(matches!(opened, LibraryError::Catalogue(CatalogueError::Deleted(_))));
}

#[tokio::test]
async fn rules_prune_and_a_legal_hold_keeps() {
    let to = age::x25519::Identity::generate().to_public();
    let site = Site::new();
    for (name, started) in [("old", START), ("held", START), ("new", START + 20 * DAY)] {
        let entry = Entry { started, ..entry("+1") };
        site.take(&Finished::new(name, &to, 10), &entry).await;
    }
    let library = site.library();
    library.hold(&id("held"), Some("case 7"), "law").await.unwrap();
    let keep = Some(Duration::from_secs(30 * 86_400));
    let rules = Retention { rules: vec![Rule { tenant: Some("acme".into()), tag: None, keep }] };
    site.hand.set(START + 31 * DAY);
    let dry = library.prune(&rules, "timer", true).await.unwrap();
    assert_eq!((dry.deleted, dry.held), (vec![id("old")], vec![id("held")]));
    assert_eq!(library.list(Query::default()).await.unwrap().len(), 3);
    let pruned = library.prune(&rules, "timer", false).await.unwrap();
    assert_eq!((pruned.deleted, pruned.held), (vec![id("old")], vec![id("held")]));
    let refused = library.delete(&id("held"), "anna", "").await.unwrap_err();
    assert!(matches!(refused, LibraryError::Catalogue(CatalogueError::Held { .. })));
    library.hold(&id("held"), None, "law").await.unwrap();
    assert_eq!(library.prune(&rules, "timer", false).await.unwrap().deleted, [id("held")]);
    let left = library.list(Query::default()).await.unwrap();
    assert_eq!(left.iter().map(|record| record.id.clone()).collect::<Vec<_>>(), [id("new")]);
}

/// Has the audio of `a` opened for a call.
async fn play(
    library: &Library,
    identity: &age::x25519::Identity,
    name: &str,
) -> Result<String, LibraryError> {
    let identities: Vec<Box<dyn age::Identity + Send + Sync>> = vec![Box::new(identity.clone())];
    let asker = Asker {
        who: "ng 192.0.2.7:5060".to_owned(),
        call: "3848276298220188511@atlanta.example.com".to_owned(),
        party: "tag-of-anna".to_owned(),
        branch: String::new(),
    };
    let (record, mut listening) = library.play(&id(name), &asker, identities, Handle::current()).await?;
    let read = tokio::task::spawn_blocking(move || {
        let mut part = [0; 10];
        listening.seek(SeekFrom::Start(1_500_000)).unwrap();
        listening.read_exact(&mut part).unwrap();
        assert_eq!(part, audio(3_000_000)[1_500_000..1_500_010]);
    });
    read.await.unwrap();
    Ok(record.id.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_played_into_a_call_is_logged_with_who_asked_and_so_is_each_refusal() {
    let identity = age::x25519::Identity::generate();
    let (site, _) = site(&identity).await;
    let library = site.library();
    assert_eq!(play(&library, &identity, "a").await.unwrap(), "a");
    let other = age::x25519::Identity::generate();
    assert!(matches!(play(&library, &other, "a").await, Err(LibraryError::NotARecipient(_))));
    let unknown = play(&library, &identity, "b").await;
    assert!(matches!(unknown, Err(LibraryError::Catalogue(CatalogueError::Unknown(_)))));
    library.delete(&id("a"), "eve", "asked for").await.unwrap();
    let deleted = play(&library, &identity, "a").await;
    assert!(matches!(deleted, Err(LibraryError::Catalogue(CatalogueError::Deleted(_)))));
    let ng = |action: &str| format!("ng 192.0.2.7:5060 {action}");
    let mut expected = vec!["content service stored".to_owned()];
    expected.extend([ng("played"), ng("played"), ng("refused"), ng("refused")]);
    expected.extend(["eve shredded".to_owned(), "eve removed".to_owned(), ng("played"), ng("refused")]);
    assert_eq!(actions(&library).await, expected);
    let log = library.catalogue().audit_log(0, 100).await.unwrap();
    let played = &log[1];
    assert!(
        played.detail.starts_with("into a call: call ") && played.detail.contains(", party "),
        "{played:?}"
    );
    // The log is never deleted: what it has of persons is what the catalogue has.
    let text = format!("{log:?}");
    assert!(!text.contains("atlanta") && !text.contains("anna"), "{text}");
    assert!(log[3].detail.contains("none of the identities is a recipient"), "{:?}", log[3]);
    assert!(library.catalogue().audit_check(None).await.unwrap().is_ok());
}
