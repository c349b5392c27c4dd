//! Every model and decision as they are shown to everybody, a page at a time. What is committed never changes, so
//! each is read from the registry and measured once, and a page is made of what is here.

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

/// What was read so far, oldest first.
#[derive(Default)]
pub(crate) struct History {
    n_commits: usize,
    models: Vec<Shown<Card>>,
    decisions: Vec<Shown<Decided>>,
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
        for commit in registry.commits_after(self.n_commits)? {
            self.n_commits += 1;
            self.take_up(commit);
        }
        let place = place.unwrap_or(Place { n_models: usize::MAX, n_decisions: usize::MAX });
        let (models, n_models) = part(&self.models, place.n_models, limit);
        let (decisions, n_decisions) = part(&self.decisions, place.n_decisions, limit);
        let next = Place { n_models, n_decisions };
        let is_more = n_models > 0 || n_decisions > 0;
        Ok(Page { champion, models, decisions, next: is_more.then_some(next) })
    }

    fn take_up(&mut self, commit: Commit) {
        let (rolled_back, decision) = match commit.change {
            Change::Registered { cards, .. } => {
                self.models.extend(cards.into_iter().map(|card| Shown::new(public(card))));
                return;
            }
            Change::Decided { decision } => (false, decision),
            Change::RolledBack { from, to, reason } => (true, Decision::by_hand(to, Some(from), reason)),
        };
        self.decisions.push(Shown::new(Decided { at: commit.at, rolled_back, decision }));
    }
}

impl<T: Serialize> Shown<T> {
    fn new(content: T) -> Self {
        // What could not be written would not be shown either.
        let n_bytes = serde_json::to_vec(&content).map_or(0, |json| json.len());
        Self { content: Arc::new(content), n_bytes }
    }
}

/// The last of the first `n`, newest first, as many as are wanted and fit; and how many come before them.
fn part<T>(all: &[Shown<T>], n: usize, limit: usize) -> (Vec<Arc<T>>, usize) {
    let mut found = VecDeque::new();
    let mut n_before = n.min(all.len());
    let mut n_bytes = 0;
    while let Some(shown) = n_before.checked_sub(1).and_then(|at| all.get(at)) {
        n_bytes += shown.n_bytes;
        if found.len() == limit || (n_bytes > MOST_BYTES && !found.is_empty()) {
            break;
        }
        found.push_back(Arc::clone(&shown.content));
        n_before -= 1;
    }
    (found.into(), n_before)
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

    fn shown(sizes: &[usize]) -> Vec<Shown<usize>> {
        let one = |(at, n_bytes): (usize, &usize)| Shown { content: Arc::new(at), n_bytes: *n_bytes };
        sizes.iter().enumerate().map(one).collect()
    }

    fn numbers(all: &[Shown<usize>], n: usize, limit: usize) -> (Vec<usize>, usize) {
        let (found, before) = part(all, n, limit);
        (found.iter().map(|at| **at).collect(), before)
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
