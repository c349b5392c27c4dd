"""What the estimators of all families do alike: numbers go one way, stones another, and the same way back."""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._frames import METHOD, at_rest, is_frame, names_of, take

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils import Tags
    from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data
except ImportError:
    # Python shows the cause by itself.
    raise ImportError(  # noqa: B904
        "the estimators need scikit-learn 1.6 or later; `pip install scikit-learn` mends it"
    )

_Self = TypeVar("_Self", bound="FamilyRegressor")
_NEEDED = {"carat", "cut", "color", "clarity"}


def _is_stones(X: Any) -> bool:
    """Whether it is a frame of stones as they are: a cut that is a number was encoded by somebody."""
    if not hasattr(X, METHOD) or not is_frame(X):
        return False
    by_name = {name.strip().lower(): name for name in names_of(X)}
    if not by_name.keys() >= _NEEDED:
        return False
    cut = X[by_name["cut"]]
    kind = str(getattr(cut, "dtype", getattr(cut, "type", ""))).lower()
    return not kind.startswith(("int", "uint", "float", "double", "decimal", "bool"))


class FamilyRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """An estimator of one family, whose parameters are its own."""

    _family: ClassVar[str]

    if TYPE_CHECKING:
        # scikit-learn makes it when the class is made.
        def set_score_request(
            self: "_Self", *, sample_weight: bool | None | str = "$UNCHANGED$"
        ) -> "_Self": ...

        def set_fit_request(
            self: "_Self", *, sample_weight: bool | None | str = "$UNCHANGED$"
        ) -> "_Self": ...

    def _settings(self) -> tuple[list[tuple[str, float]], int]:
        """The family's own parameters, and the seed."""
        raise NotImplementedError

    # Whether it learns the logarithm of the target.
    _is_logarithmic: ClassVar[bool] = True

    def _check_target(self, y: NDArray[np.float64]) -> None:
        """Raises ValueError for targets that the family cannot learn."""
        if self._is_logarithmic and np.any(y <= 0):
            raise ValueError("y must be greater than zero everywhere: its logarithm is what is learned")

    def _accepts_missing(self) -> bool:
        return False

    def fit(self: "_Self", X: Any, y: Any, sample_weight: Any = None) -> "_Self":
        """Fits the model.

        Parameters
        ----------
        X : array-like or frame, shape (n_rows, n_features)
            Numbers, or a frame of stones: `carat` (ct), `cut`, `color` and `clarity`, and, estimated where
            they are missing, `depth` and `table` (percent), `x`, `y` and `z` (mm).
        y : array-like, shape (n_rows,)
            What to learn; for stones prices in US dollars.
        sample_weight : array-like, shape (n_rows,), optional
            How much each row counts: 2 as much as two such rows, 0 nothing at all.

        Returns
        -------
        the estimator itself

        Raises
        ------
        InvalidDiamondError
            Rows that cannot be diamonds (a ValueError).
        ValueError
            Input that scikit-learn does not accept either.
        """
        params, seed = self._settings()
        X = at_rest(X)
        self.takes_stones_ = _is_stones(X)
        if self.takes_stones_:
            y = column_or_1d(y, warn=True).astype(np.float64)
            check_consistent_length(X, y)
            self.feature_names_in_ = np.array(names_of(X), dtype=object)
            self.n_features_in_ = len(self.feature_names_in_)
            rows, weight = _counted(sample_weight, len(y))
            if rows is not None:
                X, y = take(X, rows), y[rows]
            self._check_target(y)
            self.fitted_ = _native._fit_stones(self._family, X, np.ascontiguousarray(y), weight, params, seed)
        else:
            finite = "allow-nan" if self._accepts_missing() else True
            X, y = validate_data(
                self, X, y, dtype=np.float64, y_numeric=True, ensure_all_finite=finite, ensure_min_samples=2
            )
            rows, weight = _counted(sample_weight, len(y))
            if rows is not None:
                X, y = X[rows], y[rows]
            y = np.ascontiguousarray(y, dtype=np.float64)
            self._check_target(y)
            self.fitted_ = _native._fit_numbers(self._family, X, y, weight, params, seed)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predicts.

        Parameters
        ----------
        X : array-like or frame, shape (n_rows, n_features)
            As in `fit`. Of stones, measurements that are missing are estimated.

        Returns
        -------
        numpy.ndarray, shape (n_rows,), float64
            For stones US dollars: the model's number, whatever it is.
        """
        check_is_fitted(self)
        X = at_rest(X)
        if self.takes_stones_:
            return self.fitted_.predict_stones(X)
        finite = "allow-nan" if self._accepts_missing() else True
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite=finite, reset=False)
        return self.fitted_.predict_numbers(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._accepts_missing()
        tags.target_tags.positive_only = self._is_logarithmic
        return tags


def _counted(sample_weight: Any, n_rows: int) -> tuple[NDArray[np.int64] | None, NDArray[np.float64] | None]:
    """The rows that count, if not all do, and how much each of these does, if not all do alike."""
    if sample_weight is None:
        return None, None
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.ndim == 0:
        weight = np.full(n_rows, weight)
    if weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weight.ndim}D array")
    if weight.shape != (n_rows,):
        raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(n_rows,)}!")
    if not np.all(np.isfinite(weight)) or np.any(weight < 0):
        raise ValueError("sample_weight must be finite numbers of at least 0")
    if not np.any(weight):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    rows = None if np.all(weight > 0) else np.flatnonzero(weight)
    weight = weight if rows is None else weight[rows]
    return rows, None if np.all(weight == 1) else np.ascontiguousarray(weight)
