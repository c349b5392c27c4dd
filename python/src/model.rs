//! `xtream_core.Model`

use std::sync::Arc;

use numpy::PyArray1;
use pyo3::exceptions::PyUserWarning;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use serde_json::json;
use xtream_core::diamond::{Cell, Field, RawDiamond};
use xtream_core::registry::BlobKind;
use xtream_core::similar::Neighbour;
use xtream_core::training::known_stones;
use xtream_core::{Error, PricedDiamond, Registry, Result};

use crate::appraisals;
use crate::arguments::{Decimal, whole};
use crate::error;
use crate::faults::Refused;
use crate::interruptible::interruptible;
use crate::loaded::Loaded;
use crate::place::Place;
use crate::rows::{OnFault, Rows};
use crate::to_python::to_python;
use crate::validate::kept;

/// A fitted model of a registry. `Registry.champion` and `Registry.load` give one.
///
/// Examples
/// --------
/// >>> import xtream_core as xc
/// >>> model = xc.Registry("registry").champion()
/// >>> model.family
/// 'xgboost'
/// >>> df = xc.validate("data/first-delivery.csv").clean
/// >>> df["price_usd"] = model.predict(df)
/// >>> bool((df["price_usd"] - df["price"]).abs().mean() < 300)
/// True
// With attributes of its own: scikit-learn notes things on what it works with.
#[pyclass(frozen, dict, module = "xtream_core")]
pub(crate) struct Model(Arc<Loaded>);

impl Model {
    /// Loads the model from the registry.
    pub(crate) fn load(registry: &Arc<Registry>, version: u64) -> Result<Self> {
        Ok(Self(Arc::new(Loaded::from_registry(registry, version)?)))
    }
}

#[pymethods]
impl Model {
    /// Its number in the registry.
    #[getter]
    fn version(&self) -> u64 {
        self.0.card.version
    }

    /// Family of models, such as `xgboost`.
    #[getter]
    fn family(&self) -> &str {
        self.0.pipeline.family()
    }

