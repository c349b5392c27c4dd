//! The rows kept so far, and which of them a new row repeats: a table that is asked once a row, and for ten
//! million rows is far larger than any cache.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};

/// What to do with a row that stands there a second time, price included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Keep the first only.
    #[default]
    Drop,
    /// Keep them all.
    Keep,
}

/// Rows in the order in which they came.
pub(super) struct UniqueRows {
    duplicates: Duplicates,
    rows: Vec<PricedDiamond>,
    /// Where rows are found: each in the place that the first bits of its fingerprint say, or in the next free one. As
    /// a table twice the size has them in the same order, it is filled from front to back.
    places: Vec<Place>,
}

/// The first half of a row's fingerprint, and the number of the row.
type Place = u64;

/// Not zero: memory that the kernel clears for us is fetched from it twice, to be read and to be written.
const FREE: Place = Place::MAX;
const NUMBER: Place = u32::MAX as Place;
/// Three quarters of the places that half a fingerprint tells apart.
const MOST_ROWS: usize = 3 << 30;
/// No more rows are expected than this, whatever the length of a file promises: 128 MiB of places.
const MOST_EXPECTED: usize = 12_000_000;
/// Places looked at together.
const TOGETHER: usize = 32;

impl UniqueRows {
    /// None yet.
    pub(super) fn new(duplicates: Duplicates) -> Self {
        Self { duplicates, rows: Vec::new(), places: Vec::new() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All of them.
    pub(super) fn rows(&self) -> &[PricedDiamond] {
        &self.rows
    }

    /// The same.
    pub(super) fn into_rows(self) -> Vec<PricedDiamond> {
        self.rows
    }

    /// Makes room for so many more at once, which saves moving those that are there again and again. Where there is
    /// no room, it is looked for when the rows are there.
    pub(super) fn reserve(&mut self, n_rows: usize) {
        let n_rows = n_rows.min(MOST_EXPECTED);
        if self.rows.try_reserve(n_rows).is_ok() && self.duplicates == Duplicates::Drop {
            self.grow_for(n_rows);
        }
    }

    /// Keeps rows, of repeated ones the first unless all are to be kept; whether each is kept. `fingerprints`
    /// are theirs, by [`super::fingerprint::row_fingerprint`].
    ///
    /// # Errors
    /// When there are more than three thousand million rows.
    pub(super) fn extend(&mut self, rows: &[PricedDiamond], fingerprints: &[u64]) -> Result<Vec<bool>> {
        if self.duplicates == Duplicates::Keep {
            self.rows.extend_from_slice(rows);
            return Ok(vec![true; rows.len()]);
        }
        if self.len() + rows.len() > MOST_ROWS {
            let reason = "more than 3,221,225,472 rows cannot be searched for repeated ones".into();
            return Err(Error::Usage { reason, allowed: "fewer rows, or to keep repeated ones".into() });
        }
        self.grow_for(rows.len());
        let mut are_kept = Vec::with_capacity(rows.len());
        for (rows, fingerprints) in rows.chunks(TOGETHER).zip(fingerprints.chunks(TOGETHER)) {
            // A decision about one row would wait for memory before the next is asked for. A look at all
            // their places, which decides nothing, fetches them side by side.
            let look = |all, fingerprint: &u64| all ^ self.places[first(*fingerprint, self.places.len())];
            black_box(fingerprints.iter().fold(0, look));
            are_kept.extend(rows.iter().zip(fingerprints).map(|(row, print)| self.push_new(row, *print)));
        }
        Ok(are_kept)
    }

    fn push_new(&mut self, row: &PricedDiamond, fingerprint: u64) -> bool {
        let place = fingerprint & !NUMBER | self.len() as Place;
        let rows = &self.rows;
        // What says the same about itself is compared in full.
        let is_same =
            |other: Place| other & !NUMBER == place & !NUMBER && rows[(other & NUMBER) as usize] == *row;
        let is_new = put(&mut self.places, place, is_same);
        if is_new {
            self.rows.push(*row);
        }
        is_new
    }

    /// At least a quarter of the places stay free.
    fn grow_for(&mut self, n_rows: usize) {
        let n_places = (self.len() + n_rows) * 4 / 3 + 1;
        if n_places <= self.places.len() {
            return;
        }
        let mut places = vec![FREE; n_places.next_power_of_two().max(1 << 10)];
        for place in self.places.iter().filter(|place| **place != FREE) {
            put(&mut places, *place, |_| false);
        }
        self.places = places;
    }
}

/// The place to look at first, among so many, which are a power of two.
fn first(fingerprint: u64, n_places: usize) -> usize {
    (fingerprint >> (u64::BITS - n_places.trailing_zeros())) as usize
}

/// Puts it where it is found again, unless one of those before it is the same already.
fn put(places: &mut [Place], place: Place, is_same: impl Fn(Place) -> bool) -> bool {
    let mut at = first(place, places.len());
    loop {
        // Never full, so a free place is found.
        match places[at] {
            FREE => {
                places[at] = place;
                return true;
            }
            other if is_same(other) => return false,
            _ => at = (at + 1) & (places.len() - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::diamond::{Cell, Field, RawDiamond};

    fn row(number: u32) -> PricedDiamond {
        let stone = RawDiamond::from_cells(|field| match field {
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("H"),
            Field::Clarity => Cell::Text("VS1"),
            _ => Cell::Number(5.0),
        });
        stone.parse_priced(Cell::Number(f64::from(number + 1))).unwrap()
    }

    #[test]
    fn a_row_is_new_once_whatever_fingerprint_it_shares_with_others() {
        let seed = 8;
        let mut random = Pcg64::seed_from_u64(seed);
        let (mut unique, mut plain, mut new) =
            (UniqueRows::new(Duplicates::Drop), HashSet::new(), Vec::new());
        for _ in 0..100 {
            let numbers: Vec<u32> = (0..1000).map(|_| random.random_range(0..40_000)).collect();
            let rows: Vec<_> = numbers.iter().map(|number| row(*number)).collect();
            // Some share one, some crowd together at either end of the table, the rest are anywhere.
            let fingerprint = |number: &u32| match (u64::from(*number), number % 5) {
                (_, 0) => 7 << 60 | u64::from(number / 1000 % 2),
                (number, 1) => number << 32,
                (number, 2) => u64::MAX - (number << 32),
                (number, _) => number.wrapping_mul(0x9E37_79B9_7F4A_7C15),
            };
            let fingerprints: Vec<_> = numbers.iter().map(fingerprint).collect();
            let expected: Vec<_> = numbers.iter().map(|number| plain.insert(*number)).collect();
            new.extend(numbers.iter().zip(&expected).filter(|(_, is_new)| **is_new).map(|(n, _)| row(*n)));
            assert_eq!(unique.extend(&rows, &fingerprints).unwrap(), expected, "seed {seed}");
        }
        assert_eq!(unique.into_rows(), new);
    }
}
