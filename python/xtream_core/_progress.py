"""How a run shows itself: a bar in a terminal or a notebook, lines for `logging`, events for a callback."""

import logging
import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any, TypeAlias

from ._native import _in_minutes

Event: TypeAlias = dict[str, Any]
Callback: TypeAlias = Callable[[Event], object]

_LOG = logging.getLogger("xtream_core")
_WIDTH = 30
# Seconds between two pictures of a bar.
_EVERY = 0.1


def listener(progress: bool | Callback) -> Callback:
    """Takes every event: tells `logging`, and shows it as `progress` wants it."""
    shown: Callback | None = None
    if callable(progress):
        shown = progress
    elif progress:
        shown = _notebook() or _terminal()

    def listen(event: Event) -> None:
        if sentence := in_words(event):
            _LOG.info(sentence)
        elif event["event"] == "trial_finished":
            _LOG.debug("%s: %s", event["family"], _counted(event))
        if shown is not None:
            shown(event)

    return listen


def in_words(event: Event) -> str | None:
    """The event as a sentence; None for those that come by the hundred."""
    match event["event"]:
        case "file_read" if event["extra_columns"]:
            return f"{event['path']}: columns left aside: {', '.join(event['extra_columns'])}"
        case "data_ready":
            counts = event["counts"]
            return (
                f"{counts['n_rows']:,} rows read: {counts['n_kept']:,} kept, "
                f"{counts['n_rejected']:,} refused, {counts['n_duplicates']:,} duplicates; "
                f"{event['n_train']:,} train and {event['n_test']:,} test"
                + (f". {event['in_both']}." if event["in_both"] else "")
            )
        case "search_started":
            kept = event["n_kept"]
            found = f", {kept} of them done by an earlier run" if kept else ""
            return f"{event['family']}: searching, at most {event['n_trials']} trials{found}"
        case "search_finished" if event["gained_nothing"]:
            return (
                f"{event['family']}: {event['n_trials']} trials were enough: "
                f"{event['gained_nothing']} one after the other were no better"
            )
        case "fitting":
            return f"{event['family']}: training on all training rows"
        case "judged":
            return f"{event['family']}: mean error ${event['mae_usd']:,.2f} on the test rows"
        case "decided":
            return str(event["decision"]["reason"])
        case "not_decided":
            return str(event["promotion"])
    return None


def _counted(event: Event) -> str:
    best = event["best_mae_usd"]
    error = "none yet" if best is None else f"${best:,.2f}"
    return f"{event['n_finished']} of {event['n_trials']} trials, best error {error}"


class _Bar:
    """What a terminal and a notebook have in common: when to draw again, and how long it may take."""

    def __init__(self) -> None:
        self._drawn = self._started = time.monotonic()
        self._n_kept = 0

    def is_due(self, event: Event) -> bool:
        now = time.monotonic()
        if event["event"] == "search_started":
            self._started, self._n_kept = now, event["n_kept"]
        if event["event"] == "trial_finished" and event["n_finished"] == event["n_trials"]:
            return True
        if now - self._drawn < _EVERY:
            return False
        self._drawn = now
        return True

    def text(self, event: Event) -> str:
        if event["event"] == "reading":
            return f"reading {event['path']}: {event['n_rows']:,} rows"
        n_new = max(event["n_finished"] - self._n_kept, 1)
        seconds = (time.monotonic() - self._started) / n_new * (event["n_trials"] - event["n_finished"])
        return f"{_counted(event)}, {_in_minutes(seconds)} left"


def _terminal() -> Callback | None:
    if not sys.stderr.isatty():
        return None
    bar = _Bar()

    def show(event: Event) -> None:
        if sentence := in_words(event):
            bar.is_due(event)
            print(f"\r\x1b[K{sentence}", file=sys.stderr)
        elif event["event"] == "search_finished":
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        elif event["event"] in ("reading", "trial_finished") and bar.is_due(event):
            picture = ""
            if event["event"] == "trial_finished":
                n_full = _WIDTH * event["n_finished"] // event["n_trials"]
                picture = f"  [{'=' * n_full}{' ' * (_WIDTH - n_full)}] "
            print(f"\r\x1b[K{picture}{bar.text(event)}", end="", file=sys.stderr, flush=True)

    return show


def _notebook() -> Callback | None:
    # Nobody is in a notebook without having loaded these.
    if "IPython" not in sys.modules or "ipykernel" not in sys.modules:
        return None
    from IPython import display, get_ipython

    if getattr(get_ipython(), "kernel", None) is None:
        return None
    bar, lines = _Bar(), list[str]()
    handle: Any = None

    def show(event: Event) -> None:
        nonlocal handle
        picture = ""
        if sentence := in_words(event):
            bar.is_due(event)
            lines.append(escape(sentence))
        elif event["event"] in ("reading", "trial_finished") and bar.is_due(event):
            if event["event"] == "trial_finished":
                picture = f"<progress max='{event['n_trials']}' value='{event['n_finished']}'></progress> "
            picture += escape(bar.text(event))
        elif event["event"] != "search_finished":
            return
        page: Any = display.HTML("<br>".join([*lines, picture] if picture else lines))  # type: ignore[no-untyped-call]
        if handle is None:
            handle = display.display(page, display_id=True)  # type: ignore[no-untyped-call]
        else:
            handle.update(page)

    return show
