"""Every command and the Python in docs/readout.md and docs/similarity.md are run as they stand."""

import re

import pytest
from pages import blocks, page, printed, printed_by_python

PAGES = {name: page(f"docs/{name}.md") for name in ("readout", "similarity")}
KINDS = {
    "readout": ("readout", "readout-decisions", "readout-borderline"),
    "similarity": ("similarity", "similarity-summary"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_the_page_runs_as_it_is_written(name, tmp_path):
    (commands,), (python,) = blocks(PAGES[name], "sh"), blocks(PAGES[name], "python")
    printed(commands, tmp_path)
    shown = printed_by_python(python, tmp_path)
    assert {"readout": "probe_accuracy", "similarity": "identified"}[name] in shown
    results = {path.name for path in (tmp_path / "results").iterdir()}
    for kind in KINDS[name]:
        assert {f"{kind}.{ending}" for ending in ("csv", "json", "png", "svg")} <= results


def columns(name):
    return re.findall(r"^\| `(\w+)` \|", PAGES[name], flags=re.MULTILINE)


@pytest.fixture(scope="module")
def shown():
    from nets import AkamasterNet, random_batches, with_lively_statistics

    from resprobe.chain import unravel

    data = random_batches(8, batch_size=4)
    return unravel(with_lively_statistics(AkamasterNet()), data.example()), data


def test_every_column_that_a_page_explains_is_in_its_table(shown):
    from resprobe import readout, similarity

    assert set(columns("readout")) <= set(readout(*shown).blocks.frame.columns)
    found = set(similarity(*shown).layers.frame.columns)
    assert set(columns("similarity")) <= found
    assert {f"other_{name}" for name in ("network", "layer", "name", "place")} <= found


def test_independent_features_are_as_alike_by_the_plain_formula_as_the_page_says():
    import torch

    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(32, 400, generator=generator).double() for _ in range(2))
    x, y = x - x.mean(0), y - y.mean(0)
    biased = float((y.T @ x).norm() ** 2 / ((x.T @ x).norm() * (y.T @ y).norm()))
    assert f"{biased:.1f}" == "0.9"
    assert "have a CKA of 0.9" in PAGES["similarity"].replace("\n", " ")
