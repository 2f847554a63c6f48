"""Filling networks of any class from any file."""

import pytest
import safetensors.torch
import torch
from checkpoints.layouts import akamaster, prefixed, renamed, without
from lanes import lanes
from torch import nn

from resprobe.checkpoints import load_weights
from resprobe.errors import InputError, IntegrityError, UsageError


class Net(nn.Module):
    """A class of a user's own, with a buffer that it keeps in no state dict."""

    def __init__(self, classes=3):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3)
        self.norm1 = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, classes)
        self.register_buffer("grid", torch.zeros(2), persistent=False)


@pytest.fixture
def state(filled):
    """The weights of a network of that class, all different from its initial ones."""
    return dict(filled(Net()).state_dict())


def holds(model, state):
    """Tell whether a network's entries are these."""
    own = model.state_dict()
    return own.keys() == state.keys() and all(torch.equal(own[key], state[key]) for key in own)


@pytest.mark.parametrize(
    ("change", "notes"),
    [
        (lambda state: state, ()),
        (lambda state: {"state_dict": state, "epoch": 3}, ()),
        (
            lambda state: {"model_ema": state, "model": {}},
            ("took the averaged weights (model_ema)",),
        ),
        (
            lambda state: {"state_dict": prefixed("module.net.", state)},
            (
                "took 'module.' out of the names, which wrappers put there",
                "took the prefix 'net.' off the names",
            ),
        ),
        (
            lambda state: {**state, "aux.weight": torch.ones(3)},
            ("left out what is no part of the network: 'aux' (1 entry)",),
        ),
        (lambda state: renamed(state, "head.", "fc."), ("took 'fc' as the head 'head'",)),
        (
            lambda state: {**state, "grid": torch.ones(2)},
            ("left out buffers that the network makes itself: 'grid' (1 entry)",),
        ),
    ],
)
def test_a_network_is_filled_and_what_was_done_is_said(state, saved, change, notes):
    model = Net()
    loaded = load_weights(model, saved(change(state)))
    assert holds(model, state)
    filled, *said = loaded.notes
    assert filled == "filled 9 parameters and buffers by name"
    assert tuple(said) == notes
    assert loaded.name == "net"


def test_safetensors_fill_a_network_too(state, tmp_path):
    model = Net()
    safetensors.torch.save_file(state, tmp_path / "net.safetensors", metadata={"epochs": "3"})
    assert load_weights(model, tmp_path / "net.safetensors").figures == {"epochs": "3"}
    assert holds(model, state)


def test_a_missing_batch_count_becomes_zero_and_one_too_many_is_left_out(state, saved):
    model = Net()
    load_weights(model, saved(without(state, "norm1.num_batches_tracked")))
    assert holds(model, {**state, "norm1.num_batches_tracked": torch.tensor(0)})
    extra = {**state, "stem.num_batches_tracked": torch.tensor(3)}
    assert load_weights(model, saved(extra)).notes[1:] == (
        "left out buffers that the network makes itself: 'num_batches_tracked' (1 entry)",
    )


def test_values_take_the_networks_dtype_and_nothing_else_of_it_changes(state, saved):
    model = Net().to(torch.float64).train()
    model.stem.weight.requires_grad_(False)
    parameters = dict(model.named_parameters())
    halves = {key: value.half() for key, value in state.items()}

    load_weights(model, saved(halves))

    assert model.training
    assert dict(model.named_parameters()).keys() == parameters.keys()
    assert all(model.get_parameter(name) is one for name, one in parameters.items())
    assert not model.stem.weight.requires_grad
    assert torch.equal(model.stem.weight, state["stem.weight"].half().double())
    assert model.norm1.num_batches_tracked.dtype == torch.int64


