"""The explorer and its widgets, from the side of Python."""

import dataclasses
import importlib.util
import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from nets import AkamasterNet, random_batches, with_lively_statistics

from resprobe import Architecture, explore, lesion, unravel
from resprobe.errors import InputError, UsageError
from resprobe.notebook import explorer as exploring
from resprobe.notebook.charts import Plane, ticks
from resprobe.probes import Workbench

N = 30
widgets = pytest.mark.skipif(
    importlib.util.find_spec("ipywidgets") is None, reason="needs ipywidgets"
)


@pytest.fixture(scope="module")
def data():
    return random_batches(N, batch_size=16)


@pytest.fixture(scope="module")
def chain(data):
    return unravel(with_lively_statistics(AkamasterNet(n=2)).eval(), data.example())


@pytest.fixture(scope="module")
def plain(data):
    return unravel(Architecture("plain8", width=4).build(), data.example())


@pytest.fixture
def explorer(chain, data):
    return explore(chain, data, network="<b>net</b>", singles=False)


def text(html):
    return "".join(ET.fromstring(html).itertext())


def counts(frame):
    return dict(zip(frame["lesion"], frame["correct"], strict=True))


def test_what_is_tried_by_hand_is_a_lesion_result_with_the_counts_of_the_study(
    explorer, chain, data
):
    for block in range(6):
        explorer.toggle(block)
        explorer.toggle(block)
    found = explorer.result()
    assert found.meta["study"] == "single"
    assert counts(found.frame) == counts(lesion(chain, data).frame)
    assert explorer.look is explorer.bench.intact


def test_undo_goes_back_step_by_step_and_reset_can_be_taken_back(explorer):
    explorer.toggle(3)
    explorer.swap(0, 1)
    assert explorer.look.lesion.label == "shuffle:0-1,delete:3"
    explorer.reset()
    assert explorer.look.lesion.label == "intact"
    labels = []
    while explorer.can_undo:
        explorer.undo()
        labels.append(explorer.look.lesion.label)
    assert labels == ["shuffle:0-1,delete:3", "delete:3", "intact"]
    explorer.undo()
    assert explorer.look.lesion.label == "intact"
    assert [look.lesion.label for look in explorer.tried] == ["delete:3", "shuffle:0-1,delete:3"]


def test_what_cannot_be_done_changes_nothing(explorer, plain, data):
    with pytest.raises(InputError, match="only blocks of one shape"):
        explorer.swap(1, 2)
    with pytest.raises(UsageError, match=r"place -1 .* places 0 to 5"):
        explorer.swap(-1, 2)
    assert not explorer.can_undo
    assert explorer.look.lesion.label == "intact"
    stuck = explore(plain, data, singles=False)
    with pytest.raises(InputError, match="cannot be deleted"):
        stuck.toggle(1)
    assert not stuck.can_undo
    with pytest.raises(UsageError, match="1 image or more; got 0"):
        explore(plain, data, images=0)


def test_images_are_evenly_spaced_and_all_where_there_are_fewer(chain, data):
    some = explore(chain, data, images=7, singles=False).bench.data
    assert some.data.labels.tolist() == data.data.subset(7).labels.tolist()
    assert (some.normalisation, some.batch_size) == (data.normalisation, data.batch_size)
    assert explore(chain, data, images=5000, singles=False).bench.data is data


def test_blocks_are_coloured_at_once_where_that_takes_seconds(chain, data, monkeypatch):
    rises = explore(chain, data).rises
    study = lesion(chain, data).frame.set_index("lesion")["error_rise"]
    assert rises == {block: study[f"delete:{block}"] for block in range(6)}
    monkeypatch.setattr(exploring, "_AT_ONCE", 0.0)
    assert explore(chain, data).rises == {}
    assert len(explore(chain, data, singles=True).rises) == 6


