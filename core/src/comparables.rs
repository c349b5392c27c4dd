//! The stones most like a given one: same cut, color and clarity, nearest in weight. Exact, not
//! approximate: the answer is what sorting all stones would give.

use crate::diamond::{Clarity, Color, Cut, Diamond, Grade, PricedDiamond};

const N_CELLS: usize = Cut::ALL.len() * Color::ALL.len() * Clarity::ALL.len();

/// An index over priced stones.
pub struct Comparables {
    /// The stones by cell, then carat, then price, then row.
    stones: Vec<PricedDiamond>,
    /// Cell `c` is `stones[starts[c]..starts[c + 1]]`.
    starts: Vec<usize>,
}

/// A stone found, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The stone.
    pub stone: PricedDiamond,
    /// `|carat - carat asked|`.
    pub carat_difference: f64,
}

fn cell(cut: Cut, color: Color, clarity: Clarity) -> usize {
    (cut.rank() * Color::ALL.len() + color.rank()) * Clarity::ALL.len() + clarity.rank()
}

fn cell_of(stone: &Diamond) -> usize {
    cell(stone.cut(), stone.color(), stone.clarity())
}

impl Comparables {
    /// Builds the index; `stones` are in row order.
    pub fn new(mut stones: Vec<PricedDiamond>) -> Self {
        let key =
            |stone: &PricedDiamond| (cell_of(stone.diamond()), stone.diamond().carat(), stone.price_usd());
        // Stable, so that equal keys stay in row order.
        stones.sort_by(|a, b| {
            let ((cell_a, carat_a, price_a), (cell_b, carat_b, price_b)) = (key(a), key(b));
            cell_a.cmp(&cell_b).then(carat_a.total_cmp(&carat_b)).then(price_a.total_cmp(&price_b))
        });
        let starts = (0..=N_CELLS)
            .map(|cell| stones.partition_point(|stone| cell_of(stone.diamond()) < cell))
            .collect();
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

    /// The `n` stones of these grades nearest to `carat`, nearest first; equally near ones by price,
    /// then by row. Fewer when there are fewer.
    pub fn nearest(&self, carat: f64, cut: Cut, color: Color, clarity: Clarity, n: usize) -> Vec<Neighbour> {
        let cell = cell(cut, color, clarity);
        let stones = &self.stones[self.starts[cell]..self.starts[cell + 1]];
        // `left` and `right` bound what has been taken; each step takes the nearer side's group of
        // stones of one weight, in which price and row are in order already.
        let mut left = stones.partition_point(|stone| stone.diamond().carat() < carat);
        let mut right = left;
        let mut found: Vec<Neighbour> = Vec::with_capacity(n.min(stones.len()));
        while found.len() < n {
            let difference = |index: usize| (stones[index].diamond().carat() - carat).abs();
            let below = left.checked_sub(1).map(difference);
            let above = (right < stones.len()).then(|| difference(right));
            let (is_below, is_above) = match (below, above) {
                (None, None) => break,
                (Some(_), None) => (true, false),
                (None, Some(_)) => (false, true),
                (Some(below), Some(above)) => (below <= above, above <= below),
            };
            let first = found.len();
            let mut take = |group: &[PricedDiamond]| {
                let neighbour = |stone: &PricedDiamond| Neighbour {
                    stone: *stone,
                    carat_difference: (stone.diamond().carat() - carat).abs(),
                };
                found.extend(group.iter().take(n - first).map(neighbour));
            };
            if is_below {
                let weight = stones[left - 1].diamond().carat();
                let start = stones[..left].partition_point(|stone| stone.diamond().carat() < weight);
                take(&stones[start..left]);
                left = start;
            }
            if is_above {
                let weight = stones[right].diamond().carat();
                let end = right + stones[right..].partition_point(|stone| stone.diamond().carat() <= weight);
                take(&stones[right..end]);
                right = end;
            }
            if is_below && is_above {
                // Equally near on both sides. Row order survives because the sort is stable and, of
                // two rows of equal price, only one can come from each side's weight.
                found[first..].sort_by(|a, b| a.stone.price_usd().total_cmp(&b.stone.price_usd()));
            }
        }
        found.truncate(n);
        found
    }
}
