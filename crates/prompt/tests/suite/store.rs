//! The store loads once, keeps within its bound, and reads nothing outside its folders.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mediapoint_codec::{Codec, Parameters};
use mediapoint_prompt::{
    DecodeFailure, FileFormat, Form, PromptError, PromptSource, PromptStore, StoreConfig,
};

use crate::support::{Folder, Hands, noise, wav};

const LONG: Duration = Duration::from_secs(60);

fn store(folder: &Folder, change: impl FnOnce(&mut StoreConfig)) -> PromptStore {
    let mut config = StoreConfig { roots: vec![folder.path().to_owned()], ..StoreConfig::default() };
    change(&mut config);
    PromptStore::new(config).unwrap()
}

fn load(store: &PromptStore, name: &str) -> Result<Arc<mediapoint_prompt::Prompt>, PromptError> {
    store.load(&PromptSource::file(name)).wait(LONG).unwrap()
}

#[test]
fn a_hundred_requests_for_a_file_decode_it_once() {
    let folder = Folder::new("single-flight");
    folder.write("a.wav", &wav(8_000, &noise(1, 80_000)));
    let store = store(&folder, |config| config.threads = 4);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let ask = || store.load(&PromptSource::file("a.wav")).wait(LONG).unwrap().unwrap();
        let threads: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|prompt| Arc::ptr_eq(prompt, &outcomes[0])));
    let figures = store.figures();
    assert_eq!((figures.loads, figures.hits + figures.misses, figures.prompts), (1, 100, 1));
    assert_eq!(figures.bytes, 160_000);
}

#[test]
fn a_file_that_changed_is_loaded_again_once_it_is_looked_at() {
    let folder = Folder::new("changed");
    folder.write("a.wav", &wav(8_000, &noise(1, 800)));
    let hands = Hands::default();
    let store = store(&folder, |config| config.clock = hands.clock());
    let first = load(&store, "a.wav").unwrap();
    folder.write("a.wav", &wav(8_000, &noise(2, 900)));
    assert!(Arc::ptr_eq(&first, &load(&store, "a.wav").unwrap()), "not looked at yet");
    hands.forward(Duration::from_secs(5));
    let second = load(&store, "a.wav").unwrap();
    assert_eq!(second.duration(), Duration::from_micros(112_500));
    hands.forward(Duration::from_secs(5));
    assert!(Arc::ptr_eq(&second, &load(&store, "a.wav").unwrap()));
    let figures = store.figures();
    assert_eq!((figures.loads, figures.unchanged, figures.failures), (2, 1, 0));
    store.forget(&PromptSource::file("a.wav"));
    assert!(!Arc::ptr_eq(&second, &load(&store, "a.wav").unwrap()));
}

#[test]
fn memory_has_a_bound_that_drops_the_least_used_and_never_what_plays() {
    let folder = Folder::new("bound");
    for name in ["a", "b", "c", "d"] {
        folder.write(&format!("{name}.wav"), &wav(8_000, &noise(1, 10_000)));
    }
    // Room for two of 20,000 bytes.
    let store = store(&folder, |config| config.memory_bytes = 50_000);
    let a = load(&store, "a.wav").unwrap();
    load(&store, "b.wav").unwrap();
    let c = load(&store, "c.wav").unwrap();
    let figures = store.figures();
    assert_eq!((figures.evictions, figures.prompts, figures.bytes), (1, 2, 40_000), "b was in nobody's use");
    assert!(Arc::ptr_eq(&a, &load(&store, "a.wav").unwrap()));
    // Both play: there is no room for more.
    let refused = load(&store, "d.wav").unwrap_err();
    assert_eq!(refused, PromptError::Memory { need: 20_000, used: 40_000, limit: 50_000 });
    let party = Parameters::parse(&Codec::L16_8K, "");
    assert!(matches!(a.encoded(&Codec::L16_8K, &party, 20), Err(PromptError::Memory { .. })));
    drop(c);
    // What is made of a prompt counts, too, and makes room as files do.
    a.encoded(&Codec::L16_8K, &party, 20).unwrap();
    assert_eq!((store.figures().prompts, store.figures().evictions), (1, 2));
    drop(a);
    load(&store, "d.wav").unwrap();
    assert_eq!((store.figures().prompts, store.figures().bytes), (1, 20_000));
}

