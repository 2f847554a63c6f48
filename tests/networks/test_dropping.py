"""Blocks that were taken out for good: the smaller network is the larger one, lesioned."""

import dataclasses
import functools
import itertools
import random

import pytest
import torch
from lanes import lanes
from zoo import properties
from zoo.test_own_networks import VARIANTS

from resprobe import checkpoints
from resprobe.chain import Link, block_table, unravel
from resprobe.errors import ChainError, InputError, UsageError
from resprobe.networks import Architecture, count_parameters, dropped, size_table
from resprobe.networks.blocks import ResidualBlock
from resprobe.networks.shapes import keeps_shape
from resprobe.networks.stochastic import StochasticDepth, survival_probabilities
from resprobe.probes import gradflow, lesion

LARGE = ("resnet34", "resnet50", "preresnet50")
SAMPLE = [
    *(text for text in VARIANTS if not text.startswith(LARGE)),
    "preresnet20",
    "preresnet20:shortcut=C",
    "preresnet29",
    "plain29:order=full-pre",
    "resnet18:init=fixup:shortcut=C",
    "preresnet18",
    "plain18",
    "resnet50",
    "vgg15",
    "vgg16:dropout=0.5",
    "vgg19_bn",
]

FEW = [
    "resnet20:order=bn-after:shortcut=C",
    "resnet20:shortcut=exclusive-gate",
    "resnet20:init=fixup",
    "preresnet20:shortcut=C",
    "preresnet20:survival=0.5:survival_scaling=training",
    "preresnet29",
    "plain20:order=original",
    "plain29:order=full-pre",
    "vgg15",
]
TELLING = (*FEW, "resnet18:init=fixup:shortcut=C", "resnet50", "preresnet18", "vgg19_bn")


def narrow(text):
    return Architecture.parse(text, num_classes=5, width=4)


def images(architecture, n=3, seed=3):
    size = 32 if architecture.name.startswith("vgg") else 16
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


@functools.cache
def lively(text):
    """Return a narrow network in which every block matters."""
    architecture = narrow(text)
    return architecture, properties.enlivened(
        architecture.build(seed=1).eval(), images(architecture)
    )


def smaller(architecture, model, blocks):
    rest, state = dropped(architecture, model.state_dict(), blocks)
    network = rest.build(seed=9).eval()
    network.load_state_dict(state)
    return rest, network


def droppable(architecture):
    kept = keeps_shape(architecture)
    return [b for b, keeps in enumerate(kept) if keeps or not architecture.is_plain]


def some_of(blocks):
    """Return the first block, all of them, all but one, and two sets in between."""
    drawn = random.Random(len(blocks))
    sets = [drawn.sample(blocks, drawn.randint(1, len(blocks))) for _ in range(2)]
    return [blocks[:1], *sets, blocks[1:], blocks]


@pytest.mark.parametrize("text", lanes(SAMPLE, long=lambda text: text not in TELLING))
@torch.no_grad()
def test_without_blocks_a_network_answers_exactly_as_with_them_deleted(text):
    architecture, model = lively(text)
    x = images(architecture, seed=5)
    chain = unravel(model, x[:2])
    for blocks in some_of(droppable(architecture)):
        rest, network = smaller(architecture, model, blocks)
        assert rest.drop == tuple(sorted(blocks))
        assert torch.equal(network(x), properties.without(chain, set(blocks), x)), blocks
        assert not torch.equal(network(x), model(x)), blocks


@pytest.mark.parametrize("text", lanes(SAMPLE, long=lambda text: text not in TELLING))
def test_the_rule_knows_which_blocks_keep_the_shape(text):
    architecture, model = lively(text)
    chain = unravel(model, images(architecture)[:2])
    assert keeps_shape(architecture) == [block.kind == "identity" for block in chain.blocks]
    assert architecture.blocks_in_all == len(chain.blocks)


@pytest.mark.parametrize("text", FEW)
def test_the_smaller_network_is_a_chain_of_the_blocks_that_are_left(text):
    architecture, model = lively(text)
    x = images(architecture)
    names = [block.name for block in unravel(model, x[:2]).blocks]
    blocks = droppable(architecture)[::2]
    _, network = smaller(architecture, model, blocks)
    chain = unravel(network, x[:2])
    assert [b.name for b in chain.blocks] == [n for i, n in enumerate(names) if i not in blocks]
    properties.computes_what_the_model_computes(chain, network, x)
    data = properties.batches(2, size=x.shape[-1], classes=5)
    properties.gradient_parts_add_up_to_the_models_own_gradient(chain, network, data)
    properties.lesions_are_one_row_a_block(chain, data)
    assert block_table(chain)["parameters"].sum() == count_parameters(network)


@pytest.mark.parametrize("text", FEW)
def test_what_is_dropped_from_a_smaller_network_counts_over_what_it_has_left(text):
    architecture, model = lively(text)
    first, *_, last = droppable(architecture)
    once = smaller(architecture, model, [first])
    position = last - 1  # one block before it is gone
    twice, network = smaller(*once, [position])
    assert twice.drop == (first, last)
    assert twice == dataclasses.replace(architecture, drop=(last, first))
    x = images(architecture, seed=5)
    with torch.no_grad():
        assert torch.equal(network(x), smaller(architecture, model, [first, last])[1](x))


