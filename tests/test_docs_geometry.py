"""Every command and the Python in docs/geometry.md and docs/landscape.md run as they stand."""

import re

import pytest
from pages import blocks, page, printed, printed_by_python

GEOMETRY, LANDSCAPE = page("docs/geometry.md"), page("docs/landscape.md")


@pytest.mark.long
def test_the_page_of_geometry_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(GEOMETRY, "sh"), blocks(GEOMETRY, "python")
    printed(commands, tmp_path)
    assert "effective_rank" in printed_by_python(python, tmp_path)
    kinds = {path.stem for path in (tmp_path / "results").glob("*.csv")}
    assert kinds == set(re.findall(r"`(geometry-\w+)`", GEOMETRY)) | {"geometry"}


@pytest.mark.long
def test_the_page_of_landscapes_runs_as_it_is_written(tmp_path):
    (commands,), (python,) = blocks(LANDSCAPE, "sh"), blocks(LANDSCAPE, "python")
    printed(commands, tmp_path)
    assert "error" in printed_by_python(python, tmp_path)
    for folder in ("results", "plane"):
        assert (tmp_path / folder / "landscape.png").exists()


def test_every_column_that_the_pages_explain_is_in_a_table():
    from nets import LinearResNet, random_batches

    from resprobe.chain import unravel
    from resprobe.probes import geometry, landscape

    data = random_batches(2, channels=3, size=2, classes=12)
    chain = unravel(LinearResNet(0.5, 0.25).eval(), data.example())
    for text, frame in (
        (GEOMETRY, geometry(chain, data).blocks.frame),
        (LANDSCAPE, landscape(chain, data, points=3, line=True).frame),
    ):
        rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", text, flags=re.MULTILINE)
        named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
        assert named
        assert set(named) <= set(frame.columns)


def test_the_number_of_products_on_the_page_is_the_one_that_is_made():
    from resprobe.probes.jacobians.decomposition import products

    assert f"{products(12, 10, 6)} by default" in GEOMETRY
