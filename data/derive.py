"""Derives the two example deliveries from the public stones: python3 data/derive.py

Needs the standard library only. The draw and the mistakes depend on nothing but SEED and the bytes
of diamonds.csv: a row's place in the draw is its hash, so that every Python makes the same files.
"""

import csv
import hashlib
import io
import itertools
from collections.abc import Callable
from pathlib import Path

SEED = 2008
HERE = Path(__file__).resolve().parent
N_FIRST = 5_000
N_SECOND = 10_000
N_REPEATED = 20

Row = dict[str, str]
Key = tuple[str, ...]
# A mistake changes one stone in place and says what was done.
Mistake = Callable[[Row], str]


def overwritten_price(row: Row) -> str:
    was, row["price"] = row["price"], "-1"
    return f"price {was} overwritten by -1"


def zero_height(row: Row) -> str:
    was, row["z"] = row["z"], "0.0"
    return f"z {was} overwritten by 0.0"


def slipped_weight(row: Row) -> str:
    was, row["carat"] = row["carat"], f"{float(row['carat']) * 10:g}"
    return f"carat {was} typed as {row['carat']}"


def slipped_width(row: Row) -> str:
    was, row["y"] = row["y"], f"{float(row['y']) * 10:g}"
    return f"y {was} typed as {row['y']}"


def swapped_percentages(row: Row) -> str:
    row["depth"], row["table"] = row["table"], row["depth"]
    return f"depth {row['table']} and table {row['depth']} swapped"


def misspelt_cut(row: Row) -> str:
    was, row["cut"] = row["cut"], row["cut"][:-2] + row["cut"][-1] + row["cut"][-2]
    return f"cut {was} typed as {row['cut']}"


def forgotten_color(row: Row) -> str:
    was, row["color"] = row["color"], ""
    return f"color {was} forgotten"


def grouped_price(row: Row) -> str:
    was, row["price"] = row["price"], f"{int(row['price']):,}"
    return f"price {was} typed as {row['price']}"


SLIPS = [slipped_weight, slipped_width, swapped_percentages, misspelt_cut, forgotten_color, grouped_price]
FIRST_MISTAKES = [overwritten_price] * 10 + [zero_height] + SLIPS
SECOND_MISTAKES = [overwritten_price] * 12 + [zero_height] * 2 + SLIPS * 2


def drawn(purpose: str, n: int) -> list[int]:
    """The numbers below n in an order that purpose and SEED decide."""
    return sorted(range(n), key=lambda number: hashlib.sha256(f"{SEED} {purpose} {number}".encode()).digest())


def make_mistakes(rows: list[Row], mistakes: list[Mistake], purpose: str, spared: set[Key]) -> list[str]:
    """Makes each mistake in another stone that shows it; returns what was done, by line of the file."""
    places = [n for n in drawn(purpose, len(rows)) if key(rows[n]) not in spared and shows_mistakes(rows[n])]
    done = [(place, mistake(rows[place])) for mistake, place in zip(mistakes, places, strict=False)]
    # The header is line 1.
    return [f"  line {place + 2}: {what}" for place, what in sorted(done)]


def shows_mistakes(row: Row) -> bool:
    """Whether every mistake would show: a zero has no decimal point to slip, $900 no thousands."""
    is_measured = all(float(row[name]) > 0 for name in ("x", "y", "z"))
    return is_measured and int(row["price"]) >= 1_000 and abs(float(row["depth"]) - float(row["table"])) > 3


def key(row: Row) -> Key:
    return tuple(row.values())


def write(name: str, columns: list[str], rows: list[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    (HERE / name).write_bytes(content)
    print(f"{name}: {len(rows):,} rows, sha256 {hashlib.sha256(content).hexdigest()}")


def main() -> None:
    with (HERE / "diamonds.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        stones = list(reader)
        columns = list(reader.fieldnames or [])
    print(f"diamonds.csv: {len(stones):,} rows; seed {SEED}")
    order = drawn("delivery", len(stones))

    first = [dict(stones[number]) for number in order[:N_FIRST]]
    as_drawn = {key(row) for row in first}
    done = make_mistakes(first, FIRST_MISTAKES, "first mistakes", spared=set())
    write("first-delivery.csv", columns, first)
    print(*done, sep="\n")

    # The public set repeats 146 rows: one that the first delivery has already would be no fresh stone.
    fresh = (stones[number] for number in order[N_FIRST:] if key(stones[number]) not in as_drawn)
    second = [dict(row) for row in itertools.islice(fresh, N_SECOND)]
    sound = [row for row in first if key(row) in as_drawn]
    repeated = [sound[number] for number in drawn("repeats", len(sound))[:N_REPEATED]]
    for row, place in zip(repeated, drawn("places of repeats", N_SECOND), strict=False):
        second.insert(place, dict(row))
    done = make_mistakes(second, SECOND_MISTAKES, "second mistakes", spared={key(row) for row in repeated})
    write("second-delivery.csv", columns, second)
    print(f"  {len(repeated)} rows repeat rows of the first delivery", *done, sep="\n")


if __name__ == "__main__":
    main()
