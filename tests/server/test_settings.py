"""`xtream serve --print-config`: what holds, and why."""

from pathlib import Path

import pytest
import tomllib
from helpers import Program, free_port

SECRETS = {
    "XTREAM_ADMIN_KEY": "open-sesame",
    "MONGODB_URI": "mongodb://me:open-sesame@db.example:27017/?tls=true",
}


def sources(printed: str) -> dict[str, str]:
    """Where each setting comes from, by its name in its section."""
    found, section = {}, ""
    for line in filter(None, printed.splitlines()):
        if line.startswith("["):
            section = line.strip("[]") + "."
        else:
            setting, _, source = line.rpartition("  # ")
            found[section + setting.split(" = ")[0]] = source
    return found


def test_each_setting_is_shown_with_the_layer_that_it_comes_from(xtream: Program, tmp_path: Path) -> None:
    (tmp_path / "xtream.toml").write_text("[serve]\nburst = 7\nkeep_days = 3\nbind = '127.0.0.1:1'\n")
    variables = SECRETS | {"XTREAM_SERVE_KEEP_DAYS": "4.5", "XTREAM_SERVE_BIND": "127.0.0.1:2"}
    printed = xtream("serve", "--print-config", "--bind", "127.0.0.1:3", env=variables).stdout
    values, comes_from = tomllib.loads(printed), sources(printed)
    serve = values["serve"]
    assert (serve["burst"], comes_from["serve.burst"]) == (7, "xtream.toml")
    assert (serve["keep_days"], comes_from["serve.keep_days"]) == (4.5, "XTREAM_SERVE_KEEP_DAYS")
    assert (serve["bind"], comes_from["serve.bind"]) == ("127.0.0.1:3", "--bind")
    assert (values["train"]["trials"], comes_from["train.trials"]) == (100, "default")
    assert comes_from["serve.mongodb"] == "MONGODB_URI"
    assert "open-sesame" not in printed
    assert serve["admin_key"] == "***"
    assert serve["mongodb"] == "mongodb://***@db.example:27017/?***"
    assert not (tmp_path / "exchange-log").exists(), "it serves nothing"


def test_what_is_printed_can_be_used_as_a_settings_file(xtream: Program, tmp_path: Path) -> None:
    printed = xtream("serve", "--print-config").stdout
    (tmp_path / "mine.toml").write_text(printed)
    again = xtream("--config", tmp_path / "mine.toml", "serve", "--print-config").stdout
    assert tomllib.loads(again) == tomllib.loads(printed)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_IN_FLIGHT", "0", "nonzero"),
        ("MAX_CONNECTIONS", "-1", "nonzero"),
        ("REQUEST_TIMEOUT", "0", "seconds above 0"),
        ("BURST", "many", "whole number"),
        ("ALLOWED_ORIGINS", "*", "https://shop.example"),
        ("BEHIND_PROXY", "perhaps", "true or false"),
        ("BIND", "everywhere", "127.0.0.1:8000"),
    ],
)
def test_a_setting_that_cannot_be_stops_the_start_and_says_what_is_allowed(
    xtream: Program, name: str, value: str, said: str
) -> None:
    bind = [] if name == "BIND" else ["--bind", f"127.0.0.1:{free_port()}"]
    run = xtream("serve", *bind, status=2, env={f"XTREAM_SERVE_{name}": value})
    assert said in run.stderr, run.stderr


def test_a_key_that_can_be_guessed_stops_the_start_in_words(xtream: Program, tmp_path: Path) -> None:
    run = xtream("serve", "--bind", "127.0.0.1:0", status=2, env={"XTREAM_ADMIN_KEY": "fifteen-letters"})
    assert "XTREAM_ADMIN_KEY" in run.stderr and "16 characters" in run.stderr
    assert "fifteen-letters" not in run.stderr
    assert not (tmp_path / "exchange-log").exists()


@pytest.mark.parametrize(
    "settings",
    [
        "[serve]\nburst = 'open-sesame'\n",
        "[serve]\nbind = 'open-sesame'\n",
        "[serve]\nallowed_origins = ['https://shop.example', 'open-sesame']\n",
        "[serve]\ndurability = 'open-sesame'\n",
        "[serve]\nadmin_key = 'open-sesame\n",
        "[serve]\nadmin_key = open-sesame\n",
        "[log]\nformat = 'open-sesame'\n",
    ],
)
def test_no_error_shows_the_value_of_a_setting(xtream: Program, tmp_path: Path, settings: str) -> None:
    """It may be a password in the wrong place."""
    (tmp_path / "xtream.toml").write_text(settings)
    run = xtream("serve", status=2)
    section, name = settings.split("]")[0].strip("["), settings.splitlines()[1].split(" = ")[0]
    assert f"{section}.{name}" in run.stderr or "line 2" in run.stderr, run.stderr
    assert "sesame" not in run.stderr