    /// Everything that is known about it, as `xtream models show --json` prints it: its rows, its
    /// parameters, and how good it is on the test rows (errors in US dollars).
    #[getter]
    fn card<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        card(py, &json!(self.0.card))
    }

    /// Prices many stones.
    ///
    /// Parameters
    /// ----------
    /// data : frame, str or os.PathLike
    ///     A frame of pandas (2.2 or later, with pyarrow), polars or pyarrow, anything with the Arrow
    ///     PyCapsule interface, or a CSV or Parquet file. Columns `carat` (ct), `cut`, `color` and
    ///     `clarity` must be there; `depth` and `table` (percent) and `x`, `y` and `z` (mm) are
    ///     estimated where they are missing or null. Other columns are left aside.
    /// errors : {"raise", "nan"}
    ///     What to do with rows that have no price: refuse them all, or give them NaN.
    ///
    /// Returns
    /// -------
    /// numpy.ndarray, shape (n_rows,), float64
    ///     One price in US dollars a row, in order: the same, bit for bit, as from the command line
    ///     and the REST API.
    ///
    /// Raises
    /// ------
    /// InvalidDiamondError
    ///     With `errors="raise"`: rows that cannot be diamonds, and those (field `price`) that the model has no
    ///     price for, as no diamond could have it (`estimator` gives scikit-learn the number all the same). It names row (from 0; for a file, its line from 1), field,
    ///     value and what is allowed for the first faults, and counts the rest; its `faults` are all of them.
    /// InvalidInputError
    ///     A column is missing, or the file cannot be used.
    ///
    /// Examples
    /// --------
    /// >>> import pandas as pd
    /// >>> model = xc.Registry("registry").champion()
    /// >>> stones = pd.DataFrame({"carat": [0.5, 1.2], "cut": "Ideal", "color": "E", "clarity": "VS1"})
    /// >>> small, large = model.predict(stones)
    /// >>> bool(small < large)
    /// True
    #[pyo3(signature = (data, *, errors="raise"))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        errors: &str,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let on_fault = OnFault::named(errors).map_err(|error| error::to_python(py, &error))?;
        let rows = Rows::from_python(data)?;
        let model = Arc::clone(&self.0);
        let priced =
            interruptible(py, None, move |_, interrupt| rows.price(&model.pipeline, on_fault, interrupt))?;
        let prices = priced.map_err(|refused: Refused| error::invalid_diamonds(py, refused))?;
        if prices.n_beyond > 0 {
            let message = format!(
                "{} of {} stones lie beyond those that the model learned from, so their prices are guesses; the \
                 column `warnings` of `Model.value` says why",
                prices.n_beyond,
                prices.usd.len()
            );
            let message = std::ffi::CString::new(message)?;
            PyErr::warn(py, &py.get_type::<PyUserWarning>(), &message, 1)?;
        }
        Ok(PyArray1::from_vec(py, prices.usd))
    }

    /// How good its prices are for stones that were sold.
    ///
    /// Parameters
    /// ----------
    /// data : frame, str or os.PathLike
    ///     As for `predict`, with a column `price` (US dollars).
    ///
    /// Returns
    /// -------
    /// dict
    ///     `n_rows`; `mae_usd`, `rmse_usd` and `worst_decile_usd` (US dollars); `r2`; `mape`, a share of the price
    ///     (0.07 is 7 %); and `n_known`, how many of the rows are stones that it was trained on and so knows better
    ///     than others (None where its registry is out of reach).
    ///
    /// Raises
    /// ------
    /// InvalidDiamondError
    ///     Rows that cannot be diamonds or have no price.
    ///
    /// Examples
    /// --------
    /// >>> model = xc.Registry("registry").champion()
    /// >>> metrics = model.evaluate(xc.validate("data/second-delivery.csv").clean)
    /// >>> 0 < metrics["mape"] < 0.2
    /// True
    fn evaluate<'py>(slf: &Bound<'py, Self>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("xtream_core._compare")?.call_method1("evaluate", (slf, data))
    }

    /// Of each row what it was sold for and what the model makes of it, both US dollars, and whether it was trained
    /// on that stone; the last is None where its registry is out of reach.
    fn _price_sold<'py>(&self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let rows = Rows::from_python(data)?;
        let model = Arc::clone(&self.0);
        let judged = interruptible(py, None, move |_, interrupt| {
            let stones = match rows.stones(&model.pipeline, true, interrupt)? {
                Ok(stones) => stones,
                Err(refused) => return Ok(Err(refused)),
            };
            let bare = || stones.iter().map(PricedDiamond::diamond);
            let predicted = model.pipeline.predict(bare());
            let is_known = match model.dataset() {
                Ok(dataset) => Some(known_stones(&dataset, bare())),
                Err(Error::NoRegistry { .. }) => None,
                Err(error) => return Err(error),
            };
            let actual: Vec<_> = stones.iter().map(PricedDiamond::price_usd).collect();
            Ok(Ok((actual, predicted, is_known)))
        })?;
        let (actual, predicted, is_known) =
            judged.map_err(|refused: Refused| error::invalid_diamonds(py, refused))?;
        let columns = PyDict::new(py);
        columns.set_item("actual", PyArray1::from_vec(py, actual))?;
        columns.set_item("predicted", PyArray1::from_vec(py, predicted))?;
        columns.set_item("is_known", is_known.map(|is_known| PyArray1::from_vec(py, is_known)))?;
        Ok(columns)
    }

    /// For scikit-learn, as a model that is fitted already: nothing is learned.
    ///
    /// Returns
    /// -------
    /// the model itself
    #[pyo3(signature = (X, y=None))]
    #[allow(non_snake_case, reason = "scikit-learn's name")]
    fn fit<'py>(
        slf: Bound<'py, Self>,
        X: &Bound<'py, PyAny>,
        y: Option<&Bound<'py, PyAny>>,
    ) -> Bound<'py, Self> {
        let _ = (X, y);
        slf
    }

    /// For scikit-learn: R2 of its prices against `y` (US dollars). As in all judging, the bare numbers of the model
    /// count, also where no diamond could have such a price.
    #[pyo3(signature = (X, y))]
    #[allow(non_snake_case, reason = "scikit-learn's name")]
    fn score<'py>(
        slf: &Bound<'py, Self>,
        X: &Bound<'py, PyAny>,
        y: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("xtream_core._compare")?.call_method1("score", (slf, X, y))
    }

    /// This model as scikit-learn judges models: an estimator whose `predict` gives the model's number for each stone,
    /// also where `Model.predict` refuses it because no diamond could have such a price. `permutation_importance` and
    /// others that shuffle stones meet such numbers, and their named scorers cannot go on without one.
    ///
    /// Examples
    /// --------
    /// >>> from sklearn.inspection import permutation_importance
    /// >>> model = xc.Registry("registry").champion()
    /// >>> stones = xc.validate("data/second-delivery.csv").clean.head(500)
    /// >>> X, y = stones.drop(columns="price"), stones["price"]
    /// >>> found = permutation_importance(model.estimator, X, y, scoring="neg_mean_absolute_error", n_repeats=1)
    /// >>> len(found.importances_mean)
    /// 9
    #[getter]
    fn estimator<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("xtream_core._model_estimator")?.call_method1("ModelEstimator", (slf,))
    }

    /// The model's bare number for each row.
    fn _numbers<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let rows = Rows::from_python(data)?;
        let model = Arc::clone(&self.0);
        let numbers = interruptible(py, None, move |_, interrupt| rows.numbers(&model.pipeline, interrupt))?;
        numbers
            .map(|numbers| PyArray1::from_vec(py, numbers))
            .map_err(|refused: Refused| error::invalid_diamonds(py, refused))
    }

    /// For scikit-learn: there are no parameters to set.
    #[pyo3(signature = (deep=true))]
    fn get_params<'py>(&self, py: Python<'py>, deep: bool) -> Bound<'py, PyDict> {
        let _ = deep;
        PyDict::new(py)
    }

    fn __sklearn_clone__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __sklearn_is_fitted__(&self) -> bool {
        true
    }

    fn __sklearn_tags__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("xtream_core._compare")?.call_method0("tags")
    }

    /// The value of one stone, or of many.
    ///
    /// Parameters
    /// ----------
    /// data : frame, str or os.PathLike, optional
    ///     Many stones, as for `predict`. One stone is given by keywords instead: `carat` in ct, `cut`, `color`
    ///     and `clarity`, and, where they are known, `depth` and `table` in percent, `x`, `y`, `z` in mm.
    /// confidence : float
    ///     How often the range shall hold the price, from 0.5 to 0.99.
    ///
    /// Returns
    /// -------
    /// dict
    ///     Of one stone: `price_usd`; its `range` with `low_usd`, `high_usd` and `confidence`, or None for a
    ///     model that was trained without ranges (a warning says so); in `assumed` the names of the measurements that were
    ///     missing and had to be estimated; and in `warnings`, each a dict, what looks mistyped and what lies
    ///     beyond the stones that the model learned from. There the confidence is None: nobody knows it.
    /// frame of the same kind
    ///     Of many: one row for each, in order (and with the same index in pandas), with `price_usd`,
    ///     `low_usd`, `high_usd` and their `confidence` (NaN beyond what was learned from), the price `average_usd` of the average stone, and what moves this one's
    ///     away from it: `reason_size_usd`, `reason_color_usd`, `reason_clarity_usd`, `reason_cut_usd` and
    ///     `reason_proportions_usd` (exact Shapley values), which add up with the average to the price. All but
    ///     the confidence are US dollars, float64; NaN where the model has no such figure. `warnings` is a text, empty
    ///     for most stones.
    ///
    /// Raises
    /// ------
    /// InvalidDiamondError
    ///     Every fault of what was given; or that the stone lies too far beyond those that the model learned
    ///     from (field `carat` or `price`).
    /// InvalidInputError
    ///     Another confidence, or as `predict`.
    ///
    /// Notes
    /// -----
    /// The reasons of one stone take about as long as a thousand prices. Prices alone: `predict`.
    ///
    /// Examples
    /// --------
    /// >>> model = xc.Registry("registry").champion()
    /// >>> model.value(carat=1.2, cut="premium", color="e", clarity="vs1", depth=61.0)["assumed"]
    /// ['table', 'x', 'y', 'z']
    /// >>> import pandas as pd
    /// >>> stones = pd.DataFrame({"carat": [0.5, 1.2], "cut": "Ideal", "color": "E", "clarity": "VS1"})
    /// >>> valued = model.value(stones, confidence=0.95)
    /// >>> bool((valued["low_usd"] < valued["price_usd"]).all())
    /// True
    /// >>> bool(valued["reason_size_usd"][0] < valued["reason_size_usd"][1])
    /// True
    #[pyo3(signature = (data=None, *, confidence=0.9, carat=None, cut=None, color=None, clarity=None,
                        depth=None, table=None, x=None, y=None, z=None))]
    #[allow(clippy::too_many_arguments, reason = "keywords, one for each column")]
    fn value<'py>(
        slf: &Bound<'py, Self>,
        data: Option<&Bound<'py, PyAny>>,
        confidence: f64,
        carat: Option<Decimal>,
        cut: Option<&str>,
        color: Option<&str>,
        clarity: Option<&str>,
        depth: Option<Decimal>,
        table: Option<Decimal>,
        x: Option<Decimal>,
        y: Option<Decimal>,
        z: Option<Decimal>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let number =
            |value: Option<Decimal>| value.map_or(Cell::Missing, |Decimal(value)| Cell::Number(value));
        fn text(value: Option<&str>) -> Cell<'_> {
            value.map_or(Cell::Missing, Cell::Text)
        }
        let stone = RawDiamond {
            carat: number(carat),
            cut: text(cut),
            color: text(color),
            clarity: text(clarity),
            depth: number(depth),
            table: number(table),
            x: number(x),
            y: number(y),
            z: number(z),
            objections: &[],
        };
        if let Some(data) = data {
            let numbers = [carat, depth, table, x, y, z];
            let grades = [cut, color, clarity];
            if numbers.iter().any(Option::is_some) || grades.iter().any(Option::is_some) {
                let reason = "data and a stone by keywords at once".into();
                let allowed = "one of the two".into();
                return Err(error::to_python(py, &Error::Usage { reason, allowed }));
            }
            return py.import("xtream_core._value")?.call_method1("value", (slf, data, confidence));
        }
        appraisals::of_one(py, &slf.get().0.pipeline, stone, confidence)
    }

    /// Why these prices: how size, color, clarity, cut and proportions move each away from the price of
    /// the average stone.
    ///
    /// Parameters
    /// ----------
    /// data : frame, str or os.PathLike
    ///     As for `predict`.
    ///
    /// Returns
    /// -------
    /// frame of the same kind
    ///     Five rows for each stone, one for each property: `row` (from 0), `group` (`size`, `color`, `clarity`,
    ///     `cut` or `proportions`), `amount_usd` (US dollars; with `average_usd`, the price of the average
    ///     stone, the five add up to the price) and a `sentence` for a customer. No rows for a model that was
    ///     trained before there were reasons.
    ///
    /// Raises
    /// ------
    /// InvalidDiamondError, InvalidInputError
    ///     As `predict`.
    ///
    /// Examples
    /// --------
    /// >>> import pandas as pd
    /// >>> model = xc.Registry("registry").champion()
    /// >>> stone = pd.DataFrame({"carat": [1.2], "cut": "Ideal", "color": "E", "clarity": "VVS1"})
    /// >>> reasons = model.explain(stone)
    /// >>> reasons["group"].tolist()
    /// ['size', 'color', 'clarity', 'cut', 'proportions']
    /// >>> reasons["sentence"][2].endswith("for clarity VVS1 against an average stone")
    /// True
    fn explain<'py>(slf: &Bound<'py, Self>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("xtream_core._value")?.call_method1("explain", (slf, data))
    }

    /// Price, range and reasons, an array for each.
    fn _appraise<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        confidence: f64,
    ) -> PyResult<Bound<'py, PyDict>> {
        appraisals::of_many(py, &self.0, data, confidence)
    }

    /// The training stones of the same cut, color and clarity that are nearest in weight; equally
    /// near ones by price, then by row.
    ///
    /// Parameters
    /// ----------
    /// carat : float
    ///     Weight in ct.
    /// cut, color, clarity : str
    ///     Grades, regardless of case.
    /// n : int
    ///     How many; there are fewer when there are fewer.
    ///
    /// Returns
    /// -------
    /// list of dict
    ///     Each stone's features, its `price_usd` and its `carat_difference`.
    ///
    /// Raises
    /// ------
    /// InvalidDiamondError
    ///     A weight or grade that cannot be.
    /// InvalidInputError
    ///     `n` is not at least 1.
    ///
    /// Examples
    /// --------
    /// >>> model = xc.Registry("registry").champion()
    /// >>> found = model.similar(carat=1.2, cut="Premium", color="E", clarity="VS1", n=3)
    /// >>> [(stone["carat"], stone["cut"]) for stone in found]
    /// [(1.2, 'Premium'), (1.19, 'Premium'), (1.21, 'Premium')]
    #[pyo3(signature = (*, carat, cut, color, clarity, n=5))]
    fn similar<'py>(
        &self,
        py: Python<'py>,
        carat: Decimal,
        cut: &str,
        color: &str,
        clarity: &str,
        n: i128,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = py.detach(|| {
            let n = whole("n", n, 1)?;
            let asked = RawDiamond::from_cells(|field| match field {
                Field::Carat => Cell::Number(carat.0),
                Field::Cut => Cell::Text(cut),
                Field::Color => Cell::Text(color),
                Field::Clarity => Cell::Text(clarity),
                _ => Cell::Missing,
            });
            let asked = asked.four_cs().map_err(|faults| Error::InvalidDiamond { faults })?;
            let index = self.0.comparables()?;
            Ok(index.nearest(asked, n))
        });
        let found: Vec<Neighbour> = found.map_err(|error: Error| error::to_python(py, &error))?;
        to_python(py, &json!(found))
    }

    /// The trials of the search that found its parameters, by number: each a dict with `number`,
    /// `params`, `state` ("complete", or "pruned", which is given up early), `value` (mean absolute
    /// error in US dollars on the validation rows; None unless complete), `curve` and `folds` (the error after so many
    /// rounds and folds). Empty when there was no search.
    fn trials<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let trials = self._study(py)?;
        for trial in trials.try_iter()? {
            let trial = trial?;
            if trial.get_item("state")?.ne("complete")? {
                // On fewer rows than the others, it would look better than it is.
                trial.set_item("value", py.None())?;
            }
        }
        Ok(trials)
    }

    /// The trials as they were written down.
    fn _study<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let read = || -> Result<Vec<serde_json::Value>> {
            let Some(search) = &self.0.card.record.search else { return Ok(Vec::new()) };
            let study = self.0.registry()?.blob(BlobKind::Study, &search.study)?;
            // The first line says what was searched.
            let lines = study.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.is_empty());
            let trials = lines.map(serde_json::from_slice).collect::<std::result::Result<_, _>>();
            trials.map_err(|fault| Error::Damaged { what: "a study".into(), reason: fault.to_string() })
        };
        let trials = py.detach(read).map_err(|error| error::to_python(py, &error))?;
        to_python(py, &json!(trials))
    }

    /// The rows that it was trained and tested on, as lists and arrays by column.
    fn _rows<'py>(&self, py: Python<'py>, side: &str) -> PyResult<Bound<'py, PyDict>> {
        let rows = py
            .detach(|| self.0.dataset().map(|data| if side == "test" { data.test() } else { data.train() }));
        kept(py, &rows.map_err(|error| error::to_python(py, &error))?)
    }

    /// For pickle: the model's file, its card and the place of its registry. The file is checked in
    /// full when it is taken back.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Kept<'py>)> {
        let bytes = self.0.pipeline.to_bytes().map_err(|error| error::to_python(py, &error))?;
        let restore = py.import("xtream_core._native")?.getattr("_restore_model")?;
        let kept = (PyBytes::new(py, &bytes), json!(self.0.card).to_string(), self.0.place.clone());
        Ok((restore, kept))
    }

    /// The card as a table, for notebooks.
    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        self.card(py)?.call_method0("_repr_html_")?.extract()
    }

    fn __repr__(&self) -> String {
        format!("Model(version={}, family={:?})", self.0.card.version, self.0.pipeline.family())
    }
}

/// What a pickle of a model holds.
type Kept<'py> = (Bound<'py, PyBytes>, String, Place);

/// Takes back what pickle kept.
#[pyfunction(name = "_restore_model")]
pub(crate) fn restore_model(py: Python<'_>, pipeline: &[u8], card: &str, place: Place) -> PyResult<Model> {
    let loaded = py.detach(|| Loaded::restored(pipeline, card, place));
    Ok(Model(Arc::new(loaded.map_err(|error| error::to_python(py, &error))?)))
}

/// A card, as the package's class that shows itself in notebooks.
pub(crate) fn card<'py>(py: Python<'py>, card: &serde_json::Value) -> PyResult<Bound<'py, PyAny>> {
    py.import("xtream_core._card")?.call_method1("Card", (to_python(py, card)?,))
}
