"""Requests as nobody should send them: one record each, and it arrives as it was sent."""

import json
import socket
import time

import pymongo
import pytest
from served import (
    KEY,
    STONE,
    VALUATIONS,
    Answer,
    Secantus,
    Serve,
    Served,
    Target,
    eventually,
    given_uri,
)

# Bodies that are kept as documents, equal to what was sent.
DOCUMENTS = [
    b'{"$date": 1}',
    b'{"$date": {"$numberLong": "5"}}',
    b'{"$oid": "507f1f77bcf86cd799439011"}',
    b'{"$numberDecimal": "1"}',
    b'{"$numberLong": "5"}',
    b'{"$numberInt": "5"}',
    b'{"$numberDouble": "NaN"}',
    b'{"$binary": {"base64": "AA==", "subType": "00"}}',
    b'{"$uuid": "c8edabc3-f738-4ca3-b68d-ab92a91478a3"}',
    b'{"$regularExpression": {"pattern": "a", "options": ""}}',
    b'{"$timestamp": {"t": 1, "i": 1}}',
    b'{"$minKey": 1}',
    b'{"$undefined": true}',
    b'{"$symbol": "x"}',
    b'{"$code": "x"}',
    b'{"a.b": 1, "$set": {"x": 1}, "": 2, "a": {"b.c": []}}',
    b'{"_id": 1, "digest": "mine", "truncated": true}',
    b'{"n": 9223372036854775807, "m": -9223372036854775808}',
    b'{"n": 1.7976931348623157e308, "m": 5e-324, "o": 0.1, "p": 123456789012345678}',
    b"[1.0, 2, -0.0, [], {}, null, true]",
    b'"\\u0000 and \\ud83d\\ude00"',
    b"[" * 64 + b"]" * 64,
    b'{"a":' * 60 + b"1" + b"}" * 60,
    b"0",
    b"false",
]
# Bodies that are kept as the text that was sent.
TEXTS = [
    b'{"a\\u0000b": 1}',
    b'{"n": 9223372036854775808}',
    b'{"n": 1e400}',
    b"[" * 65 + b"]" * 65,
    b"[" * 5000 + b"]" * 5000,
    b'"\\ud800"',
    b"{carat: 1}",
    b'{"carat": NaN}',
    b"\xef\xbb\xbf{}",
    b"\x00",
]


def document_of(target: Target, served: Served, answer: Answer) -> dict:
    """The one record of it, after it was shipped."""
    eventually(lambda: target.find([answer.id]), 20, "it is shipped")
    eventually(served.outbox_is_empty, 20, "nothing waits")
    assert not served.in_outbox("dead_letter")
    (document,) = target.find([answer.id])
    return document


@pytest.fixture(scope="module")
def odd(registry, tmp_path_factory):
    """A server and a database for all odd bodies."""
    folder = tmp_path_factory.mktemp("odd")
    database = None
    uri = given_uri()
    if uri is None:
        pytest.importorskip("secantus")
        database = Secantus(folder / "secantus").start()
        uri = database.uri()
    served = Served(registry, folder / "log", uri, said_in=folder).start()
    yield served, Target(uri, pymongo.MongoClient(uri)["diamond_db"]["exchanges"])
    served.kill()
    if database:
        database.stop()


def named(body: bytes) -> str:
    return body[:40].decode(errors="replace").replace("\0", "NUL")


@pytest.mark.parametrize("body", DOCUMENTS, ids=named)
def test_an_odd_document_arrives_as_it_was_sent(odd: tuple[Served, Target], body: bytes) -> None:
    served, target = odd
    answer = served.ask("POST", VALUATIONS, body)
    document = document_of(target, served, answer)
    # As text: 1 is not 1.0, and a date is not what was sent.
    assert json.dumps(document["request"]["body"], default=repr) == json.dumps(json.loads(body))
    assert document["response"] == {"status": answer.status, "body": answer.json()}
    read = served.administer(f"/v1/exchanges/{answer.id}")["exchange"]
    assert json.dumps(read["request"]["body"]) == json.dumps(json.loads(body))


@pytest.mark.parametrize("body", TEXTS, ids=named)
def test_what_is_no_document_arrives_as_text(odd: tuple[Served, Target], body: bytes) -> None:
    served, target = odd
    answer = served.ask("POST", VALUATIONS, body)
    document = document_of(target, served, answer)
    assert document["request"]["body"] == body.decode(errors="replace")
    assert document["response"] == {"status": answer.status, "body": answer.json()}