def test_a_wrapped_network_is_filled_by_its_own_names(state, saved):
    wrapped = nn.Module()
    wrapped.module = Net()
    load_weights(wrapped, saved(prefixed("model.", state)))
    assert holds(wrapped.module, state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: without(s, "norm1.bias"), r"\(missing key: norm1\.bias\); build the model that"),
        (
            lambda s: {**s, "stem.weight": torch.ones(4, 1, 5, 5)},
            r"a Net \(stem\.weight is 4x1x5x5, wanted 4x1x3x3\); build the model that the weights",
        ),
        (
            lambda s: {**s, "stem.weight": torch.ones(1, 4, 3, 3)},
            r"\(stem\.weight is 1x4x3x3, wanted 4x1x3x3\)",
        ),
        (
            lambda s: {**s, "head.weight": torch.ones(37, 4), "head.bias": torch.ones(37)},
            r"\(head\.weight is 37x4, wanted 3x4\); build the model with 37 outputs, as in "
            r"num_classes=37$",
        ),
        (
            lambda s: without(s, "head."),
            r"\(missing key: head\.weight\); the file holds the network without its head",
        ),
        (lambda s: {**s, "stem.extra": torch.ones(1)}, r"\(unknown key: stem\.extra\); build"),
        (lambda s: {**s, "norm2.weight": torch.ones(1)}, r"\(unknown key: norm2\.weight\); build"),
        (lambda s: {**s, "head.bias": torch.ones(3).long()}, r"head\.bias holds torch\.int64"),
        (lambda s: {**s, "head.bias": torch.full((3,), torch.nan)}, r"'head\.bias' holds NaN"),
        (lambda s: {**s, "head.bias": torch.eye(3).to_sparse()}, r"'head\.bias' is sparse"),
        (
            lambda s: {**prefixed("a.", s), **prefixed("b.", s)},
            r"holds 2 networks, under 'a\.' and 'b\.'; say which one to take, as in --prefix a",
        ),
        (lambda s: {"encoder.weight": torch.ones(1)}, r"\(missing key: stem\.weight\)"),
    ],
)
def test_what_does_not_fit_is_named_and_the_network_is_as_it_was(state, saved, change, message):
    model = Net()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(InputError, match=message) as caught:
        load_weights(model, saved(change(state)))
    assert holds(model, before)
    assert str(caught.value).isprintable()


def test_a_hidden_layer_of_the_network_is_never_taken_for_its_head(saved):
    model = nn.Sequential()
    model.linear, model.out = nn.Linear(4, 4), nn.Linear(4, 3)
    path = saved(without(model.state_dict(), "out."))
    with pytest.raises(
        InputError, match=r"\(missing key: out\.weight\); the file holds the network"
    ):
        load_weights(model, path)


def test_one_of_two_networks_is_chosen_by_its_prefix(state, saved):
    model = Net()
    zeros = {key: torch.zeros_like(value) for key, value in state.items()}
    load_weights(model, saved({**prefixed("a.", zeros), **prefixed("b.", state)}), prefix="b")
    assert holds(model, state)


def test_a_damaged_file_of_ours_fills_nothing(write, trained, tmp_path):
    path = write(tmp_path / "net.pt")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="changed or truncated"):
        load_weights(trained, path)


class Talkative(nn.Linear):
    def get_extra_state(self):
        return {"version": 3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(2, 2, device="meta"), "'weight' of the model has no values yet"),
        (lambda: nn.LazyLinear(2), "'weight' of the model has no values yet"),
        (lambda: Talkative(2, 2), "'_extra_state' of the model is a dict, not a tensor"),
        (lambda: nn.ReLU(), "the model has no parameters and no buffers"),
    ],
)
def test_a_network_that_cannot_be_filled_is_told_why(saved, make, message):
    path = saved(nn.Linear(2, 2).state_dict())
    with pytest.raises(UsageError, match=message):
        load_weights(make(), path)


def test_torchvisions_networks_are_filled_from_wrapped_files(saved, filled):
    models = pytest.importorskip("torchvision.models")
    theirs = filled(models.mobilenet_v2(num_classes=4)).state_dict()
    model = models.mobilenet_v2(num_classes=4)
    path = saved({"state_dict": {**prefixed("model.", theirs), "loss.weight": torch.ones(4)}})
    load_weights(model, path)
    assert holds(model, theirs)
    with pytest.raises(InputError) as caught:
        load_weights(models.mobilenet_v2(num_classes=5), path)
    assert str(caught.value) == (
        f"{path}: does not fit the model, a MobileNetV2 (classifier.1.weight is 4x1280, wanted "
        "5x1280); build the model with 4 outputs, as in num_classes=4"
    )


@pytest.mark.parametrize(
    "name",
    lanes(
        ["resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "resnetv2_50"],
        long=lambda name: name not in ("resnet18", "vit_tiny_patch16_224"),
    ),
)
def test_timms_networks_are_filled_from_their_own_files(saved, filled, name):
    timm = pytest.importorskip("timm")
    theirs = filled(timm.create_model(name, num_classes=3)).state_dict()
    model = timm.create_model(name, num_classes=3)
    loaded = load_weights(model, saved({"arch": name, "state_dict_ema": theirs}))
    assert holds(model, theirs)
    assert loaded.notes[1:] == ("took the averaged weights (state_dict_ema)",)


def test_another_repositorys_class_is_filled_by_its_own_names(weights, tiny, saved):
    theirs = tiny.architecture.build(seed=8)
    theirs.linear = theirs.fc
    del theirs.fc
    load_weights(theirs, saved(akamaster(weights)))
    assert torch.equal(theirs.linear.weight, weights["fc.weight"])
