use std::io::Read;

use base64ct::{Base64, Encoding};

use super::*;
use crate::error::CutReason;
use crate::simulated::{Fault, SimulatedDisk};
use crate::sink::{FactKind, RecordingId};

struct Made {
    disk: SimulatedDisk,
    files: Arc<dyn Files>,
    recovery: RecoveryIdentity,
    node: NodeKey,
}

fn made() -> Made {
    let disk = SimulatedDisk::new();
    Made {
        files: Arc::new(disk.clone()),
        disk,
        recovery: RecoveryIdentity::generate(),
        node: NodeKey::generate().unwrap(),
    }
}

fn header() -> Header {
    Header {
        id: RecordingId::new("r1").unwrap(),
        extension: "opus".into(),
        media_type: "audio/ogg".into(),
        rate: 48_000,
        channels: 2,
        began: std::time::Duration::from_secs(1_700_000_000),
        recipients: Vec::new(),
        personal: br#"{"caller":"a secret number"}"#.to_vec(),
    }
}

fn body(number: u64) -> Chunk {
    let text = format!("page {number} of what was said");
    Chunk { bytes: text.into_bytes(), first_sample: number * 100, samples: 100, kind: ChunkKind::Body }
}

impl Made {
    fn journal(&self) -> Journal {
        let none = Recipients::parse(&[]).unwrap();
        Journal::create(&self.files, &header(), &none, &self.recovery, self.node.public()).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        self.disk.content("r1.journal").unwrap()
    }

    /// Kinds of the records that are read, and why no more are.
    fn read(&self, bytes: &[u8]) -> Result<(Vec<Vec<u8>>, Option<CutReason>), SealError> {
        let mut reader = Opened::read(bytes)?.unlock([self.recovery.as_identity()].into_iter())?;
        let mut records = Vec::new();
        loop {
            match reader.next()? {
                Ok(None) => return Ok((records, None)),
                Err(reason) => return Ok((records, Some(reason))),
                Ok(Some(record)) => records.push(record.bytes.to_vec()),
            }
        }
    }
}

fn five_pages(made: &Made) -> Journal {
    let mut journal = made.journal();
    for number in 0..5 {
        journal.append_chunk(&body(number)).unwrap();
    }
    journal
}

#[test]
fn what_is_appended_is_read_and_nothing_of_it_stands_in_the_clear() {
    let made = made();
    let mut journal = five_pages(&made);
    journal.append_fact(&Fact { start: 1, samples: 2, kind: FactKind::Paused }).unwrap();
    journal.sign_head(&made.node, 77).unwrap();
    journal.end(500, 99).unwrap();
    let bytes = made.bytes();
    let (records, cut) = made.read(&bytes).unwrap();
    assert_eq!((records.len(), cut), (10, None));
    assert!(records[2].ends_with(b"page 0 of what was said"));
    for secret in [&b"what was said"[..], b"secret number", b"paused", &journal.secret.0[..32]] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }
    let shown = format!("{journal:?} {:?} {:?}", journal.secret, journal.salt);
    assert_eq!(
        shown,
        "Journal { name: \"r1.journal\", records: 10, octets: ".to_owned()
            + &bytes.len().to_string()
            + ", .. } Secret(..) Salt(..)"
    );
    let stranger = RecoveryIdentity::generate();
    let opened = Opened::read(bytes.as_slice()).unwrap();
    assert!(matches!(opened.unlock([stranger.as_identity()].into_iter()), Err(SealError::WrongIdentity)));
}

#[test]
fn cut_anywhere_it_reads_up_to_the_last_whole_record() {
    let made = made();
    five_pages(&made).end(500, 99).unwrap();
    let bytes = made.bytes();
    let whole = made.read(&bytes).unwrap().0;
    let beginning = usize::try_from(Opened::read(bytes.as_slice()).unwrap().octets).unwrap();
    for len in 0..bytes.len() {
        match made.read(&bytes[..len]) {
            Err(error) => {
                assert!(len < beginning && matches!(error, SealError::NoBeginning), "{len}: {error}")
            }
            Ok((records, cut)) => {
                assert!(len >= beginning && records.len() < whole.len() && records == whole[..records.len()]);
                assert!(matches!(cut, Some(CutReason::Truncated | CutReason::NoEnd)), "{len}: {cut:?}");
            }
        }
    }
    let more = [bytes, vec![0]].concat();
    assert_eq!(made.read(&more).unwrap().1, Some(CutReason::NotARecord));
}

#[test]
fn a_bit_that_flipped_anywhere_is_found() {
    let made = made();
    five_pages(&made).end(500, 99).unwrap();
    let bytes = made.bytes();
    let whole = made.read(&bytes).unwrap().0;
    let beginning = usize::try_from(Opened::read(bytes.as_slice()).unwrap().octets).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        match made.read(&flipped) {
            Err(_) => assert!(bit / 8 < beginning),
            Ok((records, cut)) => {
                assert!(
                    bit / 8 >= beginning && cut.is_some() && records == whole[..records.len()],
                    "bit {bit}"
                );
            }
        }
    }
}

