"""How `pip install .` builds the wheel: maturin builds the module, and the program `xtream` goes with it.

maturin packs either a module or programs. So the program is built first and laid into the package's
folder, where maturin picks it up; the command `xtream` of the wheel starts it (`xtream_core/_program.py`).
`MATURIN_PEP517_ARGS="--profile dev"` builds both without optimisation, in a tenth of the time.
"""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

import maturin
from maturin import (  # noqa: F401
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "python" / "xtream_core" / "bin"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    try:
        # A source archive holds what the module needs, and the program's sources are not among that.
        if (ROOT / "cli").is_dir():
            PLACE.mkdir(exist_ok=True)
            program = _built()
            shutil.copy2(program, PLACE / program.name)
        return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    finally:
        # In a checkout the program is the one in `target`, never an old copy.
        shutil.rmtree(PLACE, ignore_errors=True)


def _built() -> Path:
    """The program, built from this checkout with the profile that maturin uses."""
    arguments = shlex.split(os.environ.get("MATURIN_PEP517_ARGS", ""))
    profile = arguments[arguments.index("--profile") + 1] if "--profile" in arguments else "release"
    command = ["cargo", "build", "--bin", "xtream", "--profile", profile]
    run = subprocess.run(
        [*command, "--message-format", "json-render-diagnostics"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    messages = map(json.loads, run.stdout.splitlines())
    programs = [message["executable"] for message in messages if message.get("executable")]
    return Path(programs[-1])
