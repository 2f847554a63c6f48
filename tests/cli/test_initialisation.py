import pytest

import resprobe
from resprobe.networks import Architecture
from resprobe.results import Result

SMALL = ("--width", "2", "--images", "10")


def test_draws_are_the_seeds_from_the_one_that_is_given(ok, pets):
    asked = ("initialisation", "--arch", "resnet8", "--data", f"folder:{pets}", "--width", "2")
    ran = ok(*asked, "--draws", "3", "--seed", "4", "--json")
    images = resprobe.load_data(f"folder:{pets}")
    data = resprobe.Batches(images, resprobe.Normalisation((0.5,) * 3, (0.5,) * 3))
    network = Architecture("resnet8", num_classes=len(images.classes), width=2)

    def drawn(seed):
        return resprobe.unravel(network.build(seed=seed), data.example())

    shown = ran.json["meta"]["data"]["normalisation"]
    data = resprobe.Batches(images, resprobe.Normalisation(shown["mean"], shown["std"]))
    wanted = resprobe.initialisation(drawn, data, draws=3, seed=4, network="resnet8:width=2")
    assert ran.json["rows"] == wanted.frame.to_dict("records")
    assert ran.json["meta"]["draws"] == 3
    assert "resprobe: resnet8:width=2: BatchNorm uses the statistics of each batch of 12" in (
        ran.notes
    )


def test_networks_are_overlaid_and_each_has_its_own_draws(ok):
    found = ok("initialisation", "--arch", "plain8,resnet8:init=fixup", *SMALL, "--draws", "2",
               "--json").json  # fmt: skip
    assert [row["network"] for row in found["rows"][::3]] == [
        "plain8:width=2",
        "resnet8:width=2:init=fixup",
    ]
    plain, fixup = found["rows"][0], found["rows"][3]
    assert (plain["branch_share"], plain["is_identity"]) == (None, False)
    assert (fixup["branch_share"], fixup["is_identity"], fixup["branch_max"]) == (0, True, 0)
    assert plain["gradient_norm_se"] > 0
    assert found["meta"]["batch_norm"] == "batch"


def test_a_trained_network_is_measured_once_in_eval_mode(ok, net):
    ran = ok("initialisation", "--ckpt", net, "--draws", "3", "--json")
    assert "resprobe: resnet8: trained, and so measured once" in ran.notes
    assert [row["draws"] for row in ran.json["rows"]] == [1, 1, 1]
    assert ran.json["meta"]["batch_norm"] == "running"
    batch = ok("initialisation", "--ckpt", net, "--json", "--batch-norm", "batch").json
    assert batch["rows"] != ran.json["rows"]


def test_out_gets_table_and_figure(ok, tmp_path):
    found = ok("initialisation", "--arch", "resnet8", *SMALL, "--out", "results", "--json").json
    files = {path.name for path in (tmp_path / "results").iterdir()}
    assert {f"initialisation.{ending}" for ending in ("csv", "json", "png", "svg")} <= files
    saved = Result.load(tmp_path / "results" / "initialisation.csv")
    assert saved.frame["variance"].tolist() == [row["variance"] for row in found["rows"]]


def test_the_text_is_one_line_per_block_and_says_what_the_columns_are(ok):
    lines = ok("initialisation", "--arch", "resnet8", *SMALL, "--draws", "2").out.splitlines()
    assert lines[0].split()[5:] == [
        "E[x^2]", "Var(x)", "Var(F)/Var(s)", "share", "law", "|dy/dx|", "norm", "law",
        "correlation", "corr.", "law", "max|F|",
    ]  # fmt: skip
    assert [line.split()[2] for line in lines[1:4]] == ["layer1.0", "layer2.0", "layer3.0"]
    assert lines[4].startswith("Mean over 2 draws of the weights, 10 images. x is the block's")


def test_a_dry_run_measures_nothing(ok, tmp_path):
    ran = ok("initialisation", "--arch", "resnet8", *SMALL, "--draws", "3", "--dry-run", "--out",
             "results")  # fmt: skip
    assert "initialisation; 10 images, 3 programs, 9 block evaluations per image" in ran.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "match", "arguments"),
    [
        (2, "--draws", ("--arch", "resnet8", "--draws", "0")),
        (2, "choice for --batch-norm", ("--arch", "resnet8", "--batch-norm", "batches")),
        (3, "at least 2 images in a batch", ("--arch", "resnet8", "--images", "1")),
    ],
)
def test_what_cannot_be_meant_is_refused(call, code, match, arguments):
    ran = call("initialisation", *arguments, "--width", "2")
    assert ran.code == code
    assert match in ran.err
    assert "Traceback" not in ran.err
