"""What train is asked for and cannot do: one sentence each, nothing changed."""

import shutil
from pathlib import Path

import pytest

ASKED = ("train", "--arch", "resnet8", "--width", "2", "--epochs", "1")


@pytest.fixture
def here(trained, pets, tmp_path):
    """A run of resnet8 on the pets at net.pt."""
    for path in trained.glob("resnet8*"):
        shutil.copy(path, tmp_path / path.name.replace("resnet8", "net"))
    return ("--data", f"folder:{pets}", "--validation", "0.25", "--out", "net.pt")


def test_a_run_that_is_there_is_neither_replaced_nor_mixed_up(refused, here):
    refused(2, r"net\.pt: exists already; .*--resume.*--overwrite.*--out", *ASKED, *here)
    refused(2, "--resume and --overwrite were both given", *ASKED, *here, "--resume", "--overwrite")
    Path("net.pt").unlink()
    refused(2, r"net-last\.pt: exists already", *ASKED, *here)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--arch", "plain8"), "a training of resnet8:width=2, and not of plain8:width=2"),
        (("--width", "4"), "a training of resnet8:width=2, and not of resnet8:width=4"),
        (("--epochs", "2"), r"its recipe has iterations = 1 \(--epochs\), and not 2"),
        (("--recipe", "short"), "its recipe has name = he2015-cifar, and not short"),
        (("--set", "weight_decay=0"), r"its recipe has weight_decay = 0\.0001, and not 0"),
        (("--seed", "1"), "a training with seed 0, and not 1"),
        (("--images", "12"), r"on 16 images of folder:pets, and not on these 12 of folder:pets"),
        (("--validation", "0.5"), r"its recipe has validation_fraction = 0\.25, and not 0\.5"),
        (("--normalise", "0,0,0/1,1,1"), "its images were normalised as "),
    ],
)
def test_another_run_is_not_gone_on_with(refused, here, more, match):
    match = rf"net-last\.pt: .*{match}.*; ask for the same .* --out"
    refused(2, match, *ASKED, *here, "--resume", *more)


def test_other_images_under_the_same_name_are_noticed(refused, here, pets):
    """Two images have changed places: same folder name, same numbers, other content."""
    shutil.copytree(pets, "elsewhere/pets")
    first, second = (Path("elsewhere/pets/train/dog") / f"{n}.png" for n in (1, 2))
    kept = first.read_bytes()
    assert kept != second.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    other = ("--data", "folder:elsewhere/pets", *here[2:])
    refused(2, "on 16 images of folder:pets, and not on these 16", *ASKED, *other, "--resume")


def test_the_same_images_elsewhere_are_the_same_data_set(ok, here, pets):
    shutil.copytree(pets, "elsewhere/dogs")
    ok(*ASKED, "--data", "folder:elsewhere/dogs", *here[2:], "--resume")


def test_damaged_states_are_said_or_refused(refused, ok, here):
    last = Path("net-last.pt")
    shutil.copy(last, "net-previous.pt")
    last.write_bytes(last.read_bytes()[:-1])
    ran = ok(*ASKED, *here, "--resume")
    assert "net-last.pt: " in ran.notes[0]
    assert ran.notes[0].endswith("going on from the state before it, net-previous.pt")
    for path in (last, Path("net-previous.pt")):
        path.write_bytes(b"no checkpoint")
    refused(4, r"net-last\.pt: .*net-previous\.pt: .*--overwrite", *ASKED, *here, "--resume")
    last.unlink()
    Path("net-previous.pt").unlink()
    refused(3, r"net\.pt: no net-last\.pt beside it", *ASKED, *here, "--resume")


def test_a_validation_split_that_leaves_a_class_empty(refused, pets):
    data = (*ASKED, "--data", f"folder:{pets}", "--out", "new/net.pt")
    refused(3, r"2 images held out of 16 include none of class 'cat'; .*--validation 0", *data)


@pytest.mark.parametrize(
    ("recipe", "code", "match"),
    [
        (("--recipe", "he2015"), 2, "unknown recipe 'he2015': did you mean 'he2015-cifar'"),
        (("--recipe", "gone.toml"), 3, r"gone\.toml: "),
        (("--recipe", "torn.toml"), 3, r"torn\.toml: "),
        (("--recipe", "odd.toml"), 3, "learning_rat"),
        (("--set", "learning_rate"), 2, "wanted NAME=VALUE"),
        (("--set", "learning_rate=fast"), 2, "learning_rate"),
        (("--set", "learning_rate=-1"), 2, "learning_rate"),
        (("--set", "momentum=nan"), 2, "momentum"),
        (("--set", "speed=1"), 2, "speed"),
        (("--set", "pad=1", "--set", "pad=2"), 2, "given twice"),
        (("--set", "crop=resized"), 2, r"photographs .*imagenet:PATH.*crop=pad"),
    ],
)
def test_a_recipe_that_cannot_be_meant(refused, pets, recipe, code, match):
    Path("torn.toml").write_text("learning_rate = [0.1,\n")
    Path("odd.toml").write_text("learning_rat = 0.1\n")
    data = ("--data", f"folder:{pets}", "--validation", "0.25", "--out", "new/net.pt")
    refused(code, match, *ASKED, *data, *recipe)


def test_several_seeds_are_refused_before_the_first_is_trained(refused, here):
    shutil.copy("net.pt", "net-seed2.pt")
    seeds = ("--seeds", "3")
    refused(2, r"net-seed2\.pt: exists already", *ASKED, *here, *seeds)
    Path("net-seed2.pt").unlink()
    Path("net-seeds.csv").write_text("of another study\n")
    refused(2, r"net-seeds\.csv: exists already", *ASKED, *here, *seeds)
