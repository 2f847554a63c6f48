"""The head: under another name, of another size, more than one, or none."""

import pytest
import torch
from checkpoints.layouts import prefixed, renamed, without

from resprobe.checkpoints import HeadMismatch, load, load_weights
from resprobe.errors import InputError
from resprobe.networks import Architecture

LEFT_OUT = "left out what is no part of the network: "


@pytest.fixture
def backbone(weights):
    return without(weights, "fc.")


@pytest.mark.parametrize("name", ["linear", "classifier", "head", "last_linear", "output"])
def test_a_head_of_another_name_is_renamed_and_said(weights, same_answers, saved, name):
    checkpoint = load(saved(renamed(weights, "fc.", f"{name}.")))
    same_answers(checkpoint.model)
    layout = "akamaster's" if name == "linear" else "torchvision's"
    assert checkpoint.notes[0].startswith(f"recognised {layout} layout: resnet8, 5 classes")
    assert checkpoint.notes[1:] == (f"took '{name}' as the head 'fc'",)


@pytest.mark.parametrize(
    ("network", "head"), [("backbone.", "head.fc"), ("model.net.", "model.head"), ("", "head.1")]
)
def test_a_head_may_lie_a_module_deeper_or_outside_the_prefix(
    weights, backbone, same_answers, saved, network, head
):
    layer = {f"{head}.{leaf}": weights[f"fc.{leaf}"] for leaf in ("weight", "bias")}
    checkpoint = load(saved({**prefixed(network, backbone), **layer}))
    same_answers(checkpoint.model)
    assert checkpoint.notes[-1] == f"took '{head}' as the head 'fc'"


def test_its_own_head_goes_before_others(weights, same_answers, saved):
    checkpoint = load(saved({"linear.weight": torch.ones(3, 8), **weights}))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (f"{LEFT_OUT}'linear' (1 entry)",)


@pytest.mark.parametrize("name", ["aux.weight", "fc2.weight", "rotation_head.weight", "gate"])
def test_a_further_head_is_left_out_and_said(weights, same_answers, saved, name):
    checkpoint = load(saved({**weights, name: torch.ones(4, 8)}))
    same_answers(checkpoint.model)
    part = name.removesuffix(".weight")
    assert checkpoint.notes[1:] == (f"{LEFT_OUT}'{part}' (1 entry)",)


def test_two_heads_are_not_chosen_between(backbone, saved):
    path = saved({**backbone, "head.weight": torch.ones(4, 8), "linear.weight": torch.ones(4, 8)})
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}: 'head' and 'linear' can each be the head 'fc'; save the network with the one "
        "that is meant, and without the other"
    )


WARNING = (
    "warning: the file has no head: 'fc' is at its initialisation (seed 0), and accuracies and "
    "losses mean nothing"
)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"rotation_head.weight": torch.ones(4, 8)},
        {"head.weight": torch.ones(4, 9)},
        {"classifier.0.weight": torch.ones(8, 8), "classifier.2.weight": torch.ones(5, 8)},
    ],
)
def test_a_missing_head_is_at_its_initialisation_and_warned_of(backbone, saved, other):
    checkpoint = load(saved({**backbone, **other}))

    assert checkpoint.architecture == Architecture("resnet8", in_channels=1, width=2)
    assert checkpoint.notes[1] == WARNING
    assert len(checkpoint.notes) == (3 if other else 2)
    initial = checkpoint.architecture.build(seed=0)
    assert torch.equal(checkpoint.model.fc.weight, initial.fc.weight)
    assert torch.equal(checkpoint.model.fc.bias, initial.fc.bias)
    loaded = checkpoint.model.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in backbone.items())


def test_a_named_network_may_lack_its_head_too(backbone, saved):
    assert load(saved(backbone), arch="plain8").notes[1] == WARNING


def test_building_the_missing_head_moves_no_global_random_state(backbone, saved):
    path = saved(backbone)
    before = torch.get_rng_state()
    load(path)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("leaf", ["weight", "bias"])
def test_half_a_head_is_a_missing_key(weights, saved, leaf):
    with pytest.raises(InputError, match=rf"missing key: fc\.{leaf}\)"):
        load(saved(without(weights, f"fc.{leaf}")))


def test_a_head_of_another_name_without_bias_or_with_more_does_not_fit(backbone, saved):
    with pytest.raises(InputError, match=r"missing key: fc\.bias\)"):
        load(saved({**backbone, "linear.weight": torch.ones(5, 8)}))
    head = {"linear.weight": torch.ones(5, 8), "linear.bias": torch.ones(5)}
    with pytest.raises(InputError, match=r"unknown key: fc\.scale\)"):
        load(saved({**backbone, **head, "linear.scale": torch.ones(5)}))


def test_vggs_hidden_layers_are_not_its_head(saved, filled):
    network = filled(Architecture("vgg15", width=2, num_classes=3).build())
    state = renamed(network.state_dict(), "fc.", "linear.")
    checkpoint = load(saved(state))
    assert checkpoint.architecture.spec == "vgg15:width=2"
    assert torch.equal(checkpoint.model.fc.weight, network.fc.weight)
    assert load(saved(without(state, "linear."))).notes[1] == WARNING


def test_a_head_that_is_missing_gets_the_classes_that_are_asked_for(weights, backbone, saved):
    path = saved(backbone)
    checkpoint = load(path, num_classes=7)
    assert (checkpoint.architecture.num_classes, checkpoint.lacks_head) == (7, True)
    assert checkpoint.model.fc.weight.shape[0] == 7
    assert "7 classes" in checkpoint.notes[0]
    assert WARNING in checkpoint.notes
    own = load(saved(weights), num_classes=7)
    assert (own.architecture.num_classes, own.lacks_head) == (5, False)


def test_a_model_keeps_its_own_head_only_where_that_is_allowed(backbone, saved):
    path = saved(backbone)
    model = Architecture("resnet8", num_classes=7, in_channels=1, width=2).build(seed=4)
    with pytest.raises(InputError, match="the file holds the network without its head"):
        load_weights(model, path)
    before = model.fc.weight.clone()
    assert not model.conv1.weight.equal(backbone["conv1.weight"])
    notes = load_weights(model, path, head_may_lack=True).notes
    assert model.fc.weight.equal(before)
    assert model.conv1.weight.equal(backbone["conv1.weight"])
    assert notes[1].startswith("warning: the file has no head: 'fc' is as the model came with it")


def test_a_head_of_another_size_says_both_numbers_of_classes(weights, saved):
    model = Architecture("resnet8", num_classes=7, in_channels=1, width=2).build()
    with pytest.raises(HeadMismatch) as caught:
        load_weights(model, saved(weights), head_may_lack=True)
    assert (caught.value.classes, caught.value.wanted) == (5, 7)
