"""Files of every kind with bytes changed at random: they may be refused; nothing panics, nothing grows."""

import contextlib
import gzip
import io
import random
import resource
import sys
import time
from pathlib import Path

import openpyxl
import pandas as pd
import xlwt
import xtream_core as xc

# Bytes that mean something to one reader or another.
TELLING = [
    b'"',
    b",",
    b";",
    b"\n",
    b"\r",
    b"\0",
    b"\xff\xfe",
    b"\x1a",
    b"PK\x03\x04",
    b"\xff" * 8,
    b"\0" * 16,
]
# What the process may have of memory at most: a workbook may unpack to 512 MB and become as much text, and
# the interpreter and its libraries take their share.
MOST_MEGABYTES = 1800


def sound_files(rows: pd.DataFrame) -> dict[str, bytes]:
    """The same stones in each kind of file."""
    text = rows.to_csv(index=False)
    book, old = openpyxl.Workbook(), xlwt.Workbook()
    sheet = old.add_sheet("Stones")
    cells = [list(rows.columns), *rows.astype(object).to_numpy().tolist()]
    for y, row in enumerate(cells):
        book.active.append(row)
        for x, cell in enumerate(row):
            sheet.write(y, x, cell)
    files = {name: io.BytesIO() for name in ("xlsx", "xls", "parquet")}
    book.save(files["xlsx"])
    old.save(files["xls"])
    rows.to_parquet(files["parquet"], index=False)
    return {
        "csv": text.encode(),
        "quoted": rows.to_csv(index=False, quoting=1).encode(),
        "semicolons": text.replace(",", ";").replace(".", ",").encode(),
        "utf-16": text.replace(",", "\t").encode("utf-16"),
        "gzip": gzip.compress(text.encode()),
        **{name: content.getvalue() for name, content in files.items()},
    }


def mutated(content: bytes, choose: random.Random) -> bytes:
    """Some bytes changed, cut out, put in or moved."""
    changed = bytearray(content)
    for _ in range(choose.choice([1, 1, 2, 5, 20])):
        at = choose.randrange(len(changed) + 1)
        end = min(len(changed), at + choose.choice([1, 2, 8, 100]))
        match choose.randrange(6):
            case 0:
                changed[at:end] = choose.randbytes(end - at)
            case 1:
                del changed[at:end]
            case 2:
                changed[at:at] = choose.choice(TELLING)
            case 3:
                changed[at:at] = changed[at:end] * choose.choice([1, 3, 500])
            case 4:
                changed = changed[:at] if at else changed
            case 5:
                changed[at:at] = changed[: choose.randrange(len(changed) + 1)][-200:]
    return bytes(changed)


def run(folder: Path, seed: int, most: int, seconds: float) -> int:
    """Looks at mutated files until there were `most`, or for so long; how many it were."""
    choose = random.Random(seed)
    rows = pd.read_csv(folder / "rows.csv")
    files = sound_files(rows)
    path, started, n = folder / "mutated", time.monotonic(), 0
    while n < most and time.monotonic() - started < seconds:
        content = mutated(files[choose.choice(list(files))], choose)
        path.write_bytes(content)
        with contextlib.suppress(xc.XtreamError):
            xc.inspect(path)
        n += 1
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert megabytes < MOST_MEGABYTES, f"{megabytes:.0f} MB after {n} files"
    return n


if __name__ == "__main__":
    print(run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
