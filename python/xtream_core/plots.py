"""Pictures of models, searches and registries, with matplotlib (`pip install matplotlib`).

Each function draws on `ax`, or on new axes, and returns the Axes. All figures come from core.
"""

import json
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from . import _native
from ._frames import at_rest, kind_of, make
from ._native import InvalidInputError, Model, Registry
from ._run import Run
from ._validate import Data

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "champion_timeline",
    "error_by_carat",
    "parameter_importance",
    "predicted_against_actual",
    "search_history",
    "waterfall",
]


def _axes(ax: "Axes | None") -> "Axes":
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as missing:
        raise ImportError("plots need matplotlib; `pip install matplotlib` mends it") from missing
    # It lays itself out: labels of any length stay on the picture, whoever saves it.
    return pyplot.subplots(figsize=(7, 5), layout="constrained")[1]


def _priced(model: Any, data: "Data | None") -> tuple[Any, Any, Any]:
    """Weight, price paid and price predicted, a row each."""
    if data is not None:
        kept = _native._validate(at_rest(data), "keep", "keep", False)["kept"]
    elif isinstance(model, Model):
        kept = model._rows("test")
    else:
        raise InvalidInputError(
            "data is missing; allowed is to leave it out for a Model, which knows its test rows"
        )
    frame = make(kept, kind_of([] if data is None else data))
    # As in all judging: also a number that is refused where a price is asked for.
    predicted = model._numbers(frame) if isinstance(model, Model) else model.predict(frame)
    return kept["carat"], kept["price"], predicted


def predicted_against_actual(model: Any, data: "Data | None" = None, *, ax: "Axes | None" = None) -> "Axes":
    """Each stone's predicted price over the price paid, both in US dollars on logarithmic axes.

    Parameters
    ----------
    model : Model or fitted estimator
        Something with `predict(frame)`.
    data : frame or path, optional
        Priced stones; for a `Model` its own test rows by default. Rows with a mistake are left out.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Examples
    --------
    >>> model = xc.Registry("registry").champion()
    >>> xc.plots.predicted_against_actual(model).get_xlabel()
    'price paid, US dollars'
    """
    _, actual, predicted = _priced(model, data)
    ax = _axes(ax)
    ax.scatter(actual, predicted, s=4, alpha=0.3, linewidths=0)
    ax.set(xscale="log", yscale="log", xlabel="price paid, US dollars", ylabel="predicted price, US dollars")
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    ax.plot(ends, ends, color="black", linewidth=1, label="exactly right")
    ax.legend()
    return ax


def error_by_carat(
    model: Any, data: "Data | None" = None, *, edges: "list[float] | None" = None, ax: "Axes | None" = None
) -> "Axes":
    """The mean absolute error in US dollars by band of weight.

    Parameters
    ----------
    model, data, ax
        As in `predicted_against_actual`.
    edges : list of float, optional
        Weights (ct, ascending) at which a new band begins; by default those at which the price per carat
        jumps: 0.5, 0.7, 0.9, 1, 1.2, 1.5 and 2.

    Examples
    --------
    >>> model = xc.Registry("registry").champion()
    >>> [text.get_text() for text in xc.plots.error_by_carat(model, edges=[1.0]).get_xticklabels()]
    ['below 1', '1 and more']
    """
    carat, actual, predicted = _priced(model, data)
    bands = _native._errors_by_carat(carat, actual, predicted, edges)
    ax = _axes(ax)
    places = range(len(bands["label"]))
    bars = ax.bar(places, bands["mae_usd"])
    ax.bar_label(bars, [f"{n:,}" for n in bands["n_rows"]], fontsize="small")
    ax.set_xticks(places, bands["label"], rotation=30, ha="right")
    ax.set(xlabel="carat (number of stones above each bar)", ylabel="mean absolute error, US dollars")
    return ax


