import hashlib
import importlib.metadata
import io
import os
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resprobe.checkpoints import load, save
from resprobe.checkpoints.seal import COMMENT_LENGTH, MARK, SEAL_LENGTH, seal
from resprobe.errors import InputError, IntegrityError, ResprobeError, UsageError
from resprobe.networks import Architecture


def resealed(content) -> bytes:
    archive = io.BytesIO()
    torch.save(content, archive)
    return seal(archive.getvalue())


def test_a_checkpoint_comes_back_as_it_was_written(write, trained, tiny, tmp_path):
    checkpoint = load(write(tmp_path / "net.pt"))

    assert checkpoint.architecture == tiny.architecture
    assert checkpoint.normalisation == tiny.normalisation
    assert checkpoint.data == "folder:pets"
    assert checkpoint.recipe == {"name": "he2015-cifar", "milestones": [1, 2]}
    assert checkpoint.epoch == 3
    assert checkpoint.split_seed == 0
    assert checkpoint.figures == {"validation_error": 0.25, "validation_n": 12}
    assert checkpoint.versions["torch"] == importlib.metadata.version("torch")
    assert checkpoint.name == "net"
    assert checkpoint.notes == ()
    assert not any(module.training for module in checkpoint.model.modules())
    assert all(parameter.requires_grad for parameter in checkpoint.model.parameters())
    for key, value in trained.state_dict().items():
        assert torch.equal(checkpoint.model.state_dict()[key], value), key
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(checkpoint.model(x), trained(x))


