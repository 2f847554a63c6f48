"""Foreign files of the small trained network: where its weights lie, and what is said."""

import pytest
import safetensors.torch
import torch
from checkpoints.layouts import akamaster, prefixed, without

from resprobe.checkpoints import load
from resprobe.networks import Architecture

RECOGNISED = "recognised torchvision's layout: resnet8, 5 classes, 1 channel, option A (1,275"


@pytest.mark.parametrize("zipped", [True, False])
def test_akamasters_layout_is_recognised_in_either_file_format(
    weights, tiny, same_answers, tmp_path, zipped
):
    path = tmp_path / "resnet8-abc.th"
    content = {"state_dict": akamaster(weights), "best_prec1": 91.5}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    checkpoint = load(path)

    same_answers(checkpoint.model)
    assert checkpoint.architecture == tiny.architecture
    assert checkpoint.figures == {"best_prec1": 91.5}
    assert checkpoint.name == "resnet8-abc"
    assert checkpoint.notes[0].startswith(
        "recognised akamaster's layout: resnet8, 5 classes, 1 channel, option A"
    )


def test_a_colour_network_of_akamasters_layout_is_taken_to_know_imagenet_normalised_images(saved):
    network = Architecture("resnet20").build()

    checkpoint = load(saved({"state_dict": akamaster(network.state_dict())}))

    assert checkpoint.normalisation.describe() == "imagenet"
    assert checkpoint.notes == (
        "recognised akamaster's layout: resnet20, 10 classes, 3 channels, option A (269,722 "
        "parameters); assumed: residual, not plain (the same keys), and ImageNet normalisation",
        "took 'module.' out of the names, which wrappers put there",
        "took 'linear' as the head 'fc'",
    )


def test_akamasters_option_b_is_recognised_and_its_shortcuts_are_renamed(saved):
    network = Architecture("resnet20", shortcut="B").build()

    checkpoint = load(saved(akamaster(network.state_dict())))

    assert checkpoint.architecture.spec == "resnet20:shortcut=B"
    assert checkpoint.notes == (
        "recognised akamaster's layout: resnet20, 10 classes, 3 channels, option B (272,474 "
        "parameters); assumed: ImageNet normalisation",
        "took 'module.' out of the names, which wrappers put there",
        "took 'shortcut' as the name of the blocks' 'downsample'",
        "took 'linear' as the head 'fc'",
    )


def test_akamasters_option_b_is_recognised_by_its_shortcuts_without_a_head(saved):
    state = Architecture("resnet8", shortcut="B").build().state_dict()
    checkpoint = load(saved(without(akamaster(state), "module.linear.")))
    assert checkpoint.notes[0].startswith("recognised akamaster's layout: resnet8, 10 classes")
    assert checkpoint.normalisation.describe() == "imagenet"


@pytest.mark.parametrize(
    "container", ["state_dict_ema", "model_ema", "state_dict", "model", "net", None]
)
def test_weights_are_found_bare_or_in_any_container(weights, same_answers, saved, container):
    content = weights if container is None else {container: weights, "epoch": 9, "optim": {}}

    checkpoint = load(saved(content))

    same_answers(checkpoint.model)
    assert checkpoint.normalisation is None
    assert checkpoint.notes[0].startswith(RECOGNISED)
    assert checkpoint.notes[0].endswith(
        "assumed: residual, not plain (the same keys), and the data set's own normalisation"
    )
    assert checkpoint.figures == ({} if container is None else {"epoch": 9})


def test_plain_values_among_the_weights_are_no_weights(weights, same_answers, saved):
    checkpoint = load(saved({"epoch": 9, **weights}))
    same_answers(checkpoint.model)
    assert len(checkpoint.notes) == 1


def test_averaged_weights_come_first_and_are_said_to(weights, same_answers, saved):
    zeros = {key: torch.zeros_like(value) for key, value in weights.items()}
    averaged = {**prefixed("module.", weights), "n_averaged": torch.tensor(4)}

    checkpoint = load(saved({"model": zeros, "state_dict": zeros, "model_ema": averaged}))

    same_answers(checkpoint.model)
    assert checkpoint.notes[1:] == (
        "took the averaged weights (model_ema)",
        "took 'module.' out of the names, which wrappers put there",
        "left out what is no part of the network: 'n_averaged' (1 entry)",
    )


def test_an_empty_container_is_passed_over(weights, same_answers, saved):
    same_answers(load(saved({"model_ema": {}, "state_dict": weights})).model)
    same_answers(load(saved({"model": "resnet8", "net": weights})).model)


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt", "net"])
def test_the_content_decides_and_not_the_suffix(weights, same_answers, tmp_path, name):
    safetensors.torch.save_file(weights, tmp_path / name)
    same_answers(load(tmp_path / name).model)
    torch.save(weights, tmp_path / name)
    same_answers(load(tmp_path / name).model)


def test_a_plain_network_needs_to_be_named(weights, saved):
    path = saved(weights)

    assert load(path).architecture.name == "resnet8"
    named = load(path, arch="plain8")

    assert named.architecture.is_plain
    assert "plain8 as named" in named.notes[0]
    assert "no shortcuts" in named.notes[0]
    assert "residual" not in named.notes[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(weights, saved, dtype):
    model = load(saved({key: value.to(dtype) for key, value in weights.items()})).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.fc.bias, weights["fc.bias"].to(dtype).float())
    assert model.bn1.num_batches_tracked.dtype == torch.int64


def test_entries_that_share_a_tensor_become_parameters_of_their_own(weights, saved):
    weights["bn1.weight"] = weights["bn1.bias"]
    model = load(saved(weights)).model
    assert torch.equal(model.bn1.weight, model.bn1.bias)
    assert model.bn1.weight.data_ptr() != model.bn1.bias.data_ptr()


def test_missing_batch_counts_become_zero(weights, same_answers, saved):
    checkpoint = load(saved(akamaster(weights)))
    same_answers(checkpoint.model)
    assert checkpoint.model.bn1.num_batches_tracked == 0


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "depth", "parameters", "accuracy"),
    [("resnet20-12fca82f", 20, "269,722", 91.78), ("resnet32-d509ac18", 32, "464,154", 92.78)],
)
def test_akamasters_own_files_are_recognised(reference, name, depth, parameters, accuracy):
    checkpoint = load(reference / "weights" / f"{name}.th")
    assert checkpoint.architecture.name == f"resnet{depth}"
    assert parameters in checkpoint.notes[0]
    assert checkpoint.normalisation.describe() == "imagenet"
    assert round(checkpoint.figures["best_prec1"], 2) == accuracy
    assert checkpoint.sha256.startswith(name.split("-")[1])
