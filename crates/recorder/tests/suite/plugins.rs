//! Recipients of age plugins: what is recorded for one is opened by `age` through the plugin, and by each other recipient; where
//! the plugin fails nothing is recorded.
//!
//! The plugin is this test's own program, which a script runs. Programs are found in `PATH`, which is another process's here.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Lines, StdinLock, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding};
use mediapoint_recorder::{
    Chunk, ChunkKind, Folder, NodeKey, PluginError, PluginFailure, RecoveryIdentity, SealError, SealedSpool,
    Sink, Spool, SpoolConfig,
};

use crate::sealed::{BEGAN, folder, header, listener, plain};
use crate::support::run;

const RECIPIENT: &str = "age1mptest1gpq5ys6yg4rywjzfff95cn2wfukefj5j";
const IDENTITY: &str = "AGE-PLUGIN-MPTEST-1GPQ5YS6YG4RYWJZFFF95CN2WFUXR0SG8";
/// What both of them hold, and file keys are combined with: a test needs no secret.
const PAD: [u8; 16] = *b"@ABCDEFGHIJKLMNO";

const MACHINE: &str = "MEDIAPOINT_TEST_PLUGIN";
const FOLDER: &str = "MEDIAPOINT_PLUGIN_FOLDER";

/// Words and body of the next stanza.
fn stanza(lines: &mut Lines<StdinLock<'_>>) -> (Vec<String>, Vec<u8>) {
    let first = lines.next().unwrap().unwrap();
    let words = first.strip_prefix("-> ").unwrap().split(' ').map(str::to_owned).collect();
    let mut text = String::new();
    loop {
        let line = lines.next().unwrap().unwrap();
        text.push_str(&line);
        if line.len() < 64 {
            return (words, Base64Unpadded::decode_vec(&text).unwrap());
        }
    }
}

fn padded(key: &[u8]) -> String {
    let octets: Vec<u8> = key.iter().zip(PAD).map(|(octet, pad)| octet ^ pad).collect();
    assert_eq!(octets.len(), 16);
    Base64Unpadded::encode_string(&octets)
}

/// The plugin: what it says goes to descriptor 3, because the test's frame writes to its standard output.
#[test]
#[ignore = "it is what the plugin's script runs"]
fn plugin() {
    let Ok(machine) = env::var(MACHINE) else { return };
    let mut out = OpenOptions::new().write(true).open("/proc/self/fd/3").unwrap();
    let mut lines = io::stdin().lock().lines();
    let mut answers = Vec::new();
    loop {
        let (words, body) = stanza(&mut lines);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match (machine.as_str(), words.as_slice()) {
            (_, ["done"]) => break,
            ("--age-plugin=recipient-v1", ["add-recipient", text]) => assert_eq!(*text, RECIPIENT),
            ("--age-plugin=recipient-v1", ["wrap-file-key"]) => {
                answers.push(format!("-> recipient-stanza 0 mptest\n{}\n", padded(&body)));
            }
            ("--age-plugin=identity-v1", ["add-identity", text]) => assert_eq!(*text, IDENTITY),
            ("--age-plugin=identity-v1", ["recipient-stanza", file, "mptest"]) => {
                answers.push(format!("-> file-key {file}\n{}\n", padded(&body)));
            }
            _ => {}
        }
    }
    for answer in answers {
        write!(out, "{answer}").unwrap();
        assert_eq!(stanza(&mut lines).0, ["ok"]);
    }
    write!(out, "-> done\n\n").unwrap();
}

fn place(folder: &Path) -> PathBuf {
    folder.join("bin")
}

/// Puts a plugin of this script in its place, by a process of its own: one that is started meanwhile would otherwise have the
/// file open for writing, too, and it could not be run.
fn install(folder: &Path, script: &str) {
    fs::create_dir_all(place(folder)).unwrap();
    let program = place(folder).join("age-plugin-mptest");
    let write = "cat >\"$0.new\" && chmod 755 \"$0.new\" && mv \"$0.new\" \"$0\"";
    let mut writer =
        Command::new("/bin/sh").args(["-c", write]).arg(program).stdin(Stdio::piped()).spawn().unwrap();
    writer.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

/// One that works.
fn working() -> String {
    let program = env::current_exe().unwrap();
    format!(
        "#!/bin/sh\nexec 3>&1 >/dev/null\n{MACHINE}=\"$1\" exec '{}' plugins::plugin --exact --ignored --nocapture\n",
        program.display()
    )
}

/// `PATH` with the plugin's folder in front.
fn path(folder: &Path) -> std::ffi::OsString {
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(place(folder)).chain(env::split_paths(&others))).unwrap()
}

