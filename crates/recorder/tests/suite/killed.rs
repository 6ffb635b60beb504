//! A process that records is killed at any moment: what it had synced is there, once, and what it had finished.
//!
//! `MEDIAPOINT_KILL_ROUNDS` and `MEDIAPOINT_KILL_RECORDINGS` make it 200 rounds of 50 recordings, as the product is held to.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use mediapoint_recorder::{Chunk, ChunkKind, Sink, Spool};

use crate::sealed::{BEGAN, check, folder, header, listener, plain, spool};

const FOLDER: &str = "MEDIAPOINT_KILL_FOLDER";

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn page(id: &str, number: u64) -> Chunk {
    let bytes = format!("page {number} of {id};").into_bytes();
    Chunk { bytes, first_sample: number * 3200, samples: 3200, kind: ChunkKind::Body }
}

/// Records until it is killed, and says what it has done.
#[test]
#[ignore = "it is what the next test kills"]
fn child() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let recipient = fs::read_to_string(folder.join("recipient")).unwrap();
    let (spool, _) = spool(&folder);
    let mut said = std::io::stdout().lock();
    let mut made = 0;
    let mut open = || {
        made += 1;
        let id = format!("r{made}");
        let sink = spool.open(&header(&id, "raw", 8000, std::slice::from_ref(&recipient))).unwrap();
        (id, sink, 0)
    };
    let mut running: Vec<(String, Box<dyn Sink>, u64)> =
        (0..number("MEDIAPOINT_KILL_RECORDINGS", 8)).map(|_| open()).collect();
    for round in 1_u64.. {
        let now = BEGAN + Duration::from_secs(round);
        for (id, sink, pages) in &mut running {
            sink.chunk(&page(id, *pages)).unwrap();
            sink.tick(now).unwrap();
            *pages += 1;
        }
        spool.sync().unwrap();
        for (id, _, pages) in &running {
            writeln!(said, "synced {id} {pages}").unwrap();
        }
        if round.is_multiple_of(5) {
            let (id, sink, pages) = running.remove(0);
            sink.finish(pages * 3200, now).unwrap();
            writeln!(said, "finished {id} {pages}").unwrap();
            running.push(open());
        }
        said.flush().unwrap();
    }
}

/// Pages that the child said were synced, by recording, and whether it said that it had finished it.
fn kill_after(lines: usize, folder: &Path) -> BTreeMap<String, (u64, bool)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["killed::child", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = BTreeMap::new();
    let mut note = |line: String| {
        let words: Vec<&str> = line.split(' ').collect();
        if let [what @ ("synced" | "finished"), id, pages] = words[..] {
            said.insert(id.to_owned(), (pages.parse().unwrap(), what == "finished"));
        }
    };
    output.by_ref().take(lines).for_each(|line| note(line.unwrap()));
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended by itself");
    output.map_while(Result::ok).for_each(note);
    said
}

#[test]
fn a_killed_process_loses_nothing_that_it_had_synced() {
    for round in 0..number("MEDIAPOINT_KILL_ROUNDS", 5) {
        let folder = folder("killed");
        let (recipient, identity) = listener(&folder, "identity");
        fs::write(folder.join("recipient"), recipient).unwrap();
        let lines = 20 + usize::try_from(round * 37 % 200).unwrap();
        let said = kill_after(lines, &folder);
        let (spool, node) = spool(&folder);
        spool
            .recover(BEGAN + Duration::from_secs(9000), &mut |result| assert!(result.is_ok(), "{result:?}"))
            .unwrap();
        let names: Vec<String> = fs::read_dir(folder.join("spool"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".lock")
            .collect();
        let strays = names.iter().find(|name| name.ends_with(".journal") || name.ends_with(".partial"));
        assert_eq!(strays, None, "round {round}");
        let manifests = names.iter().filter(|name| name.ends_with(".manifest.json")).count();
        assert!(manifests >= said.len() && names.len() == 3 * manifests, "round {round}: {names:?}");
        for (id, (pages, finished)) in &said {
            let report = check(&folder, id, node, &identity);
            assert!(report.is_whole(), "round {round}, {id}: {:?}", report.findings);
            assert!(!finished || report.manifest.unwrap().recovered.is_none(), "round {round}, {id}");
            let audio = plain(&folder.join("spool").join(format!("{id}.raw.age")), &identity);
            let expected: Vec<u8> = (0..*pages).flat_map(|number| page(id, number).bytes).collect();
            assert!(audio.starts_with(&expected), "round {round}, {id}: {pages} pages");
            assert!(!finished || audio == expected, "round {round}, {id}: {pages} pages");
        }
    }
}
