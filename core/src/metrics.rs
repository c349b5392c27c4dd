//! How far predictions are from what stones were sold for. `actual` always comes first.

use crate::math::square;

use serde::{Deserialize, Serialize};

/// The figures by which models are judged, all on one set of stones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Stones judged on.
    pub n_rows: usize,
    /// Mean absolute error in US dollars: the figure that ranks models.
    pub mae_usd: f64,
    /// Root of the mean squared error in US dollars.
    pub rmse_usd: f64,
    /// Share of the variance of prices that is explained; 1 is perfect, 0 no better than the mean.
    pub r2: f64,
    /// Mean absolute error as a share of the price (0.08 is 8 %).
    pub mape: f64,
    /// Mean absolute error in US dollars over the tenth of the stones that are priced worst.
    pub worst_decile_usd: f64,
}

impl Metrics {
    /// Whether every figure is a finite number.
    pub fn is_finite(&self) -> bool {
        let figures = [self.mae_usd, self.rmse_usd, self.r2, self.mape, self.worst_decile_usd];
        figures.into_iter().all(f64::is_finite)
    }

    /// Compares pairwise; both slices hold US dollars, as many in each and at least one.
    pub fn of(actual: &[f64], predicted: &[f64]) -> Self {
        let n = actual.len() as f64;
        let mut errors = absolute_errors(actual, predicted);
        let mean = actual.iter().sum::<f64>() / n;
        let squares = errors.iter().map(|error| error * error).sum::<f64>();
        let variance = actual.iter().map(|value| square(value - mean)).sum::<f64>();
        let relative = errors.iter().zip(actual).map(|(error, value)| error / value).sum::<f64>();
        let mae_usd = mean_absolute_error(actual, predicted);
        errors.sort_by(|a, b| b.total_cmp(a));
        let worst = &errors[..errors.len().div_ceil(10)];
        Self {
            n_rows: actual.len(),
            mae_usd,
            rmse_usd: (squares / n).sqrt(),
            r2: explained(squares, variance),
            mape: relative / n,
            worst_decile_usd: worst.iter().sum::<f64>() / worst.len() as f64,
        }
    }
}

/// The stones of one band of weight, and how far predictions are off for them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CaratBand {
    /// Lightest weight in carat, included.
    pub from_carat: f64,
    /// Heaviest weight in carat, not included; infinite for the last band.
    pub to_carat: f64,
    /// The figures of its stones.
    pub metrics: Metrics,
}

/// The figures by band of weight, lightest first; a band without stones is left out. `edges` are
/// the weights (carat, ascending) at which a new band begins; all slices of stones are equally long.
pub fn by_carat(carat: &[f64], actual: &[f64], predicted: &[f64], edges: &[f64]) -> Vec<CaratBand> {
    let band = |weight: f64| edges.partition_point(|edge| *edge <= weight);
    let of_band = |number: usize| {
        let rows = (0..carat.len()).filter(|row| band(carat[*row]) == number);
        let (actual, predicted): (Vec<_>, Vec<_>) = rows.map(|row| (actual[row], predicted[row])).unzip();
        (!actual.is_empty()).then(|| CaratBand {
            from_carat: number.checked_sub(1).map_or(0.0, |before| edges[before]),
            to_carat: edges.get(number).copied().unwrap_or(f64::INFINITY),
            metrics: Metrics::of(&actual, &predicted),
        })
    };
    (0..=edges.len()).filter_map(of_band).collect()
}

/// R2 = 1 - squares / variance; where all prices are equal, 1 if they are met exactly, else 0, as
/// scikit-learn has it.
fn explained(squares: f64, variance: f64) -> f64 {
    match (squares > 0.0, variance > 0.0) {
        (_, true) => 1.0 - squares / variance,
        (false, false) => 1.0,
        (true, false) => 0.0,
    }
}

/// `|actual - predicted|`, pairwise, in the unit of both.
pub fn absolute_errors(actual: &[f64], predicted: &[f64]) -> Vec<f64> {
    actual.iter().zip(predicted).map(|(actual, predicted)| (actual - predicted).abs()).collect()
}

/// Mean of [`absolute_errors`], in the unit of both; NaN of nothing.
pub fn mean_absolute_error(actual: &[f64], predicted: &[f64]) -> f64 {
    let errors = actual.iter().zip(predicted).map(|(actual, predicted)| (actual - predicted).abs());
    errors.sum::<f64>() / actual.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_worked_out_by_hand() {
        let metrics = Metrics::of(&[100.0, 200.0, 300.0, 400.0], &[110.0, 180.0, 300.0, 440.0]);
        assert_eq!(metrics.n_rows, 4);
        assert_eq!(metrics.mae_usd, 17.5);
        assert_eq!(metrics.rmse_usd, 525.0_f64.sqrt());
        assert_eq!(metrics.r2, 1.0 - 2100.0 / 50_000.0);
        assert_eq!(metrics.mape, (0.1 + 0.1 + 0.0 + 0.1) / 4.0);
        assert_eq!(metrics.worst_decile_usd, 40.0);
    }

    #[test]
    fn equal_prices_leave_no_figure_undefined() {
        assert_eq!(Metrics::of(&[500.0, 500.0], &[500.0, 500.0]).r2, 1.0);
        let off = Metrics::of(&[500.0], &[510.0]);
        assert!(off.r2 == 0.0 && off.is_finite(), "{off:?}");
        assert!(!Metrics::of(&[500.0], &[f64::INFINITY]).is_finite());
    }

    #[test]
    fn a_stone_on_an_edge_belongs_to_the_heavier_band_and_empty_bands_are_left_out() {
        let bands =
            by_carat(&[0.3, 0.5, 0.69, 2.5], &[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0, 1.0, 1.0], &[0.5, 0.7, 2.0]);
        let shown: Vec<_> = bands.iter().map(|b| (b.from_carat, b.to_carat, b.metrics.n_rows)).collect();
        assert_eq!(shown, [(0.0, 0.5, 1), (0.5, 0.7, 2), (2.0, f64::INFINITY, 1)]);
        assert_eq!(bands[1].metrics.mae_usd, 1.5);
    }

    #[test]
    fn a_worse_model_has_a_larger_error() {
        let actual = [1000.0, 2000.0];
        let near = Metrics::of(&actual, &[1010.0, 2010.0]);
        let far = Metrics::of(&actual, &[1100.0, 2300.0]);
        assert!(near.mae_usd < far.mae_usd && near.r2 > far.r2);
    }
}