@pytest.mark.parametrize("text", lanes(SAMPLE, long=lambda text: text not in TELLING))
def test_parameters_keep_their_names_and_those_of_the_branches_are_gone(text):
    architecture = narrow(text)
    whole = architecture.build(device="meta").state_dict()
    blocks = droppable(architecture)
    for one in {blocks[0], blocks[-1]}:
        state = dataclasses.replace(architecture, drop=[one]).build(device="meta").state_dict()
        assert state.keys() < whole.keys()
        assert all(state[key].shape == whole[key].shape for key in state)
        assert [key for key in whole if key in state] == list(state)
        gone = {key.rsplit(".", 1)[0].split(".conv")[0] for key in whole.keys() - state.keys()}
        assert len({name.split(".")[0] for name in gone}) == 1
        assert not any(f".conv{i}." in key for key in gone & state.keys() for i in (1, 2, 3))


def test_the_parameters_that_go_are_those_of_the_branch():
    basic = count_parameters(Architecture("resnet56").build(device="meta"))
    fewer = count_parameters(Architecture.parse("resnet56:drop=3").build(device="meta"))
    assert basic - fewer == 2 * (16 * 16 * 9 + 2 * 16)
    with_projection = Architecture.parse("resnet50:drop=3")
    kept = {
        key
        for key in with_projection.build(device="meta").state_dict()
        if key.startswith("layer2.0.")
    }
    assert {key.split(".")[2] for key in kept} == {"downsample"}


def test_a_first_block_with_pre_activation_keeps_the_activation_that_its_paths_share():
    for text, kept in (
        ("preresnet20:drop=0", {"bn1"}),
        ("preresnet20:drop=1", set()),
        ("preresnet20:shortcut=B:drop=3", {"bn1", "downsample"}),
    ):
        place = {"0": "layer1.0.", "1": "layer1.1.", "3": "layer2.0."}[text[-1]]
        state = Architecture.parse(text).build(device="meta").state_dict()
        assert {key.split(".")[2] for key in state if key.startswith(place)} == kept


@pytest.mark.parametrize("text", ["resnet56:drop=3+7+12", "plain20:drop=1", "vgg15:width=8:drop=1"])
def test_a_text_names_the_blocks_in_order_and_is_read_again(text):
    architecture = Architecture.parse(text)
    assert architecture.spec == text
    name, _, blocks = text.partition(":drop=")
    given = [int(block) for block in blocks.split("+")][::-1] if blocks else []
    if "width" not in name:
        assert Architecture(name, drop=given) == architecture
        assert hash(Architecture(name, drop=given)) == hash(architecture)


def test_depth_and_blocks_of_the_table_are_those_that_are_left():
    rest = Architecture.parse("resnet56:drop=3+7+12")
    assert (rest.depth, rest.blocks_in_all) == (50, 27)
    assert Architecture.parse("resnet50:drop=1").depth == 47
    assert Architecture.parse("vgg15:drop=1").depth == 14
    (row,) = size_table([rest]).to_dict("records")
    assert (row["network"], row["blocks"], row["depth"]) == ("resnet56:drop=3+7+12", 24, 50)


def test_survivors_keep_the_probability_of_their_place():
    network = Architecture.parse("resnet20:survival=0.5:drop=0+4").build(device="meta")
    found = [part.survival for part in network.modules() if isinstance(part, StochasticDepth)]
    expected = survival_probabilities(9, 0.5)
    assert found == [p for place, p in enumerate(expected) if place not in (0, 4)]


def test_fixup_counts_the_branches_that_are_left():
    text = "resnet20:init=fixup"
    for drop, branches in (("", 9), (":drop=1+2+3+4+5", 4), (":drop=0+1+2+3+4+5+6+7+8", 0)):
        network = Architecture.parse(f"{text}{drop}").build(seed=0)
        blocks = [p for p in network.modules() if isinstance(p, ResidualBlock) and p.has_branch]
        assert len(blocks) == branches
        for block in blocks:
            std = (2 / (block.conv1.in_channels * 9)) ** 0.5 * branches**-0.5
            assert block.conv1.weight.std().item() == pytest.approx(std, rel=0.1)
        assert not network.fc.weight.any()


@pytest.mark.parametrize("init", ["he", "zero-bn", "skipinit", "fixup"])
def test_a_smaller_network_is_trained_as_any(init):
    network = Architecture("resnet8", width=2, init=init, drop=[1]).build(seed=0)
    network(torch.randn(4, 3, 8, 8)).square().sum().backward()
    assert all(value.grad is not None for value in network.parameters())


def test_without_any_branch_it_is_still_a_network_but_no_chain():
    architecture, model = lively("resnet8")
    _, network = smaller(architecture, model, [0, 1, 2])
    x = images(architecture)
    with torch.no_grad():
        assert network(x).std() > 0
    with pytest.raises(ChainError, match="no residual blocks"):
        unravel(network, x[:2])