def test_the_sum_is_that_of_the_whole_file(write, tmp_path):
    path = write(tmp_path / "net.pt")
    assert load(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_anyone_can_read_the_file_with_torch_alone(write, trained, tmp_path):
    path = write(tmp_path / "net.pt", state={"momentum": [torch.ones(2)], "iteration": 9})

    content = torch.load(path, weights_only=True)

    assert content["format"] == "resprobe"
    assert content["format_version"] == 1
    assert content["architecture"]["name"] == "resnet8"
    assert content["normalisation"] == {"mean": [0.25], "std": [0.5]}
    assert content["state"]["iteration"] == 9
    assert torch.equal(content["state"]["momentum"][0], torch.ones(2))
    assert torch.equal(content["model"]["conv1.weight"], trained.conv1.weight)


def test_the_file_ends_in_the_sum_of_all_bytes_before_it(write, tmp_path):
    data = write(tmp_path / "net.pt").read_bytes()

    digest = hashlib.sha256(data[:-SEAL_LENGTH]).hexdigest()

    assert data[-COMMENT_LENGTH:] == MARK + digest.encode()
    assert zipfile.ZipFile(io.BytesIO(data)).comment == data[-COMMENT_LENGTH:]


def test_facts_of_other_types_become_plain_ones(write, tmp_path):
    path = write(
        tmp_path / "net.pt",
        figures={"error": np.float64(0.5), "n": np.int64(3)},
        recipe={"at": tmp_path, "sizes": (1, 2)},
    )

    checkpoint = load(path)

    assert checkpoint.figures == {"error": 0.5, "n": 3}
    assert checkpoint.recipe == {"at": str(tmp_path), "sizes": [1, 2]}


def test_a_fact_that_is_no_plain_value_is_a_mistake_of_the_caller(write, tmp_path):
    with pytest.raises(TypeError, match="not a object"):
        write(tmp_path / "net.pt", recipe={"callback": object()})
    assert list(tmp_path.iterdir()) == []


def test_wrappers_around_the_model_are_taken_off(write, trained, tmp_path):
    wrapped = torch.nn.Module()
    wrapped.module = torch.nn.Module()
    wrapped.module._orig_mod = trained

    content = torch.load(write(tmp_path / "net.pt", wrapped), weights_only=True)

    assert list(content["model"]) == list(trained.state_dict())


def test_saving_neither_moves_nor_shares_the_weights(write, trained, tmp_path):
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    checkpoint = load(write(tmp_path / "net.pt"))
    with torch.no_grad():
        checkpoint.model.conv1.weight.zero_()
    for key, value in trained.state_dict().items():
        assert torch.equal(value, before[key])


def test_a_model_of_another_architecture_is_not_saved(write, tmp_path):
    other = Architecture("resnet14", num_classes=5, in_channels=1, width=2).build()
    with pytest.raises(UsageError, match="no resnet8 of these sizes"):
        write(tmp_path / "net.pt", other)
    assert list(tmp_path.iterdir()) == []


def test_a_diverged_network_is_not_saved(write, trained, tmp_path):
    with torch.no_grad():
        trained.fc.bias[0] = float("nan")
    with pytest.raises(ResprobeError, match=r"'fc\.bias' holds NaN"):
        write(tmp_path / "net.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(write, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResprobeError, match=r"net\.pt: cannot be written"):
        write(tmp_path / "file" / "net.pt")


def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(write, tmp_path, monkeypatch):
    path = write(tmp_path / "net.pt")
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResprobeError, match="No space left on device"):
        write(path, epoch=4)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("integrity")
    architecture = Architecture("resnet8", num_classes=2, in_channels=1, width=1)
    facts = {"normalisation": None, "data": None, "recipe": {}, "epoch": 1, "figures": {}}
    path = save(folder / "net.pt", architecture.build(), architecture=architecture, **facts)
    return path.read_bytes(), folder / "changed.pt"


def refused(data: bytes, path) -> None:
    path.write_bytes(data)
    with pytest.raises((IntegrityError, InputError)) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_intact_file_of_the_damage_tests_loads(intact):
    data, path = intact
    path.write_bytes(data)
    assert load(path).epoch == 1


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_noticed(intact, data):
    content, path = intact
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    path.write_bytes(flipped(content, bit))
    with pytest.raises(IntegrityError, match="changed or truncated since it was written"):
        load(path)


def test_any_flipped_bit_of_the_first_bytes_and_of_the_end_is_noticed(intact):
    content, path = intact
    ends = [*range(8 * 64), *range(8 * (len(content) - SEAL_LENGTH - 22), 8 * len(content))]
    for bit in ends:
        path.write_bytes(flipped(content, bit))
        with pytest.raises(IntegrityError, match="restore it from a copy"):
            load(path)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_file_cut_off_anywhere_is_noticed(intact, data):
    content, path = intact
    refused(content[: data.draw(st.integers(0, len(content) - 1))], path)


def test_a_file_cut_off_within_its_first_or_last_bytes_is_noticed(intact):
    content, path = intact
    for length in [*range(64), *range(len(content) - SEAL_LENGTH - 64, len(content))]:
        refused(content[:length], path)


def test_a_file_cut_off_after_the_first_bytes_fails_its_integrity(intact):
    content, path = intact
    for length in (4, 100, len(content) // 2, len(content) - SEAL_LENGTH, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(IntegrityError, match="truncated"):
            load(path)


def test_a_file_with_bytes_behind_its_end_is_noticed(intact):
    content, path = intact
    refused(content + b"\0", path)
    refused(content + content, path)


def test_a_checkpoint_of_ours_without_its_sum_is_not_taken(intact):
    content, path = intact
    path.write_bytes(content[:-SEAL_LENGTH] + b"\0\0")
    assert torch.load(path, weights_only=True)["format"] == "resprobe"
    with pytest.raises(IntegrityError, match="changed or truncated"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "checkpoint format 2; this version reads format 1"),
        ({"model": None}, "without a usable 'model'"),
        ({"epoch": "three"}, "without a usable 'epoch'"),
        ({"architecture": {"name": "resnet21"}}, "did you mean 'resnet20' or 'resnet26'"),
        ({"architecture": {"depth": 3}}, "not the description of an architecture"),
        ({"normalisation": {"mean": [0.5]}}, "not a normalisation"),
        ({"model": {"conv1.weight": 3}}, r"'conv1\.weight' holds a int, not a tensor"),
        ({"model": {}}, r"do not fit resnet8:width=1 \(missing key: conv1\.weight\)"),
    ],
)
def test_a_sealed_file_that_says_nonsense_is_one_sentence(intact, change, message):
    content, path = intact
    payload = torch.load(io.BytesIO(content), weights_only=True)
    path.write_bytes(resealed({**payload, **change}))
    with pytest.raises(InputError, match=message):
        load(path)


def test_an_archive_of_another_layout_is_not_sealed():
    with pytest.raises(ResprobeError, match="another layout"):
        seal(b"PK\x03\x04 and no end record")
