"""Families of models of your own, and the spaces in which their parameters are searched."""

import inspect
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from ._fingerprint import fingerprint, version_of
from ._frames import Kind, make
from ._native import _GRADES, InvalidInputError


class NotServedWarning(UserWarning):
    """A model is compared and recorded but cannot be served, because its class lives in Python."""


class _Interval:
    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.low}, {self.high})"


@final
class Uniform(_Interval):
    """Any number from `low` to `high`, each equally likely."""


@final
class LogUniform(_Interval):
    """Any number from `low` (above zero) to `high`, each order of magnitude equally likely."""


@final
class Integer(_Interval):
    """A whole number from `low` (at least 0) to `high`, both included."""


Space: TypeAlias = Mapping[str, Uniform | LogUniform | Integer | Sequence[Any]]
_Domain: TypeAlias = tuple[str, str, Any]
_FEATURES = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]


@final
class Family:
    """A family of models of your own, for `train(models=[...])`, beside the built-in ones.

    It is searched, fitted and judged on the same stones as they are, and stands on the same leaderboard
    and in the registry. It cannot be promoted: a Rust server cannot run a Python class, and nothing is
    pickled. Its card and a warning at the start of the run say so; the fitted object is in `Run.fitted`.

    Parameters
    ----------
    model : class, object or callable
        Something with `fit(X, y)` and `predict(X)`: a class, an unfitted scikit-learn estimator or
        pipeline, or a function that takes parameters and returns an unfitted object.
    name : str, optional
        Its name on the leaderboard; by default that of the class.
    space : mapping, optional
        What to search: parameter to `Uniform`, `LogUniform`, `Integer`, or a list to choose from. Without
        one the model is trained with its own defaults.
    params : mapping, optional
        Parameters that stay the same.
    features : {"ranks", "one_hot", "frame"}
        What `X` is. "ranks": float64, shape (n_rows, 9), the columns carat, cut, color, clarity, depth,
        table, x, y, z, each grade as its rank (0 is the worst). "one_hot": float64, the six numbers
        and a 0/1 column for each level of a grade but the alphabetically first. "frame": a frame of the
        kind that `train` was given, with these nine columns, grades as text.
    target : {"price", "log_price"}
        What `y` is: the price in US dollars, or its natural logarithm. Prices are compared either way.

    Notes
    -----
    A parameter `random_state` that is not given is set to the run's seed. Trials run side by side in
    threads, `jobs` of them. A fit cannot be interrupted in the middle: Ctrl-C returns at once, and the
    fit comes to its end in the background; the next `train` waits for it.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> xc.Family(RandomForestRegressor, name="forest", space={"min_samples_leaf": xc.Integer(1, 9)})
    Family('forest', sklearn.ensemble._forest.RandomForestRegressor, not served)
    """

    def __init__(
        self,
        model: Any,
        *,
        name: str | None = None,
        space: Space | None = None,
        params: Mapping[str, Any] | None = None,
        features: Literal["ranks", "one_hot", "frame"] = "ranks",
        target: Literal["price", "log_price"] = "price",
    ) -> None:
        is_object = not callable(model)
        made = type(model) if is_object else model
        for method in ("fit", "predict"):
            # What a function makes shows only when it is called.
            if (is_object or inspect.isclass(model)) and not callable(getattr(made, method, None)):
                raise InvalidInputError(
                    f"{made.__qualname__} has no method {method}; allowed is a class with fit(X, y) and "
                    "predict(X), an object of one, or a function that makes one"
                )
        if is_object and not hasattr(model, "get_params"):
            raise InvalidInputError(
                f"an object of {made.__qualname__} cannot be copied for each trial; allowed is its class, or "
                "an object with scikit-learn's get_params and set_params"
            )
        self.model = model
        self.name: str = name if name is not None else made.__name__
        self.space: Space = dict(space or {})
        self.params: Mapping[str, Any] = dict(params or {})
        self.features: str = features
        self.target: str = target
        if not self.name or not all(letter.isalnum() or letter in "-_." for letter in self.name):
            raise InvalidInputError(f"name = {self.name!r}; allowed are letters, digits, and - _ .")
        if both := sorted(self.space.keys() & self.params.keys()):
            raise InvalidInputError(
                f"{', '.join(both)} stands in both space and params; allowed is one of them"
            )

    @property
    def class_name(self) -> str:
        """The full name of what runs it."""
        made = self.model if callable(self.model) else type(self.model)
        return f"{made.__module__}.{made.__qualname__}"

    def __repr__(self) -> str:
        return f"Family({self.name!r}, {self.class_name}, not served)"


def family_of(model: Any) -> Family:
    """What stands in `train(models=[...])` in the place of a name."""
    return model if isinstance(model, Family) else Family(model)


