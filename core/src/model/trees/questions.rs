//! What the nodes of all trees ask about a row, each question answered once a row.
//!
//! A number is compared with a threshold by its rank among all thresholds of its feature, so a node needs
//! sixteen bits for it; a set of categories that many nodes ask for is looked into once. The default side of
//! missing values is part of the question: nothing is left to decide at a node but whether the answer is at
//! least so and so much.

use std::collections::HashMap;
use std::ops::Range;

/// A split as the model file has it.
#[derive(Clone, Copy)]
pub(super) struct Split {
    pub(super) feature: u32,
    /// A missing value goes left.
    pub(super) default_left: bool,
    pub(super) test: Test,
}

#[derive(Clone, Copy)]
pub(super) enum Test {
    /// A number goes left if it is smaller. Never NaN.
    Below(f32),
    /// A category goes right if it is in this set.
    In(CategorySet),
}

/// Where a set of categories lies among the bits of all sets; its last word is not zero, so that equal sets
/// are equal bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct CategorySet {
    pub(super) start: u32,
    pub(super) n_words: u32,
}

/// A question's number, and from which answer on a row goes right.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) question: u16,
    pub(super) right_from: u16,
}

/// Thresholds that one question can tell apart. The largest answer is one less than [`NEVER`].
const MOST_CUTS: usize = NEVER as usize - 1;
/// No answer is as large: who asks for it always goes left.
pub(super) const NEVER: u16 = u16::MAX;
/// What the bits of all sets may take, in words of 64: 32 MiB.
const MOST_WORDS: usize = 1 << 22;

/// All questions. The first are those about numbers, two for each entry of `numbers` (missing goes left,
/// missing goes right); then come those about categories.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions {
    n: usize,
    numbers: Vec<Number>,
    /// The thresholds of each entry of `numbers`, ascending.
    cuts: Vec<f32>,
    categories: Vec<Category>,
    bits: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Number {
    feature: usize,
    cuts: Range<usize>,
}

/// All sets of categories that one feature is asked for.
#[derive(Clone, Debug)]
struct Category {
    feature: usize,
    /// Their questions; up to `right` a missing value goes left.
    questions: Range<usize>,
    right: usize,
    /// In `bits` the words of all sets for codes 0 to 63, then those for 64 to 127, and so on.
    first_word: usize,
    n_words: usize,
}

impl Questions {
    /// The questions of these splits, and what each split asks.
    pub(super) fn of(splits: &[Split], sets: &[u64]) -> Result<(Self, Vec<Asked>), String> {
        let mut questions = Self::default();
        let thresholds = questions.add_numbers(splits);
        let mut about_sets = questions.add_categories(splits, sets)?.into_iter();
        // A tree that is a leaf asks something too.
        questions.n = questions.n.max(1);
        if questions.n > usize::from(u16::MAX) + 1 {
            return Err(format!("its nodes ask {} different questions", questions.n));
        }
        let asked = splits.iter().map(|split| match split.test {
            Test::Below(threshold) => {
                let Thresholds { first_number, keys } = &thresholds[split.feature as usize];
                let place = keys.partition_point(|other| *other < key(threshold));
                let (number, place) = (first_number + place / MOST_CUTS, place % MOST_CUTS);
                let question = 2 * number + usize::from(!split.default_left);
                Asked { question: question as u16, right_from: place as u16 + 1 }
            }
            // One for each such split, in order.
            Test::In(_) => Asked { question: about_sets.next().unwrap_or_default() as u16, right_from: 1 },
        });
        let asked = asked.collect();
        Ok((questions, asked))
    }

    /// Gives the thresholds of each feature, by its index.
    fn add_numbers(&mut self, splits: &[Split]) -> Vec<Thresholds> {
        let n_features = splits.iter().map(|split| split.feature as usize + 1).max().unwrap_or_default();
        let mut all: Vec<Thresholds> = Vec::new();
        all.resize_with(n_features, Thresholds::default);
        for split in splits {
            if let Test::Below(threshold) = split.test {
                all[split.feature as usize].keys.push(key(threshold));
            }
        }
        for (feature, Thresholds { first_number, keys }) in all.iter_mut().enumerate() {
            keys.sort_unstable();
            keys.dedup();
            *first_number = self.numbers.len();
            for part in keys.chunks(MOST_CUTS) {
                let first = self.cuts.len();
                self.cuts.extend(part.iter().map(|key| of_key(*key)));
                self.numbers.push(Number { feature, cuts: first..self.cuts.len() });
            }
        }
        self.n = 2 * self.numbers.len();
        all
    }

