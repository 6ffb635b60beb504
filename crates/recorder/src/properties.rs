//! What must hold whatever comes: called by tests, by the replay of the corpus and by the fuzz target.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;

use crate::files::Files;
use crate::keys::{Identities, NodeKey, RecoveryIdentity};
use crate::manifest::Manifest;
use crate::metadata::{Metadata, layout};
use crate::simulated::SimulatedDisk;
use crate::sink::{Chunk, ChunkKind, Fact, FactKind, Header, RecordingId, Sink, Spool};
use crate::spool::{SealedSpool, SpoolConfig};
use crate::verify::{Report, verify};

/// An identity of tests: of the node's recovery and of the only listener.
const IDENTITY: &str = "AGE-SECRET-KEY-1SLN3X6RQCQJLU4P93NZFH5L2U3NNAZMEC490NLT74FZH7KFYXP2SATHRAV";
/// Its public key.
const RECIPIENT: &str = "age19ah26u0j2gnt0tvlmhqs8mh925supq3mphp8dl9gnu5hyyp2uvys09lxvm";
const NOW: Duration = Duration::from_secs(1_700_000_000);

/// The first octet says what the rest is: a journal that a crash left, a manifest, metadata, or a script of what is recorded
/// and of what damages the journal.
///
/// # Panics
/// If a recording that was recovered is not whole, or has what was not recorded.
pub fn recording(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 4 {
        0 => {
            let disk = SimulatedDisk::new();
            disk.put("r1.journal", rest);
            recover(&disk);
        }
        1 => drop(Manifest::read(rest)),
        2 => {
            let entries = Metadata::read(rest).ok().and_then(|metadata| metadata.entries());
            let pages = entries.as_deref().map(layout);
            assert!(
                pages.is_none_or(|pages| pages.len() <= entries.unwrap_or_default().len()),
                "a page of nothing"
            );
        }
        _ => script(rest),
    }
}

fn node() -> NodeKey {
    NodeKey(Box::new(SigningKey::from_bytes(&[5; 32])))
}

fn spool(disk: &SimulatedDisk) -> Option<SealedSpool> {
    let recovery = RecoveryIdentity::from_text(IDENTITY)?;
    Some(SealedSpool::new(Arc::new(disk.clone()), node(), recovery, SpoolConfig::default()))
}

fn check(disk: &SimulatedDisk) -> Option<Report> {
    let identities = Identities::parse(IDENTITY.as_bytes()).ok()?;
    let mut open = |name: &str| disk.open(name).map(|file| file as Box<dyn Read>);
    verify("r1.manifest.json", &mut open, &[node().public()], Some(&identities)).ok()
}

/// Recovers what is there; what was made of it is whole, and nothing else is left. Gives the samples of it.
fn recover(disk: &SimulatedDisk) -> Option<u64> {
    let mut samples = None;
    let found =
        spool(disk)?.recover(NOW, &mut |result| samples = result.ok().map(|finished| finished.samples));
    assert!(found.is_ok_and(|count| count <= 1), "more recordings than there were");
    let names = disk.list().unwrap_or_default();
    assert!(!names.iter().any(|name| name.ends_with(".partial")), "{names:?}");
    if samples.is_some() {
        assert!(names.len() == 3, "{names:?}");
        let report = check(disk);
        assert!(report.as_ref().is_some_and(Report::is_whole), "{report:?}");
    }
    samples
}

/// Each octet is a step; the last two say where the journal is cut or altered.
fn script(steps: &[u8]) {
    let disk = SimulatedDisk::new();
    let (Some(spool), Ok(id)) = (spool(&disk), RecordingId::new("r1")) else { return };
    let header = Header {
        id,
        extension: "raw".to_owned(),
        media_type: "audio/x".to_owned(),
        rate: 8000,
        channels: 1,
        began: NOW,
        recipients: vec![RECIPIENT.to_owned()],
        personal: Vec::new(),
    };
    let Ok(mut sink) = spool.open(&header) else { return };
    let mut samples = 0;
    for step in steps.iter().take(64) {
        samples += record(&mut *sink, *step, samples);
    }
    if steps.len().is_multiple_of(3) {
        assert!(sink.finish(samples, NOW).is_ok_and(|finished| finished.samples == samples), "not finished");
        assert!(check(&disk).is_some_and(|report| report.is_whole()), "not whole");
        return;
    }
    drop(sink);
    let mut journal = disk.content("r1.journal").unwrap_or_default();
    if let [.., what, place] = steps {
        let at = journal.len() * usize::from(*place) / 256;
        if what.is_multiple_of(2) {
            journal.truncate(at);
        } else if let Some(octet) = journal.get_mut(at) {
            *octet ^= what;
        }
        disk.put("r1.journal", &journal);
    }
    assert!(recover(&disk).is_none_or(|found| found <= samples), "more than was recorded");
}

/// Does a step, and gives the samples that it added.
fn record(sink: &mut dyn Sink, step: u8, first_sample: u64) -> u64 {
    let amount = u64::from(step >> 2);
    let taken = match step & 3 {
        0 => sink.fact(&Fact { start: first_sample, samples: amount, kind: FactKind::Gap }),
        1 => sink.tick(NOW.saturating_add(Duration::from_secs(first_sample.saturating_add(amount)))),
        kind => {
            let kind = if kind == 2 { ChunkKind::Header } else { ChunkKind::Body };
            let samples = if kind == ChunkKind::Body { amount } else { 0 };
            let bytes = vec![step; usize::from(step >> 2)];
            let taken = sink.chunk(&Chunk { bytes, first_sample, samples, kind });
            assert!(taken.is_ok(), "{taken:?}");
            return samples;
        }
    };
    assert!(taken.is_ok(), "{taken:?}");
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_input_holds(data in proptest::collection::vec(any::<u8>(), 0..80)) {
            recording(&data);
        }

        #[test]
        fn any_script_holds(mut data in proptest::collection::vec(any::<u8>(), 1..80)) {
            data[0] = 3;
            recording(&data);
        }
    }
}
