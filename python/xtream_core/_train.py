"""`train`: from rows to a leaderboard."""

import os
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from . import _native
from ._families import Adapter, Family, NotServedWarning, family_of
from ._frames import at_rest, kind_of
from ._native import InvalidInputError
from ._progress import Callback, Event, listener
from ._run import Run, TrainingInterrupted, Trials, place_of, trials_frame
from ._validate import Data

if TYPE_CHECKING:
    from ._executor import Executors

Models: TypeAlias = Sequence[str | Family | Any]


def train(
    data: Data,
    test: Data | None = None,
    models: Models | None = None,
    trials: int = 100,
    seed: int = 42,
    *,
    registry: str | os.PathLike[str] = "registry",
    random_state: int | None = None,
    jobs: int | None = None,
    parallel: int = 8,
    promote: bool = False,
    suspect: Literal["reject", "keep"] = "reject",
    duplicates: Literal["drop", "keep"] = "drop",
    max_rejects: float = 1.0,
    space: Literal["narrow", "notebook"] = "narrow",
    monotone: bool = True,
    ranges: bool = True,
    executor: "Executors | None" = None,
    progress: bool | Callback = True,
) -> Run:
    """Trains every family of models on the data and records each. The first model of an empty registry
    becomes its champion; a later one only on request, and if it is better than the champion by more than
    chance explains.

    Parameters
    ----------
    data : frame, str, os.PathLike or a list of them
        Frames, CSV or Parquet files, folders or patterns; all together are one data set. Columns as in
        `validate`.
    test : the same, optional
        Compare on these rows; all of `data` then trains. Without it each stone's own figures decide
        whether it trains or tests, for good.
    models : list, optional
        Families to train: names of built-in ones ("linear", "xgboost-derived" and so on), `Family` objects,
        or classes with `fit(X, y)` and `predict(X)`. All built-in ones by default.
    trials : int
        Most sets of parameters tried for each family, fewer when they gain nothing; 0 trains with default
        parameters.
    seed : int
        The same seed and data give the same models, byte for byte.
    registry : str or os.PathLike
        Folder where models are recorded, made if need be; or the address of a place in an S3-like store,
        such as "s3://shop/diamonds", whose key is in the environment (AWS_ACCESS_KEY_ID and so on).
    random_state : int, optional
        Another name for `seed`, for fingers that type it.
    jobs : int, optional
        Cores that work on it, by default all. The result does not depend on it.
    parallel : int
        How many trials of a search may run side by side, from 1 to 256. Each knows the results of those that
        many before it, so this is a part of what is searched: another number finds other parameters, on any
        machine.
    promote : bool
        Whether the best model is held against the champion, and takes its place if it is better by more
        than chance explains. Without it only the first model of a registry becomes champion;
        `Run.promotion` says in a sentence what became of the best model, and `Registry.promote` decides by
        hand.
    suspect : {"reject", "keep"}
        What to do with stones whose numbers contradict each other.
    duplicates : {"drop", "keep"}
        What to do with rows that stand there twice, price included.
    max_rejects : float
        Percentage of refused rows above which nothing is trained.
    space : {"narrow", "notebook"}
        What is searched for the built-in families: learning rates that are worth trying, or the space of
        the data scientist's notebook.
    monotone : bool
        Whether "linear-derived" and "xgboost-derived" never price a better cut, color or clarity or more
        weight lower; the cards say what that costs in accuracy.
    ranges : bool
        Whether the models learn how sure their prices are. Without it each is fitted once and not six times,
        and `Model.value` has no range and says so.
    executor : concurrent.futures.Executor or callable, optional
        Who carries out trials and fits, in place of threads of this process: a pool of processes
        (`concurrent.futures`, loky), a Dask client; or a function that makes one, which is called again when
        a process of a pool has died. The result does not depend on it. What gets lost is given out again, ten
        times at most. Workers have the same `xtream_core`, and get the rows sent. `jobs` does not matter
        then; with `parallel` twice the number of workers all of them are busy.
    progress : bool or callable
        True: a bar in a terminal or notebook. A callable gets a dict for each event, on this thread:
        `event` is `reading`, `file_read`, `data_ready`, `search_started`, `trial_finished`,
        `search_finished`, `fitting`, `judged`, `decided` or `not_decided`, and the rest depends on it. An
        exception of its stops the run and is raised from it. `logging` hears of it all in any case.

    Returns
    -------
    Run
        Leaderboard, trials, champion, decision and data, and the models themselves.

    Raises
    ------
    InvalidInputError
        Data or an argument that cannot be used as it is.
    XtreamError
        Anything else, such as a missing XGBoost library, or an exception of a class of your own, which is
        its cause. Of a search such an exception ends its trial only (state "failed"), while others succeed.
    TrainingInterrupted
        Ctrl-C (a KeyboardInterrupt). Nothing is registered; it has the finished `trials`, and the same
        call goes on from them.

    Warns
    -----
    NotServedWarning
        A family of your own is among the models: it cannot be promoted or served.

    Examples
    --------
    >>> import pandas as pd
    >>> delivery = pd.read_csv("data/first-delivery.csv")
    >>> run = xc.train(delivery, models=["linear"], registry="first", progress=False)
    >>> run.leaderboard[["version", "family", "served"]].values.tolist()
    [[1, 'linear', True]]
    >>> run.data["n_rejected"]
    23
    """
    if random_state is not None:
        if seed not in (42, random_state):
            raise InvalidInputError(
                f"seed = {seed} and random_state = {random_state}; allowed is one of them"
            )
        seed = random_state
    data, test = at_rest(data), at_rest(test)
    kind = kind_of(data)
    # Loaded now, so that Ctrl-C does not have to wait for it.
    import_module(kind)
    adapters, chosen = _adapted(models, kind)
    finished: Trials = []
    tell = listener(progress)

    def listen(event: Event) -> None:
        if event["event"] == "search_started":
            finished.extend((event["family"], trial) for trial in event["kept"])
        elif event["event"] == "trial_finished":
            finished.append((event["family"], event["trial"]))
        tell(event)

    sent = None
    if executor is not None:
        from ._executor import Jobs

        sent = Jobs(executor, adapters)
    place = place_of(registry)
    try:
        report, run_models = _native._train(
            data,
            test,
            chosen,
            trials,
            seed,
            jobs,
            parallel,
            place,
            promote,
            suspect,
            duplicates,
            max_rejects,
            space,
            monotone,
            ranges,
            sent,
            listen,
        )
    except KeyboardInterrupt as stopped:
        raise TrainingInterrupted(str(stopped), trials_frame(finished, kind)) from None
    finally:
        if sent is not None:
            sent.close()
    finished = [(family, trial) for family, trial in finished if trial["number"] < trials]
    if report["decision"] is None:
        tell({"event": "not_decided", "promotion": _promotion(report, promote)})
    report["promotion"] = _promotion(report, promote)
    return Run(report, run_models, finished, {own.name: own.fitted for own in adapters}, place, kind)


def _promotion(report: dict[str, Any], promote: bool) -> str:
    """Core's sentence, and how to have it otherwise."""
    said: str = report["promotion"]
    is_asked = promote or report["decision"] is not None
    best = next((line["version"] for line in report["leaderboard"] if "not_served" not in line), None)
    if is_asked or best is None:
        return said
    return (
        f"{said} train(..., promote=True) holds it against the champion, and Registry.promote({best}) "
        "makes it the champion."
    )


def _adapted(models: Models | None, kind: Any) -> tuple[list[Adapter], list[Any] | None]:
    """The models as the native half takes them, and those among them that are the user's own."""
    if models is None:
        return [], None
    if isinstance(models, str) or not isinstance(models, Sequence):
        raise TypeError(f"models must be a list of names and families, not {type(models).__name__}")
    chosen: list[Any] = [
        model if isinstance(model, str) else Adapter(family_of(model), kind) for model in models
    ]
    own = [model for model in chosen if isinstance(model, Adapter)]
    for model in own:
        warnings.warn(
            f"{model.name} is run by {model.class_name}: it is compared with the others and recorded, but "
            "it can be neither promoted nor served",
            NotServedWarning,
            stacklevel=3,
        )
    return own, chosen