#[test]
fn a_prompt_forgotten_while_it_plays_counts_until_it_ends() {
    let folder = Folder::new("forgotten");
    folder.write("a.wav", &wav(8_000, &noise(1, 10_000)));
    let store = store(&folder, |_| {});
    let a = load(&store, "a.wav").unwrap();
    store.forget(&PromptSource::file("a.wav"));
    assert_eq!((store.figures().prompts, store.figures().bytes), (0, 20_000));
    drop(a);
    assert_eq!(store.figures().bytes, 0);
}

#[test]
fn nothing_outside_the_folders_is_read() {
    let outside = Folder::new("outside");
    let secret = outside.write("secret.wav", &wav(8_000, &noise(1, 800)));
    let folder = Folder::new("inside");
    let inside = folder.write("sub/a.wav", &wav(8_000, &noise(1, 800)));
    std::os::unix::fs::symlink(&secret, folder.path().join("link.wav")).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("folder")).unwrap();
    std::os::unix::fs::symlink(&inside, folder.path().join("good.wav")).unwrap();
    let store = store(&folder, |_| {});
    let up = format!("../{}/secret.wav", outside.path().file_name().unwrap().to_str().unwrap());
    for name in [
        &up,
        "sub/../../x.wav",
        "link.wav",
        "folder/secret.wav",
        secret.to_str().unwrap(),
        "/etc/passwd",
        "/nowhere",
    ] {
        let refused = load(&store, name).unwrap_err();
        assert_eq!(refused, PromptError::Outside(name.to_owned()));
    }
    for name in ["sub/a.wav", "good.wav", inside.to_str().unwrap()] {
        assert!(load(&store, name).is_ok(), "{name}");
    }
    for name in ["none.wav", "sub", "a\0.wav"] {
        assert!(matches!(load(&store, name), Err(PromptError::File { .. })), "{name}");
    }
    let nowhere = PromptStore::new(StoreConfig::default()).unwrap();
    assert!(matches!(load(&nowhere, "sub/a.wav"), Err(PromptError::Outside(_))));
}

#[test]
fn failures_are_told_and_tried_anew() {
    let folder = Folder::new("failures");
    folder.write("a.wav", b"no audio at all");
    let store = store(&folder, |_| {});
    assert!(matches!(load(&store, "a.wav"), Err(PromptError::Decode(DecodeFailure::Unreadable(_)))));
    folder.write("a.wav", &wav(8_000, &noise(1, 800)));
    assert!(load(&store, "a.wav").is_ok());
    assert_eq!((store.figures().failures, store.figures().loads), (1, 1));
    assert!(
        PromptStore::new(StoreConfig { roots: vec!["/nowhere".into()], ..StoreConfig::default() }).is_err()
    );
}

#[test]
fn blobs_are_known_by_their_bytes() {
    let folder = Folder::new("blobs");
    let store = store(&folder, |_| {});
    let bytes = wav(16_000, &noise(4, 800));
    let ask = |bytes: Vec<u8>| store.load(&PromptSource::blob(bytes)).wait(LONG).unwrap();
    let first = ask(bytes.clone()).unwrap();
    assert!(Arc::ptr_eq(&first, &ask(bytes.clone()).unwrap()));
    let bare = PromptSource::Blob { bytes: bytes.into(), format: Some(FileFormat::Pcmu) };
    let other = store.load(&bare).wait(LONG).unwrap().unwrap();
    assert_eq!((other.rate(), store.figures().loads), (8_000, 2));
}

