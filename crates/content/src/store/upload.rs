//! Putting a file: at once where it is short, in parts where it is long.
//!
//! Parts cannot be put if absent by every store. The manifest was before, under the same name: it is the claim on the
//! recording's name, so nobody else writes the object, and one that is there already is the result of an attempt whose
//! answer was lost. [`super::Store::compare`] decides that afterwards.

use std::path::Path as FilePath;

use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use super::local::part_of;
use super::{Store, StoreError};
use crate::catalogue::FileSum;

/// Progress of an upload in parts. Written down after each part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The store's name of it.
    id: String,
    /// Bytes of a part.
    part: u64,
    /// The store's names of the parts that it has.
    parts: Vec<String>,
}

/// The bytes of a file that go into the store: what follows the header that is kept apart.
#[derive(Clone, Copy)]
struct Body {
    from: u64,
    until: u64,
    part: u64,
}

impl Body {
    fn parts(self) -> u64 {
        (self.until - self.from).div_ceil(self.part)
    }

    async fn part(self, file: &FilePath, number: u64) -> Result<PutPayload, StoreError> {
        let at = self.from.saturating_add(number.saturating_mul(self.part));
        let bytes = self.part.min(self.until.saturating_sub(at));
        Ok(PutPayload::from_bytes(part_of(file, at, bytes).await?))
    }
}

impl Store {
    /// Puts a file without its header. `progress` is where an attempt before this one was, and is kept up to date by `save`.
    pub(crate) async fn put_file(
        &self,
        path: &Path,
        file: &FilePath,
        sum: &FileSum,
        progress: &mut Option<Upload>,
        save: &(dyn Fn(Option<&Upload>) -> Result<(), StoreError> + Sync),
    ) -> Result<(), StoreError> {
        let body = Body { from: sum.header, until: sum.bytes.max(sum.header), part: self.part_bytes };
        if body.parts() <= 1 {
            return self.put(path, part_of(file, body.from, body.until - body.from).await?).await;
        }
        if self.has(path).await? {
            return self.make_private(path).await;
        }
        match &self.parts {
            Some(store) => in_parts(store.as_ref(), path, file, body, progress, save).await,
            None => self.at_once(path, file, body).await,
        }
    }

    /// In parts that do not outlive this attempt.
    async fn at_once(&self, path: &Path, file: &FilePath, body: Body) -> Result<(), StoreError> {
        let error = |error| StoreError::of(path, &error);
        let mut upload = self.objects.put_multipart(path).await.map_err(error)?;
        for number in 0..body.parts() {
            let part = body.part(file, number).await?;
            if let Err(failed) = upload.put_part(part).await {
                let _ = upload.abort().await;
                return Err(error(failed));
            }
        }
        upload.complete().await.map_err(error)?;
        self.make_private(path).await
    }
}

/// In parts that stay in the store until the upload ends.
async fn in_parts(
    store: &dyn MultipartStore,
    path: &Path,
    file: &FilePath,
    body: Body,
    progress: &mut Option<Upload>,
    save: &(dyn Fn(Option<&Upload>) -> Result<(), StoreError> + Sync),
) -> Result<(), StoreError> {
    let done = send_parts(store, path, file, body, progress, save).await;
    if matches!(done, Err(StoreError::Missing(_))) {
        // The store forgot the upload, by a rule of the bucket or because it was completed: the next attempt sees which.
        *progress = None;
        save(None)?;
        return Err(StoreError::Away(format!("the upload of {path} is gone; it is begun anew")));
    }
    done
}

async fn send_parts(
    store: &dyn MultipartStore,
    path: &Path,
    file: &FilePath,
    body: Body,
    progress: &mut Option<Upload>,
    save: &(dyn Fn(Option<&Upload>) -> Result<(), StoreError> + Sync),
) -> Result<(), StoreError> {
    let error = |error| StoreError::of(path, &error);
    if progress.is_none() {
        let id = store.create_multipart(path).await.map_err(error)?;
        *progress = Some(Upload { id, part: body.part, parts: Vec::new() });
        save(progress.as_ref())?;
    }
    let Some(upload) = progress.as_mut() else { return Ok(()) };
    // The setting may have changed since the upload began.
    let body = Body { part: upload.part.max(1), ..body };
    for number in 0..body.parts() {
        let index = usize::try_from(number).map_err(|error| StoreError::Refused(error.to_string()))?;
        if index < upload.parts.len() {
            continue;
        }
        let part = body.part(file, number).await?;
        let part = store.put_part(path, &upload.id, index, part).await.map_err(error)?;
        upload.parts.push(part.content_id);
        save(Some(upload))?;
    }
    let parts = upload.parts.iter().map(|part| PartId { content_id: part.clone() }).collect();
    store.complete_multipart(path, &upload.id, parts).await.map(drop).map_err(error)
}
