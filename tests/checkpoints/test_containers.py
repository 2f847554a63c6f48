"""Files of training programs and libraries: Lightning, timm, torchvision, safetensors."""

import pytest
import safetensors.torch
import torch
from checkpoints.layouts import prefixed
from lanes import lanes

from resprobe.checkpoints import load
from resprobe.errors import InputError
from resprobe.networks import Architecture


def lightning(state, **more):
    """Return what Lightning writes: plain values, optimiser and callback states, the weights."""
    return {
        "epoch": 3,
        "global_step": 1200,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9)}},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}],
        "lr_schedulers": [],
        **more,
    }


def test_a_lightning_file_is_read_past_its_loss_and_its_optimiser(weights, same_answers, saved):
    state = {**prefixed("model.", weights), "criterion.weight": torch.ones(5)}

    checkpoint = load(saved(lightning(state), "net.ckpt"))

    same_answers(checkpoint.model)
    assert checkpoint.notes[0].startswith("recognised torchvision's layout: resnet8, 5 classes")
    assert checkpoint.notes[1:] == (
        "took the prefix 'model.' off the names",
        "left out what is no part of the network: 'criterion' (1 entry)",
    )
    assert checkpoint.figures == {
        "epoch": 3,
        "global_step": 1200,
        "pytorch-lightning_version": "2.5.0",
    }


def test_lightnings_hyperparameters_can_say_what_network_it_is(weights, saved):
    content = lightning(prefixed("net.", weights), hyper_parameters={"arch": "plain8", "lr": 0.1})
    checkpoint = load(saved(content, "net.ckpt"))
    assert checkpoint.architecture.name == "plain8"
    assert "the file calls its network 'plain8', which its weights fit" in checkpoint.notes


def test_timms_averaged_weights_are_taken(weights, same_answers, saved):
    zeros = {key: torch.zeros_like(value) for key, value in weights.items()}
    content = {"epoch": 3, "arch": "resnet8", "state_dict": zeros, "state_dict_ema": weights}
    checkpoint = load(saved(content))
    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (
        "the file calls its network 'resnet8', which its weights fit",
        "took the averaged weights (state_dict_ema)",
    )


@pytest.fixture
def tensors(tmp_path):
    """Write a safetensors file, with metadata or without."""

    def written(state, metadata=None):
        safetensors.torch.save_file(state, tmp_path / "net.safetensors", metadata=metadata)
        return tmp_path / "net.safetensors"

    return written


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_safetensors_need_no_metadata(weights, same_answers, tensors, metadata):
    checkpoint = load(tensors(weights, metadata))
    same_answers(checkpoint.model)
    assert len(checkpoint.notes) == 1
    assert checkpoint.figures == (metadata or {})


@pytest.mark.parametrize("key", ["architecture", "arch", "model_name"])
def test_an_architecture_in_the_metadata_is_used_where_the_weights_bear_it_out(
    weights, tensors, key
):
    checkpoint = load(tensors(weights, {key: "plain8", "note": "a run"}))
    assert checkpoint.architecture.spec == "plain8:width=2"
    assert checkpoint.notes[1] == "the file calls its network 'plain8', which its weights fit"
    assert "residual" not in checkpoint.notes[0]
    assert checkpoint.figures == {key: "plain8", "note": "a run"}


def test_options_in_the_metadata_are_used(tensors):
    network = Architecture("resnet8", width=2, survival=0.5)
    checkpoint = load(tensors(network.build().state_dict(), {"architecture": network.spec}))
    assert checkpoint.architecture == network


@pytest.mark.parametrize(
    ("claim", "note"),
    [
        (
            "resnet14",
            "the file calls its network 'resnet14', which its weights contradict (missing key: "
            "layer1.1.conv1.weight); went by the weights",
        ),
        (
            "resnet8:width=3",
            "the file calls its network 'resnet8:width=3', which its weights contradict "
            "(conv1.weight is 2x1x3x3, wanted 3x1x3x3); went by the weights",
        ),
        (
            "wide_resnet50_2",
            "the file calls its network 'wide_resnet50_2', a name not known here; went by names "
            "and shapes",
        ),
    ],
)
def test_a_claim_that_the_weights_contradict_is_not_believed_and_said(
    weights, same_answers, tensors, claim, note
):
    checkpoint = load(tensors(weights, {"architecture": claim}))
    same_answers(checkpoint.model)
    assert checkpoint.architecture.name == "resnet8"
    assert checkpoint.notes[1] == note


def test_what_the_caller_says_goes_before_what_the_file_says(weights, tensors):
    checkpoint = load(tensors(weights, {"architecture": "plain8"}), arch="resnet8")
    assert checkpoint.architecture.name == "resnet8"
    assert len(checkpoint.notes) == 1


@pytest.mark.parametrize(
    "name",
    lanes(
        ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"],
        long=lambda name: name not in ("resnet18", "resnet50"),
    ),
)
def test_torchvisions_own_state_dicts_are_read_and_answer_as_torchvision_does(saved, name):
    models = pytest.importorskip("torchvision.models")
    theirs = getattr(models, name)(num_classes=7).eval()

    checkpoint = load(saved(theirs.state_dict()))

    assert checkpoint.architecture == Architecture(name, num_classes=7)
    assert checkpoint.normalisation.describe() == "imagenet"
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(checkpoint.model(x), theirs(x))


@pytest.mark.parametrize("name", ["wide_resnet50_2", "resnext50_32x4d", "vgg11_bn", "densenet121"])
def test_torchvisions_other_networks_are_not_taken_for_ours(saved, name):
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        shapes = getattr(models, name)(num_classes=2).state_dict()
    state = {key: torch.zeros(()).expand(value.shape) for key, value in shapes.items()}
    with pytest.raises(InputError, match="the keys fit no network known here"):
        load(saved(state))
