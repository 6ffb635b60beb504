use std::io::{Read, Write};

use super::*;
use crate::simulated::{Fault, SimulatedDisk, Survives};
use crate::sink::{ChunkKind, FactKind, LossPlace};
use crate::verify::{Finding, Place, Reason, Report, verify};
use crate::{Identities, NodePublicKey};

const MARKER: &str = "what was said";
const PERSONAL: &str = "a secret number";
const PAGES: u64 = 5;

/// Keys that stay while disks come and go.
struct Keys {
    seed: [u8; 32],
    recovery: String,
    listener: String,
    identity: String,
}

impl Keys {
    fn new() -> Self {
        use age::secrecy::ExposeSecret;
        let identity = age::x25519::Identity::generate();
        Self {
            seed: [3; 32],
            recovery: age::x25519::Identity::generate().to_string().expose_secret().to_owned(),
            listener: identity.to_public().to_string(),
            identity: identity.to_string().expose_secret().to_owned(),
        }
    }

    fn node(&self) -> NodeKey {
        NodeKey(Box::new(ed25519_dalek::SigningKey::from_bytes(&self.seed)))
    }

    fn public(&self) -> NodePublicKey {
        self.node().public()
    }

    fn identities(&self) -> Identities {
        Identities::parse(self.identity.as_bytes()).unwrap()
    }

    fn spool(&self, disk: &SimulatedDisk) -> SealedSpool {
        let recovery = RecoveryIdentity::from_text(&self.recovery).unwrap();
        SealedSpool::new(Arc::new(disk.clone()), self.node(), recovery, SpoolConfig::default())
    }

