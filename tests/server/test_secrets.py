"""Passwords and certificates on the way to the database."""

import subprocess
from pathlib import Path

import pymongo
import pytest
from served import STONE, VALUATIONS, Secantus, Serve, assert_recorded_once, eventually

PASSWORD = "Tr0ub4dor-and-3"
WRONG = "wr0ng-horse-battery"


@pytest.fixture
def locked(database: Secantus) -> Secantus:
    """A database that asks for a password."""
    database.start()
    with pymongo.MongoClient(database.uri()) as client:
        roles = [{"role": "root", "db": "admin"}]
        client.admin.command("createUser", "shipper", pwd=PASSWORD, roles=roles)
    database.stop()
    database.flags = ("--auth",)
    return database.start()


def with_password(database: Secantus, password: str) -> str:
    return database.uri().replace("mongodb://", f"mongodb://shipper:{password}@") + "&authSource=admin"


def test_documents_arrive_with_the_right_password_and_wait_with_a_wrong_one(
    serve: Serve, locked: Secantus, tmp_path: Path
) -> None:
    served = serve(with_password(locked, WRONG))
    answers = [served.ask("POST", VALUATIONS, STONE) for _ in range(10)]
    assert {answer.status for answer in answers} == {200}
    eventually(lambda: served.n_warnings() == 1, 20, "it says that nothing arrives")
    page = served.administer("/v1/exchanges")
    assert page["missing"]
    assert_recorded_once(answers, page["exchanges"])
    assert len(served.in_outbox()) >= 10
    assert served.stop() == 0
    served.mongodb = with_password(locked, PASSWORD)
    served.start()
    eventually(served.outbox_is_empty, 30, "all is shipped")
    with pymongo.MongoClient(served.mongodb) as client:
        assert_recorded_once(answers, list(client["diamond_db"]["exchanges"].find({})))
    for secret in (PASSWORD, WRONG):
        assert secret not in served.stderr
        assert secret not in str(page)
        assert not [path for path in (tmp_path / "log").iterdir() if secret.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://shipper:Tr0ub4/dor@127.0.0.1:1/",
        "mongodb://shipper:12?Tr0ub4dor@127.0.0.1:1/",
        "mongodb://shipper:12?Tr0ub4=dor@127.0.0.1:1/",
        "mongodb://shipper:12#Tr0ub4dor@127.0.0.1:1/",
        "mongodb://ship:Tr0ub4@dor@127.0.0.1:1/",
    ],
)
def test_an_address_that_is_not_understood_is_refused_without_its_password(
    serve: Serve, address: str
) -> None:
    with pytest.raises(AssertionError) as failed:
        serve(address)
    assert "MongoDB" in str(failed.value)
    assert "Tr0ub4" not in str(failed.value)


def make_certificates(folder: Path) -> None:
    """An authority, and a certificate for 127.0.0.1 that it signed."""
    script = """
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj /CN=authority -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -subj /CN=127.0.0.1 -keyout server.key -out server.csr
    printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > extensions
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
        -extfile extensions -out server.pem
    """
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, capture_output=True)


def test_documents_arrive_over_tls_and_only_where_the_certificate_is_trusted(
    serve: Serve, database: Secantus, tmp_path: Path
) -> None:
    make_certificates(tmp_path)
    database.flags = ("--tls-cert-file", tmp_path / "server.pem", "--tls-key-file", tmp_path / "server.key")
    database.query = "&tls=true"
    database.start()
    served = serve(database.uri())
    answers = [served.ask("POST", VALUATIONS, STONE) for _ in range(5)]
    eventually(lambda: served.n_warnings() == 1, 20, "it does not trust an unknown authority")
    assert len(served.in_outbox()) == 5
    assert served.stop() == 0
    database.query += f"&tlsCAFile={tmp_path / 'ca.pem'}"
    served.mongodb = database.uri()
    served.start()
    eventually(served.outbox_is_empty, 30, "all is shipped")
    assert_recorded_once(answers, list(database.collection().find({})))
