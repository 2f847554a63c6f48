"""Files that are refused: what would run code, what is no checkpoint, what is damaged."""

import os
import pickle
import warnings
import zipfile
from argparse import Namespace

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resprobe.checkpoints import load, load_weights
from resprobe.errors import InputError, ResprobeError
from resprobe.networks import Architecture

ADVICE = (
    "refused: where it was written, save only the state dict, as in "
    "torch.save(model.state_dict(), path), and bring that file"
)


def test_contents_that_are_no_state_dict_are_one_sentence(weights, tmp_path):
    path = tmp_path / "net.pt"
    for content, message in [
        ([1, 2], "holds a list; wanted a state dict"),
        (torch.ones(2), "holds a Tensor; wanted a state dict"),
        ({}, "holds no weights"),
        ({"state_dict": {}}, "holds no weights"),
        ({"state_dict": {"fc.bias": 3}}, "holds no weights"),
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


@pytest.mark.parametrize("read", [load, lambda path: load_weights(torch.nn.Linear(2, 2), path)])
@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("kind", MALICIOUS)
def test_a_pickle_that_would_run_code_is_refused_and_runs_none(tmp_path, kind, nested, read):
    path, marker = tmp_path / "net.pt", tmp_path / "marker"
    evil = Malicious(marker)
    MALICIOUS[kind]({"state_dict": {"conv1.weight": evil}} if nested else evil, path)

    with pytest.raises(InputError) as caught:
        read(path)

    assert not marker.exists()
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"{path}: holds Python objects that would run code when loaded ({os.system.__module__}."
        f"system); {ADVICE}"
    )


def test_the_malicious_pickle_does_run_when_it_is_loaded_unsafely(tmp_path):
    marker = tmp_path / "marker"
    pickle.loads(pickle.dumps(Malicious(marker)))
    assert marker.exists()


def test_a_whole_pickled_model_is_refused_by_its_class(trained, tmp_path):
    torch.save(trained, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"\(resprobe\.networks\.resnet\.ResNet\); refused"):
        load(tmp_path / "net.pt")


def test_a_lightning_file_whose_hyperparameters_are_objects_is_told_what_to_save_instead(tmp_path):
    content = {
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {"model.conv1.weight": torch.ones(2, 3, 3, 3)},
        "hyper_parameters": Namespace(lr=0.1),
    }
    torch.save(content, tmp_path / "net.ckpt")
    with pytest.raises(InputError) as caught:
        load(tmp_path / "net.ckpt")
    assert str(caught.value) == (
        f"{tmp_path / 'net.ckpt'}: holds Python objects that would run code when loaded "
        f"(argparse.Namespace); {ADVICE}"
    )


def test_a_torchscript_program_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about the end of TorchScript
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "net.pt")
    with pytest.raises(InputError, match="a TorchScript program, which would run code; where it"):
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


ESCAPE = "\x1b[2J\nfine"


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: {f"layer1.0.{ESCAPE}.weight": torch.ones(1), **weights},
        lambda weights: {f"module.{ESCAPE}": torch.ones(1), ESCAPE: torch.ones(1)},
        lambda weights: {f"{ESCAPE}{i}.{key}": weights[key] for key in weights for i in "12"},
        lambda weights: {ESCAPE: torch.ones(1)},
    ],
)
def test_names_from_a_file_cannot_write_to_the_terminal_by_an_error(weights, saved, change):
    with pytest.raises(InputError, match=r"\\x1b\[2J\\nfine") as caught:
        load(saved(change(weights)))
    assert str(caught.value).isprintable()


def test_names_from_a_file_cannot_write_to_the_terminal_by_a_note(weights, saved):
    inside = {f"{ESCAPE}.{key}": value for key, value in weights.items()}
    content = {"state_dict": {**inside, f"other {ESCAPE}": torch.ones(1)}, "arch": ESCAPE}
    notes = load(saved(content)).notes
    assert sum("\\x1b[2J\\nfine" in note for note in notes) == 3
    assert all(note.isprintable() for note in notes)