@widgets
def test_a_click_deletes_a_block_and_a_second_one_puts_it_back(explorer, chain, data):
    panel, study = explorer.panel, counts(lesion(chain, data).frame)
    panel.blocks[4].click()
    assert explorer.look.figures["correct"] == study["delete:4"]
    assert f"delete:4: {100 * study['delete:4'] / N:.1f} %" in text(panel.status.value)
    assert panel.blocks[4].description == "✕4"
    assert panel.blocks[4].style.text_decoration == "line-through"
    assert "dashed" in panel.blocks[4].layout.border_top
    assert "deleted" in panel.blocks[4].tooltip
    panel.blocks[4].click()
    assert explorer.look.lesion.label == "intact"
    assert panel.blocks[4].description == "◆4"
    assert "rgba" in panel.blocks[4].style.button_color  # what it is worth is known now
    assert panel.blocks[3].style.button_color is None


@widgets
def test_two_clicks_swap_two_blocks_of_one_shape_and_others_cannot_be_chosen(explorer):
    panel = explorer.panel
    panel.swap.value = True
    panel.blocks[0].click()
    assert "changes places with block 0" in text(panel.status.value)
    assert [button.disabled for button in panel.blocks] == [False, False, True, True, True, True]
    assert "double" in panel.blocks[0].layout.border_top
    panel.blocks[1].click()
    assert explorer.arrangement.order == (1, 0, 2, 3, 4, 5)
    assert [button.description for button in panel.blocks[:3]] == ["⇄1", "⇄0", "◆2"]
    assert not panel.swap.value
    assert not any(button.disabled for button in panel.blocks)
    panel.blocks[0].click()  # the block that stands there now
    assert explorer.look.lesion.label == "shuffle:0-1,delete:1"
    assert "in the place of block 0, deleted" in panel.blocks[0].tooltip


@widgets
def test_a_block_that_is_clicked_twice_for_a_swap_is_let_go(explorer):
    panel = explorer.panel
    panel.swap.value = True
    panel.blocks[0].click()
    panel.blocks[0].click()
    assert explorer.look.lesion.label == "intact"
    assert "click the first of two" in text(panel.status.value)
    panel.swap.value = False
    panel.blocks[0].click()
    assert explorer.look.lesion.label == "delete:0"


@widgets
def test_undo_reset_and_each_are_buttons_that_say_when_they_do_nothing(explorer):
    panel = explorer.panel
    assert panel.undo.disabled
    assert panel.reset.disabled
    panel.blocks[2].click()
    panel.blocks[3].click()
    assert not panel.undo.disabled
    panel.undo.click()
    assert explorer.look.lesion.label == "delete:2"
    panel.reset.click()
    assert explorer.look.lesion.label == "intact"
    assert panel.reset.disabled
    panel.each.click()
    assert all("rgba" in button.style.button_color for button in panel.blocks)
    assert "deleted alone: error" in panel.blocks[0].tooltip


@widgets
def test_charts_show_the_look_that_is_shown_and_the_intact_network(explorer):
    panel = explorer.panel
    panel.blocks[1].click()
    charts = ET.fromstring(panel._charts.value)
    labels = [svg.get("aria-label") for svg in charts.iter() if svg.tag.endswith("svg")]
    assert labels[0].startswith("delete:1: ")
    assert labels[1] == "Path lengths: mean 2.5; 95 % of paths: 0 to 5"
    shown = "".join(charts.itertext())
    look, bench = explorer.look, explorer.bench
    assert f"{100 * look.figures['accuracy']:.1f}" in shown
    assert f"{100 * bench.intact.figures['accuracy']:.1f}" in shown
    assert f"block 0: {look.sizes[0, 0]:.3g}" in shown
    assert f"intact: {bench.intact.sizes[1, 0]:.3g}" in shown
    assert "block 1: " not in shown
    assert "✕" in shown
    rows = [[c.text for c in row] for row in ET.fromstring(panel._tried.value).iter("tr")]
    assert rows[1][:2] == ["1", "delete:1"]


