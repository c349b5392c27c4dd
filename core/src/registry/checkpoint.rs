//! What every 64 commits add up to, so that who opens a registry in a store need not read all that came before, each with a
//! request of its own. A checkpoint is created by who wrote the last of its commits, or who comes next. It has these 64
//! themselves, and says of all commits before what it takes to find one. It decides nothing: who does not
//! trust it reads the commits.

use serde::{Deserialize, Serialize};

use super::Digest;
use super::commit::{Commit, LARGEST, Sealed, receipt_number};
use super::storage::Storage;
use crate::error::Result;

/// Commits from one to the next.
pub(super) const EVERY: u64 = 64;
pub(super) const CHECKPOINTS: &str = "checkpoints";
const FORMAT: u32 = 1;

/// What the history had come to after so many times 64 commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Digest of the last of these commits.
    pub(super) head: Digest,
    /// Models registered until then.
    pub(super) n_versions: u64,
    /// Decisions and rollbacks until then.
    pub(super) n_decisions: u64,
}

/// What the commits up to one of them add up to.
#[derive(Serialize, Deserialize)]
pub(super) struct Checkpoint {
    format: u32,
    /// The last commit that it knows.
    pub(super) number: u64,
    /// Champions until then, as the state has them.
    pub(super) champions: Vec<u64>,
    /// After 64 commits, after 128 and so on up to this one.
    pub(super) marks: Vec<Mark>,
    /// The last 64.
    commits: Vec<Sealed>,
}

impl Checkpoint {
    /// Of the last 64 commits and what is known of those before. `None` if they cannot be written down, as commits could
    /// not.
    pub(super) fn new(champions: Vec<u64>, marks: &[Mark], commits: &[Commit]) -> Option<Self> {
        let number = commits.last()?.number;
        let commits = commits.iter().cloned().map(Sealed::new).collect::<Result<_, _>>().ok()?;
        Some(Self { format: FORMAT, number, champions, marks: marks.to_vec(), commits })
    }

    /// Its file: a line with the digest of all that follows.
    pub(super) fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let content = serde_json::to_vec(self)?;
        let mut bytes = format!("{}\n", Digest::of(&content)).into_bytes();
        bytes.extend(content);
        Ok(bytes)
    }

    /// The checkpoint of this number that these bytes are, if they are as they were written.
    fn open(bytes: &[u8], number: u64) -> Result<Self, String> {
        let at = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no digest")?;
        let (digest, content) = (&bytes[..at], &bytes[at + 1..]);
        if digest != Digest::of(content).to_string().as_bytes() {
            return Err("its content does not match its digest".into());
        }
        let read: Self = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        let is_whole = read.format == FORMAT
            && read.number == number
            && number.is_multiple_of(EVERY)
            && read.marks.len() as u64 == number / EVERY
            && read.commits.len() as u64 == EVERY;
        if is_whole { Ok(read) } else { Err("it is none of this number and of a form that is known".into()) }
    }

    /// The checkpoint of this number; `None` when there is none, or none that can be believed.
    ///
    /// # Errors
    /// When the storage fails.
    pub(super) fn read(storage: &Storage, number: u64) -> Result<Option<Self>> {
        let path = path(number);
        let Some(object) = storage.read(&path, LARGEST)? else { return Ok(None) };
        match Self::open(&object.bytes, number) {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(reason) => {
                tracing::warn!(
                    path,
                    reason,
                    "a checkpoint is not believed; the commits are read in its place"
                );
                Ok(None)
            }
        }
    }

    /// Its commits, if they are as they were written and follow each other and what was before them.
    pub(super) fn commits(self) -> Result<Vec<Commit>, String> {
        let before = self.marks.len().checked_sub(2).map(|at| self.marks[at].head.clone());
        let head = self.marks.last().map(|mark| mark.head.clone());
        chained(self.commits, self.number - EVERY, before, head.as_ref())
    }
}

/// These commits, if they are as they were written, come after the first `n_before` and lead from one digest to the
/// other.
pub(super) fn chained(
    commits: Vec<Sealed>,
    n_before: u64,
    before: Option<Digest>,
    head: Option<&Digest>,
) -> Result<Vec<Commit>, String> {
    let mut previous = before;
    let mut found = Vec::new();
    for (sealed, number) in commits.into_iter().zip(n_before + 1..) {
        let Sealed { commit, digest } = sealed.checked()?;
        if commit.number != number || commit.previous != previous {
            return Err(format!("its commit {} does not follow commit {}", commit.number, number - 1));
        }
        previous = Some(digest);
        found.push(commit);
    }
    if previous.as_ref() == head { Ok(found) } else { Err("its commits do not lead to their end".into()) }
}

