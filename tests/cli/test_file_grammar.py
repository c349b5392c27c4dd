"""Three hundred files made up from a grammar of forms, each of the same stones: all are read to just those
stones, and a row that is wrong is refused on its line."""

import random
from pathlib import Path

import pandas as pd
import xtream_core as xc
from helpers import PUBLIC, Program, Trained, read_csv

SEED = 29
N_FILES = 300
# A spelling of each name, ours first.
NAMES = {
    "carat": ["carat", "Carats", "Carat Weight", "CARAT", "Size", "Weight (ct)"],
    "cut": ["cut", "Cut Grade", "CUT"],
    "color": ["color", "Colour", "Color Grade"],
    "clarity": ["clarity", "CLARITY", "Clarity Grade"],
    "depth": ["depth", "Depth %", "depthper", "Total Depth"],
    "table": ["table", "Table %", "tableper"],
    "price": ["price", "Price", "Total Price"],
    "x": ["x", "length", "Length", "meas_length"],
    "y": ["y", "width", "meas_width"],
    "z": ["z", "height", "meas_depth"],
}
GRADES = ["cut", "color", "clarity"]


def stones(n: int) -> pd.DataFrame:
    rows = read_csv(PUBLIC)
    return rows[(rows[["x", "y", "z"]] > 0).all(axis="columns")].sample(n, random_state=SEED)


class Form:
    """How one file is written."""

    def __init__(self, choose: random.Random) -> None:
        self.separator = choose.choice(",;\t|")
        self.decimal = choose.choice(".,")
        self.thousands = choose.choice(["", "", "," if self.decimal == "." else "."])
        self.encoding = choose.choice(["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
        self.end = choose.choice(["\n", "\r\n", "\r"])
        self.names = {ours: choose.choice(theirs) for ours, theirs in NAMES.items()}
        self.order = choose.sample(list(NAMES), len(NAMES))
        self.quotes = choose.choice(["never", "grades", "always"])
        self.above = choose.choice([[], [], [""], ["Stock of May"], ["Bestand für März", "", ""]])
        self.below = choose.choice([[], [], [""], ["SEPARATORS"], ["(8 rows)"], ["\x1a"]])
        self.note = choose.choice([None, None, 'a "quoted" word', '6" ring', "two, words", "Café"])
        self.blank_columns = choose.choice([0, 0, 2])
        self.row_names = self.blank_columns == 0 and choose.random() < 0.15
        self.last_end = choose.random() < 0.8
        self.wrong = choose.random() < 0.3

    def number(self, value: float, is_price: bool) -> str:
        text = f"{value:,.2f}" if is_price and self.thousands else f"{value:.10g}"
        return text.translate({ord("."): self.decimal, ord(","): self.thousands})

    def cell(self, text: str, is_grade: bool) -> str:
        wants = self.quotes == "always" or (self.quotes == "grades" and is_grade)
        must = self.separator in text or text.startswith('"') or "\n" in text
        # A mark is doubled where the text stands in marks, and stands for itself where it does not.
        return '"' + text.replace('"', '""') + '"' if wants or must else text

    def lines(self, rows: pd.DataFrame, wrong: int | None) -> tuple[list[str], int]:
        """The lines of the file, and the line of the row `wrong`."""
        header = [self.cell(self.names[name], True) for name in self.order]
        more = ([self.cell("Note", True)] if self.note else []) + [""] * self.blank_columns
        lines = [*self.above, self.separator.join(header + more)]
        first = len(lines) + 1
        for number, row in enumerate(rows.to_dict("records")):
            if number == wrong:
                row["cut"] = "Shiny"
            cells = [
                self.cell(
                    row[name] if name in GRADES else self.number(row[name], name == "price"), name in GRADES
                )
                for name in self.order
            ]
            cells += [self.cell(self.note, False)] if self.note else []
            cells += [""] * self.blank_columns
            lines.append(self.separator.join([f'"{number + 1}"', *cells] if self.row_names else cells))
        for line in self.below:
            lines.append(self.separator * (len(header + more) - 1) if line == "SEPARATORS" else line)
        return lines, first + (wrong or 0)

    def write(self, path: Path, rows: pd.DataFrame, wrong: int | None) -> int:
        lines, line = self.lines(rows, wrong)
        text = self.end.join(lines) + (self.end if self.last_end else "")
        path.write_bytes(text.encode(self.encoding))
        return line


def test_every_form_that_can_be_made_up_is_read_to_the_same_stones(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    choose = random.Random(SEED)
    rows = stones(8)
    rows.to_csv(tmp_path / "plain.csv", index=False)
    plain = xc.validate(tmp_path / "plain.csv").clean
    assert len(plain) == 8
    for number in range(N_FILES):
        form, path = Form(choose), tmp_path / f"{number}.csv"
        wrong = choose.randrange(8) if form.wrong else None
        line = form.write(path, rows, wrong)
        report = xc.validate(path)
        expected = plain if wrong is None else plain.drop(index=wrong).reset_index(drop=True)
        said = f"{number}: {vars(form)}\n{report!r}\n{report.faults}"
        assert report.clean.equals(expected), said
        assert list(report.faults["line"]) == ([] if wrong is None else [line]), said


def test_the_command_line_reads_them_too(xtream: Program, trained: Trained) -> None:
    choose = random.Random(SEED + 1)
    rows = stones(8)
    model = xc.Registry(trained.folder).champion()
    prices = list(model.predict(rows))
    for number in range(25):
        form, path = Form(choose), xtream.folder / f"{number}.csv"
        form.write(path, rows, None)
        xtream("value", path, "--out", "out.parquet", "--registry", trained.folder)
        found = pd.read_parquet(xtream.folder / "out.parquet")
        assert list(found["price_usd"]) == prices, f"{number}: {vars(form)}"
        xtream("value", path, "--out", "out.csv", "--registry", trained.folder)
        xtream("value", "out.csv", "--out", "again.parquet", "--registry", trained.folder)
        again = pd.read_parquet(xtream.folder / "again.parquet")
        assert list(again["xtream_price_usd"]) == prices, f"{number}: {vars(form)}"