def test_a_block_without_a_branch_is_part_of_a_link():
    architecture, model = lively("resnet20")
    _, network = smaller(architecture, model, [3, 4])
    chain = unravel(network, images(architecture)[:2])
    links = [step for step in chain.steps if isinstance(step, Link)]
    assert len(links) == 1
    assert links[0].name.startswith("layer2.0")
    assert links[0].in_shape != links[0].out_shape  # the shortcut of the transition stays


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resnet20:drop=9", "drop of resnet20 names block 9; its blocks are 0 to 8"),
        ("resnet20:drop=-1", "names block -1; its blocks are 0 to 8"),
        ("resnet20:drop=1+1", "drop of resnet20 names block 1 twice; name it once"),
        ("resnet20:drop=1,2", r"must be block numbers, such as drop=3\+7; got '1,2'"),
        ("resnet20:drop=layer1.0", "must be block numbers"),
        ("resnet20:drop=1+", "must be block numbers"),
        ("resnet20:drop=", "option 'drop=' of resnet20 has no value"),
        ("plain20:drop=3", "block 3 of plain20 changes the shape and has no shortcut"),
        ("plain50:drop=0", "block 0 of plain50 changes the shape"),
        ("vgg15:drop=0", "block 0 of vgg15 changes the shape"),
        ("vgg16:drop=13", "block 13 of vgg16 changes the shape"),
        ("vgg15:drop=14", "names block 14; its blocks are 0 to 13"),
    ],
)
def test_what_cannot_be_dropped_is_refused_in_a_sentence(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        Architecture.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("drop", ["1+2", 1.5, [True], [None], [1, "2"], None])
def test_what_are_no_block_numbers_is_refused(drop):
    if drop is None:
        assert Architecture("resnet20", drop=None).drop == ()
        return
    with pytest.raises(UsageError, match="drop of resnet20 must be block numbers"):
        Architecture("resnet20", drop=drop)


def test_only_blocks_that_a_network_has_are_dropped_from_it():
    architecture = Architecture.parse("resnet8:drop=1")
    state = architecture.build().state_dict()
    for block in (2, -1):
        with pytest.raises(UsageError, match=f"no block {block} to drop from resnet8:drop=1, whic"):
            dropped(architecture, state, [block])
    with pytest.raises(InputError, match=r"not those of resnet8:drop=1, for 'conv1.weight'"):
        dropped(architecture, {}, [0])
    with pytest.raises(UsageError, match="twice"):
        dropped(architecture, state, [0, 0])
    same, weights = dropped(architecture, state, [])
    assert same == architecture
    assert all(weights[key] is state[key] for key in state)


@pytest.mark.parametrize("text", ["resnet8", "preresnet11:shortcut=C", "plain20", "vgg15"])
def test_a_smaller_network_goes_to_a_file_and_back(text, tmp_path):
    architecture, model = lively(text)
    rest, network = smaller(architecture, model, droppable(architecture)[:1])
    facts = {"normalisation": None, "data": None, "recipe": {}, "epoch": 1, "figures": {}}
    path = checkpoints.save(tmp_path / "small.pt", network, architecture=rest, **facts)
    again = checkpoints.load(path)
    assert again.architecture == rest
    x = images(architecture)
    with torch.no_grad():
        assert torch.equal(again.model(x), network(x))
    content = torch.load(path, weights_only=True)
    assert content["architecture"]["drop"] == list(rest.drop)
    assert checkpoints.load(path, arch=rest.spec).architecture == rest
    with pytest.raises(UsageError, match="the model to save is no"):
        checkpoints.save(tmp_path / "whole.pt", model, architecture=rest, **facts)


def test_a_foreign_file_without_blocks_is_read_by_its_full_name(tmp_path):
    architecture, model = lively("resnet20")
    rest, network = smaller(architecture, model, [1])
    torch.save(network.state_dict(), tmp_path / "theirs.pt")
    named = checkpoints.load(tmp_path / "theirs.pt", arch="resnet20:drop=1")
    assert named.architecture == rest
    with pytest.raises(InputError, match=r"does not fit resnet20 \(missing key: layer1\.1\.conv1"):
        checkpoints.load(tmp_path / "theirs.pt", arch="resnet20")


def test_a_description_from_before_there_was_anything_to_drop_is_read():
    fields = Architecture("resnet20").to_dict()
    del fields["drop"]
    assert Architecture.from_dict(fields) == Architecture("resnet20")


def test_probes_see_the_blocks_that_are_left_in_a_row():
    architecture, model = lively("resnet20")
    _, network = smaller(architecture, model, [2, 5])
    data = properties.batches(4, size=16, classes=5)
    chain = unravel(network, images(architecture)[:2])
    assert list(lesion(chain, data).frame["name"])[3] == "layer2.0"
    assert len(gradflow(chain, data).blocks.frame) == 7
    assert [b.stage for b in chain.blocks] == [1, 1, 2, 2, 3, 3, 3]
    assert all(a.name < b.name for a, b in itertools.pairwise(chain.blocks))
