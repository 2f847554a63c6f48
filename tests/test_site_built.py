"""The site as it is built: without a warning, and for a reader without a network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ENVIRONMENT, ROOT
from site_pages import DOCS


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_nb")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "-q", DOCS, out]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out


@pytest.mark.long
def test_the_site_is_built_without_a_warning_and_fetches_nothing(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 80
    for path in pages:
        text = path.read_text()
        assert not re.search(r'<(script|img|link|iframe)[^>]*(src|href)="(https?:)?//', text), path
    text = (site / "definitions.html").read_text()
    assert text.count("<math ") > 30
    assert "MathJax" not in text


@pytest.mark.long
@pytest.mark.browser
def test_pages_open_without_an_error_in_a_browser_and_search_finds(site):
    sync = pytest.importorskip("playwright.sync_api")
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no /usr/bin/chromium")
    wanted, errors = [], []
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = browser.new_page(viewport={"width": 400, "height": 800})
        tab.on("request", lambda request: wanted.append(request.url))
        tab.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        for path in sorted(site.rglob("*.html")):
            tab.goto(path.as_uri())
            wide = tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= 400, f"{path.name} is {wide} pixels wide"
        tab.goto(f"{(site / 'search.html').as_uri()}?q=kendall")
        tab.wait_for_selector("ul.search li")
        assert tab.locator("ul.search li").count() > 1
        browser.close()
    assert [url for url in wanted if not url.startswith(("file:", "data:"))] == []
    assert errors == []
