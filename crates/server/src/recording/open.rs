//! Opening recordings: with an identity, as files, and as a picture.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Cursor, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use mediapoint_content::{Checked, Part, RecordingId};
use mediapoint_recorder::{Identities, Manifest, NodePublicKey, verify::verify};
use serde_json::Value;

use super::RecordingError;
use super::act::Context;

/// Reads identities from a file.
pub(super) fn identities(file: &Path) -> Result<Identities, RecordingError> {
    let text = fs::read(file).map_err(|error| RecordingError::File(file.to_owned(), error))?;
    Identities::parse(&text).map_err(|error| RecordingError::Identity(file.to_owned(), error))
}

/// A recording's files, encrypted, in memory: an hour is some 7 MB.
pub(super) struct Opened {
    manifest: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Opened {
    pub(super) fn of(id: &RecordingId, checked: Checked) -> Result<Self, RecordingError> {
        let Checked { manifest, audio, metadata, .. } = checked;
        let bytes = manifest.unwrap_or_default();
        let manifest = Manifest::read(bytes.as_slice())?;
        let name = format!("{id}.manifest.json");
        let files = [(name.clone(), bytes), (manifest.audio.file, audio), (manifest.metadata.file, metadata)];
        Ok(Self { manifest: name, files: files.into() })
    }

    /// What is wrong with it.
    pub(super) fn findings(
        &self,
        trusted: &[NodePublicKey],
        identities: Option<&Identities>,
    ) -> Result<Vec<String>, RecordingError> {
        let mut open = |name: &str| -> io::Result<Box<dyn Read>> {
            let file = self.files.get(name).ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(Cursor::new(file.clone())))
        };
        let report = verify(&self.manifest, &mut open, trusted, identities)?;
        Ok(report.findings.iter().map(ToString::to_string).collect())
    }
}

/// A reader of the audio, decrypted.
pub(super) fn audio(
    context: &Context,
    id: &RecordingId,
    identity: &Path,
) -> Result<impl Read + use<>, RecordingError> {
    part(context, id, Part::Audio, identity)
}

fn part(
    context: &Context,
    id: &RecordingId,
    part: Part,
    identity: &Path,
) -> Result<impl Read + use<>, RecordingError> {
    let identities = identities(identity)?.into_age();
    let runtime = context.runtime.handle().clone();
    Ok(context.runtime.block_on(context.library.open(id, part, &context.who, identities, runtime))?)
}

/// What is personal, as JSON: call, parties, tags. What proves the recording stands beside it, and is not given.
pub(super) fn personal(
    context: &Context,
    id: &RecordingId,
    identity: &Path,
) -> Result<Value, RecordingError> {
    let mut text = String::new();
    let read = part(context, id, Part::Metadata, identity)?.read_to_string(&mut text);
    read.map_err(|error| RecordingError::Recorder(error.to_string()))?;
    let mut metadata: Value =
        serde_json::from_str(&text).map_err(|error| RecordingError::Recorder(error.to_string()))?;
    Ok(metadata.get_mut("personal").map(Value::take).unwrap_or_default())
}

/// Writes a recording to a new file, for its owner alone.
pub(super) fn export(
    context: &Context,
    id: &RecordingId,
    identity: Option<&Path>,
    output: &Path,
    picture: Option<&Path>,
) -> Result<(), RecordingError> {
    // Before the recording is opened, which the audit log has for ever.
    if let Some(there) = [Some(output), picture].into_iter().flatten().find(|file| file.exists()) {
        return Err(RecordingError::Exists(there.to_owned()));
    }
    let mut content = Vec::new();
    match identity {
        Some(identity) => {
            let read = audio(context, id, identity)?.read_to_end(&mut content);
            read.map_err(|error| RecordingError::Recorder(error.to_string()))?;
        }
        None => {
            context.runtime.block_on(context.library.export(id, Part::Audio, &context.who, &mut content))?;
        }
    }
    write_new(output, &content)?;
    if let Some(picture) = picture {
        let svg = super::picture::draw(&content, &context.manifest(id)?).map_err(RecordingError::Picture)?;
        write_new(picture, svg.as_bytes())?;
    }
    Ok(())
}

fn write_new(path: &Path, content: &[u8]) -> Result<(), RecordingError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(|error| RecordingError::File(path.to_owned(), error))
}
