//! Every model and decision as they are shown to everybody, a page at a time. What is committed never changes, so
//! each is read from the registry and measured once, and a page is made of what is here. The newest are read first, and
//! older ones when a page needs them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use xtream_core::promotion::Decision;
use xtream_core::registry::{Card, Change, Commit};
use xtream_core::{Error, Registry};

use crate::schemas;

/// Bytes of JSON, about, that a page has of models and of decisions each; one of each is shown whatever its size.
const MOST_BYTES: usize = 128 << 10;

/// A decision that was written down.
#[derive(Serialize, ToSchema)]
#[schema(as = PastDecision)]
pub(crate) struct Decided {
    /// When.
    #[schema(value_type = String, format = "date-time")]
    at: DateTime<Utc>,
    /// Whether it took the last promotion back.
    rolled_back: bool,
    #[serde(flatten)]
    #[schema(value_type = schemas::Decision)]
    decision: Decision,
}

/// What was read so far.
#[derive(Default)]
pub(crate) struct History {
    /// The last commit that was read, if any was.
    last: Option<u64>,
    models: Part<Card>,
    decisions: Part<Decided>,
}

/// The models or the decisions, oldest first, without the oldest `n_unread`.
struct Part<T> {
    n_unread: usize,
    /// They are among the first so many commits.
    n_commits: u64,
    shown: VecDeque<Shown<T>>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { n_unread: 0, n_commits: 0, shown: VecDeque::new() }
    }
}

/// Something to show, and the bytes of it as JSON.
struct Shown<T> {
    content: Arc<T>,
    n_bytes: usize,
}

/// How many models and decisions, oldest first, are still to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) n_models: usize,
    pub(crate) n_decisions: usize,
}

/// A part of the history, newest first.
pub(crate) struct Page {
    pub(crate) champion: Option<u64>,
    pub(crate) models: Vec<Arc<Card>>,
    pub(crate) decisions: Vec<Arc<Decided>>,
    /// Where the next part begins; `None` at the end.
    pub(crate) next: Option<Place>,
}

impl History {
    /// At most `limit` models and decisions each before `place`, or the newest.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub(crate) fn page(
        &mut self,
        registry: &Registry,
        place: Option<Place>,
        limit: usize,
    ) -> Result<Page, Error> {
        // The champion first: what is read after it has its card.
        let champion = registry.champion()?;
        let place = place.unwrap_or(Place { n_models: usize::MAX, n_decisions: usize::MAX });
        self.read_newer(registry)?;
        // The newest of one kind may be far behind those of the other: what is between them is not read.
        while self.models.lacks(place.n_models, limit) {
            let n_commits = registry.commits_until_version(self.models.n_unread as u64);
            if !self.models.read_older(registry, n_commits, |commit| to_show(commit).0)? {
                break;
            }
        }
        while self.decisions.lacks(place.n_decisions, limit) {
            let n_commits = registry.commits_until_decision(self.decisions.n_unread as u64);
            if !self.decisions.read_older(registry, n_commits, |commit| to_show(commit).1)? {
                break;
            }
        }
        let (models, n_models) = self.models.page(place.n_models, limit);
        let (decisions, n_decisions) = self.decisions.page(place.n_decisions, limit);
        let next = Place { n_models, n_decisions };
        let is_more = n_models > 0 || n_decisions > 0;
        Ok(Page { champion, models, decisions, next: is_more.then_some(next) })
    }

    fn read_newer(&mut self, registry: &Registry) -> Result<(), Error> {
        let last = match self.last {
            Some(last) => last,
            None => {
                let totals = registry.totals()?;
                self.models.n_unread = totals.n_versions as usize;
                self.decisions.n_unread = totals.n_decisions as usize;
                (self.models.n_commits, self.decisions.n_commits) = (totals.n_commits, totals.n_commits);
                totals.n_commits
            }
        };
        self.last = Some(last);
        for commit in registry.commits_after(last)? {
            self.last = Some(commit.number);
            let (models, decided) = to_show(commit);
            self.models.shown.extend(models);
            self.decisions.shown.extend(decided);
        }
        Ok(())
    }
}

/// What a commit has to show.
fn to_show(commit: Commit) -> (Vec<Shown<Card>>, Option<Shown<Decided>>) {
    let (rolled_back, decision) = match commit.change {
        Change::Registered { cards, .. } => {
            return (cards.into_iter().map(|card| Shown::new(public(card))).collect(), None);
        }
        Change::Decided { decision } => (false, decision),
        Change::RolledBack { from, to, reason } => (true, Decision::by_hand(to, Some(from), reason)),
    };
    (Vec::new(), Some(Shown::new(Decided { at: commit.at, rolled_back, decision })))
}

