"""What is in the Debian package; `tests/soak/test_debian_root.py` installs it in a clean system."""

import re
import shutil
import subprocess

import pytest
from helpers import ROOT
from packages import PACKAGING, build, unit

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


def said(*command: object) -> str:
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return build(tmp_path_factory.mktemp("package"))


def test_the_package_holds_the_program_its_unit_settings_and_documents(package):
    lines = [line.split() for line in said("dpkg-deb", "--contents", package).splitlines()]
    assert {line[1] for line in lines} == {"root/root"}
    modes = {line[5].removeprefix("."): line[0] for line in lines if not line[5].endswith("/")}
    assert modes == {
        "/usr/bin/xtream": "-rwxr-xr-x",
        "/lib/systemd/system/xtream.service": "-rw-r--r--",
        "/etc/xtream/xtream.toml": "-rw-r--r--",
        # It has the keys.
        "/etc/xtream/xtream.env": "-rw-r-----",
        "/usr/share/doc/xtream/changelog.gz": "-rw-r--r--",
        "/usr/share/doc/xtream/copyright": "-rw-r--r--",
        "/usr/share/doc/xtream/default.toml": "-rw-r--r--",
        "/usr/share/doc/xtream/operations.md": "-rw-r--r--",
    }


def test_an_upgrade_keeps_every_file_of_settings(package):
    settings = [path for path in said("dpkg-deb", "--info", package, "conffiles").split()]
    held = re.findall(r"\./(etc/\S*[^/\s])\n", said("dpkg-deb", "--contents", package))
    assert sorted(settings) == sorted(f"/{path}" for path in held)


def test_the_package_says_which_libraries_it_needs(package):
    depends = said("dpkg-deb", "--field", package, "Depends")
    assert re.search(r"libc6 \(>= 2\.\d+\)", depends) and "adduser" in depends, depends


def test_the_service_is_started_with_settings_that_the_program_takes(xtream):
    lines = unit()
    assert lines["ExecStart"] == ["/usr/bin/xtream serve --config /etc/xtream/xtream.toml"]
    assert lines["EnvironmentFile"] == ["-/etc/xtream/xtream.env"]
    assert (lines["User"], lines["StateDirectory"]) == (["xtream"], ["xtream"])
    shown = xtream("serve", "--config", PACKAGING / "debian" / "xtream.toml", "--print-config").stdout
    for name in ("registry", "exchange_log"):
        folder = re.search(rf'^{name} = "(.*?)"', shown, re.MULTILINE)
        # Where alone the unit lets it write.
        assert folder and folder[1].startswith("/var/lib/xtream/"), shown
    assert 'bind = "127.0.0.1:8000"' in shown


def test_the_secrets_have_the_names_that_the_program_reads(xtream):
    named = re.findall(r"^#(\w+)=", (PACKAGING / "debian" / "xtream.env").read_text(), re.MULTILINE)
    assert named == ["XTREAM_ADMIN_KEY", "MONGODB_URI"]
    secrets = {"XTREAM_ADMIN_KEY": "a-key-of-these-tests", "MONGODB_URI": "mongodb://localhost"}
    shown = xtream("serve", "--print-config", env=secrets).stdout
    for name in named:
        assert re.search(rf"# {name}$", shown, re.MULTILINE), shown


def test_the_unit_shuts_the_service_in(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there, which judges units")
    copied = shutil.copy(PACKAGING / "debian" / "xtream.service", tmp_path)
    judged = said("systemd-analyze", "security", "--offline=true", "--no-pager", copied)
    exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", judged)[1])
    # Of 0 (shut in) to 10; what is left is that it has a network.
    assert exposure <= 1.5, judged


def test_the_figures_to_watch_are_figures_of_the_server():
    told = (ROOT / "server" / "src" / "telemetry.rs").read_text()
    counters = re.findall(r'counter\(\s*"(\w+)"', told)
    others = re.findall(r'(?:gauge|total)\(\s*"(\w+)"', told) + ["exchange_duration_seconds"]
    there = {f"xtream_{name}_total" for name in counters} | {f"xtream_{name}" for name in others}
    named = set(re.findall(r"`(xtream_\w+)`", OPERATIONS))
    assert len(named) > 10
    assert named <= there, named - there
