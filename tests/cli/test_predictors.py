import pytest

import resprobe
from resprobe.results import Result

NAMES = ("ratio", "residual_share", "cosine", "error_rise", "loss_rise")


@pytest.fixture(scope="module")
def net(pets, tmp_path_factory):
    """A network of ours with six blocks, saved and not trained."""
    from resprobe.networks import Architecture

    architecture = Architecture("resnet14", num_classes=2, width=2)
    path = tmp_path_factory.mktemp("nets") / "resnet14.pt"
    resprobe.save(
        path,
        architecture.build(seed=1),
        architecture=architecture,
        recipe={},
        epoch=None,
        figures={},
        normalisation=resprobe.Normalisation((0.5,) * 3, (0.25,) * 3),
        data=f"folder:{pets}",
    )
    return path


SMALL = ("--sets", "3", "--quiet")


def test_a_checkpoint_gives_what_the_library_gives(ok, net, pets):
    found = ok("predictors", "--ckpt", net, *SMALL, "--json").json
    checkpoint = resprobe.load(net)
    data = resprobe.Batches(resprobe.load_data(f"folder:{pets}"), checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    expected = resprobe.predictors(chain, data, network="resnet14", sets=3)
    assert found["rows"] == expected.blocks.frame.to_dict("records")
    table = Result("x", expected.correlations.frame).to_json()
    assert len(found["correlations"]) == 24
    assert all(f'"estimate": {row["estimate"]}' in table or row["estimate"] is None
               for row in found["correlations"])  # fmt: skip
    assert found["meta"]["sets"] == 3


def test_out_gets_both_tables_and_their_figures(ok, net, tmp_path):
    ok("predictors", "--ckpt", net, *SMALL, "--out", "results")
    kinds = ("predictors", "predictors-correlations")
    wanted = {f"{kind}.{ending}" for kind in kinds for ending in ("csv", "json", "png", "svg")}
    assert wanted <= {path.name for path in (tmp_path / "results").iterdir()}


def test_the_text_is_a_line_per_block_and_per_correlation_and_an_answer(ok, net):
    ran = ok("predictors", "--ckpt", net, *SMALL)
    lines = ran.out.splitlines()
    assert [line.split()[2] for line in lines[1:7]] == [
        f"layer{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1)
    ]
    assert lines[7] == "Mean ± standard error, 12 images in 3 sets; loss in nats per image."
    assert sum(line.split()[1:2] == ["cosine"] for line in lines) == 4
    answer = next(line for line in lines if "does size predict damage?" in line)
    assert answer.startswith("resnet14: does size predict damage? error rise, ")
    assert "; loss rise, " in answer
    assert "nan" not in ran.out


def test_several_networks_are_told_apart(ok, net):
    found = ok("predictors", "--ckpt", net, "--ckpt", net, *SMALL, "--json").json
    assert [row["network"] for row in found["rows"]] == ["resnet14#1"] * 6 + ["resnet14#2"] * 6
    assert len(found["correlations"]) == 48


def test_a_dry_run_measures_nothing(ok, net, tmp_path):
    ran = ok("predictors", "--ckpt", net, *SMALL, "--dry-run", "--out", "results")
    assert ran.out.startswith("resnet14: predictors: single deletions, gradient flow and norms of ")
    assert "12 images, 9 programs, " in ran.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "match", "more"),
    [
        (3, "4 residual blocks or more; this network has 3", ("--arch", "resnet8")),
        (3, "plain blocks only", ("--arch", "plain14")),
        (3, "20 sets and there are 5; take more images or fewer sets",
         ("--arch", "resnet14", "--images", "5")),
        (2, "--sets", ("--arch", "resnet14", "--sets", "1")),
        (2, "no network named", ()),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(refused, call, code, match, more):
    width = ("--width", "2", "--images", "40") if more and "--images" not in more else ()
    if "--sets" in more:
        ran = call("predictors", *more)  # typer's own words, with a line of usage
        assert ran.code == 2
        assert match in ran.err
        return
    refused(code, match, "predictors", *more, *width)
