from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from resprobe.drawing import Part, draw_chain

SVG = "{http://www.w3.org/2000/svg}"


def chain(count: int, values=None, stages=(1,), kind="identity"):
    values = values or [None] * count
    stage = [stages[i * len(stages) // count] for i in range(count)]
    blocks = [Part(kind, f"b{i}", stage[i], value) for i, value in enumerate(values)]
    return [Part("stem", "conv1"), *blocks, Part("head", "fc")]


def drawn(*arguments, **more):
    return ElementTree.fromstring(draw_chain(*arguments, **more))


def blocks(root):
    return [group for group in root.iter(f"{SVG}g") if group.get("class") == "block"]


def size(root):
    return [float(x) for x in root.get("viewBox").split()][2:]


@pytest.mark.parametrize("count", [1, 9, 54, 1000])
def test_every_block_is_there_once_in_order_and_inside_the_drawing(count):
    root = drawn(chain(count, [0.1] * count))
    assert [int(b.get("data-block")) for b in blocks(root)] == list(range(count))
    width, height = size(root)
    assert width < 1700
    for box in root.iter(f"{SVG}rect"):
        assert 0 <= float(box.get("x")) <= width - float(box.get("width")) + 1e-6
        assert 0 <= float(box.get("y")) <= height - float(box.get("height")) + 1e-6


def test_a_residual_block_has_an_arc_a_transition_a_diamond_and_a_plain_block_neither():
    kinds = {"identity": 1, "transition": 2}
    for kind, paths in kinds.items():
        (block,) = blocks(drawn(chain(1, kind=kind)))
        assert len(list(block.iter(f"{SVG}path"))) == paths
        (block,) = blocks(drawn(chain(1, kind=kind), plain=True))
        assert not list(block.iter(f"{SVG}path"))


def opacity(block):
    return float(list(block.iter(f"{SVG}rect"))[1].get("fill-opacity"))


def colour(block):
    return list(block.iter(f"{SVG}rect"))[1].get("fill")


def test_the_larger_the_value_the_stronger_the_colour_and_below_0_it_is_another():
    first, second, third, none = blocks(drawn(chain(4, [4.0, 2.0, -4.0, 0.0])))
    assert opacity(first) == 1 > opacity(second) > opacity(none)
    assert opacity(third) == 1
    assert colour(first) == colour(second) != colour(third)


def test_an_unknown_value_is_a_question_mark_and_no_value_is_neutral():
    unknown, known = blocks(drawn(chain(2, [math.nan, 1.0])))
    assert [text.text for text in unknown.iter(f"{SVG}text")] == ["?"]
    assert not list(known.iter(f"{SVG}text"))
    neutral = drawn(chain(2))
    assert "?" not in "".join(neutral.itertext())
    assert "0 to" not in "".join(neutral.itertext())


def test_the_key_says_what_the_values_are_and_has_room_for_it():
    worth = "points of error that come with the deletion of the block, for a long time"
    root = drawn(chain(1, [3.0]), worth=worth)
    assert f"0 to 3, {worth}" in "".join(root.itertext())
    assert size(root)[0] > 4 * len(worth)


def test_the_key_goes_from_the_lowest_value_to_the_highest_in_their_colours():
    for values, ends in (([3.0], "0 to 3"), ([-2.0, 3.0], "−2 to 3"), ([-2.0], "−2 to 0")):
        root = drawn(chain(len(values), values))
        assert list(root.iter(f"{SVG}text"))[-1].text == ends
        boxes = [r for r in root.iter(f"{SVG}rect") if r.get("height") == "9"]
        shown = [min(values, default=0.0), max(values)]
        colours = [colour(block) for block in blocks(root)]
        assert {boxes[0].get("fill"), boxes[-1].get("fill")} >= set(colours)
        assert len(boxes) == 3 * (max(shown) > 0) + (min(shown) < 0) + (max(shown) <= 0)


def test_labels_are_text_whatever_they_hold():
    hostile = "<script>alert('1')</script>\"&"
    parts = [Part("stem", hostile), Part("identity", hostile, 1, 1.0, hostile)]
    text = draw_chain(parts, worth=hostile)
    root = ElementTree.fromstring(text)
    assert "<script" not in text
    titles = ["".join(title.itertext()) for title in root.iter(f"{SVG}title")]
    assert titles == [hostile, f"{hostile}\n{hostile}"]
    assert hostile in root.get("aria-label")


def test_stages_that_have_room_are_named_and_every_second_one_is_shaded():
    root = drawn(chain(9, stages=(1, 2, 3)))
    said = [text.text for text in root.iter(f"{SVG}text")]
    assert [t for t in said if t.startswith("stage")] == ["stage 1", "stage 2", "stage 3"]
    shades = [r for r in root.iter(f"{SVG}rect") if r.get("fill-opacity") == "0.07"]
    assert len(shades) == 1


def test_a_long_chain_goes_over_rows_of_about_one_length():
    root = drawn(chain(54))
    tops = [float(next(b.iter(f"{SVG}rect")).get("y")) for b in blocks(root)]
    rows = [tops.count(top) for top in dict.fromkeys(tops)]
    assert len(rows) > 1
    assert max(rows) - min(rows) <= 3


def test_the_colours_follow_the_page():
    text = draw_chain(chain(2, [1.0, -1.0]))
    for name in ("--ink", "--muted", "--paper", "--line-0", "--line-1"):
        assert f"var({name}, #" in text
    assert not re.search(r'"#[0-9a-f]{6}"', text)
