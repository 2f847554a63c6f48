import re

import pytest


def test_resnet56_is_described_by_the_papers_numbers(ok):
    said = ok("describe", "--arch", "resnet56").out
    assert said.splitlines()[0] == (
        "resnet56: 27 residual blocks in 3 stages (2 transitions), 853,018 parameters, "
        "125.49 M multiply-adds for an image of 3x32x32"
    )
    lines = [line.split() for line in said.splitlines()]
    assert ["9", "layer2.0", "transition", "2", "16x32x32", "32x16x16"] in [x[:6] for x in lines]
    assert len(re.findall(r" layer\d\.\d+ ", said)) == 27
    assert "merge" not in said  # where nothing merges but by sums


def test_the_json_holds_the_same_numbers_and_rows_that_add_up_to_them(ok):
    found = ok("describe", "--arch", "resnet20,plain20", "--json").json
    assert found.keys() == {"meta", "rows", "sizes", "block_costs"}
    residual, plain = found["meta"]["networks"]
    assert (residual["network"], residual["blocks"]) == ("resnet20", 9)
    assert residual["parameters"] == plain["parameters"] == 269_722
    assert round(residual["multiply_adds"] / 1e6, 2) == 40.55
    for network in (residual, plain):
        rows = [row for row in found["rows"] if row["network"] == network["network"]]
        for figure in ("parameters", "multiply_adds"):
            assert sum(row[figure] for row in rows) == network[figure]
    assert {row["kind"] for row in rows} >= {"stem", "head"}


@pytest.mark.parametrize(
    ("arch", "parameters"),
    [
        ("plain20", "269,722"),
        pytest.param("resnet32", "464,154", marks=pytest.mark.long),
        pytest.param("plain44", "658,586", marks=pytest.mark.long),
    ],
)
def test_the_published_counts_are_exact(ok, arch, parameters):
    assert f" {parameters} parameters, " in ok("describe", "--arch", arch).out


def test_sizes_can_be_chosen(ok):
    sizes = ("--width", "4", "--channels", "1", "--classes", "7", "--image-size", "28")
    found = ok("describe", "--arch", "resnet8", *sizes, "--json").json
    (network,) = found["meta"]["networks"]
    assert (network["width"], network["in_channels"], network["num_classes"]) == (4, 1, 7)
    assert network["image"] == [1, 28, 28]
    (size,) = found["sizes"]
    assert [size[key] for key in ("network", "image_size", "multiply_adds")] == [
        "resnet8:width=4", 28, network["multiply_adds"],
    ]  # fmt: skip
    assert found["rows"][0]["in_shape"] == "1x28x28"


def test_checkpoints_say_what_they_hold_and_are_told_apart(ok, net, foreign):
    ran = ok("describe", "--ckpt", net, "--ckpt", net, "--ckpt", foreign)
    rows = [line.split()[:2] for line in ran.out.splitlines()[1:4]]
    assert rows == [[name, "resnet8:width=2"] for name in ("resnet8#1", "resnet8#2", "bare")]
    assert all(note.startswith("resprobe: bare.pt: ") for note in ran.notes)
    assert ran.notes
    alone = ok("describe", "--ckpt", net).out
    assert alone.startswith("resnet8: resnet8:width=2, 3 residual blocks in 3 stages (2 trans")


def test_a_foreign_plain_network_is_plain_once_it_is_named(ok, foreign):
    ran = ok("describe", "--ckpt", foreign, "--arch", "plain8", "--quiet")
    assert "plain8:width=2, 3 plain blocks" in ran.out


def test_options_stand_behind_the_name_and_are_all_in_the_json(ok):
    found = ok("describe", "--arch", "resnet20:shortcut=B, resnet20", "--json").json
    projected, padded = found["meta"]["networks"]
    assert (projected["network"], padded["network"]) == ("resnet20:shortcut=B", "resnet20")
    assert (projected["shortcut"], padded["shortcut"]) == ("B", "A")
    assert (projected["parameters"], padded["parameters"]) == (272_474, 269_722)
    assert projected["init"] == "he"
    assert projected["order"] == "original"


IMAGENET = {  # parameters, multiply-adds of layout v1.5 and of the paper's in units of 1e9
    "resnet18": (11_689_512, 1.814, None),
    "resnet34": (21_797_672, 3.664, None),
    "resnet50": (25_557_032, 4.089, 3.858),
    "resnet101": (44_549_160, 7.801, 7.570),
    "resnet152": (60_192_808, 11.514, 11.282),
}


@pytest.mark.parametrize(
    "names",
    [
        ("resnet18", "resnet50"),
        pytest.param(("resnet34", "resnet101", "resnet152"), marks=pytest.mark.long),
    ],
)
def test_the_imagenet_family_has_the_published_sizes_and_costs_in_one_object(ok, names):
    found = ok("describe", "--arch", ",".join(names), "--json").json
    for network in found["meta"]["networks"]:
        parameters, cost, _ = IMAGENET[network["network"]]
        assert network["parameters"] == parameters
        assert round(network["multiply_adds"] / 1e9, 3) == cost
        assert (network["image"], network["num_classes"]) == ([3, 224, 224], 1000)
    layouts = {(row["network"], row["layout"]): row for row in found["sizes"]}
    for name in names:
        parameters, cost, paper = IMAGENET[name]
        row = layouts[name, "v1.5" if paper else ""]
        assert row["parameters"] == parameters
        assert round(row["multiply_adds"] / 1e9, 3) == cost
        assert paper == (paper and round(layouts[name, "paper"]["multiply_adds"] / 1e9, 3))
    basic, bottleneck = found["block_costs"]
    assert (basic["channels"], bottleneck["channels"]) == (64, 256)
    assert abs(bottleneck["multiply_adds"] / basic["multiply_adds"] - 1) < 0.06
    assert "convolutions, linear layers and matrix products" in found["meta"]["counted"]


def test_several_networks_or_sizes_alone_are_a_table_of_sizes(ok):
    several = ok("describe", "--arch", "resnet18,plain20").out
    lines = [line.split() for line in several.splitlines()]
    assert lines[1][-3:] == ["1.814", "G", "224x224"]
    assert lines[2][-4:] == ["269,722", "40.55", "M", "32x32"]
    assert "layer1.0" not in several
    assert "bottleneck" not in several
    alone = ok("describe", "--arch", "resnet50", "--sizes").out
    assert "layer1.0" not in alone
    assert alone.splitlines()[-1] == (
        "A bottleneck of 256 channels costs about what a basic block of 64 does: 218.37 M and "
        "231.21 M multiply-adds on maps of 56x56."
    )
