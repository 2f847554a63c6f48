"""Each method against all 256 paths of a network of eight blocks, one by one."""

import itertools
import math

import numpy as np
import pytest
import torch
from nets import random_batches
from path_twin import all_paths, by_length, chain_of, eight_blocks

from resprobe.chain import left_as_found
from resprobe.errors import ResprobeError
from resprobe.probes import paths
from resprobe.probes.path_lengths.measuring import Places
from resprobe.probes.path_lengths.scaled import Scaled
from resprobe.probes.path_lengths.sweep import check_sum, sweep
from resprobe.probes.path_lengths.tape import record
from resprobe.probes.path_lengths.walking import walk_paths

BLOCKS = {"counted": 8, "apart": 6}


def norms(gradients):
    return gradients.flatten(-3).norm(dim=-1)


@pytest.fixture(scope="module")
def data():
    return random_batches(6, size=8)


@pytest.fixture(scope="module")
def chain(data):
    return chain_of(eight_blocks(), data)


@pytest.fixture(scope="module")
def routes(chain, data):
    """By choice for the transitions: every path's branches and its gradient."""
    x, y = (torch.cat(parts) for parts in zip(*data, strict=True))
    return {
        kind: all_paths(chain, x, y, blocks, apart=kind == "apart")
        for kind, blocks in BLOCKS.items()
    }


@pytest.fixture(scope="module")
def every(routes):
    """By choice for the transitions: the gradients of each length, (paths, images, ...)."""
    return {kind: by_length(routes[kind], blocks) for kind, blocks in BLOCKS.items()}


@pytest.fixture(params=BLOCKS)
def kind(request):
    return request.param


@pytest.fixture
def tape(chain, data, kind):
    x, y = (torch.cat(parts) for parts in zip(*data, strict=True))
    places = Places.of(chain, apart=kind == "apart")
    assert places.blocks == BLOCKS[kind]
    with left_as_found(chain, training=False, requires_grad=False), torch.enable_grad():
        yield record(chain, x, y, places.counted, at_images=True)


def test_there_are_256_paths_and_their_gradients_add_up_to_the_gradient(every, tape):
    assert sum(len(g) for g in every["counted"]) == 256
    for stacks in every.values():
        total = sum(g.sum(0) for g in stacks)
        torch.testing.assert_close(total, tape.whole.double(), rtol=0, atol=1e-6)


def test_the_stack_holds_the_sum_over_the_paths_of_each_length(every, tape, kind):
    for level, gradients in zip(sweep(tape), every[kind], strict=True):
        expected = gradients.sum(0)
        gap = norms(level.doubled() - expected)
        # relative to the paths that cancel in the sum
        assert (gap <= 1e-5 * norms(gradients).sum(0)).all()


def test_a_stack_that_misses_the_gradient_of_one_image_by_1e_5_is_an_error(tape):
    levels = sweep(tape)

    def off_by(share):
        missing = share * tape.whole
        missing[1:] = 0
        return [*levels, Scaled.of(missing, tape.images)]

    check_sum(off_by(5e-6), tape.whole)
    with pytest.raises(ResprobeError, match=r"only to 2\.\de-05 relative, not to 1e-5"):
        check_sum(off_by(2e-5), tape.whole)


def test_exact_is_the_norm_of_the_sum_and_its_share_of_the_gradient(every, chain, data, kind):
    frame = paths(chain, data, method="exact", transitions=kind).frame
    sums = torch.stack([g.sum(0) for g in every[kind]])
    whole = sums.sum(0)
    found = norms(sums)
    np.testing.assert_allclose(frame["together"], found.mean(1), rtol=1e-5)
    np.testing.assert_allclose(frame["together_se"], found.std(1) / math.sqrt(6), rtol=1e-5)
    counts = [len(g) for g in every[kind]]
    np.testing.assert_allclose(frame["average"], found.mean(1) / torch.tensor(counts), rtol=1e-5)
    projection = (sums * whole).flatten(1).sum(1) / whole.square().sum()
    np.testing.assert_allclose(frame["projection"], projection, atol=1e-5)
    assert frame["projection"].sum() == pytest.approx(1, abs=1e-6)


