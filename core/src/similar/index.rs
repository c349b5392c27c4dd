//! The stones most like a given one: same cut, color and clarity, nearest in weight. Exact, not
//! approximate: the answer is what sorting all stones would give.

use std::cmp::Ordering;

use serde::Serialize;

use crate::diamond::{Clarity, Color, Cut, FourCs, Grade, PricedDiamond};

const N_CELLS: usize = Cut::ALL.len() * Color::ALL.len() * Clarity::ALL.len();

/// An index over priced stones: 72 bytes a stone, and 64 more while it is built.
/// A query is two searches by halving and then a search a weight found.
pub struct SimilarIndex {
    /// The stones by cell, then carat, then price, then row.
    stones: Vec<Indexed>,
    /// Cell `c` is `stones[starts[c]..starts[c + 1]]`.
    starts: Vec<usize>,
}

/// A stone and its row among those the index was built from.
#[derive(Clone, Copy)]
struct Indexed {
    stone: PricedDiamond,
    row: usize,
}

impl Indexed {
    fn carat(&self) -> f64 {
        self.stone.diamond().carat()
    }

    fn cell(&self) -> usize {
        let stone = self.stone.diamond();
        cell(stone.cut(), stone.color(), stone.clarity())
    }

    fn by_price_then_row(&self, other: &Self) -> Ordering {
        self.stone.price_usd().total_cmp(&other.stone.price_usd()).then(self.row.cmp(&other.row))
    }
}

/// A stone found, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Neighbour {
    /// The stone.
    #[serde(flatten)]
    pub stone: PricedDiamond,
    /// Its row among those the index was built from, from 0.
    #[serde(skip)]
    pub row: usize,
    /// `|carat - carat asked|`, in carat.
    pub carat_difference: f64,
}

fn cell(cut: Cut, color: Color, clarity: Clarity) -> usize {
    (cut.rank() * Color::ALL.len() + color.rank()) * Clarity::ALL.len() + clarity.rank()
}

impl SimilarIndex {
    /// Builds the index; `stones` are in row order.
    pub fn new(stones: Vec<PricedDiamond>) -> Self {
        let indexed = stones.into_iter().enumerate().map(|(row, stone)| Indexed { stone, row });
        let mut stones: Vec<_> = indexed.collect();
        stones.sort_unstable_by(|a, b| {
            a.cell().cmp(&b.cell()).then(a.carat().total_cmp(&b.carat())).then_with(|| a.by_price_then_row(b))
        });
        let starts = (0..=N_CELLS).map(|cell| stones.partition_point(|stone| stone.cell() < cell)).collect();
        Self { stones, starts }
    }

    /// Number of stones in the index.
    pub fn len(&self) -> usize {
        self.stones.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.stones.is_empty()
    }

