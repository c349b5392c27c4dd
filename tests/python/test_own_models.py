"""A class of the user's own is a family like any other, but for being served."""

import json
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xtream_core as xc
from helpers import FEATURES, GRADES, SECOND, Program
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xtream_core._fingerprint import fingerprint

pytestmark = pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")


@pytest.fixture(scope="module")
def stones() -> pd.DataFrame:
    return xc.validate(SECOND).clean.head(4000)


@pytest.fixture(scope="module")
def sides(stones: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return stones.head(3200), stones.tail(800)


class Mean:
    """The least that a model can be."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.value = self.factor * float(np.mean(y))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.value)


def mae(actual: pd.Series, predicted: np.ndarray) -> float:
    return float(np.mean(np.abs(actual - predicted)))


def test_it_stands_on_the_leaderboard_with_the_figures_that_it_has_by_itself(
    sides: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    train, test = sides
    forest = xc.Family(RandomForestRegressor, name="forest", params={"n_estimators": 20})
    options = {"registry": tmp_path, "progress": False, "trials": 0}
    run = xc.train(train, test=test, models=["linear", forest, Mean], **options)
    lines = {line["family"]: line for line in run.report["leaderboard"]}
    assert set(lines) == {"linear", "forest", "Mean"}
    assert lines["Mean"]["mae_usd"] == pytest.approx(mae(test["price"], np.full(800, train["price"].mean())))

    def ranks(frame: pd.DataFrame) -> np.ndarray:
        coded = {name: frame[name].map(labels.index) for name, labels in GRADES.items()}
        return frame.assign(**coded)[FEATURES].to_numpy(dtype=float)

    by_hand = RandomForestRegressor(n_estimators=20, random_state=42).fit(ranks(train), train["price"])
    expected = by_hand.predict(ranks(test))
    assert lines["forest"]["mae_usd"] == pytest.approx(mae(test["price"], expected), rel=1e-12)
    assert np.array_equal(run.fitted["forest"].predict(ranks(test)), expected)
    served = dict(zip(run.leaderboard["family"], run.leaderboard["served"], strict=True))
    assert served == {"linear": True, "forest": False, "Mean": False}
    order = run.leaderboard["mae_usd"].tolist()
    assert order == sorted(order)


def test_one_hot_on_the_logarithm_is_the_log_linear_model_of_scikit_learn(
    sides: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    train, test = sides
    own = xc.Family(LinearRegression, name="hers", features="one_hot", target="log_price")
    options = {"registry": tmp_path, "progress": False, "trials": 0}
    run = xc.train(train, test=test, models=[own], **options)

    def encode(frame: pd.DataFrame) -> pd.DataFrame:
        kinds = {name: pd.CategoricalDtype(sorted(labels)) for name, labels in GRADES.items()}
        return pd.get_dummies(frame[FEATURES].astype(kinds), drop_first=True, dtype=float)

    by_hand = LinearRegression().fit(encode(train), np.log(train["price"]))
    expected = mae(test["price"], np.exp(by_hand.predict(encode(test))))
    assert run.leaderboard["mae_usd"][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_a_pipeline_gets_a_frame_of_the_callers_kind_with_grades_as_text(
    sides: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path, kind: type
) -> None:
    train, test = (side if kind is pd.DataFrame else pl.from_pandas(side) for side in sides)
    seen: list[object] = []

    class Looking(LinearRegression):
        def fit(self, X: object, y: object) -> "Looking":
            seen.append(y)
            return super().fit(X, y)

    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), list(GRADES)), remainder="passthrough"
    )
    pipeline = make_pipeline(encoder, Looking())
    own = xc.Family(pipeline, name="pipeline", features="frame", target="log_price")
    run = xc.train(train, test=test, models=[own], trials=0, registry=tmp_path, progress=False)
    assert len(seen) == 1
    features = run.fitted["pipeline"].feature_names_in_
    assert list(features) == FEATURES
    pandas_train, pandas_test = sides
    by_hand = make_pipeline(encoder, LinearRegression()).fit(
        pandas_train[FEATURES], np.log(pandas_train["price"])
    )
    expected = mae(pandas_test["price"], np.exp(by_hand.predict(pandas_test[FEATURES])))
    assert run.report["leaderboard"][0]["mae_usd"] == pytest.approx(expected, rel=1e-9)


def test_its_space_is_searched_and_the_best_trial_is_the_one_fitted(
    stones: pd.DataFrame, tmp_path: Path
) -> None:
    scaled = make_pipeline(StandardScaler(), KNeighborsRegressor())
    space = {
        "kneighborsregressor__n_neighbors": xc.Integer(1, 40),
        "kneighborsregressor__weights": ["uniform", "distance"],
        "kneighborsregressor__p": [1, 2],
        "standardscaler__with_std": [True, False],
    }
    own = xc.Family(scaled, name="neighbours", space=space, target="log_price")
    run = xc.train(stones, models=[own], trials=12, registry=tmp_path, progress=False)
    trials = run.trials
    assert trials["number"].tolist() == list(range(12))
    assert set(trials["kneighborsregressor__weights"]) == {"uniform", "distance"}
    assert set(trials["kneighborsregressor__p"]) == {1.0, 2.0}
    assert trials["kneighborsregressor__n_neighbors"].between(1, 40).all()
    best = trials.loc[trials["mae_usd"].idxmin()]
    fitted = run.fitted["neighbours"]["kneighborsregressor"]
    assert fitted.n_neighbors == best["kneighborsregressor__n_neighbors"]
    assert fitted.weights == best["kneighborsregressor__weights"]
    assert isinstance(fitted.n_neighbors, int) and isinstance(fitted.p, int)
    assert run.fitted["neighbours"]["standardscaler"].with_std is (best["standardscaler__with_std"] == "True")


def test_the_number_of_workers_changes_nothing(stones: pd.DataFrame, tmp_path: Path) -> None:
    own = xc.Family(
        RandomForestRegressor,
        name="forest",
        space={"max_depth": xc.Integer(2, 12)},
        params={"n_estimators": 5},
    )

    def figures(jobs: int) -> list:
        run = xc.train(
            stones, models=[own], trials=10, jobs=jobs, registry=tmp_path / str(jobs), progress=False
        )
        return [run.trials.fillna(0).to_dict("list"), run.report["leaderboard"][0]["mae_usd"]]

    assert figures(1) == figures(4)


def test_that_it_cannot_be_served_is_said_at_once_and_on_its_card(
    stones: pd.DataFrame, xtream: Program
) -> None:
    folder = xtream.folder / "registry"
    events: list[dict] = []
    with pytest.warns(
        xc.NotServedWarning, match=r"^forest is run by sklearn.*neither promoted nor served"
    ) as told:
        forest = xc.Family(RandomForestRegressor, name="forest", params={"n_estimators": 20})
        run = xc.train(stones, models=["linear", forest], trials=0, registry=folder, progress=events.append)
    assert told[0].filename == __file__
    assert "not served" in repr(forest)
    assert run.report["leaderboard"][0]["family"] == "forest", "the better one is hers"
    assert run.champion == {"version": 1, "family": "linear"}, "and yet the other one answers"
    assert run.decision["candidate"] == 1
    registry = xc.Registry(folder)
    card = registry.versions()[0]
    assert card["family"] == "forest"
    assert "RandomForestRegressor" in card["not_served"]
    assert card["xgboost_version"] is None
    assert "cannot be served" in card._repr_html_()
    assert "not served" in registry._repr_html_() and "not served" in run._repr_html_()
    for refused in [lambda: registry.load(2), lambda: registry.promote(2), lambda: run.model("forest")]:
        with pytest.raises(xc.XtreamError, match="this model cannot answer: it is run by sklearn"):
            refused()
    assert registry.champion().version == run.model().version == 1
    # The other doors know too.
    assert xtream.json("models", "show", 2)["not_served"] == card["not_served"]
    assert "cannot answer" in xtream("models", "promote", 2, status=2).stderr
    assert xtream.json("models", "fsck")["sound"]
    stored = (folder / "blobs").glob("*")
    assert not any(b"pickle" in blob.read_bytes()[:4096] or blob.suffix == ".pkl" for blob in stored)


def test_a_run_of_nothing_that_can_be_served_decides_nothing(stones: pd.DataFrame, tmp_path: Path) -> None:
    run = xc.train(stones, models=[Mean], trials=0, registry=tmp_path, progress=False)
    assert (run.decision, run.champion) == (None, None)
    with pytest.raises(xc.InvalidInputError, match="no model None that can be loaded"):
        run.model()


class Failing(Mean):
    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        raise ZeroDivisionError("in her own code")


class Wrong(Mean):
    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.factor)


def test_an_exception_of_hers_is_the_cause_of_ours(stones: pd.DataFrame, tmp_path: Path) -> None:
    for space, trials in [({}, 0), ({"factor": xc.Uniform(0, 1)}, 3)]:
        own = xc.Family(Failing, name="failing", space=space)
        with pytest.raises(xc.XtreamError, match="failing: ZeroDivisionError: in her own code") as caught:
            xc.train(stones, models=["linear", own], trials=trials, registry=tmp_path, progress=False)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert caught.value.__cause__.__traceback__.tb_next is not None
    assert xc.Registry(tmp_path).versions() == [], "all models of a run or none"


class Sometimes(Mean):
    """Fails in its own way for each kind of factor."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        if self.factor < 0.5:
            raise ZeroDivisionError("too small for me")
        super().fit(X, y)

    def predict(self, X: np.ndarray) -> np.ndarray:
        values = super().predict(X)
        if self.factor < 1.0:
            values[::2] = np.nan
        return values[1:] if self.factor > 1.5 else values


def test_a_trial_that_fails_is_a_failed_trial_and_the_others_go_on(
    stones: pd.DataFrame, tmp_path: Path
) -> None:
    own = xc.Family(Sometimes, space={"factor": xc.Uniform(0, 2)})
    run = xc.train(stones, models=["linear", own], trials=16, registry=tmp_path, progress=False)
    trials = run.trials
    factor, failure = trials["factor"], trials["failure"]
    assert (trials["state"] == "complete").tolist() == factor.between(1.0, 1.5).tolist()
    assert set(trials["state"]) == {"complete", "failed"}
    assert failure[factor < 0.5].str.endswith("ZeroDivisionError: too small for me").all()
    told = "values that are no finite numbers (NaN or infinite) for 32 rows"
    assert failure[factor.between(0.5, 1.0)].str.endswith(told).all()
    assert failure[factor > 1.5].str.contains(r"values of the shape \(31,\) for 32 rows").all()
    assert trials.loc[trials["state"] == "failed", "mae_usd"].isna().all()
    assert trials.loc[trials["mae_usd"].idxmin(), "factor"] == run.fitted["Sometimes"].factor
    again: list[dict] = []
    xc.train(stones, models=[own], trials=16, registry=tmp_path, progress=again.append)
    assert next(event["n_kept"] for event in again if "n_kept" in event) == 16, (
        "what failed need not fail again"
    )
    ax = xc.plots.search_history(run)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["finished", "failed", "best so far"]


@pytest.mark.parametrize("space", [{}, {"factor": [float("nan"), float("inf")]}])
def test_predictions_that_are_no_prices_are_refused(
    stones: pd.DataFrame, tmp_path: Path, space: dict
) -> None:
    params = {} if space else {"factor": float("nan")}
    own = xc.Family(Wrong, name="wrong", space=space, params=params)
    with pytest.raises(xc.XtreamError) as caught:
        xc.train(stones, models=[own], trials=2, registry=tmp_path, progress=False)
    assert "predict returned 32 values that are no finite numbers" in str(caught.value)
    assert "no finite numbers" in str(caught.value.__cause__)


class Short(Mean):
    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.zeros(len(X) - 1)


def test_too_few_predictions_are_refused(stones: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(xc.XtreamError) as caught:
        xc.train(stones, models=[Short], trials=0, registry=tmp_path, progress=False)
    assert "Short: ValueError: predict returned values of the shape (31,) for 32 rows" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


class Late(Mean):
    """Only shows on many rows what it is."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.where(np.arange(len(X)) < 100, self.value, np.inf)


def test_what_shows_only_on_all_rows_is_told_too(stones: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(
        xc.XtreamError, match=r"Late predicts no finite number for \d+ of \d+ stones"
    ) as caught:
        xc.train(stones, models=[Late], trials=0, registry=tmp_path, progress=False)
    assert "no finite numbers" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: xc.Family(dict), "dict has no method fit"),
        (lambda: xc.Family(Mean(2.0)), "an object of Mean cannot be copied"),
        (lambda: xc.Family(Mean, name="a/b"), "name = 'a/b'"),
        (lambda: xc.Family(Mean, space={"factor": [1]}, params={"factor": 1}), "both space and params"),
    ],
)
def test_what_cannot_be_a_family_is_refused_at_once(make: object, message: str) -> None:
    with pytest.raises(xc.InvalidInputError, match=message):
        make()


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ({"space": {"factor": xc.Uniform(2, 1)}}, "space of factor = from 2 to 1"),
        ({"space": {"factor": xc.LogUniform(0, 1)}}, "space of factor = from 0"),
        ({"space": {"factor": xc.Integer(-1, 1)}}, "space of factor = from -1 to 1"),
        ({"space": {"factor": 3}}, "the space of factor is 3"),
        ({"space": {"factor": "abc"}}, "the space of factor is 'abc'"),
        ({"space": {"factor": []}}, r"the space of factor is \[\]"),
        ({"space": {"factor": [1, 1]}}, "each choice once"),
        ({"features": "pixels"}, 'features = "pixels"; allowed is "ranks", "one_hot" or "frame"'),
        ({"target": "carat"}, 'target = "carat"'),
        ({"name": "linear"}, 'there is a family "linear" already'),
    ],
)
def test_wrong_descriptions_are_refused_before_anything_is_trained(
    stones: pd.DataFrame, tmp_path: Path, family: dict, message: str
) -> None:
    with pytest.raises(xc.InvalidInputError, match=message):
        models = ["linear", xc.Family(Mean, **family)]
        xc.train(stones, models=models, trials=2, registry=tmp_path / "registry", progress=False)


def test_a_search_goes_on_only_with_trials_of_the_same_code(stones: pd.DataFrame, tmp_path: Path) -> None:
    def kept(own: xc.Family) -> int:
        events: list[dict] = []
        xc.train(stones, models=[own], trials=4, registry=tmp_path, progress=events.append)
        return next(event["n_kept"] for event in events if event["event"] == "search_started")

    space = {"factor": xc.Uniform(0, 2)}
    assert kept(xc.Family(Mean, space=space)) == 0
    assert kept(xc.Family(Mean, space=space)) == 4

    class Changed(Mean):
        def fit(self, X: np.ndarray, y: np.ndarray) -> None:
            self.value = self.factor * float(np.median(y))

    Changed.__qualname__, Changed.__module__ = Mean.__qualname__, Mean.__module__
    assert kept(xc.Family(Changed, name="Mean", space=space)) == 0
    assert kept(xc.Family(Mean, space=space, target="log_price")) == 0


HELPED = """
{imports}
SCALE = {scale}
def inner(y):
    return {inner} * SCALE
def outer(y):
    return [inner(value) for value in y]
def of(deviation):
    def centre(y):
        return sum(outer(y)) / len(y) + deviation
    return centre
class Helped:
    def __init__(self, factor=1.0): self.factor = factor
    {comment}
    def fit(self, X, y): self.value = centre(y)
    def predict(self, X): return [self.value] * len(X)
centre = of({deviation})
"""
AS_IT_IS = {"imports": "", "scale": "1.0", "inner": "value", "comment": "", "deviation": "0.0"}


def test_whatever_a_class_refers_to_is_a_part_of_it(tmp_path: Path) -> None:
    def fingerprint_of(**changed: str) -> str:
        written: dict[str, object] = {"__name__": "__main__"}
        exec(HELPED.format(**AS_IT_IS | changed), written)
        return fingerprint(written["Helped"])

    as_it_is = fingerprint_of()
    assert fingerprint_of() == as_it_is, "the same cell, run again"
    assert fingerprint_of(imports="import json", comment="# a word") == as_it_is, "nothing that matters"
    for changed in [{"inner": "value + 1"}, {"scale": "1.1"}, {"deviation": "0.5"}, {"comment": "more = 3"}]:
        assert fingerprint_of(**changed) != as_it_is, changed
    data = np.arange(5.0)
    assert fingerprint(lambda: data) == fingerprint(lambda: data)
    before = fingerprint(lambda: data)
    data[2] = 7.0
    assert fingerprint(lambda: data) != before, "data that is referred to"
    steps = make_pipeline(StandardScaler(), Mean(1.0)), make_pipeline(StandardScaler(), Failing(1.0))
    assert fingerprint(steps[0]) != fingerprint(steps[1]), "what stands in a pipeline"
    assert fingerprint(threading.Lock()) != fingerprint(threading.Lock()), "nobody can say"


def test_a_function_may_make_the_model(stones: pd.DataFrame, tmp_path: Path) -> None:
    def scaled_ridge(alpha: float) -> object:
        return make_pipeline(StandardScaler(), Ridge(alpha=alpha))

    own = xc.Family(scaled_ridge, name="ridge", space={"alpha": xc.LogUniform(1e-3, 1e3)})
    run = xc.train(stones, models=[own], trials=3, registry=tmp_path, progress=False)
    assert run.fitted["ridge"]["ridge"].alpha == json.loads(run.leaderboard["params"][0])["alpha"]


SLOW = """
    import os, signal, sys, threading, time
    import xtream_core as xc

    class Slow:
        def __init__(self, pause=0.0): self.pause = pause
        def fit(self, X, y):
            if len(time.done) == 3:
                time.began.set()
                time.sleep(2)
            time.done.append(1)
        def predict(self, X): return [float(len(X))] * len(X)

    # In a module, since what a class refers to is a part of it, and these change from run to run.
    time.done, time.began = [], threading.Event()

    def press():
        time.began.wait()
        time.sleep(0.1)
        stamps.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    stamps = []
    threading.Thread(target=press, daemon=True).start()
    own = xc.Family(Slow, space={"pause": xc.Uniform(0, 1)})
    try:
        xc.train(sys.argv[1], models=[own], trials=50, jobs=1, registry=sys.argv[2], progress=False)
    except xc.TrainingInterrupted as stopped:
        print(time.monotonic() - stamps[0], len(stopped.trials))
"""
AGAIN = """
    events = []
    xc.train(sys.argv[1], models=[own], trials=5, jobs=1, registry=sys.argv[2], progress=events.append)
    print(next(event["n_kept"] for event in events if event["event"] == "search_started"))
"""
# What is still there when the interpreter ends, and takes its time to go.
LATE = """
    class Late:
        def __del__(self, sleep=time.sleep): sleep(3)

    textless = type(sys)("textless")
    sys.modules["textless"], textless.late = textless, Late()
    del textless
"""


def in_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), str(SECOND), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run


@pytest.mark.alone
def test_ctrl_c_does_not_wait_for_a_fit_of_hers(tmp_path: Path) -> None:
    seconds, n_trials = in_python(SLOW, tmp_path).stdout.split()
    # Her fit takes two.
    assert float(seconds) < 1
    assert int(n_trials) == 3


def test_the_next_run_waits_for_the_fit_that_was_left_and_goes_on_from_there(tmp_path: Path) -> None:
    _, n_trials, n_kept = in_python(SLOW + AGAIN, tmp_path).stdout.split()
    assert int(n_trials) == 3 <= int(n_kept)


def test_the_end_of_the_process_waits_for_the_fit_that_was_left_and_says_so(tmp_path: Path) -> None:
    run = in_python(SLOW + LATE, tmp_path)
    assert run.stdout.endswith(" 3\n")
    assert run.stderr.startswith("waiting for a fit that was interrupted to come to its end")


def test_no_warning_is_given_without_a_reason(stones: pd.DataFrame, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        xc.train(stones, models=["linear"], registry=tmp_path, progress=False)
