"""What does not fit: the first entry that differs is named, with what was wanted."""

import pytest
import torch
from checkpoints.layouts import without

from resprobe.checkpoints import load
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture

NONE = "no architecture inside and the keys fit no network known here"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"layer1.0.se.fc1.weight": (2, 2)},
            "nearest is resnet8:width=2: unknown key: layer1.0.se",
        ),
        ({"layer2.0.downsample.0.weight": (4, 2, 1, 1)}, "missing key: layer3.0.downsample.0"),
        ({"layer1.0.conv3.weight": (2, 2, 1, 1)}, "conv1.weight is 2x2x3x3, wanted 2x2x1x1"),
        ({"layer4.0.conv1.weight": (2, 2, 3, 3)}, "layer3, layer4 hold 1, 1, 1, 1 blocks"),
        ({"layer1.00.conv1.weight": (2, 2, 3, 3)}, "layer1, layer2, layer3 hold 2, 1, 1 blocks"),
        ({"layer1.1.conv1.weight": (2, 2, 3, 3)}, "layer1, layer2, layer3 hold 2, 1, 1 blocks"),
        ({"conv2.weight": (2, 2, 3, 3)}, "nearest is resnet8:width=2: unknown key: conv2.weight"),
        ({"layer.0.weight": (2,)}, "nearest is resnet8:width=2: unknown key: layer.0.weight"),
        ({"bn.weight": (8,)}, "is preresnet8:width=2: layer2.0.bn1.weight is 4, wanted 2"),
        ({"layer2.0.conv1.weight": (4, 2, 1, 1)}, "layer2.0.conv1.weight is 4x2x1x1, wanted 4x2x3"),
        ({"conv1.weight": (2, 1, 3)}, "conv1.weight is 2x1x3, wanted 16x3x3x3"),
        ({"conv1.weight": (2, 1, 7, 7)}, "conv1.weight is 2x1x7x7, wanted 2x1x3x3"),
        ({"conv1.weight": (0, 1, 3, 3)}, "conv1.weight is 0x1x3x3, wanted 16x3x3x3"),
        ({"fc.bias": (6,)}, "fc.bias is 6, wanted 5"),
        ({"fc.weight": (5, 9)}, "fc.weight is 5x9, wanted 5x8"),
        ({"fc.weight": ()}, "fc.weight is a single number, wanted 10x8"),
    ],
)
def test_the_first_entry_that_fits_nothing_is_named(weights, saved, change, reason):
    path = saved({**weights, **{key: torch.ones(shape) for key, shape in change.items()}})
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: {NONE} (")
    assert reason in message
    assert message.endswith("); name it with --arch, or fill its own model with --model")


@pytest.mark.parametrize("key", ["fc.weight", "fc.bias", "bn1.weight", "layer3.0.bn2.running_var"])
def test_a_missing_key_is_named(weights, saved, key):
    with pytest.raises(InputError, match=rf"missing key: {key}\)"):
        load(saved(without(weights, key)))


@pytest.mark.parametrize(
    "state", [{"encoder.weight": torch.ones(3, 3)}, {"conv1.0.weight": torch.ones(2, 2, 3, 3)}]
)
def test_a_file_without_a_known_stem_names_its_first_key(saved, state):
    (key,) = state
    wanted = rf"\(no conv1\.weight or features\.0\.conv\.weight of a network; first key: {key}\)"
    with pytest.raises(InputError, match=wanted):
        load(saved(state))


@pytest.mark.parametrize("shortcut", ["B", "C"])
def test_of_several_networks_that_do_not_fit_the_nearest_is_named(saved, shortcut):
    state = Architecture("resnet8", shortcut=shortcut, width=2).build().state_dict()
    nearest = rf"nearest is resnet8:width=2:shortcut={shortcut}: layer3\.0\.conv1\.weight is 8x4x1"
    with pytest.raises(InputError, match=nearest):
        load(saved({**state, "layer3.0.conv1.weight": torch.ones(8, 4, 1, 1)}))


def test_the_order_of_the_entries_does_not_matter(weights, same_answers, saved):
    same_answers(load(saved(dict(reversed(weights.items())))).model)


def test_a_norm_in_the_stem_of_a_pre_activation_network_is_not_left_out(saved):
    state = Architecture("preresnet8", width=2).build().state_dict()
    with pytest.raises(InputError, match=r"nearest is preresnet8:width=2: unknown key: bn1\.w"):
        load(saved({**state, "bn1.weight": torch.ones(2)}))


def test_a_deep_stem_is_not_taken_for_a_file_of_many_networks(weights, saved):
    deep = {"conv1.0.weight": torch.ones(2, 1, 3, 3), **without(weights, "conv1")}
    with pytest.raises(InputError, match=r"first key: conv1\.0\.weight"):
        load(saved(deep))


def test_whole_numbers_are_no_weights(weights, saved):
    with pytest.raises(InputError, match=r"fc\.bias holds torch\.int64, wanted floating point"):
        load(saved({**weights, "fc.bias": torch.ones(5, dtype=torch.int64)}))


def test_a_named_architecture_that_does_not_fit_is_told_why(weights, saved):
    path = saved(weights)
    with pytest.raises(InputError, match=r"does not fit resnet14 \(missing key: layer1\.1\.conv1"):
        load(path, arch="resnet14")
    with pytest.raises(InputError, match=r"8:width=3 \(conv1\.weight is 2x1x3x3, wanted 3x1x3x3\)"):
        load(path, arch="resnet8:width=3")
    with pytest.raises(UsageError, match="did you mean 'resnet20'"):
        load(path, arch="resnet21")
    with pytest.raises(UsageError, match="did you mean 'width'"):
        load(path, arch="resnet8:widht=2")
    path = saved({**weights, "layer2.0.conv1.weight": torch.ones(4, 2, 1, 1)})
    with pytest.raises(InputError, match=r"layer2\.0\.conv1\.weight is 4x2x1x1, wanted 4x2x3x3"):
        load(path, arch="plain8")
    path = saved({**weights, "layer4.0.conv1.weight": torch.ones(1)})
    with pytest.raises(
        InputError, match=r"\(unknown key: layer4\.0\.conv1\.weight\); name another"
    ):
        load(path, arch="plain8")


@pytest.mark.filterwarnings("ignore")  # torch's, about the kinds of tensors that it gives up
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: torch.eye(2).to_sparse(), "sparse or nested"),
        (lambda: torch.eye(2).to_sparse_csr(), "sparse or nested"),
        (lambda: torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8), "quantised"),
        (lambda: torch.ones(2, dtype=torch.complex64), "complex"),
        (lambda: torch.ones(2, device="meta"), "without values"),
        (lambda: torch.ones(2).to(torch.float8_e4m3fn), "8-bit floats"),
        (lambda: 3, "holds a int, not a tensor"),
        (lambda: {"weight": torch.ones(2)}, "holds a dict, not a tensor"),
    ],
)
def test_only_dense_tensors_of_plain_numbers_are_weights(weights, tmp_path, make, reason):
    torch.save({**weights, "fc.bias": make()}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=rf"'fc\.bias' .*{reason}"):
        load(tmp_path / "net.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_named(weights, tmp_path, value):
    weights["layer3.0.bn1.running_var"][1] = value
    torch.save(weights, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"'layer3\.0\.bn1\.running_var' holds NaN or infinite"):
        load(tmp_path / "net.pt")
