"""A recording of all that a server did to its log, and the disks that a power cut at any moment may leave.

What is certain is what was written before a sync of its file that succeeded. Of everything else any part may
be there, by sectors, in any order. What a sync that failed was to write is taken for written by the system,
and never offered to the disk again: no later sync makes it certain. A name is certain once its folder, or
its file, was synced.
"""

import random
import struct
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

SECTOR = 512
HEAD = struct.Struct("<qqQIHcb")
WAYS = ("none", "all", "some", "sectors", "first", "last", "one file")


@cache
def library() -> Path:
    """The small library that is loaded into the server."""
    built = Path(mkdtemp(prefix="xtream-recording-")) / "recording.so"
    source = Path(__file__).with_name("recording.c")
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", built, source, "-ldl", "-lpthread"]
    subprocess.run(command, check=True, timeout=60)
    return built


@dataclass
class Operation:
    kind: str
    time: int
    offset: int
    data: bytes
    # Whether a failed sync took it for written.
    is_gone: bool = False


@dataclass
class File:
    certain: bytearray = field(default_factory=bytearray)
    loose: list[Operation] = field(default_factory=list)


def put(
    content: bytearray, operation: Operation, data: bytes | None = None, offset: int | None = None
) -> None:
    data = operation.data if data is None else data
    offset = operation.offset if offset is None else offset
    if operation.kind == "t":
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def put_sectors(content: bytearray, operation: Operation, dice: random.Random) -> None:
    if operation.kind == "t":
        put(content, operation)
        return
    at, end = operation.offset, operation.offset + len(operation.data)
    while at < end:
        stop = min((at // SECTOR + 1) * SECTOR, end)
        if dice.random() < 0.5:
            put(content, operation, operation.data[at - operation.offset : stop - operation.offset], at)
        at = stop


class Disk:
    """The disk at a moment; it only moves forward."""

    def __init__(self, recording: Path) -> None:
        self.events = list(read(recording))
        self.at = 0
        self.files: dict[int, File] = {}
        # Names that are certain, and what was done to names since.
        self.names: dict[str, int] = {}
        self.loose_names: list[tuple[str, str, int]] = []
        self.n_failed = sum(1 for kind, failed, *_ in self.events if kind == "s" and failed)

    def forward(self, to: int) -> int:
        """Lets everything before event `to` happen; returns its time."""
        while self.at < to:
            self.happen(*self.events[self.at])
            self.at += 1
        return self.events[to - 1][2]

    def happen(
        self, kind: str, failed: bool, time: int, offset: int, inode: int, name: str, data: bytes
    ) -> None:
        file = self.files.setdefault(inode, File())
        if kind in "wt":
            file.loose.append(Operation(kind, time, offset, data))
        elif kind == "s" and failed:
            for operation in file.loose:
                operation.is_gone = True
        elif kind == "s" and not name:
            for change in self.loose_names:
                self.change(self.names, *change)
            self.loose_names.clear()
        elif kind == "s":
            for operation in file.loose:
                if not operation.is_gone:
                    put(file.certain, operation)
            file.loose.clear()
            self.names |= {
                changed: of for kind, changed, of in self.loose_names if (kind, of) == ("o", inode)
            }
        elif kind == "o":
            if self.now().get(name) != inode:
                self.loose_names.append(("o", name, inode))
        elif kind == "u":
            self.loose_names.append(("u", name, 0))
        elif kind == "r":
            self.loose_names.append(("o", data.decode(), self.now()[name]))
            self.loose_names.append(("u", name, 0))

    def now(self) -> dict[str, int]:
        names = dict(self.names)
        for change in self.loose_names:
            self.change(names, *change)
        return names

    @staticmethod
    def change(names: dict[str, int], kind: str, name: str, inode: int) -> None:
        if kind == "u":
            names.pop(name, None)
        else:
            names[name] = inode

    def after_a_cut(self, way: str, dice: random.Random) -> dict[str, bytes]:
        """What the files may hold if the power goes now."""
        contents = {inode: bytearray(file.certain) for inode, file in self.files.items()}
        loose = [(inode, operation) for inode, file in self.files.items() for operation in file.loose]
        loose.sort(key=lambda one: one[1].time)
        chosen_file = dice.choice(list(self.files)) if self.files else None
        turn = dice.randrange(len(loose) + 1)
        for number, (inode, operation) in enumerate(loose):
            if way == "sectors":
                put_sectors(contents[inode], operation, dice)
            elif (
                way == "all"
                or (way == "some" and dice.random() < 0.5)
                or (way == "first" and number < turn)
                or (way == "last" and number >= turn)
                or (way == "one file" and inode == chosen_file)
            ):
                put(contents[inode], operation)
        names = dict(self.names)
        for change in self.loose_names:
            if way == "all" or (way != "none" and dice.random() < 0.5):
                self.change(names, *change)
        return {name: bytes(contents[inode]) for name, inode in names.items()}


def read(recording: Path):
    content = recording.read_bytes()
    at = 0
    while at + HEAD.size <= len(content):
        time, offset, inode, size, name_size, kind, failed = HEAD.unpack_from(content, at)
        at += HEAD.size
        name = content[at : at + name_size].decode()
        at += name_size
        data = content[at : at + size]
        at += size
        yield kind.decode(), bool(failed), time, offset, inode, name, data


def lay(files: dict[str, bytes], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
