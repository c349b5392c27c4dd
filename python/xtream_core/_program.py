"""The command `xtream`, installed with the package: it becomes the Rust program of that name."""

import os
import subprocess
import sys
from pathlib import Path

_NAME = "xtream.exe" if os.name == "nt" else "xtream"


def program() -> Path:
    """The program: the wheel's own, else the newest one built in the checkout that the package is of.

    Raises
    ------
    FileNotFoundError
        There is none; it says how to build it.
    """
    here = Path(__file__).resolve().parent
    packed = here / "bin" / _NAME
    if packed.exists():
        return packed
    target = Path(os.environ.get("CARGO_TARGET_DIR", here.parents[1] / "target"))
    built = [path for profile in ("debug", "release") if (path := target / profile / _NAME).exists()]
    if not built:
        raise FileNotFoundError(
            f"the program xtream is neither in the package nor in {target}; `cargo build` in the checkout "
            "builds it, and `pip install .` installs it"
        )
    return max(built, key=lambda path: path.stat().st_mtime)


def main() -> int:
    """Runs the program with this command's arguments; it looks for XGBoost in this Python's packages."""
    try:
        command = [str(program()), *sys.argv[1:]]
    except FileNotFoundError as missing:
        print(f"error: {missing}", file=sys.stderr)
        return 1
    environment = os.environ | {"VIRTUAL_ENV": sys.prefix}
    if os.name == "nt":
        return subprocess.run(command, env=environment, check=False).returncode
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    sys.exit(main())
