"""What holds for the figures of all kinds of results."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from figure_samples import MAKERS, sample

from resprobe.errors import InputError
from resprobe.figures import COLUMN, PAGE, figure, save, svg_text
from resprobe.figures.kinds import KINDS
from resprobe.results import Result

pytestmark = pytest.mark.filterwarnings("error")

TWO = ("plain14", "resnet14")
HOSTILE = ("<script>'$x_1$'</script>", "n" * 300)
UNNAMED = ("a\nb\x00", "")
NOT_ALONG_BLOCKS = {
    "predictors-correlations", "similarity-summary", "landscape", "geometry-matrices", "train",
    "degradation",
}  # fmt: skip
QUADRATIC = {"lesion pairs", "lesion greedy", "similarity", "geometry-alignment"}
"""Measured for every two blocks: nobody does that for a thousand."""
ANALYSES = Path(__file__).parents[2] / "analyses"
PUBLISHED = [
    path.with_suffix(".csv")
    for path in sorted(ANALYSES.glob("*/*.json"))
    if json.loads(path.read_text())["name"] in KINDS
]


def drawn_texts(made, *, again=True):
    """The texts that are drawn, with their boxes; ticks beyond an axis are not."""
    if again:
        made.draw_without_rendering()
    legends = [*made.legends, *(ax.get_legend() for ax in made.axes)]
    found = [*made.texts]
    found += [text for legend in legends if legend for text in legend.get_texts()]
    found += [legend.get_title() for legend in legends if legend]
    children = [child for ax in made.axes for child in ax.child_axes]
    for ax in [*made.axes, *children]:
        found += [*ax.texts, ax.title]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
            inside = [label for place, label in ticks if low <= place <= high]
            found += [*inside, axis.label, axis.get_offset_text()]
    shown = [text for text in found if text is not None and text.get_visible()]
    return [(t.get_text(), t.get_window_extent()) for t in shown if t.get_text().strip()]


def overlap(first, second) -> bool:
    """Whether two boxes share more than a pixel."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return width > 1 and height > 1


def check_layout(made):
    """Nothing is clipped, no text lies on another, and the axes have room."""
    texts = drawn_texts(made)
    for text, box in texts:
        assert box.x0 >= -2, text
        assert box.y0 >= -2, text
        assert box.x1 <= made.bbox.x1 + 2, text
        assert box.y1 <= made.bbox.y1 + 2, text
    for place, (text, box) in enumerate(texts):
        for other, other_box in texts[place + 1 :]:
            assert not overlap(box, other_box), (text, other)
    for ax in made.axes:
        assert ax.bbox.height > 0.6 * made.dpi
        assert ax.bbox.width > 0.6 * made.dpi


def said_by(function, *arguments):
    """The one sentence of the error that a call raises; None where it raises none."""
    try:
        function(*arguments)
    except InputError as error:
        return str(error)
    return None


def test_every_kind_that_is_drawn_has_a_sample():
    assert {sample(kind).name for kind in MAKERS} == KINDS.keys()


@pytest.mark.parametrize("kind", MAKERS)
def test_hostile_names_are_shown_in_one_column_and_the_small_print_is_there(kind):
    made = figure(sample(kind, HOSTILE, 3), width=COLUMN)
    check_layout(made)
    texts = [text.replace("\u00a0", " ") for text, _ in drawn_texts(made, again=False)]
    small_print = made.get_supxlabel().replace("\u00a0", " ").replace("\n", " ")
    for part in ("tiny test, n = 1,000", "seed 7", "resprobe 0.1.0"):
        assert part in small_print
    if kind != "path-law":  # which no network is needed for
        assert any(r"\$x_1\$" in text for text in texts), texts
        assert "weights 12fca82f" in small_print


@pytest.mark.parametrize("kind", MAKERS)
def test_an_empty_frame_is_one_sentence(kind):
    found = sample(kind, blocks=3)
    said = said_by(figure, Result(found.name, found.frame.iloc[:0], found.meta))
    assert said
    assert "no rows" in said
    assert "\n" not in said


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_a_saved_result_is_drawn_to_the_same_bytes_and_text_is_text(kind, tmp_path):
    fresh = sample(kind, TWO)
    made = figure(fresh, width=PAGE)
    check_layout(made)
    svg, pdf = (path.read_bytes() for path in save(made, tmp_path / "x", formats=["svg", "pdf"]))
    assert b"<text" in svg
    assert b"/Type3" not in pdf
    assert b"/CIDFontType2" in pdf
    saved = fresh.save(tmp_path)[0]
    assert svg_text(figure(saved, width=PAGE), salt="x").encode() == svg


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_names_of_control_letters_and_of_none_are_shown(kind):
    made = figure(sample(kind, UNNAMED))
    texts = [text for text, _ in drawn_texts(made)]
    assert not any("\x00" in text for text in texts)
    if kind != "path-law":
        assert any("a b" in re.sub("\u00a0", " ", text) for text in texts)


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_a_missing_column_is_one_sentence_or_is_not_needed(kind):
    found = sample(kind, blocks=3)
    needed = 0
    for column in found.frame.columns:
        said = said_by(figure, Result(found.name, found.frame.drop(columns=column), found.meta))
        if said is not None:
            assert "\n" not in said
            assert column in said
            needed += 1
    assert needed


def broken(found, value, *, everywhere):
    """Put a value into the numbers; the blocks and other counts stay."""
    frame, place = found.frame.copy(), slice(None) if everywhere else [0, -1]
    for column in frame.columns:
        if frame[column].dtype == float and column not in ("a", "b", "low", "high", "alpha"):
            frame.iloc[place, frame.columns.get_loc(column)] = value
    return Result(found.name, frame, found.meta)


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_some_numbers_that_are_none_are_drawn_around(kind, value):
    figure(broken(sample(kind, TWO), value, everywhere=False)).draw_without_rendering()


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
def test_a_frame_of_nothing_but_nan_is_drawn_or_is_one_sentence(kind):
    found = broken(sample(kind, TWO), np.nan, everywhere=True)
    if said := said_by(figure, found):
        assert "\n" not in said
    else:
        figure(found).draw_without_rendering()


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "lesion shuffle"])
def test_one_block_is_a_figure(kind):
    check_layout(figure(sample(kind, blocks=1), width=COLUMN))


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted(MAKERS.keys() - NOT_ALONG_BLOCKS))
def test_a_thousand_blocks_are_a_small_file(kind):
    found = sample(kind, ("net",), 40 if kind in QUADRATIC else 1000)
    begin = time.process_time()
    svg = svg_text(figure(found), salt="x")
    assert time.process_time() - begin < 10
    assert len(svg) < 5e6


@pytest.mark.long
@pytest.mark.parametrize("width", [COLUMN, PAGE])
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_published_results_are_drawn_whole(path, width):
    check_layout(figure(path, width=width))
