//! What weight and size say about each other. A stone whose numbers contradict one another is not
//! impossible to type, only most likely a typing error: these checks raise suspicion, never certainty.

use super::{Diamond, Fault, Field};

/// Carat per cubic millimetre of `x * y * z`: the median of the 53,940 public stones, of which
/// 99.8 % lie in .00576-.00682.
pub const CARAT_PER_MM3: f64 = 0.006_11;

/// How far weight may be from what the size suggests, as a share.
const WEIGHT_TOLERANCE: f64 = 0.15;
/// How far depth may be from what the size says, in percentage points.
const DEPTH_TOLERANCE: f64 = 2.0;
/// Length over width of a stone that is nearly round.
const ROUNDNESS: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// Total depth in percent that the dimensions (mm) imply: `100 * z / mean(x, y)`.
pub fn depth_percent(x: f64, y: f64, z: f64) -> f64 {
    200.0 * z / (x + y)
}

impl Diamond {
    /// Whether the weight, the depth, and length and width contradict the other numbers.
    #[inline]
    fn contradictions(&self) -> [bool; 3] {
        let depth = depth_percent(self.x, self.y, self.z);
        [
            (self.carat / self.carat_of_size() - 1.0).abs() > WEIGHT_TOLERANCE,
            (self.depth - depth).abs() > DEPTH_TOLERANCE,
            !ROUNDNESS.contains(&(self.x / self.y)),
        ]
    }

    fn carat_of_size(&self) -> f64 {
        self.x * self.y * self.z * CARAT_PER_MM3
    }

    /// Whether there are no [`Self::suspicions`].
    #[inline]
    pub(super) fn is_consistent(&self) -> bool {
        self.contradictions() == [false; 3]
    }

    /// Every way in which the stone's numbers contradict each other; empty for a plausible stone.
    pub fn suspicions(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let [weight, depth, roundness] = self.contradictions();
        if weight {
            faults.push(Fault::suspect(
                Field::Carat,
                self.carat,
                format!("does not fit a stone of {} x {} x {} mm", self.x, self.y, self.z),
                format!("{:.2} ct, give or take 15 %", self.carat_of_size()),
            ));
        }
        if depth {
            let depth = depth_percent(self.x, self.y, self.z);
            faults.push(Fault::suspect(
                Field::Depth,
                self.depth,
                format!("does not fit a stone of {} x {} x {} mm", self.x, self.y, self.z),
                format!("{depth:.1} %, give or take 2 points"),
            ));
        }
        if roundness {
            faults.push(Fault::suspect(
                Field::X,
                self.x,
                format!("is too far from the width y = {}", self.y),
                "a length between 0.9 and 1.1 times the width".into(),
            ));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Cell, RawDiamond};
    use super::*;

    fn stone(carat: f64, depth: f64, [x, y, z]: [f64; 3]) -> Diamond {
        RawDiamond {
            carat: Cell::Number(carat),
            cut: Cell::Text("Ideal"),
            color: Cell::Text("E"),
            clarity: Cell::Text("VS1"),
            depth: Cell::Number(depth),
            table: Cell::Number(57.0),
            x: Cell::Number(x),
            y: Cell::Number(y),
            z: Cell::Number(z),
            objections: &[],
        }
        .parse()
        .unwrap()
    }

    #[test]
    fn a_real_stone_raises_no_suspicion() {
        assert_eq!(stone(0.23, 61.5, [3.95, 3.98, 2.43]).suspicions(), []);
    }

    #[test]
    fn a_slipped_decimal_point_raises_suspicion_in_every_number_it_contradicts() {
        let faults = stone(2.0, 58.9, [8.09, 58.9, 8.06]).suspicions();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
        assert_eq!(fields, [Field::Carat, Field::Depth, Field::X]);
    }

    #[test]
    fn the_limits_are_fifteen_percent_two_points_and_a_tenth() {
        const SIZE: [f64; 3] = [8.0, 8.0, 5.0];
        let carat = 8.0 * 8.0 * 5.0 * CARAT_PER_MM3;
        assert_eq!(stone(carat * 1.149, 62.5, SIZE).suspicions(), []);
        assert_eq!(stone(carat * 1.151, 62.5, SIZE).suspicions()[0].field, Field::Carat);
        assert_eq!(stone(carat, 64.49, SIZE).suspicions(), []);
        assert_eq!(stone(carat, 64.51, SIZE).suspicions()[0].field, Field::Depth);
    }
}
