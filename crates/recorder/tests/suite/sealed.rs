//! Sealed recordings in a folder of the file system: `age` opens them, and what a crash left plays.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mediapoint_recorder::verify::{Report, verify};
use mediapoint_recorder::{
    Channels, ChunkKind, Finished, Folder, Format, Header, Identities, NodeKey, NodePublicKey, RecordingId,
    RecoveryIdentity, SealedSpool, Sink, Spool, SpoolConfig,
};

use crate::support::{Recorded, decode, path, record, run};

/// When recordings of tests begin.
pub(crate) const BEGAN: Duration = Duration::from_secs(1_700_000_000);

/// An empty folder of this name.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = path(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A spool in `folder`, whose keys stay where they are.
pub(crate) fn spool(folder: &Path) -> (SealedSpool, NodePublicKey) {
    let node = NodeKey::load_or_create(&folder.join("node.key")).unwrap();
    let public = node.public();
    let recovery = RecoveryIdentity::load_or_create(&folder.join("recovery.key")).unwrap();
    let files = Arc::new(Folder::open(&folder.join("spool")).unwrap());
    (SealedSpool::new(files, node, recovery, SpoolConfig::default()), public)
}

pub(crate) fn header(id: &str, extension: &str, rate: u32, recipients: &[String]) -> Header {
    Header {
        id: RecordingId::new(id).unwrap(),
        extension: extension.into(),
        media_type: "audio/ogg".into(),
        rate,
        channels: 2,
        began: BEGAN,
        recipients: recipients.to_vec(),
        personal: br#"{"caller":"+49 30 123456"}"#.to_vec(),
    }
}

/// A listener: the recipient, and the file of the identity.
pub(crate) fn listener(folder: &Path, name: &str) -> (String, PathBuf) {
    use age::secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    let file = folder.join(name);
    fs::write(&file, identity.to_string().expose_secret()).unwrap();
    (identity.to_public().to_string(), file)
}

pub(crate) fn check(folder: &Path, id: &str, trusted: NodePublicKey, identity: &Path) -> Report {
    let identities = Identities::parse(&fs::read(identity).unwrap()).unwrap();
    let mut open = |name: &str| {
        fs::File::open(folder.join("spool").join(name)).map(|file| Box::new(file) as Box<dyn Read>)
    };
    verify(&format!("{id}.manifest.json"), &mut open, &[trusted], Some(&identities)).unwrap()
}

/// What `identity` opens of a file.
pub(crate) fn plain(file: &Path, identity: &Path) -> Vec<u8> {
    let key: age::x25519::Identity = fs::read_to_string(identity).unwrap().trim().parse().unwrap();
    age::decrypt(&key, &fs::read(file).unwrap()).unwrap()
}

fn keep(sink: &mut dyn Sink, recorded: &Recorded, bodies: usize) {
    let mut kept = 0;
    for chunk in &recorded.chunks {
        if chunk.kind == ChunkKind::Header && kept > 0 {
            continue;
        }
        if chunk.kind == ChunkKind::Body && kept == bodies {
            return;
        }
        kept += usize::from(chunk.kind == ChunkKind::Body);
        sink.chunk(chunk).unwrap();
    }
}

fn tones() -> Recorded {
    let tone = |step: i32| -> Vec<i16> {
        (0..40_000).map(|at| i16::try_from((at * step) % 8000 - 4000).unwrap()).collect()
    };
    record(Format::OPUS_STEREO, 8000, &tone(200), &tone(333))
}

fn finish(folder: &Path, recipients: &[String]) -> (Finished, Recorded) {
    let recorded = tones();
    let mut sink = spool(folder).0.open(&header("r1", "opus", 8000, recipients)).unwrap();
    for chunk in &recorded.chunks {
        sink.chunk(chunk).unwrap();
    }
    (sink.finish(recorded.samples, BEGAN + Duration::from_secs(5)).unwrap(), recorded)
}

