"""`xtream similar` answers what sorting all training stones would."""

import random

import pandas as pd
from helpers import GRADES, Trained

N_QUERIES = 60
SEED = 5
FIELDS = ["carat", "cut", "color", "clarity", "depth", "table", "price_usd", "x", "y", "z"]


def similar(trained: Trained, carat: object, grades: dict[str, str], n: object, **more: object) -> dict:
    asked = [f"--{name}={label}" for name, label in grades.items()]
    return trained.program.json(
        "similar", f"--carat={carat}", *asked, "-n", n, "--registry", trained.folder, **more
    )


def brute_force(stones: pd.DataFrame, carat: float, grades: dict[str, str], n: int) -> pd.DataFrame:
    """Same grades, nearest in carat; ties by price, then row."""
    same = stones[(stones[list(grades)] == pd.Series(grades)).all(axis="columns")]
    same = same.assign(carat_difference=(same["carat"] - carat).abs(), row=same.index)
    return same.sort_values(["carat_difference", "price", "row"]).head(n)


def test_random_queries_are_answered_as_brute_force_does(trained: Trained) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    stones = trained.rows("train")
    n_ties = n_short = 0
    for query in range(N_QUERIES):
        # Half of them ask for grades and a weight that are there, so that ties occur.
        there = stones.iloc[generator.randrange(len(stones))]
        grades = {
            name: generator.choice([there[name], generator.choice(labels)]) for name, labels in GRADES.items()
        }
        if query % 2:
            grades = {name: there[name] for name in GRADES}
        carat = generator.choice(
            [float(there["carat"]), round(generator.uniform(0.2, 3), 3), 0.5, 1.0, 900.0]
        )
        n = generator.choice([1, 2, 5, 20, 100])
        expected = brute_force(stones, carat, grades, n)
        found = similar(trained, carat, grades, n)
        context = f"query {query}: {carat} {grades} {n}"
        assert found["n"] == len(found["diamonds"]) == len(expected), context
        expected = expected.rename(columns={"price": "price_usd"})[[*FIELDS, "carat_difference"]]
        assert found["diamonds"] == expected.to_dict("records"), context
        n_ties += expected["carat_difference"].duplicated().any()
        n_short += len(expected) < n
    assert n_ties > 5 and n_short > 5
    assert found["dataset"] == {"digest": trained.report["data"]["digest"], "n_rows": len(stones)}


def test_five_stones_unless_another_number_is_asked(trained: Trained) -> None:
    grades = {"cut": "Ideal", "color": "G", "clarity": "VS1"}
    asked = [f"--{name}={label}" for name, label in grades.items()]
    default = trained.program.json("similar", "--carat=1", *asked, "--registry", trained.folder)
    assert default == similar(trained, 1, grades, 5) and default["n"] == 5
    assert [similar(trained, 1, grades, n)["n"] for n in (1, 2, 30)] == [1, 2, 30]
    nearest = similar(trained, 1, grades, 30)["diamonds"]
    assert nearest[:5] == default["diamonds"]


def test_test_stones_are_never_shown(trained: Trained) -> None:
    stone = trained.rows("test").iloc[0]
    found = similar(trained, stone["carat"], {name: stone[name] for name in GRADES}, 1000)["diamonds"]
    shown = {tuple(diamond[name] for name in FIELDS) for diamond in found}
    named = stone.rename({"price": "price_usd"})
    assert found and tuple(named[name] for name in FIELDS) not in shown


def test_usual_spellings_are_understood_and_others_are_refused_with_what_is_allowed(trained: Trained) -> None:
    plain = similar(trained, "0.7", {"cut": "Very Good", "color": "F", "clarity": "VVS1"}, 3)
    assert plain["n"] == 3
    for cut, color, clarity in [
        ("very good", "f", "vvs1"),
        ("VERY_GOOD", "F", "VVS1"),
        ("very-good", "f", "Vvs1"),
    ]:
        assert similar(trained, "0.70", {"cut": cut, "color": color, "clarity": clarity}, 3) == plain
    where = ["--registry", trained.folder]
    wrong = ["--carat=-1", "--cut=Shiny", "--color=Z", "--clarity=VS3"]
    said = trained.program("similar", *wrong, *where, status=2).stderr
    assert all(name in said for name in ("carat", "Shiny", "Very Good", "Z", "VVS2"))
    sound = ["--carat=1", "--cut=Good", "--color=D", "--clarity=IF"]
    for n in ("0", "-3", "many"):
        trained.program("similar", *sound, *where, f"-n{n}", status=2)


def test_a_cell_with_few_stones_says_so(trained: Trained) -> None:
    stones = trained.rows("train")
    sizes = stones.groupby(list(GRADES)).size()
    cut, color, clarity = sizes[sizes < 5].index[0]
    asked = [f"--cut={cut}", f"--color={color}", f"--clarity={clarity}"]
    run = trained.program("similar", "--carat=1", *asked, "--registry", trained.folder)
    assert f"Only {sizes[cut, color, clarity]} of the" in run.stderr
    assert len(run.stdout.splitlines()) == 1 + sizes[cut, color, clarity]