/// Octets where each record begins and ends.
fn places(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut at = usize::try_from(Opened::read(bytes).unwrap().octets).unwrap();
    let mut places = Vec::new();
    while at < bytes.len() {
        let len = u32::from_be_bytes(bytes[at + 5..at + 9].try_into().unwrap()) as usize;
        places.push((at, at + RECORD_HEAD + len + TAG));
        at += RECORD_HEAD + len + TAG;
    }
    places
}

#[test]
fn records_moved_doubled_or_dropped_are_found_at_their_place() {
    let made = made();
    five_pages(&made).end(500, 99).unwrap();
    let bytes = made.bytes();
    let places = places(&bytes);
    let piece = |index: usize| &bytes[places[index].0..places[index].1];
    let beginning = &bytes[..places[0].0];
    let join = |order: &[usize]| {
        let pieces: Vec<u8> = order.iter().flat_map(|index| piece(*index).to_vec()).collect();
        made.read(&[beginning, &pieces].concat()).unwrap()
    };
    let count = places.len();
    let all: Vec<usize> = (0..count).collect();
    for index in 0..count {
        let mut doubled = all.clone();
        doubled.insert(index, index);
        let (records, cut) = join(&doubled);
        assert!(records.len() == index + 1 && cut.is_some(), "doubled {index}: {records:?}");
        let mut dropped = all.clone();
        dropped.remove(index);
        let (records, cut) = join(&dropped);
        assert!(records.len() == index && cut.is_some(), "dropped {index}");
        for other in index + 1..count {
            let mut moved = all.clone();
            moved.swap(index, other);
            let (records, cut) = join(&moved);
            assert!(records.len() == index && cut.is_some(), "moved {index} and {other}");
        }
    }
}

#[test]
fn a_full_disk_costs_the_record_that_it_refused() {
    let made = made();
    let mut journal = made.journal();
    let mut refused = 0;
    for number in 0..20 {
        if number % 3 == 1 {
            made.disk.fail_at(made.disk.calls(), Fault::FullOnce);
        }
        if let Err(error) = journal.append_chunk(&body(number)) {
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::StorageFull);
            refused += 1;
        }
    }
    journal.end(500, 99).unwrap();
    let (records, cut) = made.read(&made.bytes()).unwrap();
    assert_eq!((records.len(), cut, refused), (2 + 20 - 7 + 1, None, 7));
    // No nonce was used twice, though the heads of refused records are gone from the disk.
    assert_eq!(journal.counter, 2 + 20 + 1);
}

#[test]
fn a_journal_that_cannot_be_begun_leaves_nothing() {
    for call in 0..5 {
        let made = made();
        made.disk.fail_at(call, Fault::FullOnce);
        let none = Recipients::parse(&[]).unwrap();
        let begun = Journal::create(&made.files, &header(), &none, &made.recovery, made.node.public());
        assert_eq!(io::Error::from(begun.unwrap_err()).kind(), io::ErrorKind::StorageFull);
        made.disk.heal();
        assert_eq!(made.files.list().unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_record_has_a_longest_length() {
    let made = made();
    let mut journal = made.journal();
    let chunk = Chunk { bytes: vec![0; MAX_RECORD], ..body(0) };
    assert!(matches!(journal.append_chunk(&chunk), Err(SealError::TooLong(_))));
    journal.append_chunk(&Chunk { bytes: vec![0; MAX_RECORD - 16], ..body(0) }).unwrap();
    let mut content = Vec::new();
    made.files.open("r1.journal").unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(made.read(&content).unwrap().0.len(), 3);
}

#[test]
fn keys_are_wiped_wherever_they_stood() {
    let made = made();
    let mut journal = five_pages(&made);
    let watched = [
        ("key", mediapoint_allocations::watch_for(&journal.secret.0[..32])),
        ("salt", mediapoint_allocations::watch_for(&journal.secret.0[39..])),
        ("node", mediapoint_allocations::watch_for(&made.node.0.to_bytes())),
    ];
    journal.sign_head(&made.node, 1).unwrap();
    journal.end(500, 99).unwrap();
    drop(journal);
    assert_eq!(made.read(&made.bytes()).unwrap().0.len(), 9);
    let file = std::env::temp_dir().join(format!("mediapoint-wiped-{}", std::process::id()));
    let text = Base64::encode_string(&made.node.0.to_bytes());
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let loaded = NodeKey::load_or_create(&file).unwrap();
    assert_eq!(loaded.public(), made.node.public());
    drop(loaded);
    std::fs::remove_file(file).unwrap();
    drop(made);
    for (name, watch) in watched {
        assert_eq!(watch.released(), 0, "{name}");
    }
}
