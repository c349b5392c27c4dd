"""Each plot shows the figures that it says, on the axes that it returns."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import xtream_core as xc
from helpers import FIRST, SECOND

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from sklearn.dummy import DummyRegressor  # noqa: E402
from xtream_core._run import trials_frame  # noqa: E402

QUIET = {"progress": False, "ranges": False}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plots") / "registry"


@pytest.fixture(scope="module")
def run(folder: Path) -> xc.Run:
    """A linear champion, then a search that beats it, then one that does not."""
    xc.train(FIRST, models=["linear"], registry=folder, **QUIET)
    run = xc.train(FIRST, models=["xgboost"], trials=10, registry=folder, promote=True, **QUIET)
    xc.train(FIRST, models=["linear"], registry=folder, promote=True, **QUIET)
    return run


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    pyplot.close("all")


def test_predicted_against_actual_has_a_point_for_each_test_stone(run: xc.Run) -> None:
    model = run.model()
    ax = xc.plots.predicted_against_actual(model)
    points = ax.collections[0].get_offsets()
    assert len(points) == model.card["metrics"]["n_rows"] == run.data["n_test"]
    errors = np.abs(points[:, 0] - points[:, 1])
    assert float(errors.mean()) == pytest.approx(model.card["metrics"]["mae_usd"], rel=1e-9)
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_it_takes_other_stones_and_other_models_and_draws_where_it_is_told(run: xc.Run) -> None:
    _, axes = pyplot.subplots(1, 2)
    stones = xc.validate(SECOND).clean
    assert xc.plots.predicted_against_actual(run.model(), stones, ax=axes[0]) is axes[0]
    assert len(axes[0].collections[0].get_offsets()) == len(stones)
    estimator = xc.LogLinearRegressor().fit(stones, stones["price"])
    assert xc.plots.predicted_against_actual(estimator, stones, ax=axes[1]) is axes[1]
    with pytest.raises(xc.InvalidInputError, match="data is missing"):
        xc.plots.predicted_against_actual(estimator)


def test_errors_by_carat_are_the_mean_absolute_errors_of_the_bands(run: xc.Run) -> None:
    model = run.model()
    stones = xc.validate(SECOND).clean
    ax = xc.plots.error_by_carat(model, stones, edges=[0.5, 1.0])
    prices = model.predict(stones, errors="nan")
    errors = (stones["price"] - np.where(np.isnan(prices), model._numbers(stones), prices)).abs()
    band = pd.cut(stones["carat"], [0, 0.5, 1.0, np.inf], right=False)
    expected = errors.groupby(band, observed=True).mean()
    assert [bar.get_height() for bar in ax.patches] == pytest.approx(expected.tolist(), abs=0.005)
    assert [text.get_text() for text in ax.texts] == [f"{n:,}" for n in band.value_counts(sort=False)]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["below 0.5", "0.5 to 1", "1 and more"]
    assert len(xc.plots.error_by_carat(model).patches) == 8
    with pytest.raises(xc.InvalidInputError, match="edges"):
        xc.plots.error_by_carat(model, edges=[1.0, 0.5])


def test_the_search_history_falls_to_the_best_trial(run: xc.Run) -> None:
    for source in [run, run.model()]:
        ax = xc.plots.search_history(source)
        best = ax.lines[0].get_ydata()
        assert list(best) == sorted(best, reverse=True)
        assert best[-1] == run.report["leaderboard"][0]["search"]["best_mae_usd"]
        n_points = sum(len(points.get_offsets()) for points in ax.collections)
        assert n_points == 10
    with pytest.raises(xc.InvalidInputError, match="'linear' has no trials here; allowed is one of xgboost"):
        xc.plots.search_history(run, family="linear")


def test_a_trial_that_was_given_up_never_looks_better_than_one_that_was_not() -> None:
    # Given up after an easy fold, with an error that no finished trial has.
    trial = {"params": {"max_depth": 3.0}, "curve": [], "folds": [250.0]}
    trials = [
        ("trees", {**trial, "number": 0, "state": "complete", "value": 300.0, "refit": {}}),
        ("trees", {**trial, "number": 1, "state": "pruned", "value": 250.0}),
        ("trees", {**trial, "number": 2, "state": "failed", "reason": "out of memory"}),
    ]
    frame = trials_frame(trials, "pandas")
    assert frame["mae_usd"].tolist()[0] == 300.0 and frame["mae_usd"].isna().tolist() == [False, True, True]
    assert frame["given_up_at_usd"].tolist()[1] == 250.0
    assert frame["failure"].tolist()[2] == "out of memory"
    ax = xc.plots.search_history(SimpleNamespace(_trials=trials))
    finished, given_up, failed = ax.collections
    assert finished.get_offsets().tolist() == [[0.0, 300.0]]
    # At the upper edge of the picture, whatever its scale.
    assert [mark.get_offsets().tolist() for mark in (given_up, failed)] == [[[1.0, 0.98]], [[2.0, 0.98]]]
    assert given_up.get_offset_transform() == ax.get_xaxis_transform()
    assert ax.get_xlim() == (-0.5, 2.5), "all of them are in the picture"


def test_the_trials_of_a_run_and_of_its_model_say_the_same(run: xc.Run) -> None:
    of_run, of_model = run.trials, run.model().trials()
    assert of_run["number"].tolist() == [trial["number"] for trial in of_model] == list(range(10))
    values = [np.nan if trial["value"] is None else trial["value"] for trial in of_model]
    assert np.array_equal(of_run["mae_usd"], values, equal_nan=True)
    best = run.report["leaderboard"][0]["search"]
    assert of_run["mae_usd"].min() == best["best_mae_usd"]
    assert (of_run["state"] == "pruned").sum() == best["n_pruned"] == of_run["mae_usd"].isna().sum()


def test_every_picture_lays_itself_out_and_holds_all_its_words(run: xc.Run, folder: Path) -> None:
    model, registry = run.model(), xc.Registry(folder)
    stones = xc.validate(SECOND).clean.head(5)
    drawn = [
        xc.plots.predicted_against_actual(model),
        xc.plots.error_by_carat(model),
        xc.plots.search_history(run),
        xc.plots.parameter_importance(run),
        xc.plots.champion_timeline(registry),
        xc.plots.waterfall(model, stones),
    ]
    for ax in drawn:
        figure = ax.figure
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        words = [
            text
            for text in figure.findobj(Text)
            if text.get_text() and text.get_visible() and text.axes in (ax, None)
        ]
        boxes = [text.get_window_extent() for text in words if in_sight(text, ax)]
        assert len(boxes) > 5
        for box in boxes:
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, ax


def in_sight(text: Text, ax: Axes) -> bool:
    """Not a label of a tick outside of what is shown."""
    ticks = [*ax.xaxis.get_ticklabels(which="both"), *ax.yaxis.get_ticklabels(which="both")]
    if text not in ticks:
        return True
    low, high = ax.get_xlim() if text in ax.xaxis.get_ticklabels(which="both") else ax.get_ylim()
    place = text.get_position()[0 if text in ax.xaxis.get_ticklabels(which="both") else 1]
    return min(low, high) <= place <= max(low, high)


def test_the_importance_of_parameters_is_a_share_of_each(run: xc.Run) -> None:
    ax = xc.plots.parameter_importance(run)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert {"learning_rate", "max_depth"} <= set(names) and "n_estimators" not in names
    widths = [bar.get_width() for bar in ax.patches]
    assert widths == sorted(widths) and all(0 <= width <= 1 for width in widths)


def test_too_few_trials_say_nothing(folder: Path, run: xc.Run) -> None:
    few = xc.train(FIRST, models=["xgboost"], trials=2, registry=folder, **QUIET)
    with pytest.raises(xc.InvalidInputError, match="allowed is a search with 8 of them or more"):
        xc.plots.parameter_importance(few)


def test_the_timeline_shows_champions_and_those_that_were_not(folder: Path, run: xc.Run) -> None:
    registry = xc.Registry(folder)
    ax = xc.plots.champion_timeline(registry)
    mae = {card["version"]: card["metrics"]["mae_usd"] for card in registry.versions()}
    assert list(ax.lines[0].get_ydata()) == [mae[1], mae[2]]
    assert [text.get_text() for text in ax.texts] == ["version 1", "version 2"]
    assert len(ax.collections[0].get_offsets()) == 1
    assert isinstance(ax, Axes)


@pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")
def test_a_registry_without_a_champion_has_no_timeline(tmp_path: Path) -> None:
    forest = xc.Family(DummyRegressor, name="mean")
    xc.train(FIRST, models=[forest], trials=0, registry=tmp_path, progress=False)
    with pytest.raises(xc.InvalidInputError, match="no model has been promoted yet"):
        xc.plots.champion_timeline(xc.Registry(tmp_path))


def test_without_matplotlib_all_else_works_and_a_plot_says_how_to_get_it(folder: Path, run: xc.Run) -> None:
    code = f"""
import sys
sys.modules["matplotlib"] = None
import xtream_core as xc
model = xc.Registry({str(folder)!r}).champion()
try:
    xc.plots.error_by_carat(model)
except ImportError as error:
    print(error)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install matplotlib" in printed
