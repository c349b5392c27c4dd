"""A model's card."""

from typing import Any

from ._html import table


class Card(dict[str, Any]):
    """Everything that is known about a model, as `xtream models show --json` prints it: a dict that
    shows itself as a table in notebooks.

    Errors are US dollars, but `mape`, which is a share of the price (0.07 is 7 %); durations are seconds.
    `not_served` is there only for a model of your own class, and says why it cannot be promoted.

    Examples
    --------
    >>> card = xc.Registry("registry").champion().card
    >>> card["family"], card["metrics"]["n_rows"]
    ('xgboost', 10771)
    """

    def _repr_html_(self) -> str:
        metrics, data = self["metrics"], self["data"]
        rows: list[tuple[str, object]] = [
            ("trained", self["created_at"]),
            ("mean absolute error $", metrics["mae_usd"]),
            ("root mean squared error $", metrics["rmse_usd"]),
            ("R2", metrics["r2"]),
            ("mean absolute error, share of the price", f"{100 * metrics['mape']:.2f} %"),
            ("mean error of the worst tenth $", metrics["worst_decile_usd"]),
            ("mean width of ranges $", self.get("range_width_usd", "-")),
            ("test rows", data["n_test"]),
            ("training rows", data["n_train"]),
            ("parameters", self["params"] or "none"),
            ("seed", self["seed"]),
            ("trials", self["search"]["n_trials"] if self["search"] else "no search"),
            ("rows", data["digest"]),
            ("model", self["model"]),
        ]
        if "not_served" in self:
            rows.append(("cannot be served", self["not_served"]))
        return table(["", ""], rows, f"Version {self['version']}, {self['family']}")


def cards_html(cards: list[Card], champion: int | None) -> str:
    """A line for each card, for notebooks."""
    rows = [
        (
            "champion" if card["version"] == champion else "not served" if "not_served" in card else "",
            card["version"],
            card["family"],
            card["metrics"]["mae_usd"],
            card["metrics"]["r2"],
            card["data"]["n_train"],
            card["created_at"],
        )
        for card in cards
    ]
    return table(["", "version", "family", "MAE $", "R2", "training rows", "trained"], rows)
