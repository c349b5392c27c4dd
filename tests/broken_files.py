"""Rows to build broken files from, and what is true of every refusal."""

from pathlib import Path

from helpers import Program

HEADER = "carat,cut,color,clarity,depth,table,price,x,y,z"
ROW = "0.32,Ideal,D,SI1,62.1,54,715,4.4,4.45,2.75"


def rows(n: int = 60) -> list[str]:
    """Different sound stones."""
    sizes = [1 + number / 5000 for number in range(n)]
    return [
        f"{0.32 * s**3:.4f},Ideal,D,SI1,62.1,54,{715 * s**3:.0f},{4.4 * s:.4f},{4.45 * s:.4f},{2.75 * s:.4f}"
        for s in sizes
    ]


def text(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def refusal(xtream: Program, path: Path) -> str:
    """What `train` and `value` alike say of a file that they refuse."""
    said = xtream("train", path, "--models", "linear", "--registry", "refused", status=2).stderr
    assert path.name in said
    assert not any((xtream.folder / "refused" / "commits").iterdir()), "nothing was trained"
    left = [entry.name for entry in (xtream.folder / "refused").iterdir()]
    assert sorted(left) == ["blobs", "commits", "receipts", "studies"], "nothing half-written is left"
    return said
