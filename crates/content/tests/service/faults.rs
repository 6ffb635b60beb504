//! Stores, databases and listeners that fail or end the process at a chosen operation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::stream::{BoxStream, StreamExt as _};
use mediapoint_content::{
    Answer, Database, DatabaseError, Delivery, Dialect, Listener, Row, StoredEvent, Value,
};
use object_store::memory::InMemory;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done, and fails.
    FailBefore,
    /// It is done, and its answer is lost.
    FailAfter,
    /// The process ends before it is done.
    DieBefore,
    /// The process ends after it was done, before anything was written down.
    DieAfter,
}

pub(crate) const FAULTS: [Fault; 4] =
    [Fault::FailBefore, Fault::FailAfter, Fault::DieBefore, Fault::DieAfter];

/// Counts operations and knows which one goes wrong.
#[derive(Debug)]
pub(crate) struct Plan {
    seen: AtomicUsize,
    at: usize,
    /// So many from there on.
    many: usize,
    fault: Fault,
    pub(crate) hit: AtomicBool,
    pub(crate) died: tokio::sync::Notify,
}

impl Plan {
    pub(crate) fn new(at: usize, many: usize, fault: Fault) -> Arc<Self> {
        let (seen, hit) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { seen, at, many, fault, hit, died: tokio::sync::Notify::new() })
    }

    /// Nothing goes wrong.
    pub(crate) fn none() -> Arc<Self> {
        Self::new(usize::MAX, 0, Fault::FailBefore)
    }

    async fn run<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
        fail: impl FnOnce() -> E,
    ) -> Result<T, E> {
        let number = self.seen.fetch_add(1, Ordering::SeqCst);
        if number < self.at || number - self.at >= self.many {
            return work.await;
        }
        self.hit.store(true, Ordering::SeqCst);
        if matches!(self.fault, Fault::FailAfter | Fault::DieAfter) {
            let _ = work.await;
        }
        if matches!(self.fault, Fault::DieBefore | Fault::DieAfter) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
        Err(fail())
    }
}

fn cut() -> object_store::Error {
    object_store::Error::Generic { store: "test", source: "cut".into() }
}

/// A store in memory behind a plan.
#[derive(Clone, Debug)]
pub(crate) struct FailingStore {
    pub(crate) inner: Arc<InMemory>,
    pub(crate) plan: Arc<Plan>,
    /// Parts that were sent.
    pub(crate) parts: Arc<AtomicUsize>,
}

impl fmt::Display for FailingStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failing store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.plan.run(self.inner.put_opts(location, payload, options), cut).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.plan.run(self.inner.put_multipart_opts(location, options), cut).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.plan.run(self.inner.get_opts(location, options), cut).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let (inner, plan) = (Arc::clone(&self.inner), Arc::clone(&self.plan));
        let removed = locations.then(move |location| {
            let (inner, plan) = (Arc::clone(&inner), Arc::clone(&plan));
            async move {
                let location = location?;
                let one = futures_util::stream::iter([Ok(location.clone())]).boxed();
                let work = async { inner.delete_stream(one).next().await.unwrap_or_else(|| Err(cut())) };
                plan.run(work, cut).await
            }
        });
        removed.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[async_trait::async_trait]
impl MultipartStore for FailingStore {
    async fn create_multipart(&self, path: &Path) -> object_store::Result<MultipartId> {
        self.plan.run(self.inner.create_multipart(path), cut).await
    }

    async fn put_part(
        &self,
        path: &Path,
        id: &MultipartId,
        index: usize,
        data: PutPayload,
    ) -> object_store::Result<PartId> {
        self.parts.fetch_add(1, Ordering::SeqCst);
        self.plan.run(self.inner.put_part(path, id, index, data), cut).await
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        id: &MultipartId,
        parts: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        let done = self.plan.run(self.inner.complete_multipart(path, id, parts), cut).await;
        // Real stores say of an upload that was completed that there is none; this one in memory says something else.
        done.map_err(|error| match error {
            object_store::Error::Generic { store: "InMemory", source } => {
                object_store::Error::NotFound { path: path.to_string(), source }
            }
            other => other,
        })
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> object_store::Result<()> {
        self.inner.abort_multipart(path, id).await
    }
}

/// A database behind a plan.
pub(crate) struct FailingDatabase {
    pub(crate) inner: Box<dyn Database>,
    pub(crate) plan: Arc<Plan>,
}

fn away() -> DatabaseError {
    DatabaseError::Unavailable("cut".into())
}

impl Database for FailingDatabase {
    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }

    fn begin(&mut self) -> Answer<'_, ()> {
        let plan = Arc::clone(&self.plan);
        Box::pin(async move { plan.run(self.inner.begin(), away).await })
    }

    fn commit(&mut self) -> Answer<'_, ()> {
        let plan = Arc::clone(&self.plan);
        Box::pin(async move { plan.run(self.inner.commit(), away).await })
    }

    fn rollback(&mut self) -> Answer<'_, ()> {
        self.inner.rollback()
    }

    fn execute<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, u64> {
        let plan = Arc::clone(&self.plan);
        Box::pin(async move { plan.run(self.inner.execute(sql, values), away).await })
    }

    fn query<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> Answer<'a, Vec<Row>> {
        let plan = Arc::clone(&self.plan);
        Box::pin(async move { plan.run(self.inner.query(sql, values), away).await })
    }

    fn batch<'a>(&'a mut self, sql: &'a str) -> Answer<'a, ()> {
        self.inner.batch(sql)
    }

    fn scrub(&mut self) -> Answer<'_, ()> {
        let plan = Arc::clone(&self.plan);
        Box::pin(async move { plan.run(self.inner.scrub(), away).await })
    }
}

/// A listener behind a plan.
pub(crate) struct FailingListener<L> {
    pub(crate) inner: L,
    pub(crate) plan: Arc<Plan>,
}

impl<L: Listener> Listener for FailingListener<L> {
    fn deliver<'a>(&'a self, event: &'a StoredEvent) -> Delivery<'a> {
        Box::pin(self.plan.run(self.inner.deliver(event), || "cut".to_owned()))
    }
}
