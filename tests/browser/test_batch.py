"""A file of stones: sent as it is, looked at, valued in parts, and given back with values and problems."""

import csv as csv_module
import gzip
import io
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from browsing import Csv, Open
from playwright.sync_api import Page, expect
from served import VALUATIONS, Served

ADDED = ["price_usd", "range_low_usd", "range_high_usd", "model_version", "problem"]


def choose(page: Page, path: Path) -> None:
    page.get_by_label("File of stones").set_input_files(path)
    expect(page.locator("#said")).not_to_have_text("The file is being read …")


def result(page: Page) -> str:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the result").click()
    assert download.value.suggested_filename == "stones-valued.csv"
    return Path(download.value.path()).read_bytes().decode()


def test_a_file_comes_back_with_values_and_problems(visit: Open, served: Served, csv: Csv) -> None:
    page = visit("/batch")
    lines = [
        "note,Carat,cut,COLOR,clarity,x",
        '"one, ""two""\nthree",1.2,Premium,E,VS1,',
        "bad,1.2,Shiny,E,VS1,-1",
        "",
        "last,0.5,very good,d,if,5.1",
    ]
    choose(page, csv("\r\n".join(lines)))
    expect(page.locator("#said")).to_have_text("stones.csv: 3 stones. Nothing is valued yet.")
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_have_text("Done: 2 with a value, 1 without.")
    problems = page.get_by_role("region", name="Stones to look at").locator("tbody tr")
    expect(problems).to_have_count(1)
    # Of the rows below the one with a line end in it.
    expect(problems.first.locator("td").first).to_have_text("4")
    text = result(page)
    # The last line of the file has no end; in the result each has.
    assert text.count("\r\n") == 4
    assert text.endswith("\r\n")
    header, *rows = csv_module.reader(io.StringIO(text, newline=""))
    assert header == [*lines[0].split(","), *ADDED]
    assert [row[0] for row in rows] == ['one, "two"\nthree', "bad", "last"]
    first = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
    expected = served.ask("POST", VALUATIONS, first).json()
    dollars = [expected["price_usd"], expected["range"]["low_usd"], expected["range"]["high_usd"]]
    assert rows[0][6:9] == [f"{price:.2f}" for price in dollars]
    assert int(rows[0][9]) == expected["model"]["version"]
    assert rows[1][6] == ""
    assert (
        'cut "Shiny" is not a known grade' in rows[1][10] and 'x "-1" is not greater than zero' in rows[1][10]
    )
    assert float(rows[2][6]) > 0


