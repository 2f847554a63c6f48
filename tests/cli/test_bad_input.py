"""Whatever a user gets wrong is one sentence and an exit code, and leaves nothing behind."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from resprobe.checkpoints import save
from resprobe.networks import Architecture

STUDIES = ("lesion", "gradflow")


@pytest.fixture(params=[*STUDIES, "describe"])
def reader(request, pets):
    """The beginning of each command that reads a checkpoint, before the name of the file."""
    rest = () if request.param == "describe" else ("--data", f"folder:{pets}", "--out", "new/out")
    return (request.param, *rest, "--ckpt")


@pytest.fixture(params=[*STUDIES, "train"])
def shown(request, net):
    """The beginning of each command that reads images, before ``--data``."""
    if request.param == "train":
        return ("train", "--arch", "resnet8", "--out", "new/net.pt", "--data")
    return (request.param, "--ckpt", net, "--out", "new/out", "--data")


def test_a_missing_file(refused, reader):
    refused(3, r"r110\.pt: no such file; check the path", *reader, "r110.pt")


def test_a_folder_for_a_file(refused, reader, pets):
    refused(3, r"pets: a folder; a checkpoint is a file", *reader, pets)


def test_an_empty_file(refused, reader):
    Path("empty.pt").touch()
    refused(3, r"empty\.pt: an empty file \(0 bytes\)", *reader, "empty.pt")


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 1.0])
def test_a_truncated_checkpoint_of_ours(refused, reader, net, kept):
    whole = net.read_bytes()
    Path("cut.pt").write_bytes(whole[: min(int(kept * len(whole)), len(whole) - 1)])
    refused(4, r"cut\.pt: changed or truncated since it was written", *reader, "cut.pt")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.999])
def test_a_bit_flipped_checkpoint_of_ours(refused, reader, net, place):
    changed = bytearray(net.read_bytes())
    changed[int(place * len(changed))] ^= 1
    Path("flipped.pt").write_bytes(changed)
    refused(4, r"flipped\.pt: changed or truncated since it was written", *reader, "flipped.pt")


class Malicious:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (os.system, (f"touch {self.marker}",))


@pytest.mark.parametrize("form", ["pickle", "torch archive", "inside a state dict"])
def test_a_pickle_that_would_run_code(refused, reader, tmp_path, form):
    marker = tmp_path / "was-here"
    if form == "pickle":
        Path("evil.pt").write_bytes(pickle.dumps(Malicious(marker)))
    else:
        evil = Malicious(marker)
        torch.save({"state_dict": {"a": evil}} if "state" in form else evil, "evil.pt")
    refused(3, r"evil\.pt: .*would run code when loaded .*refused", *reader, "evil.pt")
    assert not marker.exists()


def test_a_checkpoint_whose_keys_fit_nothing(refused, reader):
    torch.save({"encoder.weight": torch.zeros(3, 3)}, "other.pt")
    refused(3, r"keys fit no network .*encoder\.weight.*--arch", *reader, "other.pt")


def test_a_file_that_is_no_checkpoint(refused, reader):
    Path("notes.pt").write_text("the best run so far\n")
    refused(3, r"notes\.pt: not a checkpoint", *reader, "notes.pt")


def test_one_bad_checkpoint_of_several(refused, reader, net):
    refused(3, r"gone\.pt: no such file", *reader, net, "--ckpt", "gone.pt")


def test_an_architecture_that_the_file_contradicts(refused, reader, net, foreign):
    refused(2, r"resnet8\.pt: holds resnet8, .*not plain8", *reader, net, "--arch", "plain8")
    refused(3, r"bare\.pt: does not fit resnet14", *reader, foreign, "--arch", "resnet14")
    refused(2, r"did you mean 'resnet20'", *reader, foreign, "--arch", "rasnet20")


@pytest.mark.parametrize("command", [*STUDIES, "describe", "train"])
def test_an_unknown_architecture_gets_a_suggestion(refused, command):
    out = () if command == "describe" else ("--out", "new/out.pt")
    for name, match in {
        "renset56": "unknown architecture 'renset56': did you mean 'resnet56'",
        "plain21": "the depth must be .*; did you mean 'plain20' or 'plain26'",
        "densenet121": "unknown architecture 'densenet121'.*resnetN.*plainN",
        "resnet8:shortcut=D": "unknown shortcut 'D'.*Known: none, A, B, C",
        "resnet8:shortcut": "option 'shortcut' of resnet8 has no value; write shortcut=VALUE",
        "resnet8:shortcutt=B": "unknown option of resnet8 'shortcutt': did you mean 'shortcut'",
    }.items():
        refused(2, match, command, "--arch", name, *out)


@pytest.mark.parametrize("command", [*STUDIES, "describe"])
def test_a_width_that_contradicts_what_it_is_for(refused, command, net):
    refused(2, "a width of 4 contradict", command, "--arch", "resnet8:width=2", "--width", "4")
    refused(2, "--width is for --arch; a checkpoint has its own", command, "--ckpt", net,
            "--width", "4")  # fmt: skip


@pytest.mark.parametrize("command", [*STUDIES, "describe"])
def test_no_network_at_all(refused, command):
    for nothing in ((), ("--arch", ""), ("--arch", " , ")):
        refused(
            2, "no network named: give --ckpt FILE, --arch NAME .* or --model", command, *nothing
        )


def test_a_data_folder_that_is_not_there(refused, shown):
    refused(3, "gone: no such folder; wanted one with train/ and test/", *shown, "folder:gone")


def test_a_data_folder_without_the_split(refused, shown, pets, tmp_path):
    shutil.copytree(pets / "train", tmp_path / "half" / "train")
    refused(3, r"half: no test/ folder in it; it has only train/", *shown, "folder:half")


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_an_image_that_does_not_decode(refused, shown, pets, damage):
    shutil.copytree(pets, "spoilt")
    image = Path("spoilt/test/dog/3.png")
    image.write_bytes(
        {"truncated": image.read_bytes()[:100], "text": b"woof", "empty": b""}[damage]
    )
    refused(3, r"spoilt/test/dog/3\.png: does not decode as an image", *shown, "folder:spoilt")


def test_an_unknown_data_set_gets_a_suggestion(refused, shown, pets, monkeypatch):
    refused(2, "unknown data set 'cifra10': did you mean 'cifar10'", *shown, "cifra10")
    monkeypatch.chdir(pets.parent)
    refused(2, "'pets' is a folder; write folder:pets", *shown, "pets")


def test_a_data_set_that_is_not_at_hand(refused, shown):
    refused(3, "cifar10 is not at hand .*`resprobe data fetch cifar10`", *shown, "cifar10")


@pytest.mark.parametrize("command", STUDIES)
def test_a_class_count_that_differs_from_the_networks_head(refused, command, net, birds):
    where = ("--data", f"folder:{birds}", "--out", "new/out")
    match = r"resnet8\.pt has a head of 2 classes and folder:birds has 3; name .*--data"
    refused(3, match, command, "--ckpt", net, *where)
    refused(3, match, command, "--ckpt", net, *where, "--dry-run")


@pytest.mark.parametrize("command", STUDIES)
def test_images_of_another_number_of_channels(refused, command, net):
    match = r"resnet8\.pt takes images of 3 channel\(s\) and fashion-mnist-subset has 1"
    refused(3, match, command, "--ckpt", net, "--data", "embedded", "--out", "new/out")


def test_a_normalisation_that_cannot_be_meant(refused, shown, pets):
    data = (*shown, f"folder:{pets}", "--normalise")
    refused(2, "unknown normalisation 'imagnet': did you mean 'imagenet'", *data, "imagnet")
    refused(2, "as many means as standard deviations", *data, "0.5,0.5/0.5")
    refused(2, "standard deviations above 0", *data, "0,0,0/1,1,0")
    more = ("--validation", "0.25") if shown[0] == "train" else ()
    refused(3, r"images have 3 channel\(s\) and .* is for 1", *data, "fashion-mnist", *more)


def test_more_images_than_there_are(refused, shown, pets):
    refused(2, "17 images wanted; the .* split of .*pets has 1[26]", *shown, f"folder:{pets}",
            "--images", "17")  # fmt: skip


@pytest.mark.parametrize("command", STUDIES)
def test_an_unknown_split(refused, command, net):
    match = "unknown split 'tset': did you mean 'test'. Known: train, validation, test"
    refused(2, match, command, "--ckpt", net, "--split", "tset", "--out", "new")


@pytest.mark.parametrize("command", STUDIES)
def test_the_validation_split_where_nobody_knows_it(refused, command, net, foreign, pets):
    asked = (command, "--split", "validation", "--out", "new", "--data")
    known = r"known only for a checkpoint of ours that was trained with a validation split"
    refused(2, known, *asked, f"folder:{pets}", "--ckpt", foreign)
    refused(2, known, *asked, f"folder:{pets}", "--arch", "resnet8")
    refused(2, "held out images of folder:.*pets, not of fashion-mnist", *asked, "embedded",
            "--ckpt", net)  # fmt: skip


def test_the_validation_split_of_a_checkpoint_that_does_not_say_how(refused, pets):
    tiny = Architecture("resnet8", num_classes=2, width=2)
    save("half.pt", tiny.build(), architecture=tiny, normalisation=None, data=f"folder:{pets}",
         recipe={}, epoch=None, figures={}, split_seed=0)  # fmt: skip
    refused(2, "known only for a checkpoint", "lesion", "--ckpt", "half.pt", "--split",
            "validation")  # fmt: skip


def test_a_checkpoint_whose_own_images_have_gone(refused, pets):
    tiny = Architecture("resnet8", num_classes=2, width=2)
    save("moved.pt", tiny.build(), architecture=tiny, normalisation=None, data="folder:/gone/pets",
         recipe={}, epoch=None, figures={})  # fmt: skip
    match = r"moved\.pt was trained on folder:/gone/pets, which cannot be read .*--data"
    refused(3, match, "lesion", "--ckpt", "moved.pt", "--out", "new")


def test_unknown_choices_get_a_suggestion(refused, net):
    refused(2, "unknown study 'singel': did you mean 'single'", "lesion", "--ckpt", net, "--study",
            "singel")  # fmt: skip
    refused(2, "unknown choice for --batch-norm 'runing': did you mean 'running'", "gradflow",
            "--ckpt", net, "--batch-norm", "runing")  # fmt: skip
    refused(2, "unknown recipe 'shrot': did you mean 'short'", "train", "--arch", "resnet8",
            "--recipe", "shrot", "--out", "new/net.pt")  # fmt: skip


@pytest.mark.parametrize("command", [*STUDIES, "train", "demo"])
def test_a_gpu_that_is_not_there(refused, command, net, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    network = {"train": ("--arch", "resnet8"), "demo": ()}.get(command, ("--ckpt", net))
    asked = (command, *network, "--out", "new/out", "--device")
    refused(2, "--device cuda: this machine has no CUDA GPU", *asked, "cuda")
    refused(2, "unknown device 'gpu': choose auto, cpu, cuda", *asked, "gpu")


@pytest.mark.parametrize("command", [*STUDIES, "train", "demo"])
def test_an_output_folder_that_cannot_be_written(refused, command, net, pets):
    Path("file").write_text("kept")
    network = {
        "train": ("--arch", "resnet8", "--data", f"folder:{pets}"),
        "demo": (),
    }.get(command, ("--ckpt", net))
    match = r"file\S*: cannot be written \(.*\); choose another folder with --out"
    refused(1, match, command, *network, "--out", "file/new/out")
    refused(1, match, command, *network, "--out", "file/new")
    if command != "train":  # which is to write a file
        refused(1, match, command, *network, "--out", "file")


def test_a_checkpoint_to_write_that_is_a_folder_or_the_logs_name(refused, pets):
    Path("models").mkdir()
    asked = ("train", "--arch", "resnet8", "--data", f"folder:{pets}", "--out")
    refused(2, r"models: a folder; name the checkpoint's file, such as models/net\.pt", *asked,
            "models")  # fmt: skip
    refused(2, r"net\.csv: a checkpoint's name ends in \.pt", *asked, "new/net.csv")


def test_training_on_too_few_images(refused, pets):
    asked = ("train", "--arch", "resnet8", "--data", f"folder:{pets}", "--out", "new/deep/net.pt")
    refused(3, "1 image to train on .*at least 2", *asked, "--images", "1")
