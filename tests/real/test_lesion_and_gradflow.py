"""Trained weights on real images against figures that an independent computation gave."""

import json

import pytest

from resprobe.probes import gradflow, lesion

pytestmark = pytest.mark.real


def published(reference, file, name):
    figures = json.loads((reference / "reference" / file).read_text())
    return next(value for key, value in figures.items() if key.startswith(name))


def check_lesions(reference, subject, name):
    chain, data = subject(name, 10_000)
    expected = published(reference, "lesion-and-magnitude.json", name)
    found = lesion(chain, data).frame["correct"].tolist()
    # two images: what another JPEG decoder or another order of sums can turn
    assert found[0] == pytest.approx(expected["correct_intact"], abs=2)
    assert found[1:] == pytest.approx(expected["correct_after_deleting_block"], abs=2)
    assert len(set(found)) > 5


def test_deleting_any_block_of_resnet20_gives_the_reference_counts(reference, subject):
    check_lesions(reference, subject, "resnet20")


@pytest.mark.long
def test_deleting_any_block_of_resnet32_gives_the_reference_counts(reference, subject):
    check_lesions(reference, subject, "resnet32")


def test_gradients_divide_as_the_reference_says(reference, subject):
    chain, data = subject("resnet20", 200)
    frame = gradflow(chain, data).blocks.frame
    expected = published(reference, "gradient-paths.json", "resnet20")["blocks"]
    for name, key in (
        ("output", "out"), ("identity", "identity"), ("residual", "residual"), ("input", "input")
    ):  # fmt: skip
        assert frame[name].tolist() == pytest.approx([b[key] for b in expected], rel=1e-3)
    # images that are all but certain have gradients whose direction is float32 rounding, which
    # moves the mean cosine by some 1e-5 from machine to machine: seen in cosines near 0
    cosines = [block["cosine"] for block in expected]
    assert frame["cosine"].tolist() == pytest.approx(cosines, rel=1e-3, abs=5e-5)