@widgets
def test_an_error_is_a_sentence_in_the_widget(explorer, monkeypatch):
    panel = explorer.panel

    def failing(*_, **__):
        raise RuntimeError("<torn>\nmore")

    monkeypatch.setattr(Workbench, "at", failing)
    panel.blocks[0].click()
    assert text(panel.status.value) == "It could not be measured (<torn>)."
    monkeypatch.undo()
    with torch.no_grad():
        weight = explorer.bench.chain.model_parameters[0][1]
        weight.mul_(2)
    try:
        panel.blocks[0].click()
        assert "has changed since" in text(panel.status.value)
    finally:
        with torch.no_grad():
            weight.div_(2)


@widgets
def test_a_plain_network_has_no_path_lengths_and_blocks_that_cannot_be_clicked(plain, data):
    panel = explore(plain, data).panel
    assert [button.disabled for button in panel.blocks] == [False, True, True]
    charts = [e for e in ET.fromstring(panel._charts.value).iter() if e.tag.endswith("svg")]
    assert len(charts) == 1


@widgets
def test_without_labels_the_answers_are_compared_with_the_intact_network(chain, data):
    images = dataclasses.replace(data.data, labels=torch.full((N,), -1), classes=())
    explorer = explore(chain, dataclasses.replace(data, data=images))
    explorer.panel.blocks[0].click()
    agreement = explorer.look.figures["agreement"]
    assert explorer.rises[0] == pytest.approx(1 - agreement)
    assert "of the intact network's answers" in text(explorer.panel.status.value)
    assert "nan" not in explorer.panel._charts.value


@widgets
def test_a_front_end_is_given_the_widget_and_the_picture(explorer):
    bundle = explorer._repr_mimebundle_()
    model = bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert model == explorer.panel.box.model_id
    assert bundle["text/html"] == explorer._repr_html_()
    assert bundle["text/plain"].startswith("<Explorer of <b>net</b>: intact: ")
    explorer.toggle(0)  # by code: the widgets follow
    assert explorer.panel.blocks[0].description == "✕0"


def test_names_are_text_and_nothing_else(explorer):
    explorer.toggle(0)
    html = explorer._repr_html_()
    assert "<b>net" not in html
    assert "&lt;b&gt;net" in html


def test_without_ipywidgets_it_is_a_picture_and_says_how_to_get_more(chain, data, monkeypatch):
    monkeypatch.setattr(exploring, "_has_widgets", lambda: False)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr(exploring, "_AT_ONCE", 0.0)
    explorer = explore(chain, data)
    bundle = explorer._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    html = bundle["text/html"]
    assert "pip install 'resprobe[notebooks]'" in html.replace("&#x27;", "'")
    assert len(explorer.rises) == 6
    assert "error rise where the block is deleted alone, points" in html
    assert "Deleted block (0 is nearest the input)" in html
    explorer.toggle(2)  # works without widgets


@pytest.mark.parametrize("high", [0.0, 1e-9, 0.3, 1.0, 7.3, 54.0, 1e6, float("nan"), float("inf")])
def test_ticks_are_round_few_and_within(high):
    found = ticks(high)
    assert found[0] == 0
    assert len(found) <= 6
    if np.isfinite(high) and high > 0:
        assert len(found) >= 2
        assert found[-1] <= high * (1 + 1e-9)
        steps = np.diff(found)
        assert steps == pytest.approx([steps[0]] * len(steps))
        assert re.fullmatch(r"[125](\.0*)?(e.*)?", f"{steps[0]:.3e}")


def test_what_is_too_high_for_a_chart_lies_at_its_edge():
    plane = Plane(0, 1, 10)
    assert plane.y(1e9) == plane.y(10) == plane.top
    assert plane.y(0) == plane.height - plane.bottom
    assert (plane.x(0), plane.x(1)) == (plane.left, plane.width - 8)
