import os
import pickle
import zipfile
from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resprobe.checkpoints import load
from resprobe.errors import InputError, ResprobeError, UsageError
from resprobe.networks import Architecture

HE = "no architecture inside and the keys fit none of resnet20..1202"


@pytest.fixture
def weights(trained):
    return OrderedDict(trained.state_dict())


def akamaster(weights):
    """Return the weights as that repository's networks name them, without batch counts."""
    return OrderedDict(
        (f"module.{key.replace('fc.', 'linear.')}", value)
        for key, value in weights.items()
        if not key.endswith("num_batches_tracked")
    )


def same_answers(checkpoint, trained):
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(checkpoint.model(x), trained(x))


@pytest.mark.parametrize("zipped", [True, False])
def test_akamasters_layout_is_recognised_in_either_file_format(weights, trained, tmp_path, zipped):
    path = tmp_path / "resnet8-abc.th"
    content = {"state_dict": akamaster(weights), "best_prec1": 91.5}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)

    checkpoint = load(path)

    same_answers(checkpoint, trained)
    assert checkpoint.architecture.to_dict() == {
        "name": "resnet8",
        "num_classes": 5,
        "in_channels": 1,
        "width": 2,
    }
    assert checkpoint.figures == {"best_prec1": 91.5}
    assert checkpoint.name == "resnet8-abc"
    assert checkpoint.notes[0].startswith(
        "recognised akamaster's layout: resnet8, 5 classes, 1 channel, option A"
    )


def test_colour_networks_of_akamasters_layout_are_taken_to_know_imagenet_normalised_images(
    tmp_path,
):
    network = Architecture("resnet20").build()
    torch.save({"state_dict": akamaster(network.state_dict())}, tmp_path / "net.th")

    checkpoint = load(tmp_path / "net.th")

    assert checkpoint.normalisation.describe() == "imagenet"
    assert checkpoint.notes == (
        "recognised akamaster's layout: resnet20, 10 classes, 3 channels, option A (269,722 "
        "parameters); assumed: residual, not plain (the same keys), and ImageNet normalisation",
    )


@pytest.mark.parametrize("container", ["state_dict_ema", "model_ema", "state_dict", "model", None])
def test_weights_are_found_bare_or_in_the_usual_containers(weights, trained, tmp_path, container):
    content = weights if container is None else {container: weights, "epoch": 9, "optim": {}}
    torch.save(content, tmp_path / "net.pt")

    checkpoint = load(tmp_path / "net.pt")

    same_answers(checkpoint, trained)
    assert checkpoint.normalisation is None
    assert "torchvision's layout" in checkpoint.notes[0]
    assert checkpoint.notes[0].endswith("and the data set's own normalisation")
    assert checkpoint.figures == ({} if container is None else {"epoch": 9})


def test_averaged_weights_come_first_and_are_said_to(weights, trained, tmp_path):
    zeros = {key: torch.zeros_like(value) for key, value in weights.items()}
    averaged = {f"module.{key}": value for key, value in weights.items()}
    averaged["n_averaged"] = torch.tensor(4)
    torch.save({"model": zeros, "state_dict": zeros, "model_ema": averaged}, tmp_path / "net.pt")

    checkpoint = load(tmp_path / "net.pt")

    same_answers(checkpoint, trained)
    assert "took the averaged weights (model_ema)" in checkpoint.notes
    assert "left out n_averaged, a counter of averaged models" in checkpoint.notes


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "module.module."])
def test_prefixes_of_wrappers_are_stripped(weights, trained, tmp_path, prefix):
    torch.save({prefix + key: value for key, value in weights.items()}, tmp_path / "net.pt")
    same_answers(load(tmp_path / "net.pt"), trained)


@pytest.mark.parametrize("name", ["net.safetensors", "net.pt", "net"])
def test_the_content_decides_and_not_the_suffix(weights, trained, tmp_path, name):
    safetensors.torch.save_file(dict(weights), tmp_path / name)
    same_answers(load(tmp_path / name), trained)
    torch.save(weights, tmp_path / name)
    same_answers(load(tmp_path / name), trained)