@final
class Adapter:
    """A family as the native half speaks to it, for one run."""

    def __init__(self, family: Family, kind: Kind) -> None:
        self._family, self._kind = family, kind
        self._choices: dict[str, dict[Any, Any]] = {}
        self.name = family.name
        self.class_name = family.class_name
        self.features = family.features
        self.target = family.target
        self.domains: list[_Domain] = [self._domain(name, part) for name, part in family.space.items()]
        self.version = "; ".join(
            [
                version_of((family.model if callable(family.model) else type(family.model)).__module__),
                family.features,
                family.target,
                f"code {fingerprint(family.model, dict(family.params))}",
            ]
        )
        # Whether a worker found other code under the name than there is where the run was started.
        self.is_other_code = False
        # The last one fitted is the final one: the search comes before it.
        self.fitted: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        # What was fitted stays where it was.
        return _same, (self._family, self._kind, self.version)

    def _domain(self, name: str, part: Any) -> _Domain:
        if isinstance(part, Uniform | LogUniform | Integer):
            kinds = {Uniform: "uniform", LogUniform: "log_uniform", Integer: "integer"}
            return name, kinds[type(part)], (part.low, part.high)
        if isinstance(part, str | bytes) or not isinstance(part, Sequence) or not len(part):
            raise InvalidInputError(
                f"the space of {name} is {part!r}; allowed is Uniform, LogUniform, Integer or a list to "
                "choose from"
            )
        is_number = all(
            isinstance(choice, int | float) and not isinstance(choice, bool) and math.isfinite(choice)
            for choice in part
        )
        # Words stand for what cannot be written down as a number.
        written: dict[Any, Any] = {
            float(choice) if is_number else choice if isinstance(choice, str) else repr(choice): choice
            for choice in part
        }
        if len(written) < len(part):
            raise InvalidInputError(f"the space of {name} is {part!r}; allowed is each choice once")
        self._choices[name] = written
        return name, "numbers" if is_number else "words", list(written)

    def fit(
        self, features: NDArray[np.float64], target: NDArray[np.float64], params: dict[str, Any], seed: int
    ) -> Any:
        """A fitted model."""
        chosen = {name: self._value(name, value) for name, value in params.items()}
        model = _made(self._family, chosen, seed)
        model.fit(self._features(features), target)
        self.fitted = model
        return model

    def predict(self, fitted: Any, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """One value a row."""
        values = np.asarray(fitted.predict(self._features(features)), dtype=np.float64)
        if values.shape == (len(features), 1):
            values = values[:, 0]
        if values.shape != (len(features),):
            raise ValueError(
                f"predict returned values of the shape {values.shape} for {len(features)} rows, not "
                f"({len(features)},)"
            )
        if n_wrong := int(np.sum(~np.isfinite(values))):
            raise ValueError(
                f"predict returned {n_wrong} values that are no finite numbers (NaN or infinite) for "
                f"{len(features)} rows"
            )
        return np.ascontiguousarray(values)

    def _value(self, name: str, value: Any) -> Any:
        if choices := self._choices.get(name):
            return choices[value]
        return int(value) if isinstance(self._family.space[name], Integer) else float(value)

    def _features(self, features: NDArray[np.float64]) -> Any:
        if self._family.features != "frame":
            return features
        columns: dict[str, Any] = {}
        for name, values in zip(_FEATURES, features.T, strict=True):
            labels = _GRADES.get(name)
            columns[name] = [labels[rank] for rank in values.astype(int)] if labels else values.copy()
        return make(columns, self._kind)


def _same(family: Family, kind: Kind, version: str) -> Adapter:
    """The adapter on a worker. An error here, outside of any job, would be the end of a pool's process."""
    adapter = Adapter(family, kind)
    adapter.is_other_code = adapter.version != version and _is_imported(family.model)
    return adapter


def _is_imported(model: Any) -> bool:
    """Whether it was found by its name, and did not come along as code."""
    made = model if callable(model) else type(model)
    found: Any = sys.modules.get(made.__module__)
    for name in made.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is made and made.__module__ not in ("__main__", "__mp_main__")


def _made(family: Family, params: dict[str, Any], seed: int) -> Any:
    """An unfitted model."""
    model, params = family.model, {**family.params, **params}
    if callable(model):
        if "random_state" in _arguments(model) and "random_state" not in params:
            params["random_state"] = seed
        return model(**params)
    from sklearn.base import clone

    copy = clone(model).set_params(**params)
    unset = {
        name: seed
        for name, value in copy.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return copy.set_params(**unset)


def _arguments(model: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(model).parameters)
    except (TypeError, ValueError):
        # A class of C code may have no signature; then it is given nothing that was not asked for.
        return set()
