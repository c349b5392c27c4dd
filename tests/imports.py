"""Which module of a crate uses which, read from its sources, and the circles in that."""

import re
from dataclasses import dataclass
from pathlib import Path

Module = tuple[str, ...]
"""A module by its path from the root of the crate: () is the root, ("dataset", "store") a file in a room."""

_USE = re.compile(r"^[ \t]*(pub(?:\([^)]*\))? )?use ([^;]+);", re.MULTILINE)
_PATH = re.compile(r"\b(?:crate|self|super)(?:::\w+)+")
_CHILD = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))? )?mod (\w+);", re.MULTILINE)


@dataclass(frozen=True)
class Use:
    """One module names another in a line of its source."""

    user: Module
    used: Module
    place: str

    def at(self, room: Module) -> tuple[str, str] | None:
        """The two parts of a room that this ties together, if it does; the room's own file is its `mod`."""
        if self.user[: len(room)] != room or self.used[: len(room)] != room:
            return None
        ends = [(*module[len(room) :], "mod")[0] for module in (self.user, self.used)]
        return (ends[0], ends[1]) if ends[0] != ends[1] else None


def code(path: Path) -> str:
    """A source file without comments and tests; every line stays where it is."""
    text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    return re.split(r"#\[cfg\(test\)\]\s*mod tests", text)[0]


class Crate:
    """The modules of a crate and what they use of each other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = [path for path in sorted(folder.rglob("*.rs")) if path.name not in ("tests.rs", "main.rs")]
        self.files = {self._module(path): path for path in files}
        if () not in self.files:
            self.files[()] = folder / "main.rs"
        self.code = {module: code(path) for module, path in self.files.items()}
        self.children = {module: set(_CHILD.findall(text)) for module, text in self.code.items()}
        self.exports: dict[Module, dict[str, tuple[str, ...]]] = {}
        for module, text in self.code.items():
            paths = [path for public, tree in _USE.findall(text) if public for path in _expanded(tree)]
            self.exports[module] = {name: path for path, name in paths}
        self.uses = [use for module in self.code for use in self._uses_of(module)]

    def _module(self, path: Path) -> Module:
        parts = path.relative_to(self.folder).with_suffix("").parts
        return () if parts == ("lib",) else parts[:-1] if parts[-1] == "mod" else parts

    def _uses_of(self, user: Module) -> list[Use]:
        text, found = self.code[user], []
        rest = _USE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        for match in _USE.finditer(text):
            for path, name in _expanded(match[2]):
                # What a room only shows of its own files is no use of them.
                is_shown = match[1] and self._resolved(user, path)[: len(user)] == user
                if not is_shown or re.search(rf"\b{name}\b", rest):
                    found.append((match.start(2), path))
        found += [(match.start(), tuple(match[0].split("::"))) for match in _PATH.finditer(rest)]
        for child in self.children[user]:
            named = re.finditer(rf"(?<![\w:]){child}::\w+", rest)
            found += [(match.start(), tuple(match[0].split("::"))) for match in named]
        uses = []
        for start, path in found:
            used = self._resolved(user, path)
            if used != user and used in self.code:
                line = text.count("\n", 0, start) + 1
                shown = "::".join(path)
                uses.append(
                    Use(user, used, f"{self.files[user].relative_to(self.folder)}:{line} uses {shown}")
                )
        return uses

    def _resolved(self, user: Module, path: tuple[str, ...]) -> Module:
        """The module in which the thing of this path really is; a module of the outside as it is written."""
        first, *rest = path
        if first == "crate":
            at: Module = ()
        elif first == "self":
            at = user
        elif first == "super":
            at = user[:-1]
        elif first in self.children[user]:
            at, rest = user, list(path)
        else:
            return path
        while rest:
            name, *rest = rest
            if name == "super":
                at = at[:-1]
            elif name in self.children.get(at, set()) and (*at, name) in self.code:
                at = (*at, name)
            elif name in self.exports.get(at, {}):
                return self._resolved(at, (*self.exports[at][name], *rest))
            else:
                break
        return at

    def circles(self) -> dict[frozenset[str], list[str]]:
        """Knots of parts of a room (or of rooms of the crate) that can all be reached from each other, each
        with the lines of the shortest way around."""
        rooms = {module[:depth] for module in self.code for depth in range(len(module))} | {()}
        found: dict[frozenset[str], list[str]] = {}
        for room in sorted(rooms):
            edges: dict[str, dict[str, str]] = {}
            for use in self.uses:
                if ends := use.at(room):
                    edges.setdefault(ends[0], {}).setdefault(ends[1], use.place)
            for knot in _knots(edges):
                where = "::".join(("crate", *room))
                members = frozenset(f"{where}::{part}" for part in knot)
                circle = _shortest(knot, edges)
                way = zip(circle, [*circle[1:], circle[0]], strict=True)
                found[members] = [f"{part} -> {other}: {edges[part][other]}" for part, other in way]
        return found


def _expanded(tree: str) -> list[tuple[tuple[str, ...], str]]:
    """The paths that a tree of imports names, and the name that each gets."""
    tree = re.sub(r"\s+", " ", tree).strip()
    if (brace := tree.find("{")) < 0:
        path, _, name = tree.partition(" as ")
        parts = tuple(part for part in path.strip().split("::") if part)
        if parts[-1] in ("self", "*"):
            parts = parts[:-1]
        return [(parts, name.strip() or parts[-1])] if parts else []
    prefix = tuple(part for part in tree[:brace].split("::") if part.strip())
    depth, parts, start = 0, [], brace + 1
    for at in range(brace + 1, len(tree)):
        depth += {"{": 1, "}": -1}.get(tree[at], 0)
        if (tree[at] == "," and depth == 0) or depth < 0:
            parts.append(tree[start:at])
            start = at + 1
    inner = [pair for part in parts if part.strip() for pair in _expanded(part.strip())]
    selves = [((*prefix,), prefix[-1])] if any(part.strip() == "self" for part in parts) else []
    return selves + [((*prefix, *path), name) for path, name in inner]


def _knots(edges: dict[str, dict[str, str]]) -> list[frozenset[str]]:
    """The parts that can all be reached from each other."""

    def reached(start: str) -> set[str]:
        seen, ahead = set(), [start]
        while ahead:
            for other in edges.get(ahead.pop(), {}):
                if other not in seen:
                    seen.add(other)
                    ahead.append(other)
        return seen

    reach = {part: reached(part) for part in edges}
    knots = {
        frozenset(o for o in reach[part] if part in reach.get(o, ())) for part in edges if part in reach[part]
    }
    return sorted(knots, key=sorted)


def _shortest(knot: frozenset[str], edges: dict[str, dict[str, str]]) -> list[str]:
    """The shortest way around in a knot."""
    best: list[str] = []
    for start in sorted(knot):
        ways = [[start]]
        while ways and (not best or len(ways[0]) < len(best)):
            way = ways.pop(0)
            if start in edges[way[-1]] and (not best or len(way) < len(best)):
                best = way
                break
            ways += [[*way, part] for part in edges[way[-1]] if part in knot and part not in way]
    return best