def test_a_plain_network_needs_to_be_named(weights, tmp_path):
    torch.save(weights, tmp_path / "net.pt")

    assert load(tmp_path / "net.pt").architecture.name == "resnet8"
    named = load(tmp_path / "net.pt", arch="plain8")

    assert named.architecture.is_plain
    assert "plain8 as named" in named.notes[0]
    assert "no shortcuts" in named.notes[0]
    assert "residual" not in named.notes[0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(weights, tmp_path, dtype):
    torch.save({key: value.to(dtype) for key, value in weights.items()}, tmp_path / "net.pt")
    model = load(tmp_path / "net.pt").model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert torch.equal(model.fc.bias, weights["fc.bias"].to(dtype).float())
    assert model.bn1.num_batches_tracked.dtype == torch.int64


def test_missing_batch_counts_become_zero(weights, trained, tmp_path):
    torch.save(akamaster(weights), tmp_path / "net.pt")
    checkpoint = load(tmp_path / "net.pt")
    same_answers(checkpoint, trained)
    assert checkpoint.model.bn1.num_batches_tracked == 0


def without(weights, key):
    return {name: value for name, value in weights.items() if name != key}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"layer2.0.shortcut.0.weight": (4, 2, 1, 1)}, "key: layer2.0.shortcut.0.weight"),
        ({"layer2.0.downsample.0.weight": (4, 2, 1, 1)}, "key: layer2.0.downsample.0.weight"),
        ({"layer1.0.conv3.weight": (2, 2, 1, 1)}, "key: layer1.0.conv3.weight"),
        ({"layer4.0.conv1.weight": (2, 2, 3, 3)}, "key: layer4.0.conv1.weight"),
        ({"layer1.00.conv1.weight": (2, 2, 3, 3)}, "key: layer1.00.conv1.weight"),
        ({"layer1.1.conv1.weight": (2, 2, 3, 3)}, "hold 2, 1, 1 blocks"),
        ({"layer1.5.conv1.weight": (2, 2, 3, 3)}, "hold 2, 1, 1 blocks"),
        ({"layer2.0.conv1.weight": (4, 2, 1, 1)}, "layer2.0.conv1.weight is 4x2x1x1, wanted 4x2"),
        ({"conv1.weight": (2, 1, 3)}, "conv1.weight has shape 2x1x3"),
        ({"conv1.weight": (0, 1, 3, 3)}, "width of resnet8 must be a whole number >= 1"),
        ({"fc.bias": (6,)}, "fc.bias is 6, wanted 5"),
        ({"fc.weight": ()}, "fc.weight has shape a single number"),
    ],
)
def test_keys_and_shapes_that_fit_nothing_are_named(weights, tmp_path, change, reason):
    extra = {key: torch.ones(shape) for key, shape in change.items()}
    torch.save({**weights, **extra}, tmp_path / "net.pt")
    with pytest.raises(InputError) as caught:
        load(tmp_path / "net.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'net.pt'}: {HE} (")
    assert reason in str(caught.value)
    assert str(caught.value).endswith("; name it with --arch")


@pytest.mark.parametrize(
    "key", ["conv1.weight", "fc.weight", "fc.bias", "layer3.0.bn2.running_var"]
)
def test_a_missing_key_is_named(weights, tmp_path, key):
    torch.save(without(weights, key), tmp_path / "net.pt")
    with pytest.raises(InputError, match=rf"\(missing key: {key}\)"):
        load(tmp_path / "net.pt")


def test_whole_numbers_are_no_weights(weights, tmp_path):
    torch.save({**weights, "fc.bias": torch.ones(5, dtype=torch.int64)}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"fc\.bias holds torch\.int64, wanted floating point"):
        load(tmp_path / "net.pt")


def test_a_named_architecture_that_does_not_fit_is_told_why(weights, tmp_path):
    path = tmp_path / "net.pt"
    torch.save(weights, path)
    with pytest.raises(InputError, match=r"does not fit resnet14 \(missing key: layer1\.1\.conv1"):
        load(path, arch="resnet14")
    with pytest.raises(UsageError, match="did you mean 'resnet20'"):
        load(path, arch="resnet21")
    torch.save({**weights, "layer2.0.conv1.weight": torch.ones(4, 2, 1, 1)}, path)
    with pytest.raises(InputError, match=r"layer2\.0\.conv1\.weight is 4x2x1x1, wanted 4x2x3x3"):
        load(path, arch="plain8")
    torch.save({**weights, "gate": torch.ones(1)}, path)
    with pytest.raises(InputError, match=r"\(unknown key: gate\); name another with --arch"):
        load(path, arch="plain8")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_named(weights, tmp_path, value):
    weights["layer3.0.bn1.running_var"][1] = value
    torch.save(weights, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"'layer3\.0\.bn1\.running_var' holds NaN or infinite"):
        load(tmp_path / "net.pt")


@pytest.mark.filterwarnings("ignore")  # torch's, about the kinds of tensors that it gives up
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: torch.eye(2).to_sparse(), "sparse or nested"),
        (lambda: torch.eye(2).to_sparse_csr(), "sparse or nested"),
        (lambda: torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8), "quantised"),
        (lambda: torch.ones(2, dtype=torch.complex64), "complex"),
        (lambda: torch.ones(2, device="meta"), "without values"),
        (lambda: 3, "holds a int, not a tensor"),
        (lambda: {"weight": torch.ones(2)}, "holds a dict, not a tensor"),
    ],
)
def test_only_dense_tensors_of_plain_numbers_are_weights(weights, tmp_path, make, reason):
    torch.save({**weights, "fc.bias": make()}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=rf"'fc\.bias' .*{reason}"):
        load(tmp_path / "net.pt")


