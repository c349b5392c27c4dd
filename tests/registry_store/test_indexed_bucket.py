"""The store with an index, with which growth is measured, lists what one does that walks through files."""

import contextlib
import random
import re
import urllib.error
import urllib.request
from itertools import product
from pathlib import Path
from urllib.parse import quote, urlencode

import stores
from helpers import seed
from stores import Store

PARTS = ["a", "b", "a-b", "commits", "commits.d", "ä"]
N_NAMES = 60


def ask(store: Store, method: str, name: str, **query: object) -> str:
    address = f"http://127.0.0.1:{store.port}/{stores.BUCKET}/{name}?{urlencode(query)}"
    request = urllib.request.Request(address.rstrip("?"), b"x" if method == "PUT" else None, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()}"


def pages(store: Store, **query: object) -> list[str]:
    """Every page of a list, each asked for by the token at the end of the one before."""
    found = [ask(store, "GET", "", **query)]
    while token := re.search("<NextContinuationToken>(.*)</NextContinuationToken>", found[-1]):
        found.append(ask(store, "GET", "", **query | {"continuation-token": token[1]}))
        assert len(found) <= N_NAMES, "each page has something that no other has"
    return found


def without_times(page: str) -> str:
    return re.sub("<LastModified>.*?</LastModified>", "", page)


def test_an_index_lists_what_a_walk_through_all_files_lists(tmp_path: Path) -> None:
    chance = random.Random(seed())
    with contextlib.ExitStack() as stack:
        walking = stack.enter_context(stores.localbucket(tmp_path / "walking"))
        indexed = stack.enter_context(stores.indexed_bucket(tmp_path / "indexed"))
        names = {"/".join(chance.choices(PARTS, k=3)) + str(chance.randrange(9)) for _ in range(N_NAMES)}
        removed = chance.sample(sorted(names), 10)
        for store in [walking, indexed]:
            for name in chance.sample(sorted(names), len(names)):
                ask(store, "PUT", quote(name))
            for name in removed:
                ask(store, "DELETE", quote(name))
        n_pages = 0
        for prefix, delimiter, after, most in product(
            ["", "a", "a/", "a-b/commits", "none"], ["", "/", "-"], ["", "a/b", "b/"], [1000, 7, 1]
        ):
            query = {"list-type": 2, "prefix": prefix, "max-keys": most}
            query |= {"delimiter": delimiter} if delimiter else {}
            query |= {"start-after": after} if after else {}
            told = [[without_times(page) for page in pages(store, **query)] for store in [walking, indexed]]
            assert told[0] == told[1], query
            n_pages += len(told[0])
        assert n_pages > 300
