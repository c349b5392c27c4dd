"""What a training run brings."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from ._frames import Frame, Kind, at_rest, make
from ._html import table
from ._native import InvalidInputError, Model, Registry, _RunModels

Trials = list[tuple[str, dict[str, Any]]]
_FIGURES = ["mae_usd", "rmse_usd", "r2", "mape", "worst_decile_usd"]


def trials_frame(trials: Trials, kind: Kind) -> Any:
    """One row a trial, as in `Run.trials`."""
    ordered = sorted(trials, key=lambda trial: (trial[0], trial[1]["number"]))

    def error_of(state: str) -> Any:
        found = [trial["value"] if trial["state"] == state else np.nan for _, trial in ordered]
        return np.array(found, dtype=np.float64)

    columns: dict[str, Any] = {
        "family": [family for family, _ in ordered],
        "number": np.array([trial["number"] for _, trial in ordered], dtype=np.int64),
        "state": [trial["state"] for _, trial in ordered],
        "mae_usd": error_of("complete"),
        "given_up_at_usd": error_of("pruned"),
        "failure": [trial.get("reason") for _, trial in ordered],
    }
    for name in sorted({name for _, trial in ordered for name in trial["params"]}):
        values = [trial["params"].get(name) for _, trial in ordered]
        if any(isinstance(value, str) for value in values):
            columns[name] = [None if value is None else str(value) for value in values]
        else:
            columns[name] = np.array(
                [np.nan if value is None else value for value in values], dtype=np.float64
            )
    return make(columns, kind)


@final
class Run:
    """What `train` brought. It shows itself as a table in notebooks.

    Attributes
    ----------
    leaderboard : frame
        The models trained, best first: `version`, `family`, `served`, `mae_usd`, `rmse_usd`, `r2`, `mape`,
        `worst_decile_usd` (errors on the test rows: `_usd` in US dollars, `mape` as a share of the price,
        0.07 for 7 %), `range_width_usd` (mean width of ranges of nine in ten, NaN without ranges), `seed`,
        `n_trials`, `duration_s`, and `params` as JSON. A pandas frame for pandas, and so on.
    trials : frame
        Every trial of every search: `family`, `number`, `state`, `mae_usd` (on the validation rows, a part
        of the training rows), `given_up_at_usd`, `failure`, and a column for each parameter. A state is
        "complete"; "pruned", which is given up early, at an error on fewer rows or in fewer rounds that is
        no `mae_usd` and must not be compared with one; or "failed", for the reason in `failure`.
    promotion : str
        What became of the best model that can be served, and why, in a sentence.
    champion : dict or None
        The model that answers now: `version` and `family`.
    decision : dict or None
        The decision about the best model, with its figures; None if there was none to take.
    data : dict
        The rows behind it all: `digest`, `n_rows`, `n_rejected`, `n_duplicates`, `n_train`, `n_test`,
        `rejects`; with test rows of your own `n_in_both`, the rows of `data` whose stone stands among the
        test rows too, and `n_in_both_kept`, those of them that are learned from all the same.
    fitted : dict
        The fitted objects of your own families, by name.
    report : dict
        All of it as `xtream train --json` prints it.
    """

    def __init__(
        self,
        report: dict[str, Any],
        models: _RunModels,
        trials: Trials,
        fitted: dict[str, Any],
        registry: Path | str,
        kind: Kind,
    ) -> None:
        self.report: dict[str, Any] = report
        self.promotion: str = report["promotion"]
        self.champion: dict[str, Any] | None = report["champion"]
        self.decision: dict[str, Any] | None = report["decision"]
        self.data: dict[str, Any] = report["data"]
        self.fitted: dict[str, Any] = fitted
        self.leaderboard: Any = _leaderboard(report["leaderboard"], kind)
        self.trials: Any = trials_frame(trials, kind)
        self._registry, self._trials, self._models, self._kind = registry, trials, models, kind

    @property
    def test(self) -> Any:
        """The test rows, with a column for each family, such as `linear_usd`, of what its model makes of
        each: your own families too. The bare numbers that the models are judged by, in US dollars.
        """
        prices = {f"{family}_usd": values for family, values in self._models.prices().items()}
        return make({**self._models.rows(), **prices}, self._kind)

    def predict(
        self, name: str, data: Frame | str | os.PathLike[str], *, errors: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float64]:
        """Prices of other stones in US dollars, by the run's model of that family: your own families too.

        Parameters
        ----------
        name : str
            The family, as on the leaderboard.
        data, errors
            As for `Model.predict`.

        Raises
        ------
        InvalidInputError
            The run has no such family; or as `Model.predict`.
        """
        return self._models.predict(name, at_rest(data), errors)

    def model(self, which: int | str | None = None) -> Model:
        """A model of the run: of that version or family, or the best that can be served.

        Raises
        ------
        InvalidInputError
            The run has none of that version or family, or none that can be served.
        XtreamError
            It is one of your own families: nothing of it is stored; `fitted` has it.
        """
        lines = self.report["leaderboard"]
        chosen = [
            line
            for line in lines
            if (which is None and "not_served" not in line) or which in (line["version"], line["family"])
        ]
        if not chosen:
            known = ", ".join(f"{line['version']} ({line['family']})" for line in lines)
            raise InvalidInputError(f"the run has no model {which!r} that can be loaded; it has {known}")
        return Registry(self._registry).load(chosen[0]["version"])

    def __repr__(self) -> str:
        n_models = len(self.report["leaderboard"])
        return f"Run(n_models={n_models}, champion={self.champion!r}): {self.promotion}"

    def _repr_html_(self) -> str:
        champion = (self.champion or {}).get("version")
        header = [
            "",
            "version",
            "family",
            "MAE $",
            "RMSE $",
            "R2",
            "MAPE",
            "worst tenth $",
            "range $",
            "seconds",
        ]
        rows = []
        for line in self.report["leaderboard"]:
            mark = "champion" if line["version"] == champion else "not served" if "not_served" in line else ""
            figures = [line[name] for name in _FIGURES]
            # In words, as people read it.
            figures[3] = f"{figures[3]:.2%}".replace("%", " %")
            figures.append(line.get("range_width_usd", "-"))
            rows.append([mark, line["version"], line["family"], *figures, line["duration_s"]])
        caption = f"{self.data['n_train']:,} training and {self.data['n_test']:,} test rows"
        caption = f"{self.promotion} {caption}."
        return table(header, rows, caption)


def _leaderboard(lines: list[dict[str, Any]], kind: Kind) -> Any:
    columns: dict[str, Any] = {
        "version": np.array([line["version"] for line in lines], dtype=np.int64),
        "family": [line["family"] for line in lines],
        "served": np.array(["not_served" not in line for line in lines], dtype=np.bool_),
    }
    for name in _FIGURES:
        columns[name] = np.array([line[name] for line in lines], dtype=np.float64)
    widths = [line.get("range_width_usd", np.nan) for line in lines]
    columns["range_width_usd"] = np.array(widths, dtype=np.float64)
    searches: Iterable[Any] = [line["search"] for line in lines]
    # A seed may need all 64 bits.
    columns["seed"] = np.array([line["seed"] for line in lines], dtype=np.uint64)
    columns["n_trials"] = np.array(
        [search["n_trials"] if search else 0 for search in searches], dtype=np.int64
    )
    columns["duration_s"] = np.array([line["duration_s"] for line in lines], dtype=np.float64)
    columns["params"] = [json.dumps(line["params"]) for line in lines]
    return make(columns, kind)


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C during `train`. Nothing is registered; finished trials are kept, and the same call goes on
    from them.

    Attributes
    ----------
    trials : frame
        The finished trials, as in `Run.trials`.
    """

    def __init__(self, text: str, trials: Any = None) -> None:
        super().__init__(text)
        self.trials: Any = trials


def place_of(registry: str | os.PathLike[str]) -> Path | str:
    """The folder, wherever the process goes later, or the address of a store."""
    if isinstance(registry, str) and registry.startswith("s3:"):
        return registry
    return Path(registry).absolute()
