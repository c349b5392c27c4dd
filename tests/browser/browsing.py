"""What the fixtures give: a page that is opened, and a file that is written."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page

Open = Callable[..., Page]
Csv = Callable[[str | bytes], Path]
