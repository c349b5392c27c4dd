"""The built-in families as scikit-learn estimators, for pipelines, searches and cross-validation.

All take numbers like any estimator, or stones as they are: a frame with the columns `carat`, `cut`, `color`
and `clarity`, grades as text, which is then encoded as in `train`; missing measurements are estimated. They
are fitted as by `train(monotone=False)`: that a better stone never costs less is not promised. What they
predict is the model's bare number, as scikit-learn's searches need it: that a price is one that a diamond can
have is checked where a price is asked for (`Model.predict`). They need scikit-learn (`pip
install scikit-learn`, 1.6 or later).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._family_regressor import FamilyRegressor

# With its own words where it is missing, so it comes after what has them.
from sklearn.utils import check_random_state  # isort: skip

__all__ = ["LinearDerivedRegressor", "LogLinearRegressor", "XGBoostDerivedRegressor", "XGBoostRegressor"]


class _Linear(FamilyRegressor):
    """What sums have in common."""

    @property
    def coef_(self) -> NDArray[np.float64]:
        """One coefficient of log(target) a column."""
        return self._linear()[1]

    @property
    def intercept_(self) -> float:
        """log(target) at the origin."""
        return self._linear()[0]

    @property
    def columns_(self) -> list[str]:
        """For stones the names of the columns made of them; empty for numbers."""
        return self._linear()[2]

    def _linear(self) -> tuple[float, NDArray[np.float64], list[str]]:
        if not hasattr(self, "fitted_"):
            raise AttributeError("not fitted yet; call fit first")
        figures = self.fitted_.linear()
        assert figures is not None
        return figures


class LogLinearRegressor(_Linear):
    """Ordinary least squares on the logarithm of the target: the family `linear`.

    Predictions are never negative, and errors count in proportion. Targets must be greater than zero.
    Of stones it uses carat, x and the grades, one-hot, as the data scientist's notebook does.

    Attributes
    ----------
    coef_ : numpy.ndarray, shape (n_columns,)
        One coefficient of log(target) a column.
    intercept_ : float
        log(target) at the origin.
    columns_ : list of str
        For stones the names of the columns made of them; empty for numbers.
    takes_stones_ : bool
        Whether it was fitted on stones.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Examples
    --------
    >>> stones = xc.validate("data/second-delivery.csv").clean
    >>> model = xc.LogLinearRegressor().fit(stones, stones["price"])
    >>> bool(model.score(stones, stones["price"]) > 0.9)
    True
    """

    _family = "linear"

    def __init__(self) -> None:
        pass

    def _settings(self) -> tuple[list[tuple[str, float]], int]:
        return [], 0


class LinearDerivedRegressor(_Linear):
    """Ridge regression on the logarithm of the target: the family `linear-derived`.

    Predictions are never negative, and errors count in proportion. Targets must be greater than zero. Of
    stones it learns the logarithm of the price per carat, from powers of the weight, a step at each magic
    size, and grades that count for more in heavier and otherwise better stones; a dear stone counts for
    more than a cheap one.

    Parameters
    ----------
    alpha : float
        Penalty on large coefficients, above 0; each column is measured in its own standard deviations.

    Its attributes are those of `LogLinearRegressor`; of stones, `coef_` and `intercept_` give the logarithm
    of the price per carat.

    Examples
    --------
    >>> stones = xc.validate("data/second-delivery.csv").clean
    >>> model = xc.LinearDerivedRegressor().fit(stones, stones["price"])
    >>> bool(model.score(stones, stones["price"]) > 0.95)
    True
    """

    _family = "linear-derived"

    def __init__(self, alpha: float = 0.1) -> None:
        self.alpha = alpha

    def _settings(self) -> tuple[list[tuple[str, float]], int]:
        return [("lambda", float(self.alpha))], 0


class _Trees(FamilyRegressor):
    """What trees have in common."""

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        learning_rate: float = 0.3,
        max_depth: int = 6,
        min_child_weight: float = 1.0,
        subsample: float = 1.0,
        colsample_bytree: float = 1.0,
        reg_lambda: float = 1.0,
        reg_alpha: float = 0.0,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.min_child_weight = min_child_weight
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.reg_lambda = reg_lambda
        self.reg_alpha = reg_alpha
        self.random_state = random_state

    def _settings(self) -> tuple[list[tuple[str, float]], int]:
        params = [
            ("n_estimators", float(self.n_estimators)),
            ("learning_rate", float(self.learning_rate)),
            ("max_depth", float(self.max_depth)),
            ("min_child_weight", float(self.min_child_weight)),
            ("subsample", float(self.subsample)),
            ("colsample_bytree", float(self.colsample_bytree)),
            ("lambda", float(self.reg_lambda)),
            ("alpha", float(self.reg_alpha)),
        ]
        if self.random_state is None:
            return params, 0
        if isinstance(self.random_state, int | np.integer):
            return params, int(self.random_state)
        return params, int(check_random_state(self.random_state).randint(2**31 - 1))

    def _accepts_missing(self) -> bool:
        return True

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """What a split on each column brings on average, as shares that add up to 1."""
        return self._gains()[0]

    @property
    def columns_(self) -> list[str]:
        """For stones the names of the columns made of them; empty for numbers."""
        return self._gains()[1]

    def _gains(self) -> tuple[NDArray[np.float64], list[str]]:
        if not hasattr(self, "fitted_"):
            raise AttributeError("not fitted yet; call fit first")
        figures = self.fitted_.gains()
        assert figures is not None
        return figures


class XGBoostRegressor(_Trees):
    """Gradient boosted trees with squared error on the target, grown by XGBoost's own library: the family
    `xgboost`.

    The defaults are XGBoost's. It grows a model on one thread; searches and cross-validation run models side
    by side (`n_jobs`). Missing values (NaN) are learned from. Of stones it uses all nine features, grades
    as categories.

    Parameters
    ----------
    n_estimators : int
        Number of trees, 1 to 100,000.
    learning_rate : float
        Weight of each new tree.
    max_depth : int
        Splits from root to leaf.
    min_child_weight : float
        Fewest samples in a leaf.
    subsample : float
        Share of rows for each tree.
    colsample_bytree : float
        Share of features for each tree.
    reg_lambda : float
        L2 penalty on leaf values.
    reg_alpha : float
        L1 penalty on leaf values.
    random_state : int, numpy.random.RandomState or None
        Seed; None is 0, as in XGBoost, so that two fits are equal.

    Attributes
    ----------
    feature_importances_ : numpy.ndarray, shape (n_columns,)
        What a split on each column brings on average, as shares that add up to 1 (XGBoost's "gain").
    columns_ : list of str
        For stones the names of the columns made of them; empty for numbers.
    takes_stones_ : bool
        Whether it was fitted on stones.
    n_features_in_, feature_names_in_
        As in all of scikit-learn.

    Raises
    ------
    XtreamError
        In `fit`: the XGBoost library is missing; it says how to get it.

    Examples
    --------
    >>> stones = xc.validate("data/second-delivery.csv").clean
    >>> model = xc.XGBoostRegressor(n_estimators=50, random_state=1)
    >>> bool(model.fit(stones, stones["price"]).score(stones, stones["price"]) > 0.95)
    True
    """

    _family = "xgboost"
    _is_logarithmic = False


class XGBoostDerivedRegressor(_Trees):
    """Gradient boosted trees on the logarithm of the target, grown by XGBoost's own library: the family
    `xgboost-derived`.

    Predictions are never negative, and errors count in proportion. Targets must be greater than zero. Of
    stones it learns the logarithm of the price per carat from what a gemmologist reads off a stone, and
    starts from the sum of `LinearDerivedRegressor`, whose value is the column `start`; errors beyond some six
    percent count in proportion and not squared. Missing values (NaN) of numbers are learned from.

    Parameters, attributes and errors are those of `XGBoostRegressor`.

    Examples
    --------
    >>> stones = xc.validate("data/second-delivery.csv").clean
    >>> model = xc.XGBoostDerivedRegressor(n_estimators=50, random_state=1)
    >>> bool(model.fit(stones, stones["price"]).score(stones, stones["price"]) > 0.95)
    True
    """

    _family = "xgboost-derived"
