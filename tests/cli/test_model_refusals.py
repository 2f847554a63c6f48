"""What describe says of models from elsewhere, and what cannot be one."""

from pathlib import Path
from textwrap import dedent

import pytest

VIT = "timm:vit_tiny_patch16_224:img_size=32:patch_size=8:depth=2:num_classes=2"
MERGING = """
    import torch
    from torch import nn
    from layers import Block

    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(6, 2)

        def forward(self, x):
            return self.head(torch.cat([x, self.conv(x)], 1).mean((2, 3)))

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = Block(3), Block(6)
            self.side, self.head = nn.Conv2d(3, 3, 1), nn.Linear(6, 2)
            self.enter, self.leave = nn.Conv2d(3, 3, 1), nn.Conv2d(6, 6, 1)

        def forward(self, x):
            x = self.enter(self.first(x))
            x = self.leave(torch.cat([x, self.side(x)], 1))
            return self.head(self.last(x).mean((2, 3)))
"""


@pytest.fixture
def merging(user_file):
    """A file with networks whose paths come together otherwise than by a sum."""
    Path("layers.py").write_text((user_file.parent / "layers.py").read_text())
    Path("merging.py").write_text(dedent(MERGING))
    return "merging.py"


def test_describe_names_class_blocks_links_and_what_is_not_used(ok, user_file, merging):
    said = ok("describe", "--model", f"{merging}:Mixed", "--image-size", "8").out.splitlines()
    assert said[0].startswith(
        "merging:Mixed: Mixed, 2 residual blocks in 2 stages (0 transitions), "
    )
    assert said[2].split()[-1] == "merge"
    (link,) = (line.split() for line in said if " link " in line)
    assert link[:4] == ["enter", "...", "leave", "link"]  # and what lies between the two
    assert link[-1] == "cat"
    assert [line.split()[1] for line in said if " identity " in line] == ["first", "last"]
    ran = ok("describe", "--model", f"{user_file}:make:depth=1")
    assert "280 parameters" in ran.out.splitlines()[0]
    assert ran.out.splitlines()[-1].startswith("The steps hold 274 parameters and cost ")
    said = "net:make:depth=1 says no image size: described for 32x32; --image-size chooses another"
    assert f"resprobe: {said}" in ran.notes


def test_describe_counts_torchvisions_model_as_ours(ok):
    pytest.importorskip("torchvision")
    asked = ("describe", "--json", "--image-size", "32", "--classes", "5")
    theirs = ok(*asked, "--model", "torchvision:resnet18").json
    ours = ok(*asked, "--arch", "resnet18").json
    for row in (*theirs["rows"], *ours["rows"]):
        row.pop("network")
    assert theirs["rows"] == ours["rows"]
    (network,) = theirs["meta"]["networks"]
    assert (network["class"], network["model"]) == ("ResNet", "torchvision:resnet18")


def test_describe_fills_the_model_too_and_compares_several(ok, user_file, tmp_path, weights_of):
    path = weights_of(f"{user_file}:make", tmp_path / "mine.pt")
    ran = ok("describe", "--model", f"{user_file}:make", "--ckpt", path, "--ckpt", path)
    assert [line.split()[:2] for line in ran.out.splitlines()[1:3]] == [
        ["mine#1", "Net"],
        ["mine#2", "Net"],
    ]
    assert any("mine.pt: filled" in line for line in ran.notes)


@pytest.mark.parametrize("command", ["lesion", "gradflow", "describe"])
def test_a_model_that_cannot_be_meant_or_made(refused, command, user_file, pets):
    out = () if command == "describe" else ("--data", f"folder:{pets}", "--out", "new/out")
    asked = (command, *out, "--model")
    refused(2, "unknown model source 'resnet18': wanted torchvision:NAME", *asked, "resnet18")
    refused(2, "--arch and --model both name", *asked, f"{user_file}:make", "--arch", "resnet8")
    refused(2, "--width is for --arch", *asked, f"{user_file}:make", "--width", "2")
    refused(2, "1 --ckpt|2 --model and 3 --ckpt do not go together", *asked, f"{user_file}:make",
            "--model", f"{user_file}:make", *("--ckpt", "a.pt") * 3)  # fmt: skip


@pytest.mark.parametrize("command", ["lesion", "gradflow", "describe"])
def test_a_file_that_makes_no_model(refused, command, merging, pets):
    out = () if command == "describe" else ("--data", f"folder:{pets}", "--out", "new/out")
    Path("bad.py").write_text("import nothing_like_it")
    Path("good.py").write_text("def make(depth): return depth")
    asked = (command, *out, "--model")
    refused(3, r"gone\.py: no such file", *asked, "gone.py:make")
    refused(3, r"bad\.py: does not import \(line 1: ModuleNotFound", *asked, "bad.py:make")
    refused(2, r"good\.py: make wants depth; give it as", *asked, "good.py:make")
    refused(3, r"good\.py: make returns a int", *asked, "good.py:make:depth=1")
    refused(2, r"unknown function 'mkae': did you mean 'make'", *asked, "good.py:mkae")
    refused(3, r"no residual blocks .*cat", *asked, f"{merging}:Dense", "--image-size", "8")


def test_a_checkpoint_that_does_not_fit_the_model(call, user_file, pets, tmp_path, weights_of):
    path = weights_of(f"{user_file}:make:depth=1", tmp_path / "one.pt")
    ran = call("lesion", "--model", f"{user_file}:make", "--ckpt", path, "--data", f"folder:{pets}")
    assert ran.code == 3
    assert "one.pt: does not fit the model, a Net" in ran.notes[-1]
    assert "tower.1.conv.weight" in ran.notes[-1]


def test_a_model_of_another_number_of_classes(call, user_file, birds):
    ran = call("lesion", "--model", f"{user_file}:make:num_classes=2", "--data", f"folder:{birds}")
    assert ran.code == 3
    assert "head has 2 classes and folder:birds has 3" in ran.notes[-1]


def test_a_library_that_is_missing_is_one_sentence(refused, monkeypatch):
    def gone(name, *_):
        raise ModuleNotFoundError(f"No module named '{name}'", name="timm")

    monkeypatch.setattr("resprobe.sources.libraries.importlib.import_module", gone)
    refused(1, "timm is not installed; get it with `pip install timm`", "describe", "--model", VIT)


def test_training_says_what_it_takes(refused):
    refused(2, "train takes what --arch names.* not --model net.py:make.*--ckpt", "train",
            "--model", "net.py:make")  # fmt: skip


CONSTANT = """
    import torch
    from torch import nn


    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.mean = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)  # no buffer
            self.block, self.head = nn.Conv2d(3, 3, 1), nn.Linear(3, 2)

        def forward(self, x):
            x = x - self.mean
            return self.head((x + self.block(x)).mean((2, 3)))
"""


def test_a_model_with_a_tensor_of_its_own_is_counted_too(ok):
    Path("shifted.py").write_text(dedent(CONSTANT))
    ran = ok("describe", "--model", "shifted.py:Shifted", "--image-size", "4", "--json")
    (network,) = ran.json["meta"]["networks"]
    assert network["multiply_adds"] == 3 * 3 * 16 + 3 * 2