def test_no_digit_of_a_huge_integer_is_lost(odd: tuple[Served, Target]) -> None:
    served, target = odd
    body = b'{"carat": 123456789012345678901234567890}'
    document = document_of(target, served, served.ask("POST", VALUATIONS, body))
    assert document["request"]["body"] in (body.decode(), json.loads(body))


def test_a_name_given_twice_is_kept_twice(odd: tuple[Served, Target]) -> None:
    """As a document only the last would be left; what the client sent would be gone."""
    served, target = odd
    body = b'{"carat": 1.0, "carat": 2.0}'
    document = document_of(target, served, served.ask("POST", VALUATIONS, body))
    assert document["request"]["body"] == body.decode()


def test_bytes_that_are_no_text_arrive(odd: tuple[Served, Target]) -> None:
    served, target = odd
    answer = served.ask("POST", f"{VALUATIONS}?q=%ff%00", b'\xff\xfe{"carat": 1}')
    document = document_of(target, served, answer)
    assert document["request"]["body"] == '\ufffd\ufffd{"carat": 1}'
    assert document["request"]["query"] == "q=%ff%00"


def test_head_requests_have_one_record_each(odd: tuple[Served, Target]) -> None:
    served, target = odd
    for path, status in (("/v1/models", 200), ("/v1/models/99", 404), (VALUATIONS, 405)):
        answer = served.ask("HEAD", path)
        assert (answer.status, answer.content) == (status, b"")
        document = document_of(target, served, answer)
        assert document["request"]["method"] == "HEAD"
        assert document["response"]["status"] == status


def request_ids(received: bytes) -> list[str]:
    lines = received.lower().split(b"\r\n")
    return [line.split(b": ")[1].decode() for line in lines if line.startswith(b"x-request-id: ")]


def post(body: bytes, *headers: str) -> bytes:
    lines = [f"POST {VALUATIONS} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def test_pipelined_requests_have_one_record_each(odd: tuple[Served, Target]) -> None:
    served, target = odd
    bodies = [json.dumps(STONE | {"carat": 0.5 + n / 100}).encode() for n in range(20)]
    requests = [post(body) for body in bodies[:-1]] + [post(bodies[-1], "Connection: close")]
    ids = request_ids(served.raw(b"".join(requests)))
    assert len(set(ids)) == 20
    eventually(lambda: len(target.find(ids)) == 20, 20, "they are shipped")
    by_id = {document["_id"]: document for document in target.find(ids)}
    assert [by_id[id]["request"]["body"] for id in ids] == [json.loads(body) for body in bodies]


def test_a_client_that_waits_for_leave_to_send_has_one_record(odd: tuple[Served, Target]) -> None:
    served, target = odd
    body = json.dumps(STONE).encode()
    request = post(body, "Expect: 100-continue", "Connection: close")
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(request[: -len(body)])
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200"), received
    (id,) = request_ids(received)
    eventually(lambda: target.find([id]), 20, "it is shipped")
    (document,) = target.find([id])
    assert document["request"]["body"] == STONE


def test_a_body_that_comes_byte_by_byte_has_one_record(odd: tuple[Served, Target]) -> None:
    served, target = odd
    body = json.dumps(STONE).encode()
    head = f"POST {VALUATIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for byte in body:
            connection.sendall(b"1\r\n" + bytes([byte]) + b"\r\n")
            time.sleep(0.001)
        connection.sendall(b"0\r\n\r\n")
        received = b""
        while chunk := connection.recv(65_536):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200"), received
    (id,) = request_ids(received)
    eventually(lambda: target.find([id]), 20, "it is shipped")
    (document,) = target.find([id])
    assert document["request"]["body"] == STONE


def test_large_bodies_that_wait_are_shipped_in_little_memory(serve: Serve, database: Secantus) -> None:
    """Anyone may send them while the database is away: a megabyte is half a million numbers."""
    served = serve(database.uri())
    body = b"[" + b"0," * 500_000 + b"0]"
    for _ in range(12):
        assert served.ask("POST", VALUATIONS, body).status == 413
    database.start()
    eventually(served.outbox_is_empty, 60, "all is shipped")
    with open(f"/proc/{served.process.pid}/status") as status:
        peak = next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))
    assert peak < 500, f"{peak} MB for 12 requests of one megabyte"


def test_the_administrators_key_is_nowhere(odd: tuple[Served, Target]) -> None:
    served, target = odd
    answer = served.ask("GET", "/v1/exchanges?limit=1", Authorization=f"Bearer {KEY}")
    assert answer.status == 200
    assert KEY not in str(document_of(target, served, answer))
    assert KEY not in served.stderr