    /// Gives the question of each split on categories, in order.
    fn add_categories(&mut self, splits: &[Split], sets: &[u64]) -> Result<Vec<usize>, String> {
        let mut known: HashMap<SetKey<'_>, usize> = HashMap::new();
        let mut asked = Vec::new();
        for split in splits {
            if let Test::In(set) = split.test {
                let n = known.len();
                asked.push(*known.entry((split.feature, !split.default_left, set.of(sets))).or_insert(n));
            }
        }
        let mut distinct: Vec<_> = known.into_iter().collect();
        distinct.sort_unstable();
        let mut question_of = vec![0; distinct.len()];
        for group in distinct.chunk_by(|(a, _), (b, _)| a.0 == b.0) {
            let n_words = group.iter().map(|((_, _, words), _)| words.len()).max().unwrap_or_default();
            let first_word = self.bits.len();
            if first_word + n_words * group.len() > MOST_WORDS {
                return Err("its nodes name too many categories".into());
            }
            for word in 0..n_words {
                self.bits
                    .extend(group.iter().map(|((_, _, words), _)| words.get(word).copied().unwrap_or(0)));
            }
            let right = self.n + group.partition_point(|((_, default_right, _), _)| !default_right);
            let questions = self.n..self.n + group.len();
            for ((_, number), question) in group.iter().zip(questions.clone()) {
                question_of[*number] = question;
            }
            self.n = questions.end;
            let feature = group[0].0.0 as usize;
            self.categories.push(Category { feature, questions, right, first_word, n_words });
        }
        Ok(asked.into_iter().map(|number| question_of[number]).collect())
    }

    /// The feature that a question about a number is about, and the threshold that it has to reach for this answer.
    pub(super) fn of_number(&self, question: u16, answer: u16) -> Option<(usize, f32)> {
        let Number { feature, cuts } = self.numbers.get(usize::from(question) / 2)?;
        let place = usize::from(answer).checked_sub(1)?;
        Some((*feature, *self.cuts[cuts.clone()].get(place)?))
    }

    /// The feature that a question is about.
    pub(super) fn feature(&self, question: u16) -> Option<usize> {
        let question = usize::from(question);
        let of_category = || self.categories.iter().find(|category| category.questions.contains(&question));
        let of_number = self.numbers.get(question / 2).map(|number| number.feature);
        of_number.or_else(|| of_category().map(|category| category.feature))
    }

    /// How many there are; at least one.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// Answers all of them for one row; missing values are NaN.
    pub(super) fn answer(&self, row: &[f32], answers: &mut [u16]) {
        let (numbers, _) = answers.as_chunks_mut();
        for (number, [left, right]) in self.numbers.iter().zip(numbers) {
            let value = row[number.feature];
            let cuts = &self.cuts[number.cuts.clone()];
            // None for a missing value, which so goes left of all thresholds.
            let rank = cuts.partition_point(|cut| *cut <= value);
            *left = rank as u16;
            *right = if value.is_nan() { cuts.len() } else { rank } as u16;
        }
        for category in &self.categories {
            let code = row[category.feature];
            let answers = &mut answers[category.questions.clone()];
            if code.is_nan() {
                let (left, right) = answers.split_at_mut(category.right - category.questions.start);
                left.fill(0);
                right.fill(1);
            } else if code < 0.0 || code >= (category.n_words * 64) as f32 {
                // A code that no set holds is in none.
                answers.fill(0);
            } else {
                let code = code as usize;
                let words = &self.bits[category.first_word + code / 64 * answers.len()..];
                for (answer, word) in answers.iter_mut().zip(words) {
                    *answer = (word >> (code % 64)) as u16 & 1;
                }
            }
        }
    }
}

