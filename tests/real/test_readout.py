"""How the answer of trained weights forms on real images, and which of their layers are alike."""

from dataclasses import replace

import pytest
import torch

from resprobe.probes import lesion, readout, similarity

pytestmark = pytest.mark.real


def halves(data):
    """Two disjoint sets of the images, each with all classes."""
    parts = [data.data.take(torch.arange(start, data.n, 2)) for start in (0, 1)]
    return [replace(data, data=part) for part in parts]


@pytest.fixture
def read(subject):
    """Return the function that reads out a network on one half of some images."""

    def make(name, n):
        chain, data = subject(name, n)
        shown, fit = halves(data)
        return chain, shown, readout(chain, shown, fit=fit)

    return make


def test_resnet20_answers_better_and_better_and_its_last_block_goes_down_the_loss(read):
    chain, shown, found = read("resnet20", 600)
    frame = found.blocks.frame
    alone = lesion(chain, shown).frame.set_index("lesion")
    assert frame["head_accuracy"].iloc[-1] == alone.loc["intact", "accuracy"]
    assert frame["head_accuracy"].iloc[-2] == alone.loc["delete:8", "accuracy"]
    assert frame["probe_accuracy"].is_monotonic_increasing or (
        frame["probe_accuracy"].diff().min() > -0.05
    )
    assert frame["probe_accuracy"].iloc[-1] > frame["probe_accuracy"].iloc[0] + 0.3
    last = frame.iloc[-1]
    assert last["cosine"] + 4 * last["cosine_se"] < 0
    assert -0.06 < last["cosine"] < -0.03  # -0.046 on 5,000 images
    for _, stage in frame.groupby("stage"):
        assert stage["error_std"].is_monotonic_decreasing
    # of 5,000 images, with probes of 10,000
    assert frame["error_std_relative"].tolist() == pytest.approx(
        [0.924, 0.794, 0, 0.885, 0.539, 0, 0.949, 0.856, 0], abs=0.02
    )


@pytest.mark.long
def test_the_head_of_resnet32_reads_gradually_better(read):
    _, _, found = read("resnet32", 1_000)
    heads = found.blocks.frame["head_accuracy"].dropna()
    assert len(heads) == 5
    assert heads.is_monotonic_increasing
    assert heads.diff().max() < 0.5 * (heads.iloc[-1] - heads.iloc[0])
    assert found.blocks.frame["cosine"].iloc[-1] == pytest.approx(-0.10, abs=0.02)


def test_outputs_of_resnet20_are_more_alike_than_what_is_inside_its_blocks(subject):
    found = similarity(*subject("resnet20", 256), interiors=True)
    summary = found.summary.frame.set_index(["measure", "places", "stages"])
    for places, stages, wanted in (
        ("output, output - interior, interior", "all", 0.157),  # on 2,000 images
        ("output, output", "same - different", 0.208),
        ("interior, interior", "same - different", 0.227),
    ):
        row = summary.loc["difference", places, stages]
        assert row["low"] > 0
        assert row["value"] == pytest.approx(wanted, abs=0.05)
