//! Which rows were seen already, by fingerprint: a table that is asked once a row, and for ten million rows
//! is far larger than any cache.

use super::RowFingerprint;

/// A set of fingerprints. They are evenly spread already, so the first bits of each are its place, and the
/// next free place stands in for one that is taken. One look at memory a row; and as a table twice the size
/// has them in the same order, it is filled from front to back.
#[derive(Default)]
pub(super) struct Seen {
    /// A power of two of them, or none; 0 is a free place.
    places: Vec<RowFingerprint>,
    n: usize,
}

impl Seen {
    /// Adds a fingerprint; whether it is new.
    pub(super) fn insert(&mut self, fingerprint: RowFingerprint) -> bool {
        if self.n * 4 >= self.places.len() * 3 {
            self.grow();
        }
        // The fingerprint 0 shares its place with 1, as any two rows share one with the same probability.
        let is_new = put(&mut self.places, fingerprint.max(1));
        self.n += usize::from(is_new);
        is_new
    }

    fn grow(&mut self) {
        let mut places = vec![0; (self.places.len() * 2).max(1 << 10)];
        for fingerprint in self.places.iter().filter(|fingerprint| **fingerprint != 0) {
            put(&mut places, *fingerprint);
        }
        self.places = places;
    }
}

fn put(places: &mut [RowFingerprint], fingerprint: RowFingerprint) -> bool {
    let first_bits = RowFingerprint::BITS - places.len().trailing_zeros();
    let mut at = (fingerprint >> first_bits) as usize;
    loop {
        // Never full, so a free place is found.
        let place = &mut places[at];
        if *place == 0 {
            *place = fingerprint;
            return true;
        }
        if *place == fingerprint {
            return false;
        }
        at = (at + 1) & (places.len() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    #[test]
    fn it_knows_what_it_has_seen_as_a_plain_set_does() {
        let mut random = Pcg64::seed_from_u64(8);
        let (mut seen, mut plain) = (Seen::default(), HashSet::new());
        for step in 0..200_000_u128 {
            let fingerprint = match step % 3 {
                // Some again, some crowded together at both ends of the table, the rest anywhere.
                0 => random.random_range(1..500),
                1 => RowFingerprint::MAX - random.random_range(0..500),
                _ => random.random(),
            };
            assert_eq!(seen.insert(fingerprint), plain.insert(fingerprint), "{fingerprint:x}");
        }
        assert!(seen.insert(0) != plain.contains(&1));
    }
}
