import pytest

import resprobe
from resprobe.results import Result

KINDS = ("readout", "readout-decisions", "readout-borderline")


def test_a_checkpoint_gives_what_the_library_gives(ok, net, pets):
    found = ok("readout", "--ckpt", net, "--quiet", "--json").json
    checkpoint = resprobe.load(net)
    images = [resprobe.load_data(f"folder:{pets}", split=split) for split in ("test", "train")]
    data, fit = (resprobe.Batches(some, checkpoint.normalisation) for some in images)
    chain = resprobe.unravel(checkpoint.model, data.example())
    fit = resprobe.Batches(images[1].subset(12), checkpoint.normalisation)
    expected = resprobe.readout(chain, data, network="resnet8", fit=fit)
    for key, result in zip(("rows", "decisions", "borderline"), expected, strict=True):
        assert Result("x", result.frame).to_json() == Result("x", _frame(found[key])).to_json()
    assert found["meta"]["networks"][0]["probes_fitted_on"]["n"] == 12
    assert found["meta"]["settings"]["stable"] == 2


def _frame(rows):
    import pandas as pd

    return pd.DataFrame(rows)


def test_out_gets_the_tables_and_their_figures(ok, net, tmp_path):
    ok("readout", "--ckpt", net, "--quiet", "--out", "results")
    wanted = {f"{kind}.{ending}" for kind in KINDS for ending in ("csv", "json", "png", "svg")}
    assert wanted <= {path.name for path in (tmp_path / "results").iterdir()}


def test_the_text_is_a_line_per_block_then_decisions_and_what_the_columns_are(ok, net):
    lines = ok("readout", "--ckpt", net, "--fit-images", 16, "--quiet").out.splitlines()
    assert [line.split()[2] for line in lines[1:4]] == ["layer1.0", "layer2.0", "layer3.0"]
    assert sum("of 3 blocks in the mean." in line for line in lines) == 3
    assert "fitted on 16 training images" in lines[-1]
    assert lines[-1].endswith("over the stage output's standard deviation.")
    assert not any("nan" in line for line in lines)


def test_without_images_to_fit_there_are_no_probes(ok, net):
    found = ok("readout", "--ckpt", net, "--fit-images", 0, "--quiet", "--json").json
    assert {row["probe_accuracy"] for row in found["rows"]} == {None}
    text = ok("readout", "--ckpt", net, "--fit-images", 0, "--quiet").out
    assert "probe" not in text.splitlines()[-1]


def test_several_networks_plain_ones_too_are_told_apart(ok, net, trained):
    found = ok(
        "readout", "--ckpt", net, "--ckpt", trained / "plain8.pt", "--quiet", "--json"
    ).json  # fmt: skip
    assert [row["network"] for row in found["rows"]] == ["resnet8"] * 3 + ["plain8"] * 3
    assert [row["cosine"] for row in found["rows"][3:]] == [None] * 3


def test_a_dry_run_reads_nothing(ok, net, tmp_path):
    ran = ok("readout", "--ckpt", net, "--quiet", "--dry-run", "--out", "results")
    assert ran.out.startswith("resnet8: readout: head and cosine, probes fitted on 12 images; 12")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "match", "more"),
    [
        (2, "--split train: probes are fitted on training images and read on others",
         ("--split", "train")),
        (2, "penalty is a number above 0; got 0", ("--penalty", "0")),
        (2, "1000 images wanted; the train split of folder:pets has 16", ("--fit-images", "1000")),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(refused, net, code, match, more):
    refused(code, match, "readout", "--ckpt", net, *more)
