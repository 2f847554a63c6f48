"""Frames that no study gives: cut, with numbers that are none or text, are told in a sentence."""

from __future__ import annotations

import random
import zlib

import numpy as np
import pytest
from figure_samples import MAKERS, sample

from resprobe.errors import InputError, UsageError
from resprobe.figures import figure, svg_text
from resprobe.figures.hover import curves
from resprobe.results import Result

TWO = ("plain14", "resnet14")
QUICK = ("readout-decisions", "readout-borderline", "paths", "magnitude-responses", "gradflow")


def column_of_numbers(frame, kind: str) -> str:
    """A column drawn at random, the same each time."""
    numbers = list(frame.select_dtypes("number").columns)
    return random.Random(zlib.crc32(kind.encode())).choice(numbers)


def cut(found: Result, how: str, kind: str) -> Result:
    frame = found.frame.copy()
    if how == "first row":
        frame = frame.iloc[:1]
    elif how == "last row":
        frame = frame.iloc[-1:]
    elif how == "every other row":
        frame = frame.iloc[::2]
    elif how == "nan":
        frame[column_of_numbers(frame, kind)] = np.nan
    else:
        frame[column_of_numbers(frame, kind)] = "text"
    return Result(found.name, frame, found.meta)


def check(kind: str, how: str) -> None:
    odd = cut(sample(kind, TWO), how, kind)
    said = ""
    try:
        made = figure(odd)
        svg_text(made, salt="x")
        curves(made, odd)
    except (InputError, UsageError) as error:
        said = str(error)
    assert "\n" not in said


HOWS = ["first row", "last row", "every other row", "nan", "text"]


@pytest.mark.parametrize("kind", QUICK)
@pytest.mark.parametrize("how", ["first row", "last row", "text"])
def test_an_odd_frame_is_drawn_or_is_one_sentence(kind, how):
    check(kind, how)


@pytest.mark.long
@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("how", HOWS)
def test_an_odd_frame_of_any_kind_is_drawn_or_is_one_sentence(kind, how):
    check(kind, how)


@pytest.mark.parametrize("kind", ["readout-decisions", "readout-borderline"])
def test_what_is_missing_of_a_readout_is_named(kind):
    found = sample(kind)
    with pytest.raises(InputError, match=r"resnet14: (the .* lacks rows|no confident image)"):
        figure(Result(found.name, found.frame.iloc[:1], found.meta))


def test_what_pandas_says_of_an_odd_frame_is_one_sentence_and_keeps_its_cause():
    found = sample("landscape")
    with pytest.raises(InputError, match=r"the landscape result cannot be drawn as it is") as odd:
        figure(Result(found.name, found.frame.iloc[:1], found.meta))
    assert isinstance(odd.value.__cause__, TypeError)