    /// The `n` stones of these very grades that are nearest in weight, nearest first; equally near ones by price,
    /// then by row. Fewer when there are fewer.
    pub fn nearest(&self, FourCs { carat, cut, color, clarity }: FourCs, n: usize) -> Vec<Neighbour> {
        let cell = cell(cut, color, clarity);
        let stones = &self.stones[self.starts[cell]..self.starts[cell + 1]];
        // `left` and `right` bound what has been taken; each step takes the nearer side's group of
        // stones of one weight, in which price and row are in order already.
        let mut left = stones.partition_point(|stone| stone.carat() < carat);
        let mut right = left;
        let mut found: Vec<&Indexed> = Vec::with_capacity(n.min(stones.len()));
        while found.len() < n {
            let difference = |index: usize| (stones[index].carat() - carat).abs();
            let below = left.checked_sub(1).map(difference);
            let above = (right < stones.len()).then(|| difference(right));
            let (is_below, is_above) = match (below, above) {
                (None, None) => break,
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                (Some(below), Some(above)) => (below <= above, above <= below),
            };
            let first = found.len();
            if is_below {
                let weight = stones[left - 1].carat();
                let start = stones[..left].partition_point(|stone| stone.carat() < weight);
                found.extend(stones[start..left].iter().take(n - first));
                left = start;
            }
            if is_above {
                let weight = stones[right].carat();
                let end = right + stones[right..].partition_point(|stone| stone.carat() <= weight);
                found.extend(stones[right..end].iter().take(n - first));
                right = end;
            }
            if is_below && is_above {
                found[first..].sort_by(|a, b| a.by_price_then_row(b));
            }
        }
        found.truncate(n);
        let neighbour = |found: &Indexed| Neighbour {
            stone: found.stone,
            row: found.row,
            carat_difference: (found.carat() - carat).abs(),
        };
        found.into_iter().map(neighbour).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::*;
    use crate::diamond::{Cell, Diamond, Field, RawDiamond};

    fn stone(carat: f64, cut: Cut, clarity: Clarity, price: f64) -> PricedDiamond {
        let raw = RawDiamond::from_cells(|field| match field {
            Field::Carat => Cell::Number(carat),
            Field::Cut => Cell::Text(cut.label()),
            Field::Color => Cell::Text("E"),
            Field::Clarity => Cell::Text(clarity.label()),
            _ => Cell::Number(5.0),
        });
        raw.parse_priced(Cell::Number(price)).unwrap()
    }

    fn four_cs(carat: f64, cut: Cut, color: Color) -> FourCs {
        FourCs { carat, cut, color, clarity: Clarity::IF }
    }

    /// What the answer must be: every stone of the cell, sorted by difference, price and row.
    fn brute_force(stones: &[PricedDiamond], carat: f64, cut: Cut, clarity: Clarity, n: usize) -> Vec<usize> {
        let is_wanted = |stone: &Diamond| stone.cut() == cut && stone.clarity() == clarity;
        let mut rows: Vec<_> = (0..stones.len()).filter(|row| is_wanted(stones[*row].diamond())).collect();
        rows.sort_by(|a, b| {
            let key = |row: usize| ((stones[row].diamond().carat() - carat).abs(), stones[row].price_usd());
            let ((da, pa), (db, pb)) = (key(*a), key(*b));
            da.total_cmp(&db).then(pa.total_cmp(&pb)).then(a.cmp(b))
        });
        rows.truncate(n);
        rows
    }

    #[test]
    fn the_index_answers_as_sorting_everything_would() {
        let seed = 11;
        let mut random = Pcg64::seed_from_u64(seed);
        let cuts = [Cut::Good, Cut::Ideal];
        let clarities = [Clarity::SI1, Clarity::IF];
        for case in 0..300 {
            // Few weights and prices, so that there are ties of every kind; eighths, so that a
            // stone as much lighter as another is heavier is exactly that.
            let n_stones = random.random_range(0..120);
            let stones: Vec<_> = (0..n_stones)
                .map(|_| {
                    let carat = f64::from(random.random_range(1..12)) / 8.0;
                    let (cut, clarity) =
                        (cuts[random.random_range(0..2)], clarities[random.random_range(0..2)]);
                    stone(carat, cut, clarity, f64::from(random.random_range(1..4)))
                })
                .collect();
            let index = SimilarIndex::new(stones.clone());
            let carat = f64::from(random.random_range(1..24)) / 16.0;
            let n = random.random_range(1..30);
            let found = index.nearest(four_cs(carat, Cut::Ideal, Color::E), n);
            let rows: Vec<_> = found.iter().map(|neighbour| neighbour.row).collect();
            let expected = brute_force(&stones, carat, Cut::Ideal, Clarity::IF, n);
            assert_eq!(rows, expected, "seed {seed}, case {case}, carat {carat}, n {n}");
            for neighbour in found {
                assert_eq!(neighbour.stone, stones[neighbour.row]);
                assert_eq!(neighbour.carat_difference, (neighbour.stone.diamond().carat() - carat).abs());
            }
        }
    }

    #[test]
    fn an_empty_cell_has_no_neighbours() {
        let index = SimilarIndex::new(vec![stone(1.0, Cut::Good, Clarity::IF, 5.0)]);
        assert_eq!(index.nearest(four_cs(1.0, Cut::Ideal, Color::E), 5), []);
        assert_eq!(index.nearest(four_cs(1.0, Cut::Good, Color::D), 5), []);
        assert_eq!(index.nearest(four_cs(1.0, Cut::Good, Color::E), 5).len(), 1);
    }
}
