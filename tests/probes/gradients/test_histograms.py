import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import AkamasterNet, LinearResNet, random_batches, with_lively_statistics

from resprobe.chain import unravel
from resprobe.networks import Architecture
from resprobe.probes import gradflow
from resprobe.probes.gradients.histograms import PARTS, ElementCounts
from resprobe.probes.gradients.tap import Tap


def table_of(model, data, **options):
    chain = unravel(model, data.example())
    return gradflow(chain, data, histograms=True, **options).histograms.frame


def test_every_element_is_in_the_bin_that_numpy_puts_it_in():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 500, generator=generator) * 10.0 ** torch.randint(
        -30, 20, (3, 500), generator=generator
    )
    values[0, :7] = 0
    values[1, 0], values[1, 1] = 1e-42, 2.0  # without an exponent's bit, and on an edge
    counted = ElementCounts()
    for half in values.chunk(2, dim=1):
        counted.add(half, -half, 2 * half)
    for part, scale in enumerate((1, -1, 2)):
        found = counted.bins(part)
        sizes = np.abs(scale * values.numpy().astype(np.float64)).ravel()
        assert sum(count for *_, count in found) == sizes.size
        for low, high, count in found:
            inside = (sizes == 0) if high == 0 else (sizes >= low) & (sizes < high)
            assert count == inside.sum()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_bins_are_disjoint_and_hold_everything(numbers):
    counted = ElementCounts()
    counted.add(torch.tensor(numbers))
    bins = counted.bins(0)
    assert sum(count for *_, count in bins) == len(numbers)
    edges = [edge for low, high, _ in bins for edge in (low, high)]
    assert edges == sorted(edges)


def test_shares_of_each_part_add_up_to_one_and_know_their_block():
    model, data = with_lively_statistics(AkamasterNet()), random_batches(7, batch_size=3)
    table = table_of(model, data)
    groups = table.groupby(["block", "part"])
    assert set(groups.groups) == {(b, p) for b in range(6) for p in PARTS}
    assert groups["share"].sum().tolist() == pytest.approx([1.0] * 18)
    elements = {0: 4 * 16 * 16, 5: 16 * 4 * 4}
    for block, number in elements.items():
        assert (groups["count"].sum()[block] == 7 * number).all()
    assert (table["n"] == 7).all()


def test_the_parts_of_a_linear_block_are_shifted_copies():
    data = random_batches(12, channels=4, size=1, classes=4)
    table = table_of(LinearResNet(-0.5), data)
    shown = {part: rows.set_index("low")["count"] for part, rows in table.groupby("part")}
    # identity = g, residual = -g / 2, whole = g / 2
    assert shown["input"].to_dict() == shown["residual"].to_dict()
    moved = {2 * low: count for low, count in shown["residual"].items()}
    assert moved == shown["identity"].to_dict()


def test_a_plain_block_has_the_whole_alone_and_nothing_is_counted_unasked():
    model = Architecture("plain8", width=2).build()
    data = random_batches(4)
    assert set(table_of(model, data, batch_norm="batch")["part"]) == {"input"}
    assert gradflow(unravel(model, data.example()), data).histograms is None
    assert Tap("a").elements is None


def test_what_is_kept_does_not_depend_on_the_number_of_elements():
    counted = ElementCounts()
    for size in (10, 1000):
        counted.add(*(torch.randn(2, size) for _ in PARTS))
        assert counted.counts.shape == (3, 256)