def search_history(source: "Run | Model", *, family: "str | None" = None, ax: "Axes | None" = None) -> "Axes":
    """Each finished trial's error on the validation rows, and the best so far. Trials that were given up
    early, or failed, have no error to compare; marks at the upper edge say where they were.

    Parameters
    ----------
    source : Run or Model
        Whose search to show.
    family : str, optional
        Of a run with several searches, the family to show.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Raises
    ------
    InvalidInputError
        There was no search.
    """
    trials = _searched(source, family)
    ax = _axes(ax)
    from matplotlib.ticker import MaxNLocator

    finished = [trial for trial in trials if trial["state"] == "complete"]
    numbers = [trial["number"] for trial in finished]
    ax.scatter(numbers, [trial["value"] for trial in finished], s=14, color="tab:blue", label="finished")
    for state, color, label in [("pruned", "gray", "given up early"), ("failed", "tab:orange", "failed")]:
        if shown := [trial["number"] for trial in trials if trial["state"] == state]:
            edge = [0.98] * len(shown)
            ax.scatter(
                shown, edge, s=40, marker="|", color=color, label=label, transform=ax.get_xaxis_transform()
            )
    best = [min(trial["value"] for trial in finished[: place + 1]) for place in range(len(finished))]
    ax.step(numbers, best, where="post", color="tab:red", label="best so far")
    ax.set(xlabel="trial", ylabel="mean absolute error, US dollars")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    # The marks do not widen the picture by themselves.
    ax.set_xlim(-0.5, max(trial["number"] for trial in trials) + 0.5)
    # Room for the marks at the edge, and for the legend below them.
    ax.margins(y=0.15)
    ax.legend(loc="center right")
    return ax


def parameter_importance(
    source: "Run | Model", *, family: "str | None" = None, ax: "Axes | None" = None
) -> "Axes":
    """How much of the differences between finished trials each parameter explains by itself, from 0 to 1.

    Parameters
    ----------
    source, family, ax
        As in `search_history`.

    Raises
    ------
    InvalidInputError
        There was no search, or too few trials to say anything.

    Notes
    -----
    Trials are sorted into groups by the parameter's value; shown is the share of the variance of their ranks
    that lies between the groups (the correlation ratio). What was given up ranks behind what ran to its end,
    and the further it came the better. What two parameters do only together does not show.
    """
    found = _native._importance(json.dumps(_searched(source, family)))
    shares = [(name, share) for name, share in reversed(found["shares"])]
    if not shares:
        raise InvalidInputError(
            f"too few trials; allowed is a search with {found['fewest_trials']} of them or more"
        )
    ax = _axes(ax)
    ax.barh([name for name, _ in shares], [share for _, share in shares])
    ax.set(xlim=(0, 1), xlabel="share of the differences explained by the parameter alone")
    return ax


def champion_timeline(registry: Registry, *, ax: "Axes | None" = None) -> "Axes":
    """The champion's error on its own test rows over time, and the candidates that were not promoted.

    Parameters
    ----------
    registry : Registry
        Whose history to show.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Raises
    ------
    InvalidInputError
        No model has been promoted yet.

    Examples
    --------
    >>> xc.plots.champion_timeline(xc.Registry("registry")).get_ylabel()
    'mean absolute error, US dollars'
    """
    from datetime import datetime

    mae = {card["version"]: card["metrics"]["mae_usd"] for card in registry.versions()}
    champions: list[tuple[datetime, int]] = []
    refused: list[tuple[Any, int]] = []
    for commit in registry.history():
        at = datetime.fromisoformat(commit["at"].replace("Z", "+00:00"))
        if commit["change"] == "rolled_back":
            champions.append((at, commit["to"]))
        elif commit["change"] == "decided":
            decision = commit["decision"]
            (champions if decision["promoted"] else refused).append((at, decision["candidate"]))
    if not champions:
        raise InvalidInputError("no model has been promoted yet; allowed is a registry with a champion")
    ax = _axes(ax)
    times: list[Any] = [at for at, _ in champions]
    errors = [mae[version] for _, version in champions]
    ax.step(times, errors, where="post", marker="o", label="champion")
    for at, error, (_, version) in zip(times, errors, champions, strict=True):
        ax.annotate(f"version {version}", (at, error), textcoords="offset points", xytext=(4, 4))
    if refused:
        ax.scatter(
            [at for at, _ in refused],
            [mae[version] for _, version in refused],
            marker="x",
            color="gray",
            label="not promoted",
        )
    ax.set(xlabel="time (UTC)", ylabel="mean absolute error, US dollars")
    ax.tick_params(axis="x", rotation=30)
    # Room for the name of the last one.
    ax.margins(x=0.15, y=0.12)
    ax.legend()
    return ax