/// Runs an ignored test in a process of its own that finds the plugin.
fn run_with_plugin(test: &str, folder: &Path) {
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env("PATH", path(folder))
        .env(FOLDER, folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn spool(folder: &Path, plugin_timeout: Duration) -> SealedSpool {
    let node = NodeKey::load_or_create(&folder.join("node.key")).unwrap();
    let recovery = RecoveryIdentity::load_or_create(&folder.join("recovery.key")).unwrap();
    let files = Arc::new(Folder::open(&folder.join("spool")).unwrap());
    SealedSpool::new(files, node, recovery, SpoolConfig { plugin_timeout, ..SpoolConfig::default() })
}

const LONG: Duration = Duration::from_secs(600);

fn begin(spool: &SealedSpool, id: &str, recipients: &[String]) -> io::Result<Box<dyn Sink>> {
    spool.open(&header(id, "raw", 8000, recipients))
}

fn keep(sink: &mut dyn Sink) {
    let chunk =
        Chunk { bytes: b"what was said".to_vec(), first_sample: 0, samples: 400, kind: ChunkKind::Body };
    sink.chunk(&chunk).unwrap();
}

fn recipients(folder: &Path) -> Vec<String> {
    vec![fs::read_to_string(folder.join("recipient")).unwrap(), RECIPIENT.to_owned()]
}

fn child_folder() -> Option<PathBuf> {
    env::var_os(FOLDER).map(PathBuf::from)
}

/// Whom a test records for, beside the plugin.
fn prepared(name: &str) -> (PathBuf, PathBuf) {
    let folder = folder(name);
    let (recipient, identity) = listener(&folder, "identity");
    fs::write(folder.join("recipient"), recipient).unwrap();
    (folder, identity)
}

#[test]
#[ignore = "it is what the next test runs"]
fn records() {
    let Some(folder) = child_folder() else { return };
    let spool = spool(&folder, LONG);
    let recipients = recipients(&folder);
    spool.prepare(&recipients).unwrap();
    let mut sink = begin(&spool, "r1", &recipients).unwrap();
    keep(&mut *sink);
    let mut crashed = begin(&spool, "r2", &recipients).unwrap();
    keep(&mut *crashed);
    // The one that ends well needs no plugin for it.
    install(&folder, "#!/bin/sh\nexit 1\n");
    sink.finish(400, BEGAN).unwrap();
    install(&folder, &working());
    drop((crashed, spool));
    // Another one has no failure to remember.
    let spool = super::plugins::spool(&folder, LONG);
    let mut recovered = Vec::new();
    spool.recover(BEGAN, &mut |one| recovered.push(one.unwrap().id.to_string())).unwrap();
    assert_eq!(recovered, ["r2"]);
}

#[test]
fn a_plugin_and_a_key_each_open_what_was_recorded_for_both() {
    let (folder, identity) = prepared("plugin-opens");
    install(&folder, &working());
    run_with_plugin("plugins::records", &folder);
    fs::write(folder.join("plugin-identity"), format!("{IDENTITY}\n")).unwrap();
    let has_age = run("age", &["--version"]).is_some();
    for id in ["r1", "r2"] {
        let file = folder.join("spool").join(format!("{id}.raw.age"));
        assert_eq!(plain(&file, &identity), b"what was said", "{id}");
        for (name, content) in [("raw", "what was said"), ("meta", "+49 30 123456")] {
            let mut age = Command::new("age");
            age.args(["-d", "-i"]).arg(folder.join("plugin-identity"));
            age.arg(folder.join("spool").join(format!("{id}.{name}.age"))).env("PATH", path(&folder));
            if has_age {
                let opened = age.output().unwrap();
                let text = String::from_utf8_lossy(&opened.stdout);
                let said = String::from_utf8_lossy(&opened.stderr);
                assert!(opened.status.success() && text.contains(content), "{id}.{name}: {said}");
            }
        }
    }
}

/// Why a recording for both is not begun; that nothing of it is there.
fn failure(spool: &SealedSpool, folder: &Path) -> PluginFailure {
    let refused = begin(spool, "r1", &recipients(folder)).err().unwrap();
    let Ok(SealError::Plugin(PluginError { number: 2, name, failure })) = refused.downcast() else {
        panic!("it is not of the plugin")
    };
    assert_eq!((name.as_str(), names(folder)), ("mptest", vec![]));
    failure
}

/// Files of recordings.
fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("spool")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != ".lock").collect()
}

#[test]
#[ignore = "it is what the next test runs"]
fn is_refused() {
    let Some(folder) = child_folder() else { return };
    assert_eq!(failure(&spool(&folder, LONG), &folder), PluginFailure::NotFound);
    install(&folder, "#!/bin/sh\nexit 1\n");
    assert_eq!(failure(&spool(&folder, LONG), &folder), PluginFailure::Ended);
    install(&folder, "#!/bin/sh\nsleep 1000\n");
    let short = Duration::from_millis(200);
    let hanging = spool(&folder, short);
    assert_eq!(failure(&hanging, &folder), PluginFailure::Timeout(short));
    // What is for keys alone is recorded all the same.
    let alone = recipients(&folder).remove(0);
    keep(&mut *begin(&hanging, "r2", &[alone]).unwrap());
    drop(hanging);
    fs::remove_file(folder.join("spool/r2.journal")).unwrap();

    // What a crash left waits for a plugin that works.
    install(&folder, &working());
    let first = spool(&folder, LONG);
    keep(&mut *begin(&first, "r3", &recipients(&folder)).unwrap());
    drop(first);
    install(&folder, "#!/bin/sh\nexit 1\n");
    let mut outcomes = Vec::new();
    let broken = spool(&folder, LONG);
    broken.recover(BEGAN, &mut |one| outcomes.push(one.map(|finished| finished.samples))).unwrap();
    drop(broken);
    let error = outcomes.remove(0).unwrap_err().to_string();
    assert_eq!(error, "recipient 2: age-plugin-mptest ended without an answer");
    assert_eq!(names(&folder), ["r3.journal"]);
    install(&folder, &working());
    spool(&folder, LONG)
        .recover(BEGAN, &mut |one| outcomes.push(one.map(|finished| finished.samples)))
        .unwrap();
    assert_eq!(outcomes.remove(0).unwrap(), 400);
    File::open(folder.join("spool/r3.raw.age")).unwrap();
}

#[test]
fn a_plugin_that_hangs_crashes_or_is_absent_refuses_the_recording() {
    let (folder, _) = prepared("plugin-refuses");
    run_with_plugin("plugins::is_refused", &folder);
}