#[test]
fn age_opens_it_with_each_of_its_keys_and_with_no_other() {
    let folder = folder("sealed-age");
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let keygen = |kind: &str| {
        let made = run("ssh-keygen", &["-q", "-t", kind, "-N", "", "-C", "", "-f", &at(kind)])?;
        assert!(made.is_empty());
        Some(fs::read_to_string(at(&format!("{kind}.pub"))).unwrap())
    };
    if run("age-keygen", &["-o", &at("native")]).is_none()
        || run("age-keygen", &["-o", &at("other")]).is_none()
    {
        return;
    }
    let native = run("age-keygen", &["-y", &at("native")]).unwrap();
    let (Some(ed25519), Some(rsa)) = (keygen("ed25519"), keygen("rsa")) else { return };
    let recipients = [String::from_utf8(native).unwrap(), ed25519, rsa];
    let (finished, recorded) = finish(&folder, &recipients);
    let (audio, metadata) = (finished.path.to_str().unwrap(), finished.metadata.to_str().unwrap());
    for identity in ["native", "ed25519", "rsa"] {
        let opened = run("age", &["-d", "-i", &at(identity), audio]).unwrap();
        assert!(opened == recorded.file(), "{identity}");
        let opened = run("age", &["-d", "-i", &at(identity), metadata]).unwrap();
        assert!(String::from_utf8(opened).unwrap().contains("+49 30 123456"), "{identity}");
        let (_, node) = spool(&folder);
        let report = check(&folder, "r1", node, &folder.join(identity));
        assert!(report.is_whole() && report.records_opened > 10, "{identity}: {:?}", report.findings);
    }
    for file in [audio, metadata] {
        let refused = Command::new("age").args(["-d", "-i", &at("other"), file]).output().unwrap();
        assert!(!refused.status.success() && refused.stdout.is_empty());
    }
    let whole = fs::read(audio).unwrap();
    let middle = whole.len() / 2;
    let mut flipped = whole;
    flipped[middle] ^= 1;
    fs::write(folder.join("flipped"), flipped).unwrap();
    let refused = Command::new("age").args(["-d", "-i", &at("native"), &at("flipped")]).output().unwrap();
    assert!(!refused.status.success());
}

#[test]
fn what_a_crash_left_plays_and_is_proved() {
    for format in [Format::OPUS_STEREO, Format::Flac(Channels::Stereo), Format::Wav(Channels::Stereo)] {
        let extension = format.extension();
        let folder = folder(&format!("sealed-crash-{extension}"));
        let (recipient, identity) = listener(&folder, "identity");
        let said: Vec<i16> = (0..40_000).map(|at| i16::try_from(at % 1000).unwrap()).collect();
        let recorded = record(format, 8000, &said, &said);
        let (spool, node) = spool(&folder);
        let mut sink = spool.open(&header("r1", extension, 8000, &[recipient])).unwrap();
        keep(&mut *sink, &recorded, 7);
        spool.sync().unwrap();
        // As after a crash, the sink is never finished.
        drop(sink);
        let mut found = Vec::new();
        spool.recover(BEGAN + Duration::from_secs(60), &mut |result| found.push(result.unwrap())).unwrap();
        assert_eq!((found.len(), found[0].samples), (1, 7 * 3200), "{extension}");
        let report = check(&folder, "r1", node, &identity);
        assert!(report.is_whole(), "{extension}: {:?}", report.findings);
        let recovered = report.manifest.unwrap().recovered.unwrap();
        assert_eq!((recovered.reason.as_str(), recovered.unusable_octets), ("it was not completed", 0));
        let audio = plain(&found[0].path, &identity);
        if extension == "opus" {
            assert_eq!(decode(&audio, 8000).0.len(), 7 * 3200 - 52);
        }
        let name = folder.join(format!("plain.{extension}"));
        fs::write(&name, &audio).unwrap();
        let arguments =
            ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", name.to_str().unwrap()];
        let Some(shown) = run("ffprobe", &arguments) else { continue };
        let seconds: f64 = String::from_utf8(shown).unwrap().trim().parse().unwrap();
        assert!((seconds - 2.8).abs() < 0.01, "{extension}: {seconds}");
    }
}
