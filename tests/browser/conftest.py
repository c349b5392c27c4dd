"""Fixtures: a server with two models, Chromium, and pages of it that must not complain."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Csv, Open
from helpers import FIRST, SECOND, Program
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from served import Served

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The one that XTREAM_CHROMIUM names, else the system's."""
    names = ["chromium", "chromium-browser", "google-chrome"]
    return os.environ.get("XTREAM_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("counter")
    program = Program(folder)
    where = ["--models", "linear", "--trials", "0", "--registry", folder / "registry"]
    program.train(FIRST, *where, ranges=True)
    program.train(FIRST, SECOND, "--no-promote", *where, ranges=True)
    served = Served(folder / "registry", folder / "log", said_in=folder)
    yield served.start()
    served.kill()
    assert "panicked" not in served.stderr, served.stderr


# Not for the whole session: while it is there, no other test can have an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium; `apt-get install chromium` mends it, or XTREAM_CHROMIUM names one")
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Open]:
    """Opens a page of the server; whatever it complains of, or asks of another host, fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))

    def open_page(path: str = "/", width: int = 1280, height: int = 900, **options: object) -> Page:
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{served.port}", viewport={"width": width, "height": height}, **options
        )
        contexts.append(context)
        context.set_default_timeout(5_000)
        page = context.new_page()
        listen(page)
        page.on("request", lambda asked: asked.url.startswith(f"http://127.0.0.1:{served.port}/")
                or asked.url.startswith(("blob:", "data:")) or complaints.append(asked.url))  # fmt: skip
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # That an answer was a refusal is no complaint.
    assert not [complaint for complaint in complaints if "Failed to load resource" not in complaint]


@pytest.fixture
def csv(tmp_path: Path) -> Csv:
    """Writes a file to choose on the page."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "stones.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
