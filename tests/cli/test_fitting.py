"""How networks, files and images are made to fit one another, and what is said of it."""

from pathlib import Path
from textwrap import dedent

import pytest
import torch

from resprobe.networks import Architecture

STUDIES = ("lesion", "gradflow")


def without_head(network, path):
    state = {k: v for k, v in network.state_dict().items() if not k.startswith("fc.")}
    torch.save(state, path)
    return path


@pytest.fixture
def shown(pets):
    return ("--data", f"folder:{pets}")


@pytest.mark.parametrize("command", STUDIES)
def test_a_head_that_a_checkpoint_lacks_gets_the_classes_of_the_data(ok, shown, command):
    path = without_head(Architecture("resnet8", width=2).build(), Path("bare.pt"))
    ran = ok(command, "--ckpt", path, *shown, "--json")
    (network,) = ran.json["meta"]["networks"]
    assert network["classes"] == 2
    assert [line for line in ran.notes if "warning: the file has no head: 'fc'" in line]
    assert "parameters" in ok("describe", "--ckpt", path, "--classes", "7").out
    described = ok("describe", "--ckpt", path, "--classes", "7", "--json").json
    assert described["meta"]["networks"][0]["num_classes"] == 7


def test_a_model_of_a_library_keeps_its_head_where_a_checkpoint_lacks_one(ok, shown):
    models = pytest.importorskip("torchvision.models")
    path = without_head(models.resnet18(), Path("r18.pt"))
    asked = ("--model", "torchvision:resnet18", "--ckpt", path, "--image-size", "32")
    ran = ok("gradflow", *asked, *shown, "--json")
    assert ran.json["meta"]["networks"][0]["classes"] == 2
    assert [line for line in ran.notes if "warning: the file has no head: 'fc'" in line]


def test_a_head_of_other_classes_than_the_data_says_both_numbers(refused, shown):
    models = pytest.importorskip("torchvision.models")
    torch.save(models.resnet18(num_classes=7).state_dict(), "seven.pt")
    match = r"seven\.pt has a head of 7 classes and folder:pets has 2; name the data set .*--data"
    refused(3, match, "lesion", "--model", "torchvision:resnet18", "--ckpt", "seven.pt", *shown)
    asked = ("--model", "torchvision:resnet18:num_classes=5", "--ckpt", "seven.pt")
    refused(3, "build the model with 7 outputs, as in num_classes=7", "lesion", *asked, *shown)


def test_grey_images_for_three_channels_point_to_model(refused, net):
    grey = ("--data", "embedded", "--images", "10")
    refused(3, r"grey images are repeated for a model that --model names", "lesion", "--ckpt",
            net, *grey)  # fmt: skip


NETS = """
    from torch import nn
    from net import Net

    def grey():
        return Net(1, 2, channels=1)

    def rigid():
        net = Net(1, 2, size=4)
        net.pool = nn.Identity()
        return net
"""


@pytest.mark.parametrize("command", STUDIES)
def test_a_model_that_the_images_do_not_fit_gets_a_hint(call, user_file, shown, command):
    for file in user_file.parent.iterdir():
        Path(file.name).write_text(file.read_text())
    Path("nets.py").write_text(dedent(NETS))
    ran = call(command, "--model", "nets.py:grey", *shown)
    assert ran.code == 3
    assert "takes 1 channel(s) and the images have 3" in ran.notes[-1]
    assert "--image-size" in ran.notes[-1]
    ran = call(command, "--model", "nets.py:rigid", *shown)
    assert ran.code == 3
    assert ran.notes[-1].endswith("; --image-size shows it another size than 16x16")
    assert call(command, "--model", "nets.py:rigid", *shown, "--image-size", "4").code == 0


@pytest.mark.parametrize("command", [*STUDIES, "describe"])
def test_a_model_without_values_is_refused(refused, shown, command):
    Path("empty.py").write_text(
        "from torch import nn\ndef meta(): return nn.Linear(2, 2, device='meta')\n"
    )
    data = () if command == "describe" else shown
    match = r"empty\.py:meta: returns a model without values \(on the meta device\); build it on"
    refused(3, match, command, "--model", "empty.py:meta", *data)


@pytest.mark.parametrize(
    "named", [("--arch", "resnet18"), ("--model", "torchvision:resnet18")], ids=["ours", "theirs"]
)
def test_a_network_for_imagenet_that_is_shown_small_images_says_so(ok, shown, named):
    pytest.importorskip("torchvision")
    asked = ("gradflow", *named, *shown, "--images", "4")
    said = "resnet18: designed for 224x224, shown 16x16; --image-size N resizes"
    assert [line for line in ok(*asked).notes if line.endswith(said)]
    assert "designed for" not in ok(*asked, "--image-size", "32").err
    assert "designed for" not in ok("gradflow", "--arch", "resnet8", *shown).err


MERGING = """
    import torch
    from torch import nn

    class Merging(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.side = nn.Conv2d(3, 6, 1), nn.Conv2d(3, 2, 1)
            self.branches = nn.ModuleList(nn.Conv2d(2 * n, 2 * n, 1) for n in range(4, 10))
            self.sides = nn.ModuleList(nn.Conv2d(2 * n, 2, 1) for n in range(4, 10))
            self.head = nn.Linear(20, 2)

        def forward(self, x):
            x = torch.cat([self.conv(x), self.side(x)], 1)
            for branch, side in zip(self.branches, self.sides):
                x = x + branch(x).relu()
                x = torch.cat([x, side(x)], 1)
            return self.head(x.mean((2, 3)))
"""


def test_paths_that_meet_otherwise_than_by_a_sum_are_named(ok, shown):
    Path("merging.py").write_text(dedent(MERGING))
    ran = ok("lesion", "--model", "merging.py:Merging", *shown)
    (said,) = (line for line in ran.notes if "always run" in line)
    start = "resprobe: merging:Merging: paths that meet otherwise than by a residual sum always run"
    assert said.startswith(f"{start}: ")
    assert said.count("(cat)") == 4
    assert said.endswith(" and 3 more")
    assert "always run" not in ok("lesion", "--arch", "resnet8", *shown).err


def test_describe_shows_the_sizes_of_a_network_that_is_no_chain(ok, refused):
    pytest.importorskip("torchvision")
    asked = ("describe", "--model", "torchvision:densenet121", "--image-size", "32")
    ran = ok(*asked, "--sizes")
    head, cells = (line.split() for line in ran.out.splitlines()[:2])
    assert cells[0] == "torchvision:densenet121"
    assert "7,978,856" in cells
    assert (head[4], cells[4]) == ("blocks", "-")
    assert [line for line in ran.notes if "no residual blocks" in line]
    refused(3, "no residual blocks", *asked)


def test_one_architecture_is_wanted_for_training_and_for_a_checkpoint(refused, net, shown):
    several = ("--arch", "resnet8,plain8")
    refused(2, "train takes one architecture; got --arch resnet8,plain8", "train", *several,
            "--out", "r.pt", *shown)  # fmt: skip
    for command in (*STUDIES, "describe"):
        refused(2, r"with --ckpt one architecture is wanted.*got 2 \(resnet8, plain8\)", command,
                "--ckpt", net, *several)  # fmt: skip
    for spec in ("torchvision:resnet18", "timm:resnet18", "net.py:make"):
        refused(2, f"train takes what --arch names, its own networks, and not {spec}", "train",
                "--arch", spec, "--out", "r.pt", *shown)  # fmt: skip
