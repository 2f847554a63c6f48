"""Trained weights on real images against figures that an independent computation gave."""

import json

import pytest
import torch

from resprobe.chain import for_inference, intact, run, without
from resprobe.probes import gradflow, lesion

pytestmark = pytest.mark.real


def published(reference, file, name):
    figures = json.loads((reference / "reference" / file).read_text())
    return next(value for key, value in figures.items() if key.startswith(name))


# two images: what another JPEG decoder or another order of sums can turn
IMAGES = 2


@pytest.mark.long
@pytest.mark.parametrize("name", ["resnet20", "resnet32"])
def test_deleting_any_block_gives_the_reference_counts(reference, subject, name):
    chain, data = subject(name, 10_000)
    expected = published(reference, "lesion-and-magnitude.json", name)
    found = lesion(chain, data).frame["correct"].tolist()
    assert found[0] == pytest.approx(expected["correct_intact"], abs=IMAGES)
    assert found[1:] == pytest.approx(expected["correct_after_deleting_block"], abs=IMAGES)
    assert len(set(found)) > 5


def test_deleting_a_late_block_of_resnet20_gives_the_reference_counts(reference, subject):
    """The last two, which are cheap: all that goes before them is computed once."""
    chain, data = subject("resnet20", 10_000)
    expected = published(reference, "lesion-and-magnitude.json", "resnet20")
    programs = [intact(chain), without(chain, [7]), without(chain, [8])]
    fast = for_inference(chain, data.example()).chain
    correct = dict.fromkeys(range(3), 0)
    with torch.inference_mode():
        for x, y in data:
            for number, logits in run(fast, programs, x):
                correct[number] += int((logits.argmax(1) == y).sum())
    assert correct[0] == pytest.approx(expected["correct_intact"], abs=IMAGES)
    wanted = expected["correct_after_deleting_block"][7:]
    assert [correct[1], correct[2]] == pytest.approx(wanted, abs=IMAGES)
    assert len({correct[0], *wanted}) == 3


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