def test_contents_that_are_no_state_dict_are_one_sentence(weights, tmp_path):
    path = tmp_path / "net.pt"
    for content, message in [
        ([1, 2], "holds a list; wanted a state dict"),
        (torch.ones(2), "holds a Tensor; wanted a state dict"),
        ({}, "holds no weights"),
        ({"state_dict": {}}, "holds no weights"),
        ({3: torch.ones(2)}, "holds the key 3"),
        ({"module.a": torch.ones(2), "a": torch.ones(2)}, "are both called 'a'"),
    ]:
        torch.save(content, path)
        with pytest.raises(InputError, match=message):
            load(path)


class Malicious:
    """Leaves a file behind when it is unpickled in the ordinary way."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.system, (f"touch {self.marker}",))


MALICIOUS = {
    "zip": lambda content, path: torch.save(content, path),
    "zip, protocol 4": lambda content, path: torch.save(content, path, pickle_protocol=4),
    "legacy": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    "bare": lambda content, path: path.write_bytes(pickle.dumps(content)),
    "bare, protocol 2": lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2)),
}


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("kind", MALICIOUS)
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path, kind, nested):
    path, marker = tmp_path / "net.pt", tmp_path / "marker"
    evil = Malicious(marker)
    MALICIOUS[kind]({"state_dict": {"conv1.weight": evil}} if nested else evil, path)

    with pytest.raises(InputError) as caught:
        load(path)

    assert not marker.exists()
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"{path}: holds Python objects that would run code when loaded ({os.system.__module__}."
        "system); refused: ask for a file with a plain state dict"
    )


def test_the_malicious_pickle_does_run_when_it_is_loaded_unsafely(tmp_path):
    marker = tmp_path / "marker"
    pickle.loads(pickle.dumps(Malicious(marker)))
    assert marker.exists()


def test_a_whole_pickled_model_is_refused_by_its_class(trained, tmp_path):
    torch.save(trained, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"\(resprobe\.networks\.resnet\.CifarNet\); refused"):
        load(tmp_path / "net.pt")


def test_a_name_that_is_no_usable_file_is_one_sentence(tmp_path, monkeypatch):
    for path, message in [
        (tmp_path / "none.pt", "no such file"),
        (tmp_path, "a folder; a checkpoint is a file"),
        ("/dev/null", "a device or a pipe"),
    ]:
        with pytest.raises(InputError, match=message):
            load(path)
    (tmp_path / "net.pt").write_text("x")
    with pytest.raises(InputError, match=r"cannot be read \(Not a directory\)"):
        load(tmp_path / "net.pt" / "inside.pt")

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.read_bytes", denied)
    with pytest.raises(InputError, match=r"net\.pt: cannot be read \(Permission denied\)"):
        load(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"an empty file \(0 bytes\)"),
        (b"PK", "not a checkpoint"),
        (b"no weights here\n", "not a checkpoint"),
        (b"cposix\nsystem\n(S'true'\ntR.", "not a checkpoint"),
        (b"\x80\x02", "damaged, or not a checkpoint"),
        (b"\x80\x02N.", "damaged, or not a checkpoint"),
        (b"\x10\0\0\0\0\0\0\0{", "damaged, or not a checkpoint"),
        (pickle.dumps([1, 2]), "damaged, or not a checkpoint"),
        (pickle.dumps([1, 2], protocol=2), "damaged, or not a checkpoint"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path, content, message):
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "net.pt")


def test_a_zip_archive_of_something_else_is_no_checkpoint(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("letter.txt", "dear reader")
    with pytest.raises(InputError, match="damaged, or not a checkpoint"):
        load(tmp_path / "net.pt")


@pytest.mark.parametrize("kind", ["legacy", "safetensors"])
def test_a_foreign_file_cut_off_anywhere_is_one_sentence(weights, tmp_path, kind):
    path = tmp_path / "net"
    if kind == "legacy":
        torch.save(weights, path, _use_new_zipfile_serialization=False)
    else:
        safetensors.torch.save_file(dict(weights), path)
    content = path.read_bytes()
    for length in range(0, len(content) - 1, 97):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=f"^{path}: [^\n]*$"):
            load(path)


@pytest.fixture(scope="module", params=["zip", "legacy", "safetensors"])
def foreign(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("damage") / "net"
    state = Architecture("resnet8", num_classes=2, in_channels=1, width=1).build().state_dict()
    if request.param == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=request.param == "zip")
    return path.read_bytes(), path


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_foreign_file_is_one_sentence_or_a_network(foreign, data):
    """No sum says that it was changed; whatever the readers make of it is no traceback."""
    content, path = foreign
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed)
    said = complaint(path)
    assert said is None or (said.startswith(f"{path}: ") and said.isprintable())


def complaint(path):
    try:
        load(path)
    except ResprobeError as error:
        return str(error)
    return None


def test_names_from_a_file_cannot_write_to_the_terminal(weights, tmp_path):
    torch.save({**weights, "\x1b[2J\nfine": torch.ones(1)}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"key: \\x1b\[2J\\nfine\)"):
        load(tmp_path / "net.pt")


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
