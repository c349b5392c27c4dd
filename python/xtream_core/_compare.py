"""How good models are: alone, and one against another on the same stones."""

import os
from typing import Any, final

import numpy as np

from . import _native
from ._frames import Frame, at_rest, kind_of, make
from ._html import table
from ._native import InvalidInputError, Model


def evaluate(model: Model, data: Any) -> dict[str, Any]:
    """`Model.evaluate`."""
    priced = model._price_sold(at_rest(data))
    metrics: dict[str, Any] = _native._metrics(priced["actual"], priced["predicted"])
    known = priced["is_known"]
    return metrics | {"n_known": None if known is None else int(known.sum())}


def score(model: Model, X: Any, y: Any) -> float:
    """`Model.score`."""
    paid = np.asarray(y, dtype=np.float64)
    return float(_native._metrics(paid, model._numbers(at_rest(X)))["r2"])


def tags() -> Any:
    """What scikit-learn asks of a regressor."""
    from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

    return Tags(
        estimator_type="regressor",
        target_tags=TargetTags(required=False),
        regressor_tags=RegressorTags(),
        input_tags=InputTags(two_d_array=False, categorical=True, string=True, allow_nan=True),
    )


@final
class Comparison(dict[str, Any]):
    """Two models on the same stones: a dict that shows itself as a sentence, and as a table in notebooks.

    `a_mae_usd` and `b_mae_usd` are their mean absolute errors in US dollars, `difference_usd` the first
    less the second (below zero where `a` is better), `low_usd` and `high_usd` the ends of its interval,
    which holds with the `confidence` named; `n_stones` were compared and `n_known` left out, as one of the
    two was trained on them.
    """

    def __repr__(self) -> str:
        return str(self["sentence"])

    def _repr_html_(self) -> str:
        rows = [
            ("mean error of a, $", self["a_mae_usd"]),
            ("mean error of b, $", self["b_mae_usd"]),
            ("difference, $", self["difference_usd"]),
            (f"{self['confidence']:.0%} interval from, $", self["low_usd"]),
            ("to, $", self["high_usd"]),
            ("stones", self["n_stones"]),
            ("left out as known", self["n_known"]),
        ]
        return table(["", ""], rows, self["sentence"])


def compare(a: Any, b: Any, data: Frame | str | os.PathLike[str]) -> Comparison:
    """Compares two models' prices of the same stones, pair by pair: what makes a stone hard to price is
    hard for both and cancels out. It is the comparison that decides about promotions.

    Parameters
    ----------
    a, b : Model or fitted estimator
        Models of a registry; or something with `predict(frame)` that gives US dollars.
    data : frame, str or os.PathLike
        Stones with their prices, as for `Model.evaluate`. Those that one of the models was trained on are
        left out; what an estimator was trained on is not known here.

    Returns
    -------
    Comparison
        Errors, their difference and its interval (percentile bootstrap of the mean difference, 95 %).

    Raises
    ------
    InvalidDiamondError
        Rows that cannot be diamonds or have no price.
    InvalidInputError
        Fewer than 30 stones that neither was trained on.

    Examples
    --------
    >>> registry = xc.Registry("registry")
    >>> stones = xc.validate("data/diamonds.csv").clean
    >>> compared = xc.compare(registry.load(2), registry.load(1), stones)
    >>> compared["high_usd"] < 0
    True
    """
    data = at_rest(data)
    ours = [model for model in (a, b) if isinstance(model, Model)]
    priced = [model._price_sold(data) for model in ours]
    if priced:
        actual, frame = priced[0]["actual"], data
    else:
        kept = _native._validate(data, "keep", "keep", False)
        if kept["counts"]["n_rejected"]:
            raise InvalidInputError(
                f"{kept['counts']['n_rejected']:,} rows cannot be read; `validate` names them, "
                "and its `clean` are the rest"
            )
        actual, frame = kept["kept"]["price"], make(kept["kept"], kind_of(data))
    known = np.zeros(len(actual), dtype=np.bool_)
    for each in priced:
        if each["is_known"] is None:
            raise InvalidInputError(
                "the registry of a model is out of reach, so nobody knows what it was trained on; allowed is "
                "a model that was loaded from a registry on this machine"
            )
        known |= each["is_known"]
    prices = [
        priced[ours.index(model)]["predicted"]
        if isinstance(model, Model)
        else np.asarray(model.predict(frame), dtype=np.float64)
        for model in (a, b)
    ]
    found = _native._compare(actual[~known], *(price[~known] for price in prices))
    figures = found["figures"]
    return Comparison(
        {
            "a_mae_usd": figures["candidate_mae_usd"],
            "b_mae_usd": figures["champion_mae_usd"],
            **{
                name: figures[name]
                for name in ("difference_usd", "low_usd", "high_usd", "confidence", "n_stones")
            },
            "n_known": int(known.sum()),
            "sentence": f"{_name(a)} against {_name(b)}: {found['sentence']}",
        }
    )


def _name(model: Any) -> str:
    return f"version {model.version} ({model.family})" if isinstance(model, Model) else type(model).__name__