def _searched(source: "Run | Model", family: "str | None") -> "list[dict[str, Any]]":
    """The trials of one search, by number."""
    if isinstance(source, Model):
        trials = [(source.family, trial) for trial in source._study()]
    else:
        trials = source._trials
    names = list(dict.fromkeys(name for name, _ in trials))
    if family is None and len(names) == 1:
        family = names[0]
    chosen = [trial for name, trial in trials if name == family]
    if not chosen:
        allowed = f"one of {', '.join(names)}" if names else "a run or model with a search"
        raise InvalidInputError(f"family = {family!r} has no trials here; allowed is {allowed}")
    return sorted(chosen, key=lambda trial: trial["number"])


def waterfall(model: Model, data: "Data", *, row: int = 0, ax: "Axes | None" = None) -> "Axes":
    """How one stone comes to its price: from the average stone's price, what size, color, clarity, cut and
    proportions add or take away, to its own, in US dollars.

    Parameters
    ----------
    model : Model
        A model with reasons: one that was trained by this version of the package or a later one.
    data : frame or path
        Stones, as for `Model.predict`.
    row : int
        Which of them, from 0.
    ax : matplotlib.axes.Axes, optional
        Where to draw.

    Examples
    --------
    >>> import pandas as pd
    >>> model = xc.Registry("registry").champion()
    >>> stone = pd.DataFrame({"carat": [1.2], "cut": "Ideal", "color": "E", "clarity": "VVS1"})
    >>> [label.get_text() for label in xc.plots.waterfall(model, stone).get_yticklabels()][:3]
    ['average stone', 'size', 'color']
    """
    columns = model._appraise(at_rest(data), 0.9)
    if not 0 <= row < len(columns["price_usd"]):
        raise InvalidInputError(f"row {row}; allowed is a row of the data, from 0")
    groups = ["size", "color", "clarity", "cut", "proportions"]
    average, price = columns["average_usd"][row], columns["price_usd"][row]
    amounts = [columns[f"reason_{group}_usd"][row] for group in groups]
    if average != average:
        raise InvalidInputError("this model has no reasons; training again makes one that has")
    ends = list(accumulate(amounts, initial=average))
    ax = _axes(ax)
    ax.barh(0, average, color="tab:gray")
    for place, (begin, end) in enumerate(pairwise(ends), start=1):
        ax.barh(place, end - begin, left=begin, color="tab:green" if end >= begin else "tab:red")
    ax.barh(len(ends), price, color="tab:blue")
    for place, amount in enumerate([average, *amounts, price]):
        right = max(amount, 0) if place in (0, len(ends)) else max(ends[place - 1 : place + 1])
        text = f"{amount:,.0f}" if place in (0, len(ends)) else f"{amount:+,.0f}"
        ax.annotate(text, (right, place), (4, 0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(range(len(ends) + 1), ["average stone", *groups, "this stone"])
    ax.invert_yaxis()
    # Room for the figures; bars would keep the picture as narrow as themselves.
    ax.set_xlim(min(0, *ends), 1.15 * max(*ends, price))
    ax.set(xlabel="US dollars", title=f"{price:,.0f} US dollars, and why")
    return ax
