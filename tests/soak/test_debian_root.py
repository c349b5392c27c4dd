"""The Debian package in a clean Debian: installed, started, asked, upgraded, removed, purged.

Needs root, debootstrap and the packages of Debian."""

import http.client
import json
import os
import shutil
import subprocess
import time

import pytest
from helpers import FIRST, free_port, in_soak
from packages import build, unit

STONE = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
SETTINGS = "/etc/xtream/xtream.toml"
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

pytestmark = pytest.mark.skipif(not in_soak(), reason="make soak runs it")


class Machine:
    """A folder with a whole Debian in it, seen from inside as /."""

    def __init__(self, root):
        self.root = root

    def __call__(self, *command, user=None, status=0):
        run = subprocess.run(
            ["chroot", *([f"--userspec={user}:{user}"] if user else []), self.root, *command],
            capture_output=True,
            text=True,
            check=False,
            env=PATH | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
        )
        assert run.returncode == status, f"{command}: {run.returncode}\n{run.stdout}{run.stderr}"
        return run.stdout + run.stderr

    def path(self, inside):
        return self.root / inside.removeprefix("/")

    def install(self, package):
        shutil.copy(package, self.path("/tmp/xtream.deb"))
        said = self("dpkg", "--install", "/tmp/xtream.deb")
        self.path("/tmp/xtream.deb").unlink()
        return said

    def serve(self, port):
        return Service(self, port)


class Service:
    """The service as its unit starts it: its command, its user, its umask and its secrets."""

    def __init__(self, machine, port):
        lines = unit()
        user = lines["User"][0]
        secrets = machine.path("/etc/xtream/xtream.env").read_text().splitlines()
        secrets = dict(line.split("=", 1) for line in secrets if line and not line.startswith("#"))
        self.port = port
        self.process = subprocess.Popen(
            ["chroot", f"--userspec={user}:{user}", machine.root, *lines["ExecStart"][0].split()],
            env=PATH | secrets,
            umask=int(lines["UMask"][0], 8),
        )

    def __enter__(self):
        deadline = time.monotonic() + 30
        while True:
            try:
                self.ask("GET", "/livez")
                return self
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(60) == 0

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers |= {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def price(self):
        status, answer = self.ask("POST", "/v1/valuations", STONE)
        assert status == 200, answer
        return answer


@pytest.fixture
def machine(tmp_path):
    if os.getuid() != 0 or shutil.which("debootstrap") is None:
        pytest.skip("a clean Debian needs root and debootstrap")
    root = tmp_path / "debian"
    mirror = os.environ.get("XTREAM_DEBIAN_MIRROR", "http://deb.debian.org/debian")
    made = ["debootstrap", "--variant=minbase", "--include=adduser", "bookworm", root, mirror]
    subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
    yield Machine(root)
    shutil.rmtree(root, ignore_errors=True)


def stored(machine):
    """Every file of the registry, and its bytes."""
    registry = machine.path("/var/lib/xtream/registry")
    return {path.relative_to(registry): path.read_bytes() for path in registry.rglob("*") if path.is_file()}


def test_the_package_is_installed_started_asked_upgraded_removed_and_its_state_kept(machine, tmp_path):
    port, key = free_port(), "the-key-of-the-debian-test"
    machine.install(build(tmp_path, "0.1.0"))
    state = machine.path("/var/lib/xtream").stat()
    owner = machine("id", "-u", "xtream").strip()
    assert (oct(state.st_mode & 0o777), str(state.st_uid)) == ("0o750", owner)
    assert machine.path("/etc/xtream/xtream.env").stat().st_mode & 0o777 == 0o640
    assert "Permission denied" in machine("cat", "/etc/xtream/xtream.env", user="xtream", status=1)

    # The shop's own settings.
    settings = machine.path(SETTINGS)
    settings.write_text(settings.read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}"))
    own = settings.read_text()
    with machine.path("/etc/xtream/xtream.env").open("a") as secrets:
        secrets.write(f"XTREAM_ADMIN_KEY={key}\n")

    # Without a model it lives and says so; with one, it answers within seconds.
    shutil.copy(FIRST, machine.path("/srv/sales.csv"))
    with machine.serve(port) as service:
        assert service.ask("GET", "/readyz")[0] == 503
        families = ["--models", "linear", "--trials", "0", "--no-ranges"]
        machine("xtream", "train", "--config", SETTINGS, *families, "/srv/sales.csv", user="xtream")
        deadline = time.monotonic() + 5
        while service.ask("GET", "/readyz")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        first = service.price()
        assert machine("stat", "-c", "%U", "/var/lib/xtream/exchange-log").strip() == "xtream"

    before = stored(machine)
    assert before
    machine.install(build(tmp_path, "0.1.1"))
    assert machine("dpkg-query", "-W", "-f", "${Version}", "xtream") == "0.1.1"
    assert settings.read_text() == own and stored(machine) == before
    with machine.serve(port) as service:
        assert service.price()["price_usd"] == first["price_usd"]
        status, page = service.ask("GET", "/v1/exchanges", Authorization=f"Bearer {key}")
        assert status == 200, page
        assert first["request_id"] in json.dumps(page)

    # A copy in the order that docs/operations.md says is whole.
    backup = machine.path("/srv/backup")
    backup.mkdir()
    for part in ("receipts", "commits", "blobs", "studies"):
        machine("cp", "-a", f"/var/lib/xtream/registry/{part}", "/srv/backup/")
    machine("xtream", "models", "fsck", "--registry", "/srv/backup")

    machine("dpkg", "--remove", "xtream")
    assert not machine.path("/usr/bin/xtream").exists()
    assert settings.read_text() == own and stored(machine) == before
    assert "/var/lib/xtream" in machine("dpkg", "--purge", "xtream")
    assert not machine.path("/etc/xtream").exists()
    assert stored(machine) == before

    # Installed again, it finds what was left.
    machine.install(build(tmp_path, "0.1.1"))
    settings.write_text(own)
    with machine.serve(port) as service:
        assert service.price()["price_usd"] == first["price_usd"]
