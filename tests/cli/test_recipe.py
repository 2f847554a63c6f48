import re
import tomllib
from pathlib import Path

import pytest

from resprobe.training import Recipe, recipes


def test_without_a_name_every_recipe_is_listed(ok):
    lines = ok("recipe").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(recipes)
    assert re.search(
        r"he2015-cifar +64,000 iterations +128 +0\.1 +x0\.1 at 32,000, 48,000", lines[1]
    )
    rows = ok("recipe", "--json").json["rows"]
    assert [Recipe.from_dict(row) for row in rows] == list(recipes.values())


@pytest.mark.parametrize("name", recipes)
def test_what_is_printed_is_a_file_that_gives_the_recipe(ok, name):
    printed = ok("recipe", name).out
    Path("mine.toml").write_text(printed)
    assert Recipe.read("mine.toml") == recipes[name]
    assert ok("recipe", "mine.toml").out == printed
    assert Recipe.from_dict(ok("recipe", "mine.toml", "--json").json["rows"][0]) == recipes[name]


def test_values_are_set_over_those_of_a_name_or_a_file(ok):
    changes = ("--set", "learning_rate=0.05", "--set", "milestones=100,200")
    values = tomllib.loads(ok("recipe", "he2015-cifar", *changes).out)
    assert (values["learning_rate"], values["milestones"]) == (0.05, [100, 200])
    Path("mine.toml").write_text('base = "li2018"\npad = 2\n')
    values = tomllib.loads(ok("recipe", "mine.toml", "--set", "flip=false").out)
    assert (values["name"], values["epochs"], values["pad"], values["flip"]) == (
        "mine", 300, 2, False,
    )  # fmt: skip


def test_images_turn_epochs_into_iterations(ok):
    values = tomllib.loads(ok("recipe", "he2015-imagenet", "--images", "1281167").out)
    assert values["iterations"] == 450_450
    assert values["milestones"] == [150_150, 300_300]
    assert "epochs" not in values


@pytest.mark.parametrize("how", [(), ("--json",), ("--curve",)])
def test_images_that_change_nothing_are_said_to(ok, how):
    plain, with_images = ok("recipe", "short", *how), ok("recipe", "short", "--images", 10, *how)
    assert with_images.out == plain.out
    assert plain.notes == []
    assert with_images.notes == [
        "resprobe: short counts iterations, 1,000 of them for any images, so --images 10 changes "
        "nothing"
    ]
    assert ok("recipe", "li2018", "--images", 10, *how).notes == []


def test_the_curve_is_that_of_the_paper_in_pieces(ok):
    rows = ok("recipe", "he2015-cifar", "--curve", "--json").json["rows"]
    assert [(row["first"], row["last"]) for row in rows] == [
        (0, 31_999),
        (32_000, 47_999),
        (48_000, 63_999),
    ]
    assert [row["first_rate"] for row in rows] == pytest.approx([0.1, 0.01, 0.001])
    said = ok("recipe", "li2018", "--images", "50000", "--curve").out
    assert re.search(r"^107525 117299 +0\.0001 +0\.0001$", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "arch", "said"),
    [
        ("he2015-cifar", "resnet56", "resnet56, 56 layers: no warm-up"),
        ("he2015-cifar", "resnet110", "0.01 until the training error is below 0.8, then the recip"),
        ("huang2016-stochastic-depth-1202", "resnet1202", "0.01 for 10 epochs, then the recipe's"),
    ],
)
def test_it_is_said_whether_a_network_warms_up(ok, name, arch, said):
    printed = ok("recipe", name, "--arch", arch).out
    assert printed.splitlines()[-1].startswith("# ")
    assert said in printed
    assert tomllib.loads(printed)["name"] == name
    assert said in ok("recipe", name, "--arch", arch, "--json").json["meta"]["warm_up"]


def test_what_cannot_be_meant_is_one_sentence(call):
    Path("broken.toml").write_text("learning_rate 0.1")
    Path("wrong.toml").write_text("learning_rate = -1")
    he, landscape = ("recipe", "he2015-cifar"), ("recipe", "li2018")
    photographs = ("recipe", "he2015-imagenet", "--set", "epochs=none")
    short = ("recipe", "short", "--set", "iterations=none")
    for code, match, asked in [
        (2, "unknown recipe 'he2015': did you mean 'he2015-cifar'", ("recipe", "he2015")),
        (3, r"no\.toml: the recipe cannot be read", ("recipe", "no.toml")),
        (3, r"broken\.toml: not TOML: .*line 1", ("recipe", "broken.toml")),
        (3, r"wrong\.toml: learning_rate of wrong must be .*; got -1", ("recipe", "wrong.toml")),
        (2, "unknown key of a recipe 'lerning_rate': did you", (*he, "--set", "lerning_rate=1")),
        (2, "--set nesterov: wanted NAME=VALUE", (*he, "--set", "nesterov")),
        (2, "set milestones in it too, .* use --epochs", (*he, "--set", "epochs=9")),
        (2, "set milestones in it too", (*photographs, "--set", "iterations=100000")),
        (2, "set ramp in it too", (*short, "--set", "epochs=200")),
        (2, "momentum of he2015-cifar must be .*; got 1.0", (*he, "--set", "momentum=1")),
        (2, "did you mean 'learning_rate'", (*he, "--set", "lr=1")),
        (2, "crop_size of he2015-cifar has no effect", (*he, "--set", "crop_size=32")),
        (2, "--curve needs --images N", (*landscape, "--curve")),
        (2, "name it, or a .toml file, first", ("recipe", "--curve")),
        (2, "unknown architecture|resnet21", (*he, "--arch", "resnet21")),
    ]:
        ran = call(*asked)
        assert (ran.code, ran.out, len(ran.notes)) == (code, "", 1)
        assert re.search(match, ran.err), ran.err
