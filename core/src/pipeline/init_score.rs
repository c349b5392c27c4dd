//! The simple model that another one starts from and corrects. A sum knows from few stones what is
//! smooth or adds up, for which trees need many; trees know the rest.
//!
//! Source: Friedman, "Greedy function approximation" (2001), boosting from a first guess; the guess is most often
//! a constant and here a regression.

use ndarray::{Array1, Array2, ArrayView2, s};

use crate::diamond::{Diamond, PricedDiamond};
use crate::error::{Error, Result};
use crate::features::{Encoder, Encoding};
use crate::interrupt::Interrupt;
use crate::model::{Estimator, FeatureKind, Params, Regressor, Samples};

/// How to fit a [`InitScore`].
pub struct InitScoreRecipe {
    /// From stones to its own features.
    pub encoding: Encoding,
    /// The algorithm.
    pub estimator: Box<dyn Estimator>,
    /// Its parameters.
    pub params: Params,
}

/// A fitted model to start from.
pub(super) struct InitScore {
    pub(super) encoder: Encoder,
    pub(super) regressor: Box<dyn Regressor>,
    /// Least and greatest weight in carat that it learned from.
    pub(super) carat: [f64; 2],
}

impl InitScoreRecipe {
    /// Fits it to the same target as the model that will correct it.
    pub(super) fn fit(
        &self,
        stones: &[PricedDiamond],
        target: &Array1<f64>,
        weight: Option<&Array1<f64>>,
        interrupt: &Interrupt,
    ) -> Result<InitScore> {
        let bare = || stones.iter().map(PricedDiamond::diamond);
        let encoder = self.encoding.fit(bare());
        let (features, kinds) = (encoder.encode(bare()), encoder.kinds());
        let samples = Samples {
            features: features.view(),
            target: target.view(),
            kinds: &kinds,
            weight: weight.map(Array1::view),
        };
        let regressor = self.estimator.fit(samples, &self.params, 0, interrupt)?;
        let carat = bare().map(Diamond::carat);
        let carat = [carat.clone().fold(f64::INFINITY, f64::min), carat.fold(0.0, f64::max)];
        InitScore::new(encoder, regressor, carat)
    }
}

impl InitScore {
    /// Takes back what was stored.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when its parts do not fit each other.
    pub(super) fn new(encoder: Encoder, regressor: Box<dyn Regressor>, carat: [f64; 2]) -> Result<Self> {
        let is_sound = carat[0] > 0.0 && carat[0] <= carat[1] && carat[1].is_finite();
        if is_sound && encoder.n_features() == regressor.n_features() {
            return Ok(Self { encoder, regressor, carat });
        }
        Err(Error::model_file("the parts of the model that it starts from do not fit each other"))
    }

    /// One value a stone. A stone beyond the weights that were learned from has the value of one at their
    /// end: the powers in a sum explode there.
    fn values<'a>(&self, stones: impl Iterator<Item = &'a Diamond>) -> Array1<f64> {
        let [least, greatest] = self.carat;
        let stones: Vec<_> =
            stones.map(|stone| stone.scaled_to(stone.carat().clamp(least, greatest))).collect();
        self.regressor.predict(self.encoder.encode(stones.iter()).view())
    }
}

/// What a model sees of stones: its encoder's features and, where it starts from another model, that one's value as
/// the last column.
pub(super) fn features<'a>(
    encoder: &Encoder,
    init_score: Option<&InitScore>,
    stones: impl ExactSizeIterator<Item = &'a Diamond> + Clone,
) -> Array2<f64> {
    let own = encoder.encode(stones.clone());
    let Some(init_score) = init_score else { return own };
    let (n_rows, n_columns) = own.dim();
    let mut all = Array2::zeros((n_rows, n_columns + 1));
    all.slice_mut(s![.., ..n_columns]).assign(&own);
    all.column_mut(n_columns).assign(&init_score.values(stones));
    all
}

/// What each column of [`features`] holds.
pub(super) fn kinds(encoder: &Encoder, init_score: Option<&InitScore>) -> Vec<FeatureKind> {
    encoder.kinds().into_iter().chain(init_score.map(|_| FeatureKind::Number)).collect()
}

/// The names of the columns of [`features`].
pub(super) fn names(encoder: &Encoder, init_score: Option<&InitScore>) -> Vec<String> {
    encoder.names().into_iter().chain(init_score.map(|_| "start".to_owned())).collect()
}

/// Where a model starts, for each row of [`features`]; `None` where it starts from nothing.
pub(super) fn starts(features: ArrayView2<'_, f64>, init_score: Option<&InitScore>) -> Option<Array1<f64>> {
    init_score.map(|_| features.column(features.ncols() - 1).to_owned())
}
