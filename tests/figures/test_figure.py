from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from resprobe.errors import InputError, UsageError
from resprobe.figures import COLUMN, PAGE, figure, footer, plot
from resprobe.results import Result

LESION = [0.1, 0.2, 0.3, 0.4, 0.9, 0.25, 0.35]


def of_every_kind(fake, *names):
    return {
        "lesion": fake.lesion(**{name: LESION for name in names}),
        "gradflow": fake.gradflow(**{name: [3.0, 2.0, 1.0] for name in names}),
        "gradflow-weights": fake.weights(**{name: 2 for name in names}),
        "train": fake.train(**{name: [(0.5, 0.6), (0.4, 0.5)] for name in names}),
    }


@pytest.mark.parametrize("kind", ["lesion", "gradflow", "gradflow-weights", "train"])
def test_every_kind_of_result_is_drawn_into_given_axes_or_a_figure_of_its_own(fake, ax, kind):
    result = of_every_kind(fake, "resnet14")[kind]
    assert plot(result, ax) is ax
    own = plot(result)
    assert own.figure.axes[0] is own
    np.testing.assert_array_equal(own.lines[0].get_xydata(), ax.lines[0].get_xydata())


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
    with pytest.raises(InputError, match="results of one kind and these are named lesion, train"):
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


def test_the_small_print_names_only_networks_that_are_drawn(fake):
    whole = fake.lesion(resnet14=LESION, resnet20=LESION)
    rows = whole.frame[whole.frame["network"] == "resnet20"]
    assert "resnet14" in footer(whole)
    assert "resnet14" not in footer(Result("lesion", rows, whole.meta))


def test_networks_that_were_measured_on_other_images_say_so_one_by_one(fake):
    result = fake.lesion(first=LESION, second=LESION)
    for entry, n in zip(result.meta["networks"], (10, 20), strict=True):
        entry["data"] = {"data_set": f"set{n}", "split": "test", "n": n}
    result.meta["data"] = {"split": "test"}
    said = "set10 test, n = 10 · first: weights 12fca82f"
    said += " · set20 test, n = 20 · second: weights 12fca82f"
    assert footer(result) == f"{said} · seed 7 · resprobe 0.1.0"
