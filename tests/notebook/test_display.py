"""What chains and results show themselves as in a notebook."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
import torch
from lesion_frames import Net
from lesion_frames import result as lesion_result
from nets import AkamasterNet
from torch import nn

import resprobe
from resprobe import Result, unravel
from resprobe.chain import Chain, Link, ResidualBlock
from resprobe.notebook import markup


@pytest.fixture(scope="module")
def model():
    return AkamasterNet(n=2).eval()


@pytest.fixture(scope="module")
def chain(model):
    return unravel(model, torch.zeros(2, 3, 16, 16))


def parsed(html):
    """Read HTML as XML, which it is but for characters that XML has no names for."""
    return ET.fromstring(html)


def cells(html):
    return [[cell.text or "" for cell in row] for row in parsed(html).iter("tr")]


def drawings(html):
    return [e for e in parsed(html).iter() if e.tag.rpartition("}")[2] == "svg"]


def test_a_chain_shows_its_drawing_and_every_step_with_its_costs(chain):
    html = chain._repr_html_()
    assert html == resprobe.chain_html(chain)
    assert "A chain of 6 residual blocks in 3 stages: " in html
    headings, *rows = cells(html)
    assert headings == ["block", "name", "kind", "stage", "in shape", "out shape", "parameters",
                        "multiply-adds"]  # fmt: skip
    assert [row[0] for row in rows] == ["–", "0", "1", "2", "3", "4", "5", "–"]
    assert [row[2] for row in rows][:4] == ["stem", "identity", "identity", "transition"]
    table = resprobe.block_table(chain)
    assert [row[7] for row in rows] == [f"{value:,}" for value in table["multiply_adds"]]
    (drawing,) = drawings(html)
    assert len([e for e in drawing.iter() if e.get("class") == "block"]) == 6


def test_to_show_a_chain_leaves_the_model_as_it_was_and_runs_no_hook(model, chain, model_state):
    seen = []
    handle = model.layer1[0].register_forward_hook(lambda *a: seen.append(a))
    model.train()
    before = model_state(model)
    html = unravel(model, torch.zeros(2, 3, 16, 16))._repr_html_()
    assert model_state(model) == before
    handle.remove()
    model.eval()
    assert "multiply-adds" in html


def test_hooks_inside_the_blocks_are_not_called_and_the_costs_are_left_out(model, chain):
    seen = []
    handle = model.layer1[0].conv1.register_forward_hook(lambda *a: seen.append(a))
    html = chain._repr_html_()
    handle.remove()
    assert not seen
    assert "The model has hooks" in html
    assert "multiply-adds" not in cells(html)[0]


def test_a_thousand_blocks_are_the_first_and_last_rows_with_the_count_between():
    def block(number):
        parts = nn.Identity(), nn.Linear(2, 2), nn.Identity()
        return ResidualBlock(*parts, f"<i>{number}</i>", (2,), (2,))

    steps = [block(number) for number in range(1000)]
    stem, head = (Link(nn.Identity(), name, (2,), (2,)) for name in ("stem", "head"))
    chain = Chain(stem, steps, head, parameters=[])
    html = chain._repr_html_()
    rows = cells(html)[1:]
    assert len(rows) == 31
    assert rows[15] == ["… 972 more of 1,002 steps …"]
    assert (rows[1][1], rows[29][1]) == ("<i>0</i>", "<i>999</i>")
    assert "block_table(chain) counts them" in html
    assert len([e for e in parsed(html).iter() if e.get("class") == "block"]) == 1000


def test_a_result_shows_its_figure_its_first_rows_and_what_it_rests_on():
    result = lesion_result("single", Net("net", 6))
    frame, html = result.frame, result._repr_html_()
    (drawing,) = drawings(html)
    text = "".join(drawing.itertext())
    assert f"seed {result.meta['seed']}" in text
    assert "Deleted block" in text
    assert f"lesion: {len(frame)} rows of 1 network, the first 5 of them" in html
    headings, *rows = cells(html)
    assert len(rows) == 5
    assert [row[headings.index("lesion")] for row in rows] == frame["lesion"].tolist()[:5]
    assert "alpha" not in headings


def test_ids_of_two_outputs_differ_and_each_refers_to_its_own():
    result = lesion_result("single", Net("net", 3))
    ids = []
    for html in (result._repr_html_(), result._repr_html_()):
        found = set(re.findall(r'\bid="([^"]+)"', html))
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', html))
        assert {one or other for one, other in used} <= found
        ids.append(found)
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (Result("<script>notes", pd.DataFrame({"a": [1]})), "No figure draws a result named"),
        (Result("lesion", pd.DataFrame()), "No figure: "),
        (Result("lesion", pd.DataFrame({"network": ["a"], "lesion": [1]})), "lacks the column"),
        (Result("magnitude", pd.DataFrame(index=range(3))), "3 rows"),
        (Result("lesion", None), "no table but a NoneType"),
        (Result("paths", pd.DataFrame({("a", "b"): [np.nan], 3: [object()]})), "1 row"),
        (Result("path-law", pd.DataFrame({"length": ["x"], "paths_share": [None]})), "1 row"),
        (Result("train", pd.DataFrame([[1, 2], [3, 4]], columns=["epoch", "epoch"])), "2 rows"),
    ],
    ids=["unknown", "empty", "columns", "no columns", "none", "odd names", "texts", "twice"],
)
def test_whatever_is_wrong_with_a_result_is_a_sentence_and_never_an_error(result, said):
    html = result._repr_html_()
    parsed(html)
    assert said in html
    assert "<script" not in html


def test_an_error_of_the_drawing_itself_is_a_sentence_too(monkeypatch):
    def failing(*_, **__):
        raise RuntimeError("<torn>")

    monkeypatch.setattr("resprobe.figures.figure", failing)
    html = lesion_result("single", Net("net", 3))._repr_html_()
    assert "No figure could be drawn of these rows (&lt;torn&gt;)." in html
    assert len(cells(html)) == 5


def test_labels_are_text_and_nothing_else():
    hostile = '"><img src=x onerror=alert(1)><b>'
    html = lesion_result("single", Net(hostile, 3))._repr_html_()
    tags = {element.tag.rpartition("}")[2] for element in parsed(html).iter()}
    assert not tags & {"img", "b", "script"}
    assert hostile in "".join(parsed(html).itertext())


def test_a_figure_that_holds_a_picture_is_shown_as_one():
    html = lesion_result("pairs", Net("net", 6))._repr_html_()
    assert 'src="data:image/png;base64,' in html


def test_what_python_prints_of_them_is_as_before(chain):
    assert repr(chain).startswith("Chain(")
    assert repr(Result("x", pd.DataFrame())).startswith("Result(name='x'")


@pytest.mark.long
def test_a_result_is_shown_without_torch_being_loaded():
    code = (
        "import sys, pandas as pd; from resprobe.results import Result; "
        "html = Result('notes', pd.DataFrame({'a': [1]}))._repr_html_(); "
        "assert 'No figure draws' in html; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_colours_of_lines_are_those_of_the_figures():
    from resprobe.figures.theme import COLOURS

    assert markup._LINES == COLOURS
    assert all(f"--line-{i}: {colour}" in markup.framed() for i, colour in enumerate(COLOURS))
