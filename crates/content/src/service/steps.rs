//! What each step of a transfer does.

use super::{Service, Shredding, of_catalogue, of_store, spool};
use crate::catalogue::{Action, Deed, Files, Headers, Record, State};
use crate::notify::StoredEvent;
use crate::queue::Job;
use crate::store::{Names, StoreError, Upload, folder, measure, remove, start_of};
use crate::transfer::{Outcome, Step};

impl Service {
    /// Does a step. What it learns is in the job, which the caller writes down.
    pub(super) async fn step(&self, job: &mut Job, step: Step) -> Outcome {
        match step {
            Step::Measure => of_store(self.measure(job).await),
            Step::PutManifest => of_store(self.put_manifest(job).await),
            Step::PutMeta => of_store(self.put_meta(job).await),
            Step::PutAudio => of_store(self.put_audio(job).await),
            Step::Verify => of_store(self.verify(job).await),
            Step::Catalogue => self.catalogue(job).await,
            Step::Notify => match self.listener.deliver(&event(&self.record(job))).await {
                Ok(()) => Outcome::Done,
                Err(reason) => Outcome::Later(reason),
            },
            Step::RemoveLocal => of_store(self.remove_local(job).await),
            // The caller removes the row.
            Step::Forget => Outcome::Done,
        }
    }

    async fn measure(&self, job: &mut Job) -> Result<(), StoreError> {
        let (spool, apart) = (&self.config.spool, self.config.shredding == Shredding::HeadersApart);
        let meta = spool::meta(spool, &job.id);
        job.files = Some(Files {
            audio: measure(&spool::audio(spool, &job.id, &job.entry.format), apart).await?,
            manifest: measure(&spool::manifest(spool, &job.id), false).await?,
            meta: if meta.exists() { Some(measure(&meta, apart).await?) } else { None },
        });
        job.upload = None;
        Ok(())
    }

    async fn put_manifest(&self, job: &Job) -> Result<(), StoreError> {
        let record = self.record(job);
        let bytes =
            start_of(&spool::manifest(&self.config.spool, &job.id), record.files.manifest.bytes).await?;
        self.store.put(&Names::of(&record).manifest, bytes.into()).await
    }

    async fn put_meta(&self, job: &Job) -> Result<(), StoreError> {
        let record = self.record(job);
        let (Some(sum), Some(path)) = (&record.files.meta, Names::of(&record).meta) else { return Ok(()) };
        let mut bytes = start_of(&spool::meta(&self.config.spool, &job.id), sum.bytes).await?;
        let body = bytes.split_off(usize::try_from(sum.header).unwrap_or(usize::MAX).min(bytes.len()));
        self.store.put(&path, body.into()).await
    }

    async fn put_audio(&self, job: &mut Job) -> Result<(), StoreError> {
        let record = self.record(job);
        let file = spool::audio(&self.config.spool, &job.id, &job.entry.format);
        let mut progress = job.upload.take();
        let save = |upload: Option<&Upload>| {
            let job = Job { upload: upload.cloned(), ..job.clone() };
            self.queue.save(&job).map_err(|error| StoreError::Away(error.to_string()))
        };
        let path = Names::of(&record).audio;
        let done = self.store.put_file(&path, &file, &record.files.audio, &mut progress, &save).await;
        job.upload = progress;
        done
    }

    /// Reads everything back. Only then does a recording count as stored.
    async fn verify(&self, job: &mut Job) -> Result<(), StoreError> {
        let record = self.record(job);
        let headers = self.headers(job).await?;
        let names = Names::of(&record);
        self.store.compare(&names.manifest, &[], &record.files.manifest.sha256).await?;
        self.store.compare(&names.audio, &headers.audio, &record.files.audio.sha256).await?;
        if let (Some(path), Some(sum)) = (&names.meta, &record.files.meta) {
            self.store.compare(path, &headers.meta, &sum.sha256).await?;
        }
        job.stored = (self.clock)();
        Ok(())
    }

    async fn catalogue(&self, job: &Job) -> Outcome {
        let headers = match self.headers(job).await {
            Ok(headers) => headers,
            Err(error) => return of_store(Err(error)),
        };
        let record = self.record(job);
        let detail = format!("sha256 {}", record.files.audio.sha256);
        let deed = Deed { at: job.stored, who: "content service".to_owned(), action: Action::Stored, detail };
        of_catalogue(self.catalogue.insert(&record, &headers, &deed).await)
    }

    async fn remove_local(&self, job: &Job) -> Result<(), StoreError> {
        let spool = &self.config.spool;
        let files = vec![
            spool::audio(spool, &job.id, &job.entry.format),
            spool::meta(spool, &job.id),
            // The manifest shows that the others are there: it goes last.
            spool::manifest(spool, &job.id),
        ];
        remove(spool, files).await
    }

    /// The headers that are kept apart, from the local files.
    async fn headers(&self, job: &Job) -> Result<Headers, StoreError> {
        let (spool, files) = (&self.config.spool, job.files.clone().unwrap_or_default());
        let audio = spool::audio(spool, &job.id, &job.entry.format);
        let meta = match files.meta.map_or(0, |meta| meta.header) {
            0 => Vec::new(),
            header => start_of(&spool::meta(spool, &job.id), header).await?,
        };
        Ok(Headers { audio: start_of(&audio, files.audio.header).await?, meta })
    }

    fn record(&self, job: &Job) -> Record {
        Record {
            id: job.id.clone(),
            entry: job.entry.clone(),
            folder: folder(&job.entry.tenant, job.entry.started),
            files: job.files.clone().unwrap_or_default(),
            stored: job.stored,
            state: State::Present,
            hold: None,
        }
    }
}

fn event(record: &Record) -> StoredEvent {
    StoredEvent {
        delivery: format!("{}-stored", record.id),
        recording: record.id.clone(),
        tenant: record.entry.tenant.clone(),
        started: record.entry.started,
        length: record.entry.length,
        bytes: record.files.audio.bytes,
        sha256: record.files.audio.sha256.clone(),
        recovered: record.entry.recovered,
    }
}
