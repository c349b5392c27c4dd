//! A page of exchanges, put together from the places where they lie, and bounded by number and by bytes.

/// Bytes of a page, unless a single exchange has more.
const MOST_BYTES: usize = 4 << 20;

/// How much is read at most: a single record is, whatever its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) n_records: usize,
    pub(crate) n_bytes: usize,
}

impl Limits {
    /// Of a page with so many records.
    pub(crate) fn of(n_records: usize) -> Self {
        Self { n_records, n_bytes: MOST_BYTES }
    }
}

/// What one place has of a page, newest first.
pub(crate) struct Part<T> {
    pub(crate) records: Vec<T>,
    /// The id down to which all are there; `None` when there are no more.
    pub(crate) reached: Option<String>,
}

/// An exchange as it is shown.
pub(crate) struct Shown {
    pub(crate) id: String,
    /// The record as JSON.
    pub(crate) document: String,
}

/// Puts the parts together; the second value is the id behind which the next page begins.
pub(crate) fn put_together(parts: Vec<Part<Shown>>, limits: Limits) -> (Vec<Shown>, Option<String>) {
    // Ids are UUIDv7: the largest is the newest. Below where a part ended, others would show with gaps.
    let floor = parts.iter().filter_map(|part| part.reached.clone()).max();
    let mut all: Vec<_> = parts.into_iter().flat_map(|part| part.records).collect();
    all.retain(|shown| floor.as_ref().is_none_or(|floor| shown.id >= *floor));
    all.sort_by(|a, b| b.id.cmp(&a.id));
    all.dedup_by(|a, b| a.id == b.id);
    let mut n_bytes = 0;
    let fits = |(n, shown): &(usize, &Shown)| {
        n_bytes += shown.document.len();
        *n == 0 || (*n < limits.n_records && n_bytes <= limits.n_bytes)
    };
    let n_fitting = all.iter().enumerate().take_while(fits).count();
    let is_cut = n_fitting < all.len();
    all.truncate(n_fitting);
    let next = if is_cut { all.last().map(|shown| shown.id.clone()) } else { floor };
    (all, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(ids: &[&str], reached: Option<&str>) -> Part<Shown> {
        let shown = |id: &&str| Shown { id: (*id).into(), document: "12345".into() };
        Part { records: ids.iter().map(shown).collect(), reached: reached.map(str::to_owned) }
    }

    fn page(parts: Vec<Part<Shown>>, n_records: usize, n_bytes: usize) -> (Vec<String>, Option<String>) {
        let (shown, next) = put_together(parts, Limits { n_records, n_bytes });
        (shown.into_iter().map(|shown| shown.id).collect(), next)
    }

    #[test]
    fn parts_are_merged_newest_first_and_each_exchange_is_there_once() {
        let parts = || vec![part(&["e", "c", "a"], None), part(&["d", "c"], None)];
        assert_eq!(page(parts(), 9, 99), (vec!["e".into(), "d".into(), "c".into(), "a".into()], None));
        assert_eq!(page(parts(), 2, 99), (vec!["e".into(), "d".into()], Some("d".into())));
        assert_eq!(page(parts(), 4, 99).1, None, "there is no more");
    }

    #[test]
    fn a_page_ends_where_its_bytes_do_but_not_before_the_first() {
        let parts = || vec![part(&["e", "c", "a"], None)];
        assert_eq!(page(parts(), 9, 11), (vec!["e".into(), "c".into()], Some("c".into())));
        assert_eq!(page(parts(), 9, 1), (vec!["e".into()], Some("e".into())));
    }

    #[test]
    fn nothing_is_shown_below_where_one_of_the_parts_ended() {
        let parts = vec![part(&["e", "b"], Some("b")), part(&["d", "a"], None)];
        assert_eq!(page(parts, 9, 99), (vec!["e".into(), "d".into(), "b".into()], Some("b".into())));
        // A search that came to its end in time without finding anything.
        assert_eq!(page(vec![part(&[], Some("c"))], 9, 99), (vec![], Some("c".into())));
    }
}
