import re

import pytest

import resprobe
from resprobe.results import Result

KINDS = ("geometry", "geometry-values", "geometry-alignment", "geometry-matrices",
         "geometry-stream")  # fmt: skip
SMALL = ("--images", "2", "--k", "3", "--iterations", "1")


@pytest.fixture(scope="module")
def deep(pets, tmp_path_factory):
    """A network of ours in which blocks can be compared, saved and not trained."""
    from resprobe.networks import Architecture

    architecture = Architecture("resnet14", num_classes=2, width=2)
    path = tmp_path_factory.mktemp("nets") / "resnet14.pt"
    resprobe.save(
        path, architecture.build(seed=1), architecture=architecture, recipe={}, epoch=None,
        figures={}, normalisation=resprobe.Normalisation((0.5,) * 3, (0.25,) * 3),
        data=f"folder:{pets}",
    )  # fmt: skip
    return path


def test_a_checkpoint_gives_what_the_library_gives(ok, deep, pets, tmp_path):
    ran = ok("geometry", "--ckpt", deep, *SMALL, "--out", tmp_path / "out", "--quiet")
    for kind in KINDS:
        for ending in ("csv", "json", "png", "svg"):
            assert (tmp_path / "out" / f"{kind}.{ending}").stat().st_size > 0
    checkpoint = resprobe.load(deep)
    images = resprobe.load_data(f"folder:{pets}", split="test").subset(2)
    data = resprobe.Batches(images, checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    found = resprobe.geometry(chain, data, k=3, iterations=1)
    saved = Result.load(tmp_path / "out" / "geometry.csv").frame
    assert saved["sigma_1"].tolist() == pytest.approx(found.blocks.frame["sigma_1"].tolist())
    assert "layer1.0" in ran.out
    assert "mean over 2 image(s)" in ran.out
    assert re.search(r"resnet14 +1 +2 ", ran.out)  # the stage with two blocks


def test_json_holds_every_table(ok, deep):
    found = ok("geometry", "--ckpt", deep, *SMALL, "--json", "--quiet").json
    assert found.keys() == {"meta", "rows", "values", "alignment", "matrices", "stream"}
    assert found["meta"]["settings"]["k"] == 3
    assert found["meta"]["depth"] == []


def test_three_depths_give_a_law_and_two_say_that_they_do_not(ok, pets):
    three = ok("geometry", "--arch", "resnet8,resnet14,resnet20", "--width", "2", "--data",
               f"folder:{pets}", *SMALL)  # fmt: skip
    assert re.search(r"residual networks: sigma 1 goes as the number of blocks to the power "
                     r"[+-]\d.* 3 networks\.", three.out)  # fmt: skip
    assert any("mean nothing before training" in note for note in three.notes)
    two = ok("geometry", "--arch", "resnet8,plain8", "--width", "2", "--data", f"folder:{pets}",
             *SMALL, "--quiet")  # fmt: skip
    assert "residual networks: how sigma 1 goes" in two.out
    assert "plain networks: how sigma 1 goes" in two.out


def test_a_network_in_which_nothing_can_be_compared_has_fewer_tables(ok, net):
    found = ok("geometry", "--ckpt", net, *SMALL, "--json", "--quiet").json
    assert found.keys() == {"meta", "rows", "values", "alignment", "stream"}


def test_a_dry_run_measures_nothing(ok, deep, tmp_path):
    ran = ok("geometry", "--ckpt", deep, "--dry-run", "--out", tmp_path / "out", "--quiet")
    assert "12 singular triplets" in ran.out
    assert "8 images" in ran.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"), [(("--k", "0"), "--k"), (("--iterations", "-1"), "--iterations")]
)
def test_what_cannot_be_meant_is_a_usage_error(call, deep, options, said):
    ran = call("geometry", "--ckpt", deep, *options)
    assert ran.code == 2
    assert said in ran.err
