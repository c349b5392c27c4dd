//! The last things that were used, and no more of them than a bound.

use std::collections::VecDeque;

/// What was used last is kept; what was used longest ago makes room.
pub(super) struct Recent<K, V> {
    most: usize,
    /// The one used last is the last one.
    kept: VecDeque<(K, V)>,
}

impl<K: PartialEq, V> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        let place = self.kept.iter().position(|(other, _)| other == key)?;
        let found = self.kept.remove(place)?;
        self.kept.push_back(found);
        self.kept.back().map(|(_, value)| value)
    }

    /// Takes the place of what had that key.
    pub(super) fn put(&mut self, key: K, value: V) {
        self.kept.retain(|(other, _)| *other != key);
        self.kept.push_back((key, value));
        while self.kept.len() > self.most {
            self.kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let mut recent = Recent::new(2);
        recent.put("a", 1);
        recent.put("b", 2);
        assert_eq!(recent.get(&"a"), Some(&1));
        recent.put("c", 3);
        let found = ["a", "b", "c"].map(|key| recent.get(&key).copied());
        assert_eq!(found, [Some(1), None, Some(3)]);
        recent.put("c", 4);
        let found = ["a", "c"].map(|key| recent.get(&key).copied());
        assert_eq!((found, recent.kept.len()), ([Some(1), Some(4)], 2));
    }
}
