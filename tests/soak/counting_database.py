"""A database that speaks as much of MongoDB's protocol as exchanges need to be handed over, and keeps the ids
alone: what is measured with it is the server's half. `python counting_database.py PORT FILE` writes the `_id`
of each document that it takes into the file, 36 bytes each, before it says so.
"""

import socket
import socketserver
import struct
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import bson

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
# A text of 36 bytes and a zero: the first element of a document, after four bytes with the document's length.
ID = b"\x02_id\x00" + struct.pack("<i", 37)
ID_AT = 4 + len(ID)
HELLO = {
    "helloOk": True,
    "ismaster": True,
    "isWritablePrimary": True,
    "maxBsonObjectSize": 16 << 20,
    "maxMessageSizeBytes": 48_000_000,
    "maxWriteBatchSize": 100_000,
    "minWireVersion": 0,
    "maxWireVersion": 21,
    "readOnly": False,
    "ok": 1.0,
}
length_of = struct.Struct("<i").unpack_from


def ids_of(documents: memoryview) -> list[memoryview]:
    """The ids of documents that follow each other; only lengths are read."""
    ids, at = [], 0
    while at < len(documents):
        assert documents[at + 4 : at + ID_AT] == ID, "a document begins with an id that is a UUID"
        ids.append(documents[at + ID_AT : at + ID_AT + 36])
        at += length_of(documents, at)[0]
    return ids


def sections(message: memoryview) -> tuple[dict, memoryview]:
    """The command of an OP_MSG, and the documents that come beside it."""
    command, documents, at = {}, memoryview(b""), 4
    while at < len(message):
        kind, n = message[at], length_of(message, at + 1)[0]
        content = message[at + 1 : at + 1 + n]
        if kind == 0:
            command = bson.decode(content)
        else:
            documents = content[4 + len(b"documents\x00") :]
        at += 1 + n
    return command, documents


class Connection(socketserver.BaseRequestHandler):
    server: "Server"

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.request.makefile("rb", 1 << 20) as source:
            while head := source.read(16):
                length, number, _, code = struct.unpack("<iiii", head)
                message = memoryview(source.read(length - 16))
                if code == OP_QUERY:
                    # Only the greeting comes this way.
                    self.reply(OP_REPLY, number, struct.pack("<iqii", 8, 0, 0, 1), HELLO)
                else:
                    self.reply(OP_MSG, number, bytes(5), self.answer(*sections(message)))

    def reply(self, code: int, number: int, head: bytes, document: dict) -> None:
        content = head + bson.encode(document)
        self.request.sendall(struct.pack("<iiii", 16 + len(content), 0, number, code) + content)

    def answer(self, command: dict, documents: memoryview) -> dict:
        match next(iter(command)):
            case "insert":
                ids = ids_of(documents)
                with self.server.lock:
                    self.server.taken.write(b"".join(ids))
                return {"n": len(ids), "ok": 1.0}
            case "hello" | "isMaster" | "ismaster":
                return HELLO
            case "ping" | "createIndexes" | "endSessions":
                return {"ok": 1.0}
            case other:
                return {"ok": 0.0, "errmsg": f"there is no {other} here", "code": 59}


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, taken: BinaryIO) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.taken, self.lock = taken, threading.Lock()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("ab", buffering=0) as taken:
        Server(int(sys.argv[1]), taken).serve_forever()