def test_a_large_file_goes_in_parts_of_a_thousand_and_shows_its_progress(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    sizes: list[int] = []

    def answer(route) -> None:
        diamonds = route.request.post_data_json["diamonds"]
        sizes.append(len(diamonds))
        values = [
            {"price_usd": 1000 * stone["carat"], "range": {"low_usd": 1, "high_usd": 2, "confidence": 0.9}}
            for stone in diamonds
        ]
        route.fulfill(json={"results": values, "model": {"version": 3}})

    page.route("**/v1/valuations/batch*", answer)
    rows = [f"{n / 100},Ideal,E,IF" for n in range(1, 2502)]
    choose(page, csv("carat,cut,color,clarity\n" + "\n".join(rows) + "\n"))
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_have_text("Done: 2,501 with a value, 0 without.")
    assert sizes == [1000, 1000, 501]
    assert page.locator("#progress").evaluate("bar => bar.value / bar.max") == 1
    _, *lines = result(page).splitlines()
    assert [line.split(",")[:4] for line in lines] == [row.split(",") for row in rows]
    assert lines[-1].endswith(",25010.00,1.00,2.00,3,")


def test_a_busy_server_is_asked_again_and_a_failing_one_later_on(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    statuses = [429, 200, 500, 200]

    def answer(route) -> None:
        status = statuses.pop(0)
        if status == 200:
            n = len(route.request.post_data_json["diamonds"])
            return route.fulfill(json={"results": [{"price_usd": 5.0}] * n, "model": {"version": 1}})
        problem = {"detail": "This is not your fault."}
        return route.fulfill(status=status, headers={"Retry-After": "1"}, json=problem)

    page.route("**/v1/valuations/batch*", answer)
    choose(page, csv("carat,cut,color,clarity\n" + "1,Ideal,E,IF\n" * 1500))
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_have_text("The server is busy. Please try again in a moment.")
    expect(page.locator("#said")).to_have_text("Stopped after 1,000 of 1,500 stones: This is not your fault.")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#said")).to_have_text("Done: 1,500 with a value, 0 without.")
    assert len(result(page).splitlines()) == 1501


def test_it_can_be_stopped_and_goes_on_where_it_was(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    page.route("**/v1/valuations/batch*", lambda route: None)
    choose(page, csv("carat,cut,color,clarity\n" + "1,Ideal,E,IF\n" * 1200))
    page.get_by_role("button", name="Value the stones").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#said")).to_have_text("Stopped after 0 of 1,200 stones.")
    page.unroute("**/v1/valuations/batch*")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#said")).to_have_text("Done: 1,200 with a value, 0 without.")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "stones.csv, line 1: the file is empty; allowed is a first line with the names"),
        (
            "carat,cut,color,clarity\n",
            "stones.csv, line 2: the names of the columns stand there, and no stone",
        ),
        (
            "carat,colour,clarity (GIA)\n1,E,IF\n",
            "stones.csv, line 1: no column cut, clarity; the columns found are carat, colour, clarity (GIA); "
            "if that is what they mean, say so with ?column=clarity (GIA)=clarity",
        ),
        ("carat,Carat,cut,color,clarity\n1,1,Ideal,E,IF\n", 'columns 1 and 2 are both called "Carat"'),
        ('carat,cut,color,clarity\n1,"Ideal,E,IF\n', "stones.csv, line 2: "),
        (b"PK\x03\x04 nothing", "the workbook cannot be read"),
        ("carat,cut,color,clarity,shape\n1,Ideal,E,IF,Pear\n", "No row of the file is a stone"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(
    visit: Open, csv: Csv, content: str | bytes, said: str
) -> None:
    page = visit("/batch")
    choose(page, csv(content))
    expect(page.locator("#file-error")).to_contain_text(said)
    expect(page.get_by_role("button", name="Value the stones")).to_be_disabled()


def test_a_file_that_is_too_large_is_not_even_sent(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    page.route("**/v1/files*", lambda route: pytest.fail("it was sent"))
    choose(page, csv(b" " * (20 * 2**20 + 1)))
    expect(page.locator("#file-error")).to_contain_text("more than 20 MB")


def test_a_row_that_does_not_fit_is_one_row_without_a_value(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    choose(page, csv("carat,cut,color,clarity\n1,Ideal,E,IF\n\n1,Ideal,E\n1,2,Ideal,E,IF\n"))
    expect(page.locator("#preview")).to_contain_text("Of 3 rows, 1 can be valued and 2 cannot.")
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_have_text("Done: 1 with a value, 2 without.")
    problems = page.get_by_role("region", name="Stones to look at").locator("tbody tr")
    expect(problems).to_have_count(2)
    expect(problems.first).to_contain_text("4")
    expect(problems.first).to_contain_text("3 values, and the header 4 names")
    assert [line.split(",")[0] for line in result(page).splitlines()] == ["carat", "1", "1", "1"]


def test_what_a_file_is_understood_as_is_shown_before_anything_is_valued(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    page.route("**/v1/valuations/batch*", lambda route: pytest.fail("it was valued"))
    rows = [
        "Stock #;Carats;Cut Grade;Colour;Clarity;Shape;Measurements",
        "A1;1,20;Excellent;E;VS1;Round;6,80 x 6,75 x 4,20",
        "A2;0,50;Ideal;D;IF;;",
        "A3;0,90;Ideal;G;SI1;Pear;",
        "A4;0,90;Shiny;G;SI1;Round;",
    ]
    choose(page, csv("\r\n".join(rows).encode("utf-16")))
    shown = page.locator("#preview")
    expect(shown).to_contain_text("semicolons, decimal comma, UTF-16LE")
    expect(shown).to_contain_text("Of 4 rows")
    columns = shown.get_by_role("region", name="Columns of the file").locator("tbody tr")
    expect(columns).to_have_count(7)
    expect(columns.nth(0)).to_contain_text("not used, stays as it is")
    assert columns.nth(1).locator("td").all_inner_texts()[:2] == ["Carats", "carat, in carat"]
    faults = shown.get_by_role("list", name="Rows that cannot be valued").get_by_role("listitem")
    expect(faults.filter(has_text="Pear")).to_contain_text("Line 4: ")
    expect(faults.filter(has_text="Shiny")).to_contain_text("Line 5: ")
    expect(page.locator("#said")).to_have_text("stones.csv: 4 stones. Nothing is valued yet.")
    expect(page.get_by_role("button", name="Value the stones")).to_be_enabled()


def test_units_that_are_in_doubt_are_told_and_the_button_says_so(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    choose(page, csv("carat,cut,color,clarity\n" + "71,Ideal,E,IF\n" * 30))
    expect(page.locator("#preview .notice")).to_contain_text("The column carat seems to have another unit")
    button = page.get_by_role("button", name="Value the stones with these units")
    expect(button).not_to_have_class("primary")
    page = visit("/batch")
    choose(page, csv("carat,cut,color,clarity\n" + "0.71,Ideal,E,IF\n" * 30))
    expect(page.locator("#preview .notice")).to_have_count(0)
    expect(page.get_by_role("button", name="Value the stones", exact=True)).to_have_class("primary")


def written(form: str, path: Path) -> Path:
    """The same three stones as a file of that form."""
    frame = pl.DataFrame(
        {
            "id": ["a", "b", "c"],
            "carat": [1.2, 0.5, 0.71],
            "cut": ["Premium", "Ideal", "Fair"],
            "color": ["E", "D", "G"],
            "clarity": ["VS1", "IF", "SI2"],
        }
    )
    if form == "parquet":
        frame.write_parquet(path / "stones.parquet")
    elif form == "xlsx":
        book = openpyxl.Workbook()
        for row in [frame.columns, *frame.rows()]:
            book.active.append(row)
        book.save(path / "stones.xlsx")
    else:
        text = frame.write_csv(separator=";").replace(".", ",") if form == "csv" else frame.write_csv()
        content = text.encode() if form == "csv" else gzip.compress(text.encode())
        (path / f"stones.{form}").write_bytes(content)
    return path / f"stones.{form}"


def test_every_form_of_a_file_gets_the_same_values(visit: Open, tmp_path: Path) -> None:
    found = {}
    for form in ["csv", "csv.gz", "xlsx", "parquet"]:
        page = visit("/batch")
        choose(page, written(form, tmp_path))
        page.get_by_role("button", name="Value the stones").click()
        expect(page.locator("#said")).to_have_text("Done: 3 with a value, 0 without.")
        text = result(page).removeprefix("\ufeff")
        separator, sign = (";", ",") if form == "csv" else (",", ".")
        rows = list(csv_module.reader(io.StringIO(text), delimiter=separator))
        assert rows[0] == ["id", "carat", "cut", "color", "clarity", *ADDED]
        found[form] = [[cell.replace(sign, ".") for cell in row[:8]] for row in rows[1:]]
    assert [row[:2] for row in found["csv"]] == [["a", "1.2"], ["b", "0.5"], ["c", "0.71"]]
    assert all(rows == found["csv"] for rows in found.values()), found


def test_what_a_spreadsheet_writes_is_understood(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    asked: list[dict] = []

    def answer(route) -> None:
        asked.extend(route.request.post_data_json["diamonds"])
        route.fulfill(json={"results": [{"price_usd": 5.5}], "model": {"version": 1}})

    page.route("**/v1/valuations/batch*", answer)
    choose(page, csv("\ufeffcarat;cut;color;clarity;table\r\n1,25;Very Good;E;IF;\r\n"))
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_contain_text("Done")
    assert asked == [{"carat": 1.25, "cut": "Very Good", "color": "E", "clarity": "IF"}]
    assert result(page) == (
        "\ufeffcarat;cut;color;clarity;table;price_usd;range_low_usd;range_high_usd;model_version;problem\r\n"
        "1,25;Very Good;E;IF;;5,50;;;1;\r\n"
    )


def test_a_column_of_the_users_own_is_never_replaced(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    choose(page, csv("price_usd,carat,cut,color,clarity,Problem\n1,1,Ideal,E,IF,old\n"))
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#result")).to_contain_text(
        "your columns first, and then xtream_price_usd, range_low_usd"
    )
    header, row = (line.split(",") for line in result(page).splitlines())
    ours = ["xtream_price_usd", *ADDED[1:4], "xtream_problem"]
    assert header == ["price_usd", "carat", "cut", "color", "clarity", "Problem", *ours]
    assert row[:6] == ["1", "1", "Ideal", "E", "IF", "old"]
    assert float(row[6]) > 1000 and row[10] != "old"


CELLS = ["", "plain", " blank ", "a,b", 'a"b', '"', '""', "a\nb", "a\r\nb", "\r", "ü€😀", "a;b", "\ttab"]


def test_what_is_written_reads_back_as_it_was(visit: Open) -> None:
    """Against Python's own reader."""
    page = visit("/batch")
    rows = [[a, b, "end"] for a in CELLS for b in CELLS]
    load = "const { written, join } = await import('/page/csv.js');"
    style = {"mark": "", "separator": ",", "decimal": ".", "end": "\r\n", "isEnded": True}
    lines = "rows.map((cells) => cells.map((cell) => written(cell, style)))"
    script = f"async ([rows, style]) => {{ {load} return join({lines}, style); }}"
    assert list(csv_module.reader(io.StringIO(page.evaluate(script, [rows, style]), newline=""))) == rows


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("carat,cut,color,clarity\n1.5,Ideal,E,IF\n", "1.5,Ideal,E,IF,1234.50,1200.00,1300.07,1,\n"),
        ("carat;cut;color;clarity\r\n1,5;Ideal;E;IF\r\n", "1,5;Ideal;E;IF;1234,50;1200,00;1300,07;1;\r\n"),
        ("carat;cut;color;clarity\n1.5;Ideal;E;IF", "1.5;Ideal;E;IF;1234.50;1200.00;1300.07;1;\n"),
        (
            'carat,cut,color,clarity\n"1,5",Ideal,E,IF\n',
            '"1,5",Ideal,E,IF,"1234,50","1200,00","1300,07",1,\n',
        ),
        (
            'carat\tcut\tcolor\tclarity\tnote\n1\t"Ideal"\tE\tIF\ta,b;"c"\n',
            '1\t"Ideal"\tE\tIF\ta,b;"c"\t1234.50\t1200.00\t1300.07\t1\t\n',
        ),
        (
            'carat,cut,color,clarity,price\n1.50,"Ideal",E,IF,"2,757"\n',
            '1.50,"Ideal",E,IF,"2,757",1234.50,1200.00,1300.07,1,\n',
        ),
        (
            "carat;cut;color;clarity;price\n1,50;Ideal;E;IF;2.757\n",
            "1,50;Ideal;E;IF;2.757;1234,50;1200,00;1300,07;1;\n",
        ),
    ],
    ids=["commas", "decimal commas", "no end", "quoted decimals", "tabs", "thousands", "thousands by points"],
)
def test_a_file_comes_back_as_it_was_written_with_prices_in_its_own_form(
    visit: Open, csv: Csv, content: str, expected: str
) -> None:
    page = visit("/batch")
    valued = {"price_usd": 1234.5, "range": {"low_usd": 1200, "high_usd": 1300.07, "confidence": 0.9}}
    page.route(
        "**/v1/valuations/batch*",
        lambda route: route.fulfill(json={"results": [valued], "model": {"version": 1}}),
    )
    choose(page, csv(content))
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_contain_text("Done")
    header, _, row = result(page).partition("\n")
    assert row == expected
    assert header.startswith(content.partition("\n")[0].rstrip("\r"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16-le", "utf-16-be"])
def test_a_result_has_the_encoding_of_its_file(visit: Open, csv: Csv, encoding: str) -> None:
    page = visit("/batch")
    problem = {"message": "Ж is none"}
    page.route(
        "**/v1/valuations/batch*",
        lambda route: route.fulfill(json={"results": [{"errors": [problem]}], "model": {"version": 1}}),
    )
    text = (
        "\ufeff" if encoding.startswith("utf-16") else ""
    ) + "Café;carat;cut;color;clarity\r\n€;1,5;Ideal;E;IF\r\n"
    choose(page, csv(text.encode(encoding)))
    page.get_by_role("button", name="Value the stones").click()
    expect(page.locator("#said")).to_contain_text("Done")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the result").click()
    told = "&#1046; is none" if encoding == "cp1252" else "Ж is none"
    expected = text.replace("clarity\r\n", "clarity;" + ";".join(ADDED) + "\r\n").replace(
        "IF\r\n", f"IF;;;;1;{told}\r\n"
    )
    assert Path(download.value.path()).read_bytes() == expected.encode(encoding)


def test_cells_that_begin_like_a_formula_are_told_and_can_be_made_harmless(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    link = '=HYPERLINK(""http://elsewhere.example"",""click"")'
    row = f'1,Ideal,E,IF,"{link}",-3,+1.5,@x'
    choose(page, csv(f"carat,cut,color,clarity,note,a,b,c\n{row}\n"))
    page.get_by_role("button", name="Value the stones").click()
    option = page.get_by_label("2 cells of your file begin like a formula")
    expect(option).not_to_be_checked()
    assert result(page).splitlines()[1].startswith(row + ",")
    option.check()
    harmless = f"1,Ideal,E,IF,\"'{link}\",-3,+1.5,'@x,"
    assert result(page).splitlines()[1].startswith(harmless)
    option.uncheck()
    assert result(page).splitlines()[1].startswith(row + ",")


def test_a_file_without_formulas_offers_nothing_of_that_kind(visit: Open, csv: Csv) -> None:
    page = visit("/batch")
    choose(page, csv("carat,cut,color,clarity,offset\n1,Ideal,E,IF,-0.5\n"))
    page.get_by_role("button", name="Value the stones").click()
    page.get_by_role("link", name="Download the result").wait_for()
    expect(page.get_by_role("checkbox")).to_have_count(0)
