"""The Debian package of the program under test."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import PROGRAM, ROOT

PACKAGING = ROOT / "packaging"


def build(folder: Path, version: str = "0.1.0") -> Path:
    """The package, not compressed, since that takes most of the time."""
    for tool in ("dpkg-deb", "dpkg-shlibdeps", "strip"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there, with which Debian packages are made")
    built = subprocess.run(
        [PACKAGING / "build.sh", PROGRAM, folder, "-Znone"],
        env=os.environ | {"XTREAM_DEB_VERSION": version},
        check=True,
        capture_output=True,
        text=True,
    )
    return Path(built.stdout.strip())


def unit() -> dict[str, list[str]]:
    """The lines of the service's unit: each name with its values in order."""
    lines: dict[str, list[str]] = {}
    for line in (PACKAGING / "debian" / "xtream.service").read_text().splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting and not line.startswith("#"):
            lines.setdefault(name, []).append(value)
    return lines
