//! Where certain bytes stand in a text in which they stand close together: eight bytes are looked at in one step, without
//! the call for each hit that a search for rare bytes makes.

/// Seven bits of every byte.
const LOW: u64 = u64::from_ne_bytes([0x7F; 8]);
const STEP: usize = size_of::<u64>();

/// The positions of two bytes, in order.
pub(super) struct Positions<'a> {
    text: &'a [u8],
    wanted: [u64; 2],
    /// Where the step begins whose hits are in `hits`.
    start: usize,
    /// The highest bit of each byte of the step that is wanted and was not given yet.
    hits: u64,
}

/// Where `one` or `other` stands.
pub(super) fn positions(text: &[u8], one: u8, other: u8) -> Positions<'_> {
    let wanted = [one, other].map(|byte| u64::from_ne_bytes([byte; STEP]));
    let mut found = Positions { text, wanted, start: 0, hits: 0 };
    found.hits = found.hits_at(0);
    found
}

impl Positions<'_> {
    #[inline]
    fn hits_at(&self, start: usize) -> u64 {
        let rest = self.text.get(start..).unwrap_or_default();
        let (word, n_bytes) = match rest.first_chunk() {
            Some(bytes) => (u64::from_le_bytes(*bytes), STEP),
            None => {
                let mut bytes = [0; STEP];
                bytes[..rest.len()].copy_from_slice(rest);
                (u64::from_le_bytes(bytes), rest.len())
            }
        };
        // The highest bit of each byte that is zero, and of no other (Hacker's Delight, 6-1).
        let zeros = |word: u64| !(((word & LOW) + LOW) | word | LOW);
        let hits = zeros(word ^ self.wanted[0]) | zeros(word ^ self.wanted[1]);
        if n_bytes == STEP { hits } else { hits & ((1 << (8 * n_bytes)) - 1) }
    }
}

impl Iterator for Positions<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.hits == 0 {
            self.start += STEP;
            if self.start >= self.text.len() {
                return None;
            }
            self.hits = self.hits_at(self.start);
        }
        let at = self.start + self.hits.trailing_zeros() as usize / 8;
        self.hits &= self.hits - 1;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    #[test]
    fn every_position_is_found_and_no_other() {
        let seed = 5;
        let mut random = Pcg64::seed_from_u64(seed);
        for length in (0..40).chain([1000]) {
            for _ in 0..50 {
                // Neighbours of the wanted bytes, with and without the highest bit.
                let byte = |_| *b",\n+-\x0B\x09\xAC\x8A\0\xFF".get(random.random_range(0..10)).unwrap_or(&0);
                let text: Vec<u8> = (0..length).map(byte).collect();
                let wanted = memchr::memchr2_iter(b',', b'\n', &text);
                assert!(positions(&text, b',', b'\n').eq(wanted), "seed {seed}: {text:?}");
            }
        }
    }
}
