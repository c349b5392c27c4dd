"""A model of a registry as scikit-learn judges it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags

from ._frames import at_rest
from ._native import Model


class ModelEstimator(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """What `Model.estimator` gives: its `predict` is the model's number for each stone, whatever it is."""

    if TYPE_CHECKING:
        # scikit-learn makes it when the class is made.
        def set_score_request(
            self, *, sample_weight: bool | None | str = "$UNCHANGED$"
        ) -> "ModelEstimator": ...

    def __init__(self, model: Model) -> None:
        self.model = model

    def fit(self, X: Any, y: Any = None) -> "ModelEstimator":
        """Nothing is learned: the model is fitted already."""
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The model's number in US dollars for each row, also where no diamond could have such a price."""
        return self.model._numbers(at_rest(X))

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        return self.model.__sklearn_tags__()
