//! A store in memory for tests: it counts what is asked of it, keeps some promises or not, and lets something happen right
//! before somebody writes.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

/// A promise that a store does not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Breach {
    #[default]
    None,
    /// It does not know create-only writes: the last one wins.
    Replaces,
    /// It keeps the first one, and tells all others that theirs was taken.
    TellsEverybody,
    /// What was created is not found.
    ReadsLate,
    /// What was created is not listed.
    ListsLate,
    /// Large objects lose their end.
    Cuts,
}

type Event = Box<dyn FnOnce() + Send>;

#[derive(Default)]
pub(super) struct TestStore {
    inner: InMemory,
    breach: Breach,
    n_requests: AtomicUsize,
    /// It takes the next object and says that it was there already, as a store does in the network whose first answer is
    /// lost and whose client tries again.
    pub(super) forgets_next: AtomicBool,
    /// The path that is written to, or its beginning, and what happens before.
    before_put: Mutex<Option<(String, Event)>>,
}

impl TestStore {
    pub(super) fn that(breach: Breach) -> Self {
        Self { breach, ..Self::default() }
    }

    /// What comes of this, and with how many requests.
    pub(super) fn counted<T>(&self, act: impl FnOnce() -> T) -> (T, usize) {
        let before = self.n_requests.load(Ordering::SeqCst);
        let done = act();
        (done, self.n_requests.load(Ordering::SeqCst) - before)
    }

    /// Lets this happen once, right before something is written at `path` or below it.
    pub(super) fn before_put(&self, path: &str, event: impl FnOnce() + Send + 'static) {
        *self.before_put.lock().unwrap() = Some((path.into(), Box::new(event)));
    }

    pub(super) fn replace(&self, path: &str, bytes: Vec<u8>) {
        block_on(self.inner.put(&path.into(), bytes.into())).unwrap();
    }

    pub(super) fn bytes(&self, path: &str) -> Vec<u8> {
        block_on(async { self.inner.get(&path.into()).await.unwrap().bytes().await.unwrap() }).to_vec()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        block_on(self.inner.head(&path.into())).is_ok()
    }

    pub(super) fn lose(&self, path: &str) {
        block_on(self.inner.delete(&path.into())).unwrap();
    }

    fn count(&self) {
        self.n_requests.fetch_add(1, Ordering::SeqCst);
    }

    fn happen(&self, location: &ObjectPath) {
        let event = {
            let mut waiting = self.before_put.lock().unwrap();
            match waiting.take() {
                Some((path, event)) if location.as_ref().starts_with(&path) => Some(event),
                other => {
                    *waiting = other;
                    None
                }
            }
        };
        if let Some(event) = event {
            // On a thread of its own, as somebody else would.
            std::thread::spawn(event).join().unwrap();
        }
    }
}

impl std::fmt::Debug for TestStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store of a test")
    }
}

impl std::fmt::Display for TestStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store of a test")
    }
}

#[async_trait::async_trait]
impl ObjectStore for TestStore {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.count();
        self.happen(location);
        let payload = match self.breach {
            Breach::Cuts if payload.content_length() > 1 << 20 => vec![0; 1 << 20].into(),
            _ => payload,
        };
        let told = match self.breach {
            Breach::Replaces => self.inner.put(location, payload).await,
            Breach::TellsEverybody => match self.inner.put_opts(location, payload, options).await {
                Err(Error::AlreadyExists { .. }) => {
                    Ok(PutResult { e_tag: None, version: None, extensions: Default::default() })
                }
                told => told,
            },
            _ => self.inner.put_opts(location, payload, options).await,
        }?;
        if self.forgets_next.swap(false, Ordering::SeqCst) {
            let source = "the first answer was lost".into();
            return Err(Error::AlreadyExists { path: location.to_string(), source });
        }
        Ok(told)
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> object_store::Result<GetResult> {
        self.count();
        if self.breach == Breach::ReadsLate {
            return Err(Error::NotFound { path: location.to_string(), source: "not yet".into() });
        }
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.count();
        let n_listed = if self.breach == Breach::ListsLate { 0 } else { usize::MAX };
        self.inner.list(prefix).take(n_listed).boxed()
    }

    fn list_with_offset(
        &self,
        prefix: Option<&ObjectPath>,
        offset: &ObjectPath,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.count();
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
