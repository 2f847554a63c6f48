"""Where the values of a block are found, and what is refused."""

import pytest
import torch
from monitor.models import Convolutions, InPlace, Learned, Net
from nets import LinearResNet
from torch import nn

from resprobe.chain import unravel
from resprobe.errors import ChainError, UsageError
from resprobe.monitor import watch
from resprobe.monitor.placing import find_places
from resprobe.networks import Architecture


def places_of(model, size=32):
    x = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    return find_places(unravel(model, x), model, x)


def watched(model, x=None, **options):
    x = torch.randn(4, 3, 16, 16) if x is None else x
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    return watch(model, x, optimiser=optimiser, **options)


def test_the_places_of_an_own_network_are_its_blocks_and_their_last_norms():
    places = places_of(Architecture("resnet8", width=4, shortcut="B").build())
    assert [str(p.response) for p in places] == [f"output of 'layer{i}.0.bn2'" for i in (1, 2, 3)]
    assert [p.shortcut_is_input for p in places] == [True, False, False]
    assert str(places[1].by_shortcut) == "input of 'layer2.0.downsample'"
    assert str(places[1].by_branch) == "input of 'layer2.0.conv1'"


def test_a_branch_ends_behind_a_module_that_does_something_in_training_alone():
    models = pytest.importorskip("torchvision.models")
    places = places_of(models.efficientnet_b0(), 64)
    assert [p.response.path.split(".")[-1] for p in places] == ["stochastic_depth"] * 9


def test_the_input_of_a_block_is_seen_behind_a_dropout_before_it():
    timm = pytest.importorskip("timm")
    model = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, depth=2, drop_rate=0.5, drop_path_rate=0.1
    )
    places = places_of(model)
    assert [p.input.path for p in places][1:] == ["blocks.0.norm2", "blocks.1", "blocks.1.norm2"]
    assert places[0].input.path in ("patch_drop", "norm_pre", "blocks", "blocks.0")
    assert [p.response.path.split(".")[-1] for p in places] == ["drop_path1", "drop_path2"] * 2


@pytest.mark.parametrize(
    ("library", "name", "blocks"),
    [
        pytest.param("torchvision", "resnet18", 8, marks=pytest.mark.long),
        ("torchvision", "mobilenet_v2", 10),
        pytest.param("torchvision", "regnet_y_400mf", 16, marks=pytest.mark.long),
        ("timm", "seresnet18", 8),
        ("timm", "resnetv2_18", 8),
        ("timm", "nf_resnet26", 8),
    ],
)
def test_blocks_of_other_libraries_are_watched_and_their_parts_add_up(
    library, name, blocks, one_step
):
    pytest.importorskip(library)
    if library == "timm":
        model = pytest.importorskip("timm").create_model(name)
    else:
        model = getattr(pytest.importorskip("torchvision.models"), name)()
    x = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    frame = one_step(model, x, torch.arange(4))
    assert len(frame) == blocks
    assert frame.drop(columns="overflow").notna().all(axis=None)
    parts, whole = frame["identity"] + frame["residual"], frame["input"]
    assert (whole <= parts * (1 + 1e-5)).all()
    assert ((frame["identity"] - frame["residual"]).abs() <= whole * (1 + 1e-5)).all()


def test_a_shortcut_with_a_dropout_is_no_identity_in_training(batch, one_step):
    torch.manual_seed(0)
    model = Architecture("resnet8", width=4, shortcut="dropout", dropout=0.5).build().double()
    x, y = batch(16)
    frame = one_step(model, x, y)
    halves = frame["shortcut_norm"] / frame["branch_norm"]
    places = places_of(model.float())
    assert [p.identity_at_sum for p in places] == [False] * 3
    assert halves.gt(0).all()


@pytest.mark.parametrize("block", [Learned, InPlace])
def test_places_do_not_depend_on_the_weights(block):
    """A branch that begins at 0 gives the same as nothing, and its block the same as none."""
    model = Net(block(), block(), block())
    if block is Learned:
        with pytest.raises(ChainError, match="multiplied by a weight"):
            places_of(model)
        return
    expected = [str(place.response) for place in places_of(model)]
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    assert [str(place.response) for place in places_of(model)] == expected
    assert expected == [f"output of 'blocks.{i}.second'" for i in range(3)]


def test_a_branch_without_any_module_is_refused():
    model = LinearResNet(0.5, 0.25)
    with pytest.raises(ChainError, match=r"block 'blocks\.0' .* nn\.Identity"):
        watched(model, torch.randn(4, 3))


def test_a_model_that_is_refused_is_left_without_hooks(model_state):
    model, x = Net(Convolutions(), Learned()), torch.randn(4, 3, 16, 16)
    before = model_state(model)
    with pytest.raises(ChainError):
        watched(model, x)
    assert model_state(model) == before


@pytest.mark.parametrize("every", [0, -1, 1.5, True])
def test_an_interval_that_is_no_number_of_steps_is_refused(every):
    with pytest.raises(UsageError, match="every must be a whole number"):
        watched(Net(Convolutions()), every=every)


def test_a_number_of_images_below_one_is_refused():
    with pytest.raises(UsageError, match="per_pass must be a whole number of images"):
        watched(Net(Convolutions()), per_pass=0)


def test_a_negative_step_is_refused():
    with pytest.raises(UsageError, match="resume_from must be 0 or more"):
        watched(Net(Convolutions()), resume_from=-1)


def test_what_is_no_model_is_refused():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    with pytest.raises(UsageError, match="got a str"):
        watch("resnet20", torch.zeros(1), optimiser=optimiser)


def test_data_parallel_is_refused_with_the_reason():
    with pytest.raises(UsageError, match="DataParallel runs copies"):
        watched(nn.DataParallel(Net(Convolutions())))
