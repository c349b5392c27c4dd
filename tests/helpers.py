"""What the tests share: the program, the data, and ways to look into a registry."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.csv

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(os.environ.get("XTREAM_BIN", ROOT / "target" / "debug" / "xtream"))
PUBLIC = ROOT / "data" / "diamonds.csv"
FIRST = ROOT / "data" / "first-delivery.csv"
SECOND = ROOT / "data" / "second-delivery.csv"
APPRAISALS = Path(
    os.environ.get("XTREAM_APPRAISALS", ROOT.parent / "shared" / "data" / "appraisals-5000.csv")
)

COLUMNS = ["carat", "cut", "color", "clarity", "depth", "table", "price", "x", "y", "z"]
FEATURES = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": ["J", "I", "H", "G", "F", "E", "D"],
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def environment(**more: str) -> dict[str, str]:
    """The present environment without settings of its own; this Python's packages hold libxgboost."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("XTREAM_")}
    return clean | {"VIRTUAL_ENV": sys.prefix} | more


@dataclass
class Program:
    """The program, started in a folder of its own, where no settings file lies."""

    folder: Path

    def __call__(
        self,
        *arguments: object,
        status: int | None = 0,
        timeout: float = 600,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        run = subprocess.run(
            [PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert "panicked" not in run.stderr, run.stderr
        assert status is None or run.returncode == status, (
            f"status {run.returncode}, not {status}\n{run.stdout}{run.stderr}"
        )
        return run

    def json(self, *arguments: object, **more: object) -> dict:
        return json.loads(self(*arguments, "--json", **more).stdout)

    def train(self, *arguments: object, ranges: bool = False, **more: object) -> dict:
        """The report of a run; without ranges, which few tests ask for and which are most of the work."""
        without = [] if ranges or "--no-ranges" in arguments else ["--no-ranges"]
        return self.json("train", *arguments, *without, **more)

    def start(self, *arguments: object, output: object = subprocess.PIPE) -> subprocess.Popen[str]:
        """Starts it and returns at once; all that it says goes to the pipes or the file."""
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
        )


@dataclass
class Trained:
    """A registry on the first delivery with the notebook's two families at their default parameters."""

    program: Program
    folder: Path
    report: dict

    def version(self, family: str) -> int:
        return next(line["version"] for line in self.report["leaderboard"] if line["family"] == family)

    def rows(self, side: str) -> pd.DataFrame:
        return stored_rows(self.program, self.folder, 1, side)


def read_csv(path: Path) -> pd.DataFrame:
    """Every number exactly as it is written."""
    return pyarrow.csv.read_csv(path).to_pandas()


def stored_rows(program: Program, registry: Path, version: object, side: str | None = None) -> pd.DataFrame:
    """The rows a model was trained ("train") or judged ("test") on, as the registry keeps them."""
    card = program.json("models", "show", version, "--registry", registry)
    frame = pd.read_parquet(blob(registry, card["data"]["digest"], "parquet"))
    if side is None:
        return frame
    return frame[frame["is_test"] == (side == "test")].drop(columns="is_test").reset_index(drop=True)


def blob(registry: Path, digest: str, ending: str) -> Path:
    return registry / "blobs" / f"{digest.removeprefix('sha256:')}.{ending}"


def codes(frame: pd.DataFrame) -> pd.DataFrame:
    """The nine features as our XGBoost models see them: each grade as its rank."""
    return frame[FEATURES].assign(**{name: frame[name].map(labels.index) for name, labels in GRADES.items()})


def stop(process: subprocess.Popen[str], sign: int = signal.SIGINT) -> tuple[str, str, float]:
    """Sends the signal; returns what the process said and the seconds that it took to end."""
    started = time.monotonic()
    process.send_signal(sign)
    stdout, stderr = process.communicate(timeout=120)
    return stdout, stderr, time.monotonic() - started


def seed() -> int:
    """Of everything random here; printed, and taken from XTREAM_TEST_SEED when that is set."""
    chosen = int(os.environ.get("XTREAM_TEST_SEED", random.randrange(1 << 32)))
    print(f"XTREAM_TEST_SEED={chosen}")
    return chosen


def in_soak() -> bool:
    """Whether this is `make soak`, which takes its time."""
    return os.environ.get("XTREAM_SOAK") == "1"


# What is promised within a second; the suite runs on machines that have other things to do, too.
A_SECOND = 1.0 if in_soak() else 3.0


def free_port() -> int:
    """A port on which nobody listens, one of those that the system gives to nobody who asks for any: no other
    server has it before the one that it is for, or while that is killed and started again."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
