from __future__ import annotations

import math

import numpy as np
import pytest

from resprobe.errors import InputError
from resprobe.figures import figure, plot_training
from resprobe.results import Result

FALL = [(0.5, 0.6), (0.3, 0.4), (0.2, 0.35)]


def test_both_errors_stand_in_percent_over_their_epoch(fake, ax, shown):
    plot_training(fake.train(resnet8=FALL), ax)
    training = shown.line(ax, "resnet8 train_error")
    validation = shown.line(ax, "resnet8 validation_error")
    np.testing.assert_allclose(training.get_xydata(), [[1, 50], [2, 30], [3, 20]])
    np.testing.assert_allclose(validation.get_ydata(), [60, 40, 35])
    assert training.get_linewidth() < validation.get_linewidth()
    assert shown.legend(ax) == ["resnet8", "validation", "training"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Error (%)")


def test_without_validation_images_the_training_error_stands_alone(fake, ax, shown):
    plot_training(fake.train(resnet8=[(a, math.nan) for a, _ in FALL]), ax)
    assert shown.legend(ax) == ["resnet8", "training"]
    assert len(ax.lines) == 1


def test_one_run_with_and_one_without_validation(fake, ax, shown):
    runs = fake.train(plain8=[(0.5, math.nan)] * 3, resnet8=FALL)
    plot_training(runs, ax)
    assert len(ax.lines) == 3
    assert "validation" in shown.legend(ax)


def test_one_epoch_is_a_point(fake, ax, shown):
    plot_training(fake.train(resnet8=FALL[:1]), ax)
    assert shown.line(ax, "resnet8 train_error").get_marker() not in ("", "None", None)


def test_errors_that_are_not_numbers_leave_an_empty_axis(fake, ax):
    plot_training(fake.train(resnet8=[(math.nan, math.nan)] * 2), ax)
    assert not ax.lines
    assert ax.get_ylim() == (0, 102)


def test_many_epochs_thin_out_the_markers_and_not_the_line(fake, ax, shown):
    plot_training(fake.train(resnet8=FALL * 60), ax)
    line = shown.line(ax, "resnet8 train_error")
    assert len(line.get_xdata()) == 180
    assert line.get_markevery() == 15


def test_what_a_training_run_says_of_itself_is_in_the_small_print(fake):
    meta = {
        "networks": [{"network": "resnet8", "checkpoint_sha256": "abcdef0123"}],
        "data": {"data_set": "fashion", "split": "train", "n": 4500},
        "seed": 3,
    }
    made = figure(Result("train", fake.train(resnet8=FALL).frame, meta))
    small_print = made.get_supxlabel().replace("\u00a0", " ").replace("\n", " ")
    assert small_print == "fashion train, n = 4,500 · resnet8: weights abcdef01 · seed 3"


def test_an_empty_frame_is_refused(fake, ax):
    with pytest.raises(InputError, match="no rows"):
        plot_training(Result("train", fake.train(resnet8=FALL).frame.iloc[:0], {}), ax)