#[test]
fn outcomes_come_by_callback_and_waits_have_an_end() {
    let folder = Folder::new("outcomes");
    folder.write("a.wav", &wav(8_000, &noise(1, 800)));
    let store = store(&folder, |config| config.threads = 1);
    // The one thread is kept busy until it is let go.
    let (go, gate) = mpsc::channel::<()>();
    let (told, hear) = mpsc::channel();
    let first = store.load(&PromptSource::file("a.wav"));
    first.on_done(move |_| {
        told.send(()).unwrap();
        gate.recv().unwrap();
    });
    hear.recv().unwrap();
    let second = store.load(&PromptSource::file("none.wav"));
    assert!(second.poll().is_none());
    assert!(second.wait(Duration::from_millis(1)).is_none());
    let (told, hear) = mpsc::channel();
    second.on_done(move |outcome| told.send(outcome).unwrap());
    go.send(()).unwrap();
    assert!(matches!(hear.recv().unwrap(), Err(PromptError::File { .. })));
    let (told, hear) = mpsc::channel();
    first.on_done(move |outcome| told.send(outcome).unwrap());
    assert!(hear.recv().unwrap().is_ok(), "at once where it is there");
}

#[test]
fn a_full_queue_refuses_and_a_dropped_store_answers() {
    let folder = Folder::new("queue");
    folder.write("a.wav", &wav(8_000, &noise(1, 800)));
    let store = store(&folder, |config| {
        config.threads = 1;
        config.queue = 2;
    });
    let (go, gate) = mpsc::channel::<()>();
    let (told, hear) = mpsc::channel();
    store.load(&PromptSource::file("a.wav")).on_done(move |_| {
        told.send(()).unwrap();
        gate.recv().unwrap();
    });
    hear.recv().unwrap();
    let waiting: Vec<_> = (0..4).map(|n| store.load(&PromptSource::file(format!("{n}.wav")))).collect();
    assert_eq!(waiting[2].poll().map(Result::unwrap_err), Some(PromptError::Busy(2)));
    assert_eq!((store.figures().refused, store.figures().waiting), (2, 2));
    let dropped = std::thread::spawn(move || drop(store));
    assert_eq!(waiting[1].wait(LONG).unwrap().unwrap_err(), PromptError::ShutDown);
    go.send(()).unwrap();
    dropped.join().unwrap();
}

#[test]
fn forms_are_made_by_the_loader_once_and_are_there_then() {
    let folder = Folder::new("forms");
    folder.write("a.wav", &wav(16_000, &noise(1, 16_000)));
    let store = store(&folder, |config| config.threads = 2);
    let prompt = load(&store, "a.wav").unwrap();
    let frames = |codec: &Codec| Form::Frames {
        codec: codec.clone(),
        party: Parameters::parse(codec, ""),
        packet_ms: 20,
    };
    let forms = vec![Form::Samples(8_000), frames(&Codec::PCMU), frames(&Codec::PCMA)];
    let handles: Vec<_> = (0..20).map(|_| store.make(&prompt, forms.clone())).collect();
    for handle in handles {
        assert!(Arc::ptr_eq(&handle.wait(LONG).unwrap().unwrap(), &prompt));
    }
    assert_eq!(prompt.encodings(), 2);
    // One second of samples at both rates, and of octets of each codec.
    assert!(prompt.bytes() >= 32_000 + 16_000 + 2 * 8_000, "{}", prompt.bytes());
    assert!(store.make(&prompt, forms).poll().is_some(), "nothing is left to wait for");
    let wrong =
        Form::Frames { codec: Codec::PCMU, party: Parameters::parse(&Codec::PCMU, ""), packet_ms: 25 };
    assert_eq!(
        store.make(&prompt, vec![wrong]).wait(LONG).unwrap().unwrap_err(),
        PromptError::PacketTime(25)
    );
}
