"""Debian's Chromium, and a page whose every fault it reports."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start the browser; skip where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield browser
        browser.close()


@contextlib.contextmanager
def opened(browser: Any, file: Path, **how: Any) -> Iterator[Any]:
    """Open a file; at the end, nothing may have been complained of or asked for."""
    context = browser.new_context(accept_downloads=True, **how)
    page, faults, asked = context.new_page(), [], []
    page.on("console", lambda message: faults.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.resolve().as_uri())
    yield page
    assert faults == []
    outside = [url for url in asked if url.partition("#")[0] != file.resolve().as_uri()]
    assert [url[:60] for url in outside if not url.startswith("data:")] == []
    context.close()
