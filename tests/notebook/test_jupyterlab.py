"""The explorer, driven by clicks in a real JupyterLab."""

import importlib.util
import os
import re
from pathlib import Path

import pytest
from notebook.lab import CHROMIUM, notebook, page_in_chromium, run_all, running
from probes.bench.twins import ByHand
from running import run

from resprobe import Batches, lesion, load, load_data, unravel
from resprobe.probes.bench import Arrangement

pytestmark = [
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
    *(
        pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"needs {name}")
        for name in ("playwright", "jupyterlab", "ipywidgets")
    ),
]

IMAGES = 100
CELL = f"""
import resprobe
checkpoint = resprobe.load("net.pt")
data = resprobe.Batches(resprobe.load_data("embedded"), checkpoint.normalisation)
chain = resprobe.unravel(checkpoint.model, data.example())
explorer = resprobe.explore(chain, data, images={IMAGES}, network="tiny <b>net</b>")
explorer
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    trained = run(
        "train", "--arch", "resnet14", "--width", 4, "--recipe", "short", "--epochs", 2,
        "--images", 500, "--out", folder / "net.pt", "--quiet",
    )  # fmt: skip
    assert trained.code == 0, trained.err
    (folder / "explore.ipynb").write_text(notebook(CELL, "chain", "explorer.result()"))
    return folder


@pytest.fixture(scope="module")
def says(folder):
    """Return the accuracy that the lesion study measures of an arrangement, as it is shown."""
    checkpoint = load(folder / "net.pt")
    images = load_data("embedded").subset(IMAGES)
    data = Batches(images, checkpoint.normalisation)
    chain = unravel(checkpoint.model, data.example())

    def accuracy(*, delete=(), swap=()):
        arrangement = Arrangement.intact(len(chain.blocks))
        for pair in swap:
            arrangement = arrangement.swapped(*pair)
        for block in delete:
            arrangement = arrangement.toggled(block)
        row = lesion(chain, data, study=ByHand(arrangement)).frame.iloc[1]
        return f"{row['lesion']}: {100 * row['accuracy']:.1f} %"

    return accuracy


def test_clicks_delete_swap_and_undo_and_the_accuracy_is_that_of_the_lesion_study(folder, says):
    kept = Path(os.environ.get("RESPROBE_SCREENSHOTS", folder))
    with running(folder) as address, page_in_chromium() as (page, wrong):
        run_all(page, address("explore.ipynb"))
        area = page.locator(".jp-OutputArea-output", has_text="Delete each alone").first
        area.scroll_into_view_if_needed()

        def shown(text):
            page.get_by_text(re.compile("^" + re.escape(text))).first.wait_for(timeout=30_000)

        def block(number):
            return area.get_by_role("button", name=re.compile(rf"^[✕⇄◆]?{number}$"))

        shown("intact: ")
        page.screenshot(path=kept / "before.png")
        block(5).click()
        shown(says(delete=[5]))
        assert block(5).inner_text() == "✕5"
        block(1).focus()
        page.keyboard.press("Enter")
        shown(says(delete=[1, 5]))
        block(1).click()
        shown(says(delete=[5]))
        area.get_by_role("button", name="Swap").click()
        shown("Swap: click the first")
        block(0).click()
        shown("Swap: click the block that changes places with block 0")
        assert block(2).is_disabled()
        block(1).click()
        both = says(swap=[(0, 1)], delete=[5])
        assert both != says(delete=[5])
        shown(both)
        page.screenshot(path=kept / "after.png")
        area.get_by_role("button", name="Undo").click()
        shown(says(delete=[5]))
        area.get_by_role("button", name="Undo").click()
        area.get_by_role("button", name="Reset").click()
        shown("intact: ")
        assert area.get_by_role("button", name="Reset").is_disabled()
        assert page.locator("svg[aria-label^='A chain of 6 residual blocks']").count() >= 1
        assert page.locator(".resprobe b").count() == 0
        page.screenshot(path=kept / "reset.png")
    assert wrong == []