/// The thresholds of one feature as [`key`]s, ascending, and the entry of [`Questions::numbers`] that has
/// the first of them.
#[derive(Default)]
struct Thresholds {
    first_number: usize,
    keys: Vec<u32>,
}

/// A feature, whether missing goes right, and the bits of a set.
type SetKey<'a> = (u32, bool, &'a [u64]);

impl CategorySet {
    fn of(self, sets: &[u64]) -> &[u64] {
        &sets[self.start as usize..][..self.n_words as usize]
    }
}

const SIGN: u32 = 1 << 31;

/// A whole number that is ordered as the float is (the negative zero below the positive one).
fn key(number: f32) -> u32 {
    let bits = number.to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn of_key(key: u32) -> f32 {
    f32::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;

    fn goes_left(split: &Split, sets: &[u64], value: f32) -> bool {
        match split.test {
            _ if value.is_nan() => split.default_left,
            Test::Below(threshold) => value < threshold,
            Test::In(set) => {
                let words = set.of(sets);
                let is_code = value >= 0.0 && value < (words.len() * 64) as f32;
                !(is_code && words[value as usize / 64] >> (value as usize % 64) & 1 == 1)
            }
        }
    }

    fn assert_answers_hold(splits: &[Split], sets: &[u64], rows: &[Vec<f32>]) {
        let (questions, asked) = Questions::of(splits, sets).unwrap();
        let mut answers = vec![9; questions.len()];
        for row in rows {
            questions.answer(row, &mut answers);
            assert!(answers.iter().all(|answer| *answer < NEVER));
            for (split, asked) in splits.iter().zip(&asked) {
                let value = row[split.feature as usize];
                let is_right = answers[usize::from(asked.question)] >= asked.right_from;
                assert_eq!(!is_right, goes_left(split, sets, value), "{row:?}, feature {}", split.feature);
            }
        }
    }

    #[test]
    fn every_split_is_answered_as_the_split_itself_would() {
        let mut random = Pcg64::seed_from_u64(3);
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, f32::MIN_POSITIVE, -1e-40, 200.5];
        let number = |random: &mut Pcg64| match random.random_range(0..4) {
            0 => odd[random.random_range(0..odd.len())],
            _ => random.random_range(-5..140) as f32,
        };
        for _ in 0..200 {
            let (mut splits, mut sets) = (Vec::new(), Vec::new());
            for _ in 0..random.random_range(0..60) {
                let threshold = number(&mut random);
                let test = if random.random_range(0..3) == 0 || threshold.is_nan() {
                    let n_words = random.random_range(1..4);
                    let start = sets.len() as u32;
                    sets.extend((0..n_words).map(|_| 1 << 63 | 1 << random.random_range(0..4)));
                    Test::In(CategorySet { start, n_words })
                } else {
                    Test::Below(threshold)
                };
                let (feature, default_left) = (random.random_range(0..3), random.random_range(0..2) == 0);
                splits.push(Split { feature, default_left, test });
            }
            let rows: Vec<Vec<_>> = (0..50).map(|_| (0..3).map(|_| number(&mut random)).collect()).collect();
            assert_answers_hold(&splits, &sets, &rows);
        }
    }

    #[test]
    fn more_thresholds_than_sixteen_bits_can_count_become_several_questions() {
        let n = 2 * MOST_CUTS + 7;
        let split = |n| Split { feature: 0, default_left: n % 2 == 0, test: Test::Below(n as f32) };
        let splits: Vec<_> = (0..n).rev().map(split).collect();
        assert_eq!(Questions::of(&splits, &[]).unwrap().0.len(), 6);
        let places = [0, 1, MOST_CUTS - 1, MOST_CUTS, MOST_CUTS + 1, 2 * MOST_CUTS, n - 1, n, n + 9];
        let mut rows: Vec<_> =
            places.iter().flat_map(|n| [*n as f32 - 0.5, *n as f32]).map(|x| vec![x]).collect();
        rows.push(vec![f32::NAN]);
        assert_answers_hold(&splits, &[], &rows);
    }
}
