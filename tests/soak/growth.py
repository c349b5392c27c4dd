"""Figures of one size after another, the law that they follow, and both as a table for docs/growth.md."""

import contextlib
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from helpers import environment


@dataclass
class Growth:
    """What was measured at sizes that grow."""

    # What is counted, such as "exchanges".
    what: str
    figures: dict[str, dict[int, float]] = field(default_factory=dict)

    def add(self, name: str, size: int, value: float) -> None:
        self.figures.setdefault(name, {})[size] = value

    def law(self, name: str) -> tuple[float, float, float]:
        """`a + b n` with the smallest relative errors, and the largest of these errors."""
        sizes, values = (
            np.array(list(part), float) for part in zip(*self.figures[name].items(), strict=True)
        )
        terms = np.stack([1 / values, sizes / values], axis=1)
        (a, b), *_ = np.linalg.lstsq(terms, np.ones(len(sizes)), rcond=None)
        if a < 0:
            # Nothing takes less than no time.
            a, b = 0.0, float((sizes / values).sum() / ((sizes / values) ** 2).sum())
        return float(a), float(b), float(np.abs((a + b * sizes) / values - 1).max())

    def table(self) -> str:
        sizes = sorted({size for values in self.figures.values() for size in values})
        heads = [self.what, *(f"{size:,}" for size in sizes), "law", "off by at most"]
        lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * len(sizes) + "---|---:|"]
        for name, values in self.figures.items():
            shown = [digits(values[size]) if size in values else "" for size in sizes]
            law, off = "", ""
            # What is so much a second, or for one, follows no law of this kind.
            if len(values) > 2 and "a second" not in name and "for one" not in name:
                a, b, worst = self.law(name)
                each, word = (1e6, "million") if sizes[-1] >= 1e6 else (1e3, "thousand")
                law, off = f"{digits(a)} + {digits(b * each)} per {word}", f"{worst:.0%}"
                if b * sizes[-1] < a / 5:
                    # Not more than what the machine's other work makes of it.
                    law, off = "the same", ""
            lines.append("| " + " | ".join([name, *shown, law, off]) + " |")
        return "\n".join(lines)

    def assert_no_worse_than_linear(self, name: str, slack: float = 1.5) -> None:
        """From the last but one size to the last it grows no more than in proportion."""
        (before, small), (last, large) = sorted(self.figures[name].items())[-2:]
        assert large / small < slack * last / before, (
            f"{name}: {small:.3g} at {before:,}, {large:.3g} at {last:,}"
        )


def digits(value: float) -> str:
    """Three of them that say something."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def run(
    command: list[object], folder: Path, may_refuse_rows: bool = False, **variables: str
) -> tuple[float, float]:
    """Runs it to a good end; the seconds that took, and its memory at the peak in MiB."""
    peak = 0.0
    begun = time.perf_counter()
    with (folder / "said").open("w") as said:
        child = subprocess.Popen(
            [*map(str, command)], cwd=folder, env=environment(**variables), stdout=said, stderr=said
        )
        # What the system says at the end has the memory in it of this process, which it was made from.
        while child.poll() is None:
            with contextlib.suppress(ValueError, OSError):
                peak = memory(child.pid)
            time.sleep(0.005)
    seconds = time.perf_counter() - begun
    is_good = child.returncode == 0 or (may_refuse_rows and child.returncode == 2)
    assert is_good, (folder / "said").read_text()[-2000:]
    return seconds, peak


def memory(pid: int, what: str = "VmHWM") -> float:
    """MiB of a process: at its peak, or `VmRSS` now."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(what)]
    return int(line.split()[1]) / 1024


def size(folder: Path) -> float:
    """MB on the disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def state_of_the_machine() -> str:
    """What else was going on, to stand beside the figures."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, load {load}"