impl<T> Part<T> {
    /// Reads some that come before, which are among the first `n_commits`; `false` when there are none.
    fn read_older<S: IntoIterator<Item = Shown<T>, IntoIter: DoubleEndedIterator>>(
        &mut self,
        registry: &Registry,
        n_commits: u64,
        to_show: impl Fn(Commit) -> S,
    ) -> Result<bool, Error> {
        let commits = registry.commits_up_to(self.n_commits.min(n_commits))?;
        let Some(oldest) = commits.first().map(|commit| commit.number) else { return Ok(false) };
        for commit in commits.into_iter().rev() {
            to_show(commit).into_iter().rev().for_each(|older| self.put_before(older));
        }
        self.n_commits = oldest - 1;
        Ok(true)
    }

    fn put_before(&mut self, older: Shown<T>) {
        self.shown.push_front(older);
        self.n_unread = self.n_unread.saturating_sub(1);
    }

    /// Whether the last `limit` of the first `n` were not all read.
    fn lacks(&self, n: usize, limit: usize) -> bool {
        let n_there = self.n_unread + self.shown.len();
        self.n_unread > n.min(n_there).saturating_sub(limit)
    }

    /// The last of the first `n`, newest first, as many as are wanted, fit and were read; and how many come before them.
    fn page(&self, n: usize, limit: usize) -> (Vec<Arc<T>>, usize) {
        let mut found = Vec::new();
        let mut n_before = n.min(self.n_unread + self.shown.len());
        let mut n_bytes = 0;
        while let Some(shown) = n_before.checked_sub(self.n_unread + 1).and_then(|at| self.shown.get(at)) {
            n_bytes += shown.n_bytes;
            if found.len() == limit || (n_bytes > MOST_BYTES && !found.is_empty()) {
                break;
            }
            found.push(Arc::clone(&shown.content));
            n_before -= 1;
        }
        (found, n_before)
    }
}

impl<T: Serialize> Shown<T> {
    fn new(content: T) -> Self {
        // What could not be written would not be shown either.
        let n_bytes = serde_json::to_vec(&content).map_or(0, |json| json.len());
        Self { content: Arc::new(content), n_bytes }
    }
}

/// A card as everybody may read it: where the files that were learned from lay is nobody's business, what they
/// were called says enough.
pub(crate) fn public(mut card: Card) -> Card {
    for file in &mut card.record.data.files {
        file.path = file.path.file_name().map_or_else(PathBuf::new, PathBuf::from);
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sizes: &[usize]) -> Part<usize> {
        let one = |(at, n_bytes): (usize, &usize)| Shown { content: Arc::new(at), n_bytes: *n_bytes };
        Part { n_unread: 0, n_commits: 0, shown: sizes.iter().enumerate().map(one).collect() }
    }

    fn numbers(all: &Part<usize>, n: usize, limit: usize) -> (Vec<usize>, usize) {
        let (found, before) = all.page(n, limit);
        (found.iter().map(|at| **at).collect(), before)
    }

    #[test]
    fn a_page_is_the_same_however_much_was_read_before_it() {
        let all = shown(&[10; 9]);
        for n_unread in 0..9 {
            let mut part = shown(&[10; 9]);
            part.shown.drain(..n_unread);
            part.n_unread = n_unread;
            for (n, limit) in [(usize::MAX, 3), (5, 2), (2, 4), (0, 1)] {
                let is_enough = !part.lacks(n, limit);
                assert_eq!(is_enough, n_unread <= n.min(9).saturating_sub(limit), "{n_unread} {n} {limit}");
                if is_enough {
                    assert_eq!(numbers(&part, n, limit), numbers(&all, n, limit), "{n_unread} {n} {limit}");
                }
            }
        }
    }

    #[test]
    fn a_page_ends_at_its_number_or_at_its_bytes_and_the_next_goes_on_there() {
        let all = shown(&[10, 10, 10, MOST_BYTES, 10, MOST_BYTES - 10]);
        assert_eq!(numbers(&all, usize::MAX, 9), (vec![5, 4], 4));
        assert_eq!(numbers(&all, 4, 9), (vec![3], 3));
        assert_eq!(numbers(&all, 3, 2), (vec![2, 1], 1));
        assert_eq!(numbers(&all, 1, 2), (vec![0], 0));
        assert_eq!(numbers(&all, 0, 2), (vec![], 0));
    }

    #[test]
    fn what_is_larger_than_a_page_is_shown_alone() {
        let all = shown(&[10, 2 * MOST_BYTES]);
        assert_eq!(numbers(&all, usize::MAX, 9), (vec![1], 1));
    }
}
