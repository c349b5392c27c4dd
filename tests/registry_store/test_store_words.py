"""What is wrong with a store is said in words: which one, what it answered, what to look at."""

import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
import stores
from helpers import A_SECOND, FIRST, PROGRAM, environment, free_port, stop
from stores import Faults, Store

REFUSALS = {
    "AccessDenied": (403, "must allow the key of AWS_ACCESS_KEY_ID to read, list and create"),
    "InvalidAccessKeyId": (403, "It does not know the key"),
    "SignatureDoesNotMatch": (403, "AWS_SECRET_ACCESS_KEY is not what belongs to"),
    "RequestTimeTooSkewed": (403, "The clocks of this machine and of the store are too far apart"),
    "ExpiredToken": (400, "AWS_SESSION_TOKEN is over"),
    "PermanentRedirect": (301, "look at AWS_REGION"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_says_what_to_look_at(faulty, program, code):
    status, told = REFUSALS[code]
    store = faulty(Faults(refuses=(status, code)))
    for command in [["models", "list"], ["value", FIRST]]:
        said = program(store)(*command, "--registry", store.address(), status=1).stderr
        assert f"the store s3://shop/diamonds at http://127.0.0.1:{store.port}: " in said
        assert f"it answered {status} {code}" in said and told in said, said
        assert "sesame" not in said


def test_a_bucket_that_is_not_there_is_said_to_be_missing(moto, program):
    for command in [["models", "list", "--registry"], ["registry", "probe"], ["train", FIRST, "--registry"]]:
        said = program(moto)(*command, "s3://nowhere/diamonds", status=1).stderr
        assert "404 NoSuchBucket" in said and "have the bucket made" in said, said


def test_a_store_that_is_busy_is_asked_again_for_a_while_and_no_longer(faulty, program):
    faults = Faults(busy=1.0)
    store = faulty(faults)
    started = time.monotonic()
    said = program(store)("models", "list", "--registry", store.address(), status=1).stderr
    assert "503 SlowDown" in said and "8 times" in said and "try again later" in said
    assert faults.counts["requests"] == 8 and time.monotonic() - started < 20


def test_where_nothing_answers_it_is_said_so(bucket, program):
    gone = Store(free_port(), bucket.cache)
    said = program(gone)("models", "list", "--registry", gone.address(), status=1).stderr
    assert "nothing answers there" in said and "AWS_ENDPOINT_URL" in said


def test_an_object_that_is_larger_than_any_is_not_taken_into_memory(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream.train(FIRST, *where, "--models", "linear")
    next_commit = bucket.folder / "diamonds" / "commits" / "00000003.json"
    with next_commit.open("wb") as file:
        file.truncate(300_000_000)
    said = xtream("models", "list", *where, status=1).stderr
    assert "it has 300000000 bytes, and at most 67108864 are ever written there" in said


def test_without_a_key_or_with_a_wrong_address_nothing_is_asked(xtream):
    said = xtream("models", "list", "--registry", "s3://shop/diamonds", status=2).stderr
    assert "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said
    for address in ["s3://", "s3:///x", "s3:/shop/x", "s3://shop/a b"]:
        said = xtream("models", "list", "--registry", address, status=2).stderr
        assert "s3://BUCKET/PREFIX" in said or "letters, digits" in said, said
    assert list(xtream.folder.iterdir()) == []


@pytest.mark.alone
def test_ctrl_c_stops_within_a_second_while_a_store_is_silent(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store(silent.getsockname()[1], tmp_path / "cache")
        process = subprocess.Popen(
            [PROGRAM, "models", "list", "--registry", store.address()],
            env=environment(**store.variables()),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(60)
        with silent.accept()[0]:
            stdout, stderr, seconds = stop(process)
    assert (process.returncode, stdout) == (1, "") and "stopped as asked" in stderr
    assert seconds < A_SECOND


def test_settings_show_where_they_come_from_and_no_secret(bucket, program):
    shown = program(bucket)("serve", "--print-config", "--registry", bucket.address()).stdout
    assert 'secret_access_key = "***"' in shown and "sesame" not in shown
    assert "# AWS_ENDPOINT_URL" in shown and "# AWS_SECRET_ACCESS_KEY" in shown


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate that nobody but the shop vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    key, authority = tmp_path / "key.pem", tmp_path / "authority.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    command = ["openssl", "req", "-x509", *options, *names, "-keyout", key, "-out", authority]
    subprocess.run([*map(str, command)], check=True, capture_output=True)
    return key, authority


def test_a_store_of_the_shops_own_is_trusted_by_its_certificate_alone(bucket, program, certificate):
    key, authority = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, key)
    where = ["--registry", bucket.address()]
    with stores.proxy(bucket, Faults(), context) as store:
        xtream, secure = program(bucket), {"AWS_ENDPOINT_URL": f"https://127.0.0.1:{store.port}"}
        said = xtream("models", "list", *where, env=secure, status=1).stderr
        assert "it cannot be trusted" in said and "AWS_CA_BUNDLE" in said
        said = xtream("models", "list", *where, env=secure | {"AWS_CA_BUNDLE": str(key)}, status=2).stderr
        assert "has no certificate in it" in said
        trusting = secure | {"AWS_CA_BUNDLE": str(authority)}
        xtream("train", FIRST, *where, "--models", "linear", "--no-ranges", env=trusting)
        assert xtream.json("models", "list", *where, env=trusting)["champion"] == 1