def test_the_mean_over_all_sign_patterns_is_the_sum_of_squared_norms(every, tape, kind):
    blocks = BLOCKS[kind]
    total = torch.zeros(blocks + 1, 6, dtype=torch.float64)
    for pattern in itertools.product((-1.0, 1.0), repeat=blocks - 1):
        # turning all signs round changes no norm: half of the patterns are enough
        signs = torch.tensor([1.0, *pattern])[:, None].expand(-1, 6)
        total += torch.stack([level.norms().square() for level in sweep(tape, signs)])
    expected = torch.stack([norms(g).square().sum(0) for g in every[kind]])
    torch.testing.assert_close(total / 2 ** (blocks - 1), expected, rtol=1e-5, atol=0)


def test_every_path_that_is_walked_has_the_norm_of_its_gradient(routes, tape, kind):
    rows = np.array(list(itertools.product((False, True), repeat=BLOCKS[kind])))
    found = dict(walk_paths(tape, rows))
    assert len(found) == len(rows)
    for number, row in enumerate(rows):
        expected = norms(routes[kind][tuple(row[::-1].tolist())])  # the last block's column first
        torch.testing.assert_close(found[number], expected, rtol=1e-5, atol=1e-12)


def test_rms_meets_the_root_mean_square_within_its_standard_errors(every, chain, data, kind):
    frame = paths(chain, data, method="rms", transitions=kind, draws=30, seed=1).frame
    expected = np.array([float(norms(g).square().mean(0).mean().sqrt()) for g in every[kind]])
    z = (frame["rms"] - expected)[1:-1] / frame["rms_se"][1:-1]
    assert z.abs().max() < 3.5
    assert (frame["rms_se"][1:-1] < 0.2 * frame["rms"][1:-1]).all()
    np.testing.assert_allclose(frame["rms"].iloc[[0, -1]], expected[[0, -1]], rtol=1e-5)


def test_sampled_meets_mean_and_root_mean_square_within_their_standard_errors(
    every, chain, data, kind
):
    frame = paths(chain, data, method="sampled", transitions=kind, draws=200, seed=1).frame
    mean = np.array([float(norms(g).mean()) for g in every[kind]])
    square = np.array([float(norms(g).square().mean(0).mean().sqrt()) for g in every[kind]])
    for column, expected in (("norm", mean), ("rms", square)):
        z = (frame[column] - expected)[1:-1] / frame[f"{column}_se"][1:-1]
        assert z.abs().max() < 3.5
        np.testing.assert_allclose(frame[column].iloc[[0, -1]], expected[[0, -1]], rtol=1e-5)
        # of one path there is nothing to sample
        np.testing.assert_allclose(frame[f"{column}_se"].iloc[[0, -1]], 0, atol=1e-12)


def test_the_mean_squares_of_rms_are_unbiased(every, chain, data):
    """Over 15 seeds of two draws each, the errors average to nothing; of roots they would not."""
    expected = np.array([float(norms(g).square().mean()) for g in every["counted"]])
    seeds = [paths(chain, data, method="rms", draws=2, seed=seed).frame for seed in range(15)]
    squares = np.array([frame["rms"] ** 2 for frame in seeds])
    z = (squares.mean(0) - expected)[1:-1] / (squares.std(0, ddof=1) / math.sqrt(15))[1:-1]
    assert np.abs(z).max() < 3.5


def test_the_norm_of_the_mean_is_below_the_mean_norm_and_that_below_the_root_mean_square(
    every, chain, data
):
    frame = paths(chain, data, method="exact").frame
    mean = np.array([float(norms(g).mean()) for g in every["counted"]])
    square = np.array([float(norms(g).square().mean(0).mean().sqrt()) for g in every["counted"]])
    assert (frame["average"] <= mean * (1 + 1e-6)).all()
    assert (mean <= square * (1 + 1e-6)).all()


def test_at_the_first_block_the_stem_is_left_out(chain, data):
    x, y = (torch.cat(parts) for parts in zip(*data, strict=True))
    frame = paths(chain, data, method="exact", at="block").frame
    with left_as_found(chain, training=False):
        hidden = chain.stem(x).detach().requires_grad_()
        through = hidden
        for step in chain.steps:
            through = step(through)
        loss = torch.nn.functional.cross_entropy(chain.head(through), y, reduction="sum")
        whole = torch.autograd.grad(loss, hidden)[0]
    assert frame["projection"].sum() == pytest.approx(1, abs=1e-6)
    # the longest paths alone: every branch, no shortcut
    only = paths(chain, data, method="sampled", at="block", draws=1).frame
    assert only["norm"].iloc[-1] == pytest.approx(frame["together"].iloc[-1], rel=1e-5)
    assert float(norms(whole).mean()) <= frame["together"].sum()
