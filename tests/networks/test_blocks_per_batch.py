"""Every mini-batch goes through exactly K of the L blocks."""

import copy
import dataclasses
import itertools
import math

import pytest
import torch
from nets import with_lively_statistics
from scipy import stats

from resprobe.chain import unravel
from resprobe.errors import UsageError
from resprobe.networks import Architecture, dropped
from resprobe.networks.blocks import ResidualBlock
from resprobe.networks.stochastic import BlocksPerBatch, seeded_draws

CPU = torch.device("cpu")


def built(text, seed=0):
    architecture = Architecture.parse(text, width=2, num_classes=5, in_channels=1)
    return architecture, with_lively_statistics(architecture.build(seed=seed))


def images(n=2, seed=0):
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def computed(network):
    """Return the list that gets, at each forward pass, the places of the blocks computed."""
    passes, blocks = [], [m for m in network.modules() if isinstance(m, ResidualBlock)]
    network.register_forward_pre_hook(lambda *_: passes.append([]))
    for place, block in enumerate(blocks):
        block.conv2.register_forward_hook(lambda *_, place=place: passes[-1].append(place))
    return passes


@pytest.mark.parametrize("k", [1, 4, 8, 9])
def test_every_pass_in_training_computes_exactly_k_distinct_branches(k):
    _, network = built(f"resnet20:blocks_per_batch={k}")
    passes = computed(network)
    with torch.no_grad():
        for seed in range(20):
            with seeded_draws(seed, device=CPU):
                network(images())
                network(images())
        network.eval()
        network(images())
    assert all(len(set(places)) == len(places) == k for places in passes[:-1])
    assert passes[-1] == list(range(9))


def test_the_skipped_convolutions_are_not_computed():
    _, network = built("preresnet20:blocks_per_batch=3")
    calls = []
    for name, module in network.named_modules():
        if name.endswith(("conv1", "conv2")):
            module.register_forward_hook(lambda *_, name=name: calls.append(name))
    network(images())
    assert len(calls) == 1 + 2 * 3  # the stem's among them


def test_every_set_of_blocks_is_as_likely_as_any_other():
    """Chi-square over all 84 sets of 3 of 9 blocks, with fixed seeds."""
    network = Architecture("resnet20", width=1, blocks_per_batch=3).build()
    droppers = [part for part in network.modules() if isinstance(part, BlocksPerBatch)]
    counts = dict.fromkeys(itertools.combinations(range(9), 3), 0)
    for batch in range(84 * 40):
        with seeded_draws(5, 1, batch, device=CPU):
            drawn = tuple(place for place, part in enumerate(droppers) if part.survives())
        counts[drawn] += 1
    assert len(counts) == math.comb(9, 3)
    assert stats.chisquare(list(counts.values())).pvalue > 0.01


def test_the_draw_is_a_function_of_what_seeds_it_alone():
    _, network = built("resnet20:blocks_per_batch=4")
    other = copy.deepcopy(network)
    passes, theirs = computed(network), computed(other)
    before = torch.get_rng_state()
    for parts in ((0, 1, 2), (0, 1, 3), (0, 1, 2)):
        with seeded_draws(*parts, device=CPU):
            network(images())
    with seeded_draws(0, 1, 3, device=CPU):
        other(images())
    assert passes[0] == passes[2] != passes[1] == theirs[0]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_pass_that_was_broken_off_leaves_nothing_to_the_next():
    _, network = built("resnet20:blocks_per_batch=4")

    def fail(*_):
        raise RuntimeError("on purpose")

    passes = computed(network)
    for block in (network.layer1[0], network.layer2[1]):
        hook = block.register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="on purpose"):
            network(images())
        hook.remove()
        with seeded_draws(1, device=CPU):
            network(images())
    assert passes[1] == passes[3]
    assert len(passes[1]) == 4


def test_the_first_block_need_not_be_in_training():
    _, network = built("resnet20:blocks_per_batch=4")
    network.layer1[0].eval()
    passes = computed(network)
    for seed in range(30):
        with seeded_draws(seed, device=CPU):
            network(images())
    assert {len(places) for places in passes} == {4, 5}
    assert len({tuple(places) for places in passes}) > 5


@torch.no_grad()
def test_in_training_the_answer_is_that_of_the_chain_without_the_other_blocks():
    _, network = built("resnet20:blocks_per_batch=4:survival_scaling=training")
    chain = unravel(network, images())
    passes = computed(network)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with seeded_draws(3, device=CPU):
        network.train()
        for norm in norms:
            norm.eval()
        found = network(images())
    x, places = chain.stem(images()), passes[-1]
    for place, block in enumerate(chain.blocks):
        x = block.scaled(x, 9 / 4) if place in places else block.deleted(x)
    torch.testing.assert_close(found, chain.head(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("scaling", "factor"), [("test", 4 / 9), ("training", 1.0)])
@torch.no_grad()
def test_at_test_time_branches_count_k_of_l_or_whole(scaling, factor):
    _, network = built(f"resnet20:blocks_per_batch=4:survival_scaling={scaling}")
    plain = Architecture("resnet20", width=2, num_classes=5, in_channels=1).build()
    plain.load_state_dict(network.state_dict())
    network.eval()
    chain = unravel(plain.eval(), images())
    x = chain.stem(images())
    for block in chain.blocks:
        x = block.scaled(x, factor)
    torch.testing.assert_close(network(images()), chain.head(x), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_what_is_left_of_a_network_keeps_the_share_of_the_whole_one():
    architecture, network = built("resnet20:blocks_per_batch=4")
    rest, state = dropped(architecture, network.eval().state_dict(), [2, 7])
    assert rest.spec == "resnet20:width=2:blocks_per_batch=4:drop=2+7"
    smaller = rest.build().eval()
    smaller.load_state_dict(state)
    x, chain = images(), unravel(network, images())
    answer = chain.stem(x)
    for place, block in enumerate(chain.blocks):
        answer = block.deleted(answer) if place in (2, 7) else block(answer)
    assert torch.equal(smaller(x), chain.head(answer))


def test_all_blocks_are_the_network_itself():
    whole = Architecture("resnet20")
    assert Architecture("resnet20", blocks_per_batch=9) == whole
    assert (whole.blocks_per_batch, whole.spec) == (None, "resnet20")
    assert not whole.skips_blocks
    assert dataclasses.replace(whole, name="resnet56") == Architecture("resnet56")
    assert Architecture.parse("resnet110:blocks_per_batch=23").skips_blocks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet20:blocks_per_batch=0", "must be a whole number from 1 to 9, which are all its"),
        ("resnet20:blocks_per_batch=10", "from 1 to 9, which are all its blocks; got 10"),
        ("resnet20:blocks_per_batch=2.5", "must be a whole number >= 1; got '2.5'"),
        ("plain20:blocks_per_batch=3", "blocks_per_batch is for residual networks; plain20"),
        ("vgg15:blocks_per_batch=3", "blocks_per_batch is for residual networks; vgg15"),
        ("resnet20:blocks_per_batch=3:survival=0.5", "survival and blocks_per_batch of resnet20 b"),
        ("resnet20:survival_scaling=training", "needs survival below 1 or blocks_per_batch"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        Architecture.parse(text)
    assert "\n" not in str(caught.value)