/// The path of a checkpoint.
pub(super) fn path(number: u64) -> String {
    format!("{CHECKPOINTS}/{number:08}")
}

/// The numbers of the checkpoints that there are, newest first.
pub(super) fn numbers(storage: &Storage) -> Result<Vec<u64>> {
    let names = storage.names(CHECKPOINTS)?;
    let mut numbers: Vec<_> = names
        .iter()
        .filter_map(|name| receipt_number(name))
        .filter(|number| number.is_multiple_of(EVERY))
        .collect();
    numbers.reverse();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::executor::block_on;
    use futures::stream::BoxStream;
    use object_store::memory::InMemory;
    use object_store::path::Path as ObjectPath;
    use object_store::{
        CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
        ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    };

    use super::super::commit;
    use super::super::tests::record;
    use super::super::{Registry, Storage};
    use super::*;
    use crate::Error;
    use crate::promotion::Decision;

    /// A store that counts what is asked of it.
    #[derive(Debug, Default)]
    struct Counting {
        inner: InMemory,
        n_requests: AtomicUsize,
    }

    impl Counting {
        fn open(self: &Arc<Self>) -> Result<Registry> {
            let storage = Storage::over(Arc::<Self>::clone(self));
            Registry::over(std::path::Path::new("").into(), Some(storage))
        }

        /// What comes of this, and with how many requests.
        fn counted<T>(&self, act: impl FnOnce() -> T) -> (T, usize) {
            let before = self.n_requests.load(Ordering::SeqCst);
            let done = act();
            (done, self.n_requests.load(Ordering::SeqCst) - before)
        }

        fn replace(&self, path: &str, bytes: Vec<u8>) {
            block_on(self.inner.put(&path.into(), bytes.into())).unwrap();
        }

        fn bytes(&self, path: &str) -> Vec<u8> {
            block_on(async { self.inner.get(&path.into()).await.unwrap().bytes().await.unwrap() }).to_vec()
        }

        fn has(&self, path: &str) -> bool {
            block_on(self.inner.head(&path.into())).is_ok()
        }

        fn lose(&self, path: &str) {
            block_on(self.inner.delete(&path.into())).unwrap();
        }

        fn count(&self) {
            self.n_requests.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl std::fmt::Display for Counting {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a counting store")
        }
    }

    #[async_trait::async_trait]
    impl ObjectStore for Counting {
        async fn put_opts(
            &self,
            location: &ObjectPath,
            payload: PutPayload,
            options: PutOptions,
        ) -> object_store::Result<PutResult> {
            self.count();
            self.inner.put_opts(location, payload, options).await
        }

        async fn put_multipart_opts(
            &self,
            location: &ObjectPath,
            options: PutMultipartOptions,
        ) -> object_store::Result<Box<dyn MultipartUpload>> {
            self.inner.put_multipart_opts(location, options).await
        }

        async fn get_opts(
            &self,
            location: &ObjectPath,
            options: GetOptions,
        ) -> object_store::Result<GetResult> {
            self.count();
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
            self.inner.list(prefix)
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

    /// A store with so many commits: two models, and then decisions of which every other promotes.
    fn with_commits(n: u64) -> (Arc<Counting>, Registry) {
        let store = Arc::new(Counting::default());
        let registry = store.open().unwrap();
        registry.register(&[1.0, 2.0].map(|factor| record(&registry, factor))).unwrap();
        decide(&registry, n - 1);
        (store, registry)
    }

    fn decide(registry: &Registry, n: u64) {
        for at in 0..n {
            let champion = registry.champion().unwrap();
            let candidate = if champion == Some(1) { 2 } else { 1 };
            let decision = Decision::by_hand(candidate, champion, format!("decision {at}"));
            let promoted = at % 2 == 0;
            registry.decide(&Decision { promoted, ..decision }).unwrap();
        }
    }

    /// What a registry knows, as text.
    fn known(registry: &Registry) -> String {
        let (totals, champion) = (registry.totals().unwrap(), registry.champion().unwrap());
        let cards = serde_json::to_string(&registry.cards().unwrap()).unwrap();
        let commits = serde_json::to_string(&registry.commits().unwrap()).unwrap();
        format!("{totals:?} {champion:?} {cards} {commits}")
    }

    fn is_checked(store: &Counting, number: u64) -> bool {
        store.has(&path(number))
    }

    #[test]
    fn who_opens_a_registry_reads_a_checkpoint_and_what_came_after_it_and_knows_as_much() {
        for n in [1, 63, 64, 65, 127, 128, 200] {
            let (store, writer) = with_commits(n);
            assert_eq!((1..=3).filter(|at| is_checked(&store, at * EVERY)).count() as u64, n / EVERY);
            let (opened, n_requests) = store.counted(|| store.open().unwrap());
            assert!(n_requests as u64 <= 12 + n % EVERY, "{n} commits: {n_requests} requests");
            assert_eq!(known(&opened), known(&writer), "{n} commits");
            // And can go on.
            decide(&opened, 2);
            assert_eq!(known(&opened), known(&writer));
        }
    }

    #[test]
    fn a_long_history_costs_no_more_requests_than_a_short_one() {
        let costs = |n_versions: u64| {
            let store = Arc::new(Counting::default());
            let registry = store.open().unwrap();
            let model = record(&registry, 1.0);
            for _ in 0..n_versions {
                registry.register(std::slice::from_ref(&model)).unwrap();
            }
            assert_eq!(registry.totals().unwrap().n_versions, n_versions);
            let (opened, to_open) = store.counted(|| store.open().unwrap());
            // The first page of a list: the newest models.
            let totals = opened.totals().unwrap();
            let (page, to_list) = store.counted(|| opened.commits_up_to(totals.n_commits).unwrap());
            assert_eq!(page.last().unwrap().number, n_versions);
            let (promoted, to_promote) = store.counted(|| opened.promote(n_versions - 1, "better").unwrap());
            assert!(promoted.promoted);
            [to_open, to_list, to_promote]
        };
        // As many after the last checkpoint.
        let (short, long) = (costs(100), costs(100 + 156 * EVERY));
        for (short, long) in short.into_iter().zip(long) {
            assert!(long as f64 <= 1.5 * short as f64, "{short} {long}");
        }
    }

    #[test]
    fn a_look_is_one_request_and_every_sixteenth_a_close_one() {
        let (store, _) = with_commits(100);
        let registry = store.open().unwrap();
        let looks: Vec<_> = (0..32).map(|_| store.counted(|| registry.champion().unwrap()).1).collect();
        assert_eq!(looks.iter().filter(|n| **n == 1).count(), 30, "{looks:?}");
        assert_eq!(looks.iter().filter(|n| **n == 3).count(), 2, "{looks:?}");
    }

    #[test]
    fn a_history_that_goes_backwards_is_noticed_at_a_close_look_and_before_anything_is_written() {
        let (store, registry) = with_commits(100);
        for path in [commit::path(100), commit::receipt_path(100)] {
            store.lose(&path);
        }
        let said = (0..16).find_map(|_| registry.champion().err()).unwrap().to_string();
        assert!(said.contains("commits/00000100.json") && said.contains("went backwards"), "{said}");
        assert!(matches!(registry.promote(1, "again"), Err(Error::Damaged { .. })));
        assert!(!store.has(&commit::path(100)));
    }

    #[test]
    fn a_checkpoint_that_was_changed_or_belongs_elsewhere_is_passed_over() {
        let (store, writer) = with_commits(150);
        let (elsewhere, _) = with_commits(150);
        let own = store.bytes(&path(128));
        let mut changed = own.clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        let mut shorter = own.clone();
        shorter.truncate(1000);
        for (what, bytes) in [
            ("changed", changed),
            ("elsewhere", elsewhere.bytes(&path(128))),
            ("cut", shorter),
            ("none", vec![]),
        ] {
            store.replace(&path(128), bytes);
            let opened = store.open().unwrap();
            assert_eq!(known(&opened), known(&writer), "{what}");
        }
        store.replace(&path(128), own);
        assert_eq!(known(&store.open().unwrap()), known(&writer));
    }

    #[test]
    fn a_checkpoint_in_which_a_figure_was_changed_is_passed_over() {
        let (store, writer) = with_commits(128);
        let text = String::from_utf8(store.bytes(&path(128))).unwrap();
        let champion = writer.champion().unwrap().unwrap();
        let crowned =
            text.replace(&format!("{champion}],\"marks\""), &format!("{}],\"marks\"", 3 - champion));
        assert_ne!(crowned, text);
        store.replace(&path(128), crowned.into_bytes());
        assert_eq!(known(&store.open().unwrap()), known(&writer));
    }

    #[test]
    fn without_any_checkpoint_everything_is_read_and_the_next_writer_makes_one() {
        let (store, writer) = with_commits(150);
        for number in [64, 128] {
            store.lose(&path(number));
        }
        let opened = store.open().unwrap();
        assert_eq!(known(&opened), known(&writer));
        assert!(!is_checked(&store, 128), "who only reads writes nothing");
        decide(&opened, 1);
        assert!(is_checked(&store, 128));
        assert_eq!(known(&store.open().unwrap()), known(&writer));
    }

    #[test]
    fn commits_between_checkpoints_of_which_one_is_missing_are_read_one_by_one() {
        let (store, writer) = with_commits(200);
        store.lose(&path(64));
        let opened = store.open().unwrap();
        assert_eq!(opened.card(1).unwrap(), writer.card(1).unwrap());
        assert_eq!(known(&store.open().unwrap()), known(&writer));
        // And are as they were written.
        store.lose(&commit::path(7));
        let error = store.open().unwrap().card(1).unwrap_err().to_string();
        assert!(error.contains("commits/00000007.json") && error.contains("gone"), "{error}");
    }

    #[test]
    fn earlier_commits_lead_from_one_mark_to_the_next_or_are_refused() {
        let (store, _) = with_commits(200);
        let (elsewhere, _) = with_commits(200);
        store.lose(&path(64));
        store.replace(&commit::path(7), elsewhere.bytes(&commit::path(7)));
        let error = store.open().unwrap().card(1).unwrap_err().to_string();
        assert!(error.contains("commit 7 does not follow commit 6"), "{error}");
    }

    #[test]
    fn a_commit_that_a_checkpoint_knows_and_that_is_gone_is_a_loss() {
        let (store, _) = with_commits(128);
        for path in [commit::path(128), commit::receipt_path(128)] {
            store.lose(&path);
        }
        let error = store.open().err().unwrap().to_string();
        assert!(
            error.contains("commits/00000128.json is damaged: it was written, as checkpoints/00000128 says"),
            "{error}"
        );
    }

    #[test]
    fn a_gap_after_a_checkpoint_is_seen() {
        let (store, _) = with_commits(80);
        (70..=80).for_each(|number| store.lose(&commit::receipt_path(number)));
        store.lose(&commit::path(70));
        let error = store.open().err().unwrap().to_string();
        assert!(error.contains("commits/00000070.json"), "{error}");
    }

    #[test]
    fn a_model_of_long_ago_is_found_with_its_blobs_and_can_be_promoted() {
        let (store, writer) = with_commits(200);
        let opened = store.open().unwrap();
        let (card, n_requests) = store.counted(|| opened.card(2).unwrap());
        assert_eq!(card, writer.card(2).unwrap());
        assert!(n_requests <= 3, "{n_requests}");
        assert_eq!(opened.dataset(2).unwrap().n_train(), 40);
        opened.promote(2, "it was good").unwrap();
        assert_eq!(writer.champion().unwrap(), Some(2));
        assert!(opened.card(3).is_err());
    }

    #[test]
    fn a_folder_has_no_checkpoints() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open_or_create(folder.path()).unwrap();
        registry.register(&[1.0, 2.0].map(|factor| record(&registry, factor))).unwrap();
        decide(&registry, 70);
        assert!(!folder.path().join(CHECKPOINTS).exists());
        // What a copy of a store brings along is looked at by fsck alone.
        let (store, _) = with_commits(64);
        std::fs::create_dir(folder.path().join(CHECKPOINTS)).unwrap();
        std::fs::write(folder.path().join(path(64)), store.bytes(&path(64))).unwrap();
        assert_eq!(Registry::open(folder.path()).unwrap().totals().unwrap(), registry.totals().unwrap());
        let found = Registry::fsck(folder.path()).unwrap();
        assert!(
            found
                .iter()
                .any(|finding| finding.subject == path(64) && finding.message.contains("something else"))
        );
    }
}
