"""What code and data something depends on, as a digest: that of a class in a notebook changes with the
helpers that it calls, wherever they stand."""

import hashlib
import inspect
import pickle
import sys
import sysconfig
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_PLACES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def fingerprint(*things: Any) -> str:
    """A digest of the things and all that they refer to: code of the user's own in full, constants and data
    by value, and of installed packages the version. What cannot be written down makes it new each time."""
    walk = _Walk()
    for thing in things:
        walk.add(thing)
    return str(walk.digest.hexdigest())[:16]


def version_of(module: str) -> str:
    """The package that a module is of, with its version."""
    package = module.partition(".")[0]
    return f"{package} {getattr(sys.modules.get(package), '__version__', 'without a version')}"


def _is_installed(module: str | None) -> bool:
    """Whether it came with Python or a package, so that a version says all about it."""
    found = sys.modules.get(module or "")
    if module in (None, "__main__") or found is None:
        return False
    file = getattr(found, "__file__", None)
    # Without a file it is part of the interpreter.
    return file is None or any(Path(file).is_relative_to(place) for place in _PLACES)


class _Walk:
    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self._seen: dict[int, Any] = {}

    def add(self, thing: Any) -> None:
        if thing is None or isinstance(thing, bool | int | float | complex | str | bytes):
            self._say(type(thing).__name__, repr(thing))
            return
        if id(thing) in self._seen:
            # Which of them it is, so that two graphs of other shape differ.
            self._say("again", list(self._seen).index(id(thing)))
            return
        # Kept alive: the identity of something that is gone may be another's.
        self._seen[id(thing)] = thing
        if isinstance(thing, FunctionType):
            self._function(thing)
        elif isinstance(thing, MethodType):
            self._each("method", [thing.__func__, thing.__self__])
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, ModuleType):
            self._module(thing)
        elif isinstance(thing, BuiltinFunctionType):
            self._say("builtin", thing.__module__, thing.__qualname__)
        elif isinstance(thing, Mapping):
            self._say("mapping", len(thing))
            for name, value in thing.items():
                self._each("item", [name, value])
        elif isinstance(thing, list | tuple):
            self._each(type(thing).__name__, thing)
        elif isinstance(thing, set | frozenset):
            self._each("set", sorted(thing, key=repr))
        elif isinstance(thing, np.ndarray) and thing.dtype != object:
            self._say("array", thing.dtype.str, thing.shape)
            self.digest.update(np.ascontiguousarray(thing).tobytes())
        elif isinstance(thing, staticmethod | classmethod):
            self._each("wrapped", [thing.__func__])
        elif isinstance(thing, property):
            self._each("property", [thing.fget, thing.fset])
        else:
            self._object(thing)

    def _each(self, kind: str, parts: Any) -> None:
        self._say(kind, len(parts))
        for part in parts:
            self.add(part)

    def _say(self, *words: Any) -> None:
        self.digest.update(repr(words).encode())

    def _function(self, function: FunctionType) -> None:
        if _is_installed(function.__module__):
            self._say("function", function.__module__, function.__qualname__, version_of(function.__module__))
            return
        self._code(function.__code__)
        self._each("defaults", [function.__defaults__, function.__kwdefaults__])
        referred = inspect.getclosurevars(function)
        self._each("names", [dict(referred.nonlocals), dict(referred.globals)])
        # Functions within the function refer to more.
        for name in sorted(_names(function.__code__) - referred.globals.keys()):
            if name in function.__globals__:
                self._each(name, [function.__globals__[name]])

    def _code(self, code: CodeType) -> None:
        self._say(code.co_name, code.co_code, code.co_names)
        for part in code.co_consts:
            if isinstance(part, CodeType):
                self._code(part)
            else:
                self._say(part)

    def _class(self, made: type) -> None:
        if _is_installed(made.__module__):
            self._say("class", made.__module__, made.__qualname__, version_of(made.__module__))
            return
        self._say("class", made.__qualname__)
        self._each("bases", made.__bases__)
        left_out = (
            "__dict__",
            "__weakref__",
            "__doc__",
            "__module__",
            "__firstlineno__",
            "__static_attributes__",
        )
        for name, part in sorted(vars(made).items()):
            if name not in left_out:
                self._each(name, [part])

    def _module(self, module: ModuleType) -> None:
        if _is_installed(module.__name__):
            self._say("module", module.__name__, version_of(module.__name__))
            return
        file = getattr(module, "__file__", None)
        self._say("module", Path(file).read_bytes() if file and Path(file).exists() else module.__name__)

    def _object(self, thing: Any) -> None:
        self.add(type(thing))
        if hasattr(thing, "get_params") and not isinstance(thing, type):
            self._each("params", [thing.get_params(deep=False)])
            return
        state = getattr(thing, "__dict__", None)
        if state is not None and not _is_installed(type(thing).__module__):
            self._each("state", [state])
            return
        try:
            self.digest.update(pickle.dumps(thing))
        except Exception:
            # Nobody can say whether it is what it was.
            self._say(uuid.uuid4().hex)


def _names(code: CodeType) -> set[str]:
    """The names that a piece of code and those within it look up."""
    names = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, CodeType):
            names |= _names(part)
    return names
