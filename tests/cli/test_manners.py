"""How the program behaves towards people, scripts and pipes."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers import FIRST, PROGRAM, Program, Trained, environment

LINEAR = ["--models", "linear"]


def test_results_go_to_standard_output_and_all_else_to_standard_error(xtream: Program) -> None:
    run = xtream("train", FIRST, *LINEAR)
    assert run.stdout.count("\n") == 3 and "MAE $" in run.stdout
    assert "rows read" in run.stderr and "champion" in run.stderr
    run = xtream("train", FIRST, *LINEAR, "--json")
    assert json.loads(run.stdout) and "rows read" in run.stderr
    run = xtream("models", "list")
    assert "linear" in run.stdout and "* the champion" in run.stderr
    assert xtream("models", "nonsense", status=2).stdout == ""
    assert xtream("--help").stderr == ""
    assert xtream("--version").stdout.startswith("xtream 0.")


def test_the_report_of_a_run_has_the_fields_of_the_contract(trained: Trained) -> None:
    report = trained.report
    assert {"leaderboard", "champion", "decision", "data"} <= report.keys()
    errors = [line["mae_usd"] for line in report["leaderboard"]]
    assert errors == sorted(errors) and len(errors) == 2
    line = {"family", "version", "mae_usd", "rmse_usd", "r2", "mape", "params", "duration_s"}
    assert all(line <= entry.keys() for entry in report["leaderboard"])
    assert report["champion"] == {"version": trained.version("xgboost"), "family": "xgboost"}
    assert {"promoted", "reason"} <= report["decision"].keys()
    counts = {"digest", "n_rows", "n_rejected", "n_duplicates", "n_train", "n_test"}
    assert counts <= report["data"].keys()
    assert report["data"]["digest"].startswith("sha256:")


def test_every_answer_can_be_had_as_json(trained: Trained, tmp_path: Path) -> None:
    where = ["--registry", trained.folder]
    listed = trained.program.json("models", "list", *where)
    assert [card["version"] for card in listed["models"]] == [2, 1]
    assert trained.program.json("models", "show", "champion", *where) == listed["models"][0]
    compared = trained.program.json("models", "compare", 2, 1, *where)
    assert compared["comparison"]["difference_usd"] < 0
    assert trained.program.json("models", "fsck", *where) == {"sound": True, "findings": []}
    exported = trained.program.json("models", "export", "champion", "--out", tmp_path, *where)
    assert sorted(Path(file).name for file in exported["files"]) == [
        "card.json",
        "pipeline.xtream",
        "xgboost.ubj",
    ]
    assert json.loads((tmp_path / "card.json").read_text()) == listed["models"][0]


WRONG = [
    "",
    "nonsense",
    "train",
    "train FIRST --trials many",
    "train FIRST --models catboost",
    "train FIRST --models linear,linear",
    "train FIRST --suspect perhaps",
    "train FIRST --repeats 0",
    "train FIRST --max-rejects nan",
    "train misspelt.csv",
    "train *.nothing",
    "train FIRST --test misspelt.csv",
    "train FIRST --config misspelt.toml",
    "watch misspelt",
    "value misspelt.csv --registry TRAINED",
    "value FIRST --registry misspelt",
    "similar --carat 1 --registry TRAINED",
    "models list --registry misspelt",
    "models fsck --registry misspelt",
    "models show 99 --registry TRAINED",
    "models show latest --registry TRAINED",
    "models rollback --registry TRAINED",
]


@pytest.mark.parametrize("command", WRONG)
def test_wrong_usage_is_status_2_with_a_word_of_explanation(
    xtream: Program, trained: Trained, command: str
) -> None:
    names = {"FIRST": FIRST, "TRAINED": trained.folder}
    arguments = [names.get(word, word) for word in command.split()]
    run = xtream(*arguments, status=2)
    assert run.stdout == "" and run.stderr
    assert not any(line.count("os error") > 1 for line in run.stderr.splitlines()), "a cause is told once"


def test_a_misspelt_name_is_answered_with_what_there_is(xtream: Program) -> None:
    said = xtream("train", FIRST, "--models", "liner", status=2).stderr
    assert "liner" in said and "linear, xgboost" in said
    assert "misspelt.csv" in xtream("train", FIRST, "misspelt.csv", status=2).stderr


def test_a_machine_that_is_to_blame_is_status_1(xtream: Program) -> None:
    (xtream.folder / "file").write_text("")
    assert "file" in xtream("train", FIRST, *LINEAR, "--registry", "file", status=1).stderr
    missing = {"XTREAM_XGBOOST_LIB": "/no/libxgboost.so"}
    said = xtream("train", FIRST, "--models", "xgboost", "--trials", "0", status=1, env=missing).stderr
    assert "pip install xgboost-cpu" in said and "/no/libxgboost.so" in said
    xtream("train", FIRST, *LINEAR, env=missing)


def test_flags_beat_the_environment_which_beats_the_file(xtream: Program) -> None:
    def seed_and_family(*flags: object, **variables: str) -> tuple[int, list[str]]:
        lines = xtream.train(FIRST, "--trials", "0", *flags, env=variables)["leaderboard"]
        return lines[0]["seed"], sorted(line["family"] for line in lines)

    said = xtream("train", FIRST, "--models", "?", status=2).stderr
    every = sorted(re.search("each of (.+) once", said)[1].split(", "))
    assert len(every) >= 5
    assert seed_and_family() == (42, every)
    (xtream.folder / "xtream.toml").write_text('[train]\nseed = 1\nmodels = ["linear"]\n')
    assert seed_and_family() == (1, ["linear"])
    (xtream.folder / "other.toml").write_text("[train]\nseed = 9\n")
    assert seed_and_family("--config", "other.toml") == (9, every)
    assert seed_and_family(XTREAM_TRAIN_SEED="2") == (2, ["linear"])
    variables = {"XTREAM_TRAIN_SEED": "2", "XTREAM_TRAIN_MODELS": "linear"}
    assert seed_and_family("--seed", 3, "--models", "xgboost", **variables) == (3, ["xgboost"])
    xtream("models", "list", env={"XTREAM_REGISTRY": "elsewhere"}, status=2)
    (xtream.folder / "xtream.toml").write_text("[train]\nsede = 1\n")
    said = xtream("models", "list", status=2).stderr
    assert "xtream.toml" in said and "train.sede" in said


def test_the_list_of_refused_rows_never_overwrites_the_delivery(xtream: Program) -> None:
    delivery = xtream.folder / "mine.csv"
    delivery.write_bytes(FIRST.read_bytes())
    run = subprocess.run(
        [PROGRAM, "train", delivery, *LINEAR, "--rejects", delivery],
        cwd=xtream.folder,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert delivery.read_bytes() == FIRST.read_bytes(), "the user's data is gone"
    assert run.returncode == 2


def test_fsck_calls_only_a_registry_sound(xtream: Program) -> None:
    (xtream.folder / "photos").mkdir()
    run = xtream("models", "fsck", "--registry", "photos", status=2)
    assert "sound" not in run.stdout