    fn header(&self) -> Header {
        Header {
            id: RecordingId::new("r1").unwrap(),
            extension: "wav".into(),
            media_type: "audio/wav".into(),
            rate: 8000,
            channels: 2,
            began: Duration::from_secs(1_700_000_000),
            recipients: vec![self.listener.clone()],
            personal: format!(r#"{{"caller":"{PERSONAL}"}}"#).into_bytes(),
        }
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(1_700_000_000 + seconds)
}

fn page(number: u64) -> Vec<u8> {
    format!("page {number} of {MARKER};{}", "x".repeat(usize::try_from(number % 3).unwrap())).into_bytes()
}

fn container_header() -> Chunk {
    Chunk {
        bytes: b"the header of 44 octets, which is rewritten;".to_vec(),
        first_sample: 0,
        samples: 0,
        kind: ChunkKind::Header,
    }
}

fn body(number: u64) -> Chunk {
    Chunk { bytes: page(number), first_sample: number * 3200, samples: 3200, kind: ChunkKind::Body }
}

/// What a process knew before it died.
#[derive(Default)]
struct Log {
    /// It was finished before the first sync.
    never_syncs: bool,
    synced: u64,
    taken: Vec<u64>,
    finished: Option<Finished>,
}

fn record(spool: &SealedSpool, header: &Header, log: &mut Log) -> io::Result<()> {
    let mut sink = spool.open(header)?;
    sink.chunk(&container_header())?;
    for number in 0..PAGES {
        if number == 2 {
            sink.fact(&Fact { start: 2 * 3200, samples: 100, kind: FactKind::Masked })?;
            sink.personal(format!(r#"{{"callee":"{PERSONAL}"}}"#).as_bytes())?;
        }
        sink.chunk(&body(number))?;
        log.taken.push(number);
        sink.tick(at(number * 6))?;
        if number % 2 == 1 && !log.never_syncs {
            spool.sync()?;
            log.synced = number + 1;
        }
    }
    let rewritten = Chunk { bytes: b"HEADER".to_vec(), ..container_header() };
    sink.chunk(&rewritten)?;
    log.finished = Some(sink.finish(PAGES * 3200, at(40))?);
    Ok(())
}

fn check(disk: &SimulatedDisk, keys: &Keys, identities: Option<&Identities>) -> Report {
    let mut open = |name: &str| disk.open(name).map(|file| file as Box<dyn Read>);
    verify("r1.manifest.json", &mut open, &[keys.public()], identities).unwrap()
}

fn plain(disk: &SimulatedDisk, keys: &Keys, name: &str) -> Vec<u8> {
    let file = disk.content(name).unwrap();
    let mut plain = Vec::new();
    crate::keys::decrypt(file.as_slice(), keys.identities().iter()).unwrap().read_to_end(&mut plain).unwrap();
    plain
}

/// The numbers of the pages in a finished recording.
fn pages(disk: &SimulatedDisk, keys: &Keys) -> Vec<u64> {
    let audio = String::from_utf8_lossy(&plain(disk, keys, "r1.wav.age")).into_owned();
    let numbers = audio.split("page ").skip(1);
    numbers.map(|page| page.split(' ').next().unwrap().parse().unwrap()).collect()
}

fn nothing_in_the_clear(disk: &SimulatedDisk) {
    for name in disk.list().unwrap() {
        let content = disk.content(&name).unwrap();
        for secret in [MARKER, PERSONAL] {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {name}");
        }
    }
}

/// What has to hold after a crash, and after the next one.
fn survives(found: &SimulatedDisk, keys: &Keys, log: &Log, place: &str) {
    let spool = keys.spool(found);
    let mut recovered = 0;
    spool.recover(at(100), &mut |result| recovered += usize::from(result.is_ok())).unwrap();
    let names = found.list().unwrap();
    let ended = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!((ended(".journal"), ended(".partial"), ended(".damaged")), (0, 0, 0), "{place}: {names:?}");
    let finished = ended(".manifest.json");
    assert!(finished <= 1 && recovered <= finished, "{place}: {names:?}");
    assert_eq!(names.len(), 3 * finished, "{place}: {names:?}");
    if log.synced > 0 || log.finished.is_some() {
        assert_eq!(finished, 1, "{place}: {} synced, {names:?}", log.synced);
    }
    if finished == 1 {
        let report = check(found, keys, Some(&keys.identities()));
        assert!(report.is_whole(), "{place}: {:?}", report.findings);
        let numbers = pages(found, keys);
        let all: Vec<u64> = (0..numbers.len() as u64).collect();
        assert!(numbers == all && all.len() as u64 >= log.synced, "{place}: {numbers:?} of {}", log.synced);
        let manifest = report.manifest.unwrap();
        assert_eq!(manifest.audio.samples, 3200 * numbers.len() as u64);
        if log.finished.is_some() {
            assert!(numbers.len() as u64 == PAGES && manifest.recovered.is_none(), "{place}");
        }
        let said = manifest.facts.iter().any(|fact| fact.kind == FactKind::Recovered);
        assert!(!said || manifest.recovered.is_some(), "{place}");
    }
    nothing_in_the_clear(found);
    let again = spool.recover(at(101), &mut |_| {}).unwrap();
    assert_eq!((again, found.list().unwrap()), (0, names), "{place}");
}

/// Calls of the disk that a recording takes.
fn calls(keys: &Keys) -> u64 {
    let disk = SimulatedDisk::new();
    record(&keys.spool(&disk), &keys.header(), &mut Log::default()).unwrap();
    disk.calls()
}

fn cut_at(keys: &Keys, call: u64, never_syncs: bool) -> (SimulatedDisk, Log) {
    let (disk, mut log) = (SimulatedDisk::new(), Log { never_syncs, ..Log::default() });
    disk.fail_at(call, Fault::PowerLoss);
    assert_eq!(record(&keys.spool(&disk), &keys.header(), &mut log).is_err(), log.finished.is_none());
    (disk, log)
}

#[test]
fn power_lost_at_any_call_costs_what_was_not_synced() {
    let keys = Keys::new();
    let calls = calls(&keys);
    for (call, never_syncs) in
        (0..=calls).map(|call| (call, false)).chain((0..=calls).map(|call| (call, true)))
    {
        let (disk, log) = cut_at(&keys, call, never_syncs);
        for names in [Survives::Nothing, Survives::Half, Survives::Newer, Survives::All] {
            for content in
                [Survives::Nothing, Survives::Half, Survives::Newer, Survives::All, Survives::Zeros]
            {
                let place = format!("call {call} of {calls}, names {names:?}, content {content:?}");
                survives(&disk.after_power_loss(names, content), &keys, &log, &place);
            }
        }
    }
}

#[test]
fn power_lost_again_while_recovering_costs_nothing_more() {
    let keys = Keys::new();
    let calls = calls(&keys);
    for call in (0..=calls).step_by(3) {
        let (disk, log) = cut_at(&keys, call, false);
        let found = || disk.after_power_loss(Survives::All, Survives::Half);
        for second in 0.. {
            let found = found();
            found.fail_at(second, Fault::PowerLoss);
            let result = keys.spool(&found).recover(at(90), &mut |_| {});
            if result.is_ok() && found.calls() <= second {
                break;
            }
            let place = format!("call {call}, then call {second} of the recovery");
            survives(&found.after_power_loss(Survives::Half, Survives::Nothing), &keys, &log, &place);
        }
    }
}

#[test]
fn a_disk_that_is_full_at_any_call_loses_nothing_that_was_taken() {
    let keys = Keys::new();
    for call in 0..=calls(&keys) {
        for fault in [Fault::FullOnce, Fault::Full] {
            let (disk, place) = (SimulatedDisk::new(), format!("call {call}, {fault:?}"));
            let spool = keys.spool(&disk);
            disk.fail_at(call, fault);
            let mut taken = Vec::new();
            let opened = spool.open(&keys.header());
            let full = |error: &io::Error| assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{place}");
            let Ok(mut sink) = opened.inspect_err(full) else {
                disk.heal();
                assert_eq!(disk.list().unwrap(), Vec::<String>::new(), "{place}");
                continue;
            };
            let _ = sink.chunk(&container_header()).inspect_err(full);
            for number in 0..PAGES {
                if sink.chunk(&body(number)).inspect_err(full).is_ok() {
                    taken.push(number);
                }
                let _ = sink.tick(at(number * 6)).inspect_err(full);
                let _ = spool.sync().inspect_err(full);
            }
            let _ = sink.finish(PAGES * 3200, at(40)).inspect_err(full);
            disk.heal();
            if taken.is_empty() {
                // Of nothing nothing is kept.
                spool
                    .recover(at(100), &mut |result| assert!(result.is_err(), "{place}: {result:?}"))
                    .unwrap();
                assert_eq!(disk.list().unwrap(), Vec::<String>::new(), "{place}");
                continue;
            }
            spool.recover(at(100), &mut |result| assert!(result.is_ok(), "{place}: {result:?}")).unwrap();
            assert_eq!(disk.list().unwrap(), ["r1.manifest.json", "r1.meta.age", "r1.wav.age"], "{place}");
            assert_eq!(pages(&disk, &keys), taken, "{place}");
            let report = check(&disk, &keys, Some(&keys.identities()));
            assert!(report.is_whole(), "{place}: {:?}", report.findings);
        }
    }
}

fn finished() -> (Keys, SimulatedDisk) {
    let (keys, disk, mut log) = (Keys::new(), SimulatedDisk::new(), Log::default());
    record(&keys.spool(&disk), &keys.header(), &mut log).unwrap();
    (keys, disk)
}

#[test]
fn a_finished_recording_says_what_it_is() {
    let (keys, disk) = finished();
    nothing_in_the_clear(&disk);
    let report = check(&disk, &keys, Some(&keys.identities()));
    assert_eq!(report.findings, []);
    assert!(report.personal[0]["caller"] == PERSONAL && report.records_opened >= 10);
    assert!(report.personal.len() == 2 && report.personal[1]["callee"] == PERSONAL);
    let manifest = report.manifest.unwrap();
    assert_eq!((manifest.audio.samples, manifest.recovered.clone()), (PAGES * 3200, None));
    assert_eq!(manifest.facts, [Fact { start: 6400, samples: 100, kind: FactKind::Masked }]);
    assert_eq!(manifest.chain.heads().count(), 3, "at 12 s, at 24 s and at the end");
    let audio = plain(&disk, &keys, "r1.wav.age");
    let expected: Vec<u8> = (0..PAGES).flat_map(page).collect();
    assert_eq!(audio, [b"HEADER".as_slice(), &expected].concat());
    assert!(matches!(
        verify(
            "r1.manifest.json",
            &mut |name| disk.open(name).map(|file| file as _),
            &[keys.public()],
            Some(&Keys::new().identities())
        ),
        Err(SealError::WrongIdentity)
    ));
    let mut open = |name: &str| disk.open(name).map(|file| file as Box<dyn Read>);
    let untrusted = verify("r1.manifest.json", &mut open, &[], None).unwrap();
    assert!(matches!(
        untrusted.findings[..],
        [Finding { place: Place::Manifest, reason: Reason::Signer(_) }]
    ));
}

#[test]
fn a_bit_that_flipped_in_any_octet_of_any_file_is_found_without_a_key() {
    let (keys, disk) = finished();
    for name in disk.list().unwrap() {
        let whole = disk.content(&name).unwrap();
        for octet in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[octet] ^= 1 << (octet % 8);
            disk.put(&name, &flipped);
            let findings = check(&disk, &keys, None).findings;
            let placed = findings.iter().any(|finding| match &finding.place {
                Place::Manifest => name == "r1.manifest.json",
                Place::Metadata => name == "r1.meta.age",
                Place::Octets { from, to, .. } => {
                    name == "r1.wav.age" && (*from..*to).contains(&(octet as u64))
                }
                Place::Record { .. } => false,
            });
            assert!(placed, "{name}, octet {octet}: {findings:?}");
        }
        for len in [0, whole.len() / 2, whole.len() - 1] {
            disk.put(&name, &whole[..len]);
            assert!(!check(&disk, &keys, None).is_whole(), "{name} cut to {len}");
        }
        disk.put(&name, &[whole.as_slice(), b"."].concat());
        assert!(!check(&disk, &keys, None).is_whole(), "{name} longer");
        disk.put(&name, &whole);
        assert!(check(&disk, &keys, None).is_whole());
    }
    for name in ["r1.wav.age", "r1.meta.age"] {
        let whole = disk.content(name).unwrap();
        disk.remove(name).unwrap();
        let report = check(&disk, &keys, None);
        assert!(matches!(report.findings[..], [Finding { reason: Reason::Missing, .. }]));
        disk.put(name, &whole);
    }
}

/// What is found where the audio was put together anew by somebody who can encrypt to its listener.
fn forged(disk: &SimulatedDisk, keys: &Keys, audio: &[u8]) -> Vec<(u32, Reason)> {
    let whole = disk.content("r1.wav.age").unwrap();
    let mut file = Vec::new();
    let recipient: age::x25519::Recipient = keys.listener.parse().unwrap();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
    let mut writer = encryptor.unwrap().wrap_output(&mut file).unwrap();
    writer.write_all(audio).unwrap();
    writer.finish().unwrap();
    disk.put("r1.wav.age", &file);
    assert!(!check(disk, keys, None).is_whole());
    let report = check(disk, keys, Some(&keys.identities()));
    disk.put("r1.wav.age", &whole);
    let of_page = |finding: Finding| match finding.place {
        Place::Record { index, .. } => Some((index, finding.reason)),
        _ => None,
    };
    report.findings.into_iter().filter_map(of_page).collect()
}

#[test]
fn pages_altered_moved_doubled_dropped_and_cut_off_are_named() {
    let (keys, disk) = finished();
    let header = b"HEADER".to_vec();
    let manifest = check(&disk, &keys, None).manifest.unwrap();
    let kinds: Vec<u8> = manifest.chain.records().map(|(kind, _)| kind).collect();
    let bodies: Vec<usize> = (0..kinds.len()).filter(|index| kinds[*index] == 3).collect();
    let record = |page: usize| u32::try_from(bodies[page]).unwrap();
    assert_eq!(bodies.len(), 5);
    let audio = |order: &[usize]| {
        let pages: Vec<u8> = order.iter().flat_map(|number| page(*number as u64)).collect();
        [header.as_slice(), &pages].concat()
    };
    assert_eq!(forged(&disk, &keys, &audio(&[0, 1, 2, 3, 4])), []);
    for number in 0..5 {
        let mut order = vec![0, 1, 2, 3, 4];
        order.remove(number);
        let reason = if number == 4 { Reason::CutOff } else { Reason::Dropped };
        assert_eq!(forged(&disk, &keys, &audio(&order)), [(record(number), reason)], "dropped {number}");
        order.insert(number, number);
        order.insert(number, number);
        assert_eq!(
            forged(&disk, &keys, &audio(&order)),
            [(record(number), Reason::Doubled)],
            "{number} twice"
        );
        let mut altered = audio(&[0, 1, 2, 3, 4]);
        let at = header.len() + (0..number as u64).map(|before| page(before).len()).sum::<usize>();
        altered[at] ^= 1;
        assert_eq!(forged(&disk, &keys, &altered), [(record(number), Reason::Altered)], "altered {number}");
    }
    let moved = forged(&disk, &keys, &audio(&[0, 2, 1, 3, 4]));
    assert_eq!(moved, [(record(1), Reason::Moved)]);
    let moved = forged(&disk, &keys, &audio(&[4, 0, 1, 2, 3]));
    assert_eq!(moved.iter().map(|(_, reason)| reason).filter(|reason| **reason == Reason::Moved).count(), 4);
    let cut = &audio(&[0, 1, 2, 3, 4])[..header.len() + page(0).len() + 3];
    assert_eq!(forged(&disk, &keys, cut), [(record(1), Reason::CutOff)]);
    let longer = [audio(&[0, 1, 2, 3, 4]), b"more".to_vec()].concat();
    assert_eq!(forged(&disk, &keys, &longer), [(record(4), Reason::Longer)]);
}

#[test]
fn an_id_is_taken_while_it_is_made_and_after() {
    let (keys, disk) = (Keys::new(), SimulatedDisk::new());
    let spool = keys.spool(&disk);
    let sink = spool.open(&keys.header()).unwrap();
    let taken = |spool: &SealedSpool| spool.open(&keys.header()).err().unwrap().kind();
    assert_eq!(taken(&spool), io::ErrorKind::AlreadyExists);
    assert_eq!(spool.recover(at(1), &mut |_| {}).unwrap(), 0, "what is open is left alone");
    sink.finish(0, at(1)).unwrap();
    assert_eq!(taken(&spool), io::ErrorKind::AlreadyExists);
    assert_eq!(taken(&keys.spool(&disk)), io::ErrorKind::AlreadyExists);
}

#[test]
fn nobody_to_open_it_is_refused_unless_danger_is_asked_for() {
    let (keys, disk) = (Keys::new(), SimulatedDisk::new());
    let header = Header { recipients: Vec::new(), ..keys.header() };
    let refused = keys.spool(&disk).open(&header).err().unwrap();
    assert!(refused.kind() == io::ErrorKind::InvalidInput && disk.list().unwrap().is_empty());
    let recovery = RecoveryIdentity::from_text(&keys.recovery).unwrap();
    let config = SpoolConfig { danger_unencrypted: true, ..SpoolConfig::default() };
    let spool = SealedSpool::new(Arc::new(disk.clone()), keys.node(), recovery, config);
    record(&spool, &header, &mut Log::default()).unwrap();
    assert_eq!(disk.list().unwrap(), ["r1.manifest.json", "r1.meta.json", "r1.wav"]);
    assert!(disk.content("r1.wav").unwrap().starts_with(b"HEADERpage 0"));
    let report = check(&disk, &keys, Some(&keys.identities()));
    assert!(report.is_whole(), "{:?}", report.findings);
}

#[test]
fn a_journal_that_does_not_open_is_left_alone() {
    let (keys, disk) = (Keys::new(), SimulatedDisk::new());
    drop(keys.spool(&disk).open(&keys.header()).unwrap());
    let stranger = Keys { recovery: Keys::new().recovery, ..Keys::new() };
    let mut kinds = Vec::new();
    stranger.spool(&disk).recover(at(1), &mut |result| kinds.push(result.unwrap_err().kind())).unwrap();
    assert_eq!(kinds, [io::ErrorKind::PermissionDenied]);
    let mut journal = disk.content("r1.journal").unwrap();
    journal[20] ^= 1;
    disk.put("r1.journal", &journal);
    keys.spool(&disk).recover(at(1), &mut |result| kinds.push(result.unwrap_err().kind())).unwrap();
    assert_eq!(kinds.last(), Some(&io::ErrorKind::InvalidData));
    assert_eq!(disk.list().unwrap(), ["r1.journal.damaged"]);
}

#[test]
fn losses_of_a_minute_are_one_fact() {
    let (keys, disk) = (Keys::new(), SimulatedDisk::new());
    let mut sink = keys.spool(&disk).open(&keys.header()).unwrap();
    for number in 0..150 {
        let kind = FactKind::Lost(LossPlace::Sink);
        sink.fact(&Fact { start: number * 3200, samples: 3200, kind }).unwrap();
        sink.chunk(&body(number)).unwrap();
    }
    sink.finish(150 * 3200, at(60)).unwrap();
    let report = check(&disk, &keys, Some(&keys.identities()));
    let lost = Fact { start: 0, samples: 480_000, kind: FactKind::Lost(LossPlace::Sink) };
    assert_eq!((report.manifest.unwrap().facts, report.findings), (vec![lost], vec![]));
}
