import re

import pytest


def test_resnet56_is_described_by_the_papers_numbers(ok):
    said = ok("describe", "--arch", "resnet56").out
    assert said.splitlines()[0] == (
        "resnet56: resnet56, 27 residual blocks in 3 stages (2 transitions), 853,018 parameters, "
        "125.49 M multiply-adds for an image of 3x32x32"
    )
    lines = [line.split() for line in said.splitlines()]
    assert ["9", "layer2.0", "transition", "2", "16x32x32", "32x16x16"] in [x[:6] for x in lines]
    assert len(re.findall(r" layer\d\.\d+ ", said)) == 27


def test_the_json_holds_the_same_numbers_and_rows_that_add_up_to_them(ok):
    found = ok("describe", "--arch", "resnet56,plain56", "--json").json
    assert found.keys() == {"meta", "rows"}
    residual, plain = found["meta"]["networks"]
    assert (residual["network"], residual["blocks"]) == ("resnet56", 27)
    assert residual["parameters"] == plain["parameters"] == 853_018
    assert round(residual["multiply_adds"] / 1e6, 2) == 125.49
    for network in (residual, plain):
        rows = [row for row in found["rows"] if row["network"] == network["network"]]
        for figure in ("parameters", "multiply_adds"):
            assert sum(row[figure] for row in rows) == network[figure]
    assert {row["kind"] for row in rows} >= {"stem", "head"}


@pytest.mark.parametrize(
    ("arch", "parameters"),
    [("plain20", "269,722"), ("resnet32", "464,154"), ("plain44", "658,586")],
)
def test_the_published_counts_are_exact(ok, arch, parameters):
    assert f" {parameters} parameters, " in ok("describe", "--arch", arch).out


def test_sizes_can_be_chosen(ok):
    sizes = ("--width", "4", "--channels", "1", "--classes", "7", "--image-size", "28")
    found = ok("describe", "--arch", "resnet8", *sizes, "--json").json
    (network,) = found["meta"]["networks"]
    assert (network["width"], network["in_channels"], network["num_classes"]) == (4, 1, 7)
    assert found["meta"]["image_size"] == 28
    assert found["rows"][0]["in_shape"] == "1x28x28"


def test_checkpoints_say_what_they_hold_and_are_told_apart(ok, net, foreign):
    ran = ok("describe", "--ckpt", net, "--ckpt", net, "--ckpt", foreign)
    heads = [line for line in ran.out.splitlines() if "parameters, " in line]
    assert [head.split(":")[0] for head in heads] == ["resnet8#1", "resnet8#2", "bare"]
    assert all(": resnet8, 3 residual blocks" in head for head in heads)
    (note,) = ran.notes
    assert note.startswith("resprobe: bare.pt: recognised torchvision's layout: resnet8, 2 classes")


def test_a_foreign_plain_network_is_plain_once_it_is_named(ok, foreign):
    ran = ok("describe", "--ckpt", foreign, "--arch", "plain8", "--quiet")
    assert "plain8, 3 plain blocks" in ran.out
