"""Every command and the Python in docs/magnitude.md and docs/gradflow.md run as they stand."""

import re

import pytest
from nets import AkamasterNet, random_batches
from pages import blocks, page, printed, printed_by_python

from resprobe.chain import unravel
from resprobe.probes import gradflow, magnitude

MAGNITUDE, GRADFLOW = page("docs/magnitude.md"), page("docs/gradflow.md")


def explained(text):
    return set(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE))


@pytest.mark.long
def test_the_page_on_magnitudes_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(MAGNITUDE, "sh"), blocks(MAGNITUDE, "python")
    printed(commands, tmp_path)
    assert "from_batch_norm" in printed_by_python(python, tmp_path)
    results = {path.name for path in (tmp_path / "results").iterdir()}
    for kind in ("magnitude", "magnitude-responses"):
        assert {f"{kind}.{ending}" for ending in ("csv", "json", "png", "svg")} <= results


@pytest.mark.long
def test_the_page_on_gradients_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(GRADFLOW, "sh"), blocks(GRADFLOW, "python")
    printed(commands, tmp_path)
    assert "identity_path" in printed_by_python(python, tmp_path)
    assert (tmp_path / "training" / "gradflow-training.png").exists()


def test_every_column_that_the_pages_explain_is_in_a_table():
    data = random_batches(4, size=8)
    chain = unravel(AkamasterNet(), data.example())
    assert explained(MAGNITUDE) <= set(magnitude(chain, data).blocks.frame)
    frame = gradflow(chain, data, batch_norm="batch").blocks.frame
    labels = {"network", "block", "name", "stage", "kind", "n"}
    unsaid = {c for c in frame if not c.endswith("_se")} - labels - explained(GRADFLOW)
    assert unsaid == set()
    assert explained(GRADFLOW) <= set(frame)
