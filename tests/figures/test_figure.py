from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from resprobe.errors import InputError, UsageError
from resprobe.figures import COLUMN, PAGE, figure, footer, plot
from resprobe.results import Result

LESION = [0.1, 0.2, 0.3, 0.4, 0.9, 0.25, 0.35]
HOSTILE = ["_<script>alert('$x^2$')</script>", "\\frac{$" + "n" * 300, "a\x00b\nc", ""]


def of_every_kind(fake, *names):
    return {
        "lesion": fake.lesion(**{name: LESION for name in names}),
        "gradflow": fake.gradflow(**{name: [3.0, 2.0, 1.0] for name in names}),
        "gradflow-weights": fake.weights(**{name: 2 for name in names}),
        "train": fake.train(**{name: [(0.5, 0.6), (0.4, 0.5)] for name in names}),
    }


def overlap(first, second) -> bool:
    """Whether two boxes share more than a pixel."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return width > 1 and height > 1


@pytest.mark.parametrize("kind", ["lesion", "gradflow", "gradflow-weights", "train"])
def test_every_kind_of_result_is_drawn_into_given_axes_or_a_figure_of_its_own(fake, ax, kind):
    result = of_every_kind(fake, "resnet14")[kind]
    assert plot(result, ax) is ax
    own = plot(result)
    assert own.figure.axes[0] is own
    np.testing.assert_array_equal(own.lines[0].get_xydata(), ax.lines[0].get_xydata())


@pytest.mark.parametrize("kind", ["lesion", "gradflow", "gradflow-weights", "train"])
@pytest.mark.parametrize("width", [COLUMN, PAGE])
@pytest.mark.parametrize("names", [["plain14", "resnet14"], HOSTILE], ids=["two", "hostile"])
def test_nothing_is_clipped_and_nothing_hides_anything(fake, kind, width, names):
    made = figure(of_every_kind(fake, *names)[kind], width=width)
    made.draw_without_rendering()
    for ax in made.axes:
        legend = ax.get_legend().get_window_extent()
        assert legend.y0 >= ax.bbox.y1
        assert not any(overlap(legend, text.get_window_extent()) for text in ax.texts)
        assert ax.bbox.height > 0.8 * made.dpi
    page = made.bbox
    whole = made.get_tightbbox()
    assert whole.x0 * made.dpi >= -2
    assert whole.y0 * made.dpi >= -2
    assert whole.x1 * made.dpi <= page.x1 + 2
    assert whole.y1 * made.dpi <= page.y1 + 2


@pytest.mark.parametrize("kind", ["lesion", "gradflow", "gradflow-weights", "train"])
def test_hostile_names_are_shown_as_they_are_and_not_as_mathematics(fake, kind):
    made = figure(of_every_kind(fake, *HOSTILE)[kind])
    labels = [text.get_text() for text in made.axes[0].get_legend().get_texts()]
    assert labels[0] == r"_<script>alert('\$x^2\$')</script>"
    assert all("\x00" not in label and "\n" not in label for label in labels)
    assert labels[2:4] == ["a b c", "(no name)"]


def test_the_small_print_names_data_weights_seed_and_version(fake):
    made = figure(fake.lesion(resnet14=LESION))
    text = made.get_supxlabel().replace("\u00a0", " ")
    assert text == "tiny test, n = 1,000 · resnet14: weights 12fca82f · seed 7 · resprobe 0.1.0"


def test_the_small_print_says_shared_things_once_and_batch_statistics_always(fake):
    result = fake.gradflow(plain8=[1.0], resnet8=[1.0])
    said = "tiny test, n = 1,000 · BatchNorm with batch statistics · seed 7 · resprobe 0.1.0"
    assert footer([result, result]) == said


def test_a_result_without_meta_has_no_small_print(fake):
    made = figure(Result("lesion", fake.lesion(resnet14=LESION).frame, {}))
    assert made.get_supxlabel() == ""


def test_gradient_flow_stands_side_by_side_on_a_page_and_stacked_in_a_column(fake):
    result = fake.gradflow(plain14=[2.0, 1.0, 0.5], resnet14=[2.0, 1.0, 0.5])
    wide, narrow = figure(result, width=PAGE), figure(result, width=COLUMN)
    assert wide.axes[0].get_subplotspec().get_gridspec().ncols == 2
    assert narrow.axes[0].get_subplotspec().get_gridspec().nrows == 2


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match="no figure draws a result named 'pears'; known: lesion"):
        plot(Result("pears", None))


def test_kinds_are_not_mixed(fake):
    kinds = of_every_kind(fake, "resnet14")
    with pytest.raises(InputError, match="named 'lesion' and got one named 'train'"):
        figure([kinds["lesion"], kinds["train"]])


@pytest.mark.parametrize("width", [0, 2.9, 20.1, float("nan")])
def test_a_width_that_no_page_has_is_refused(fake, width):
    with pytest.raises(UsageError, match="3 to 20 inches"):
        figure(fake.lesion(resnet14=LESION), width=width)


def test_drawing_leaves_the_result_as_it_was(fake):
    for result in of_every_kind(fake, "plain14", "resnet14").values():
        before = result.frame.copy(deep=True)
        plot(result, Figure().subplots())
        assert result.frame.equals(before)


@pytest.mark.parametrize(("kind", "said"), [("batch", True), ("running", True), (None, False)])
def test_the_small_print_names_statistics_only_where_there_are_any(fake, kind, said):
    result = fake.gradflow(resnet8=[3.0, 2.0])
    result.meta["batch_norm"] = kind
    assert (f"BatchNorm with {kind} statistics" in footer(result)) == said
    assert ("BatchNorm" in footer(result)) == said
