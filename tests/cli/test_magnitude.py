import pytest

import resprobe
from resprobe.results import Result

SMALL = ("--width", "2", "--images", "10")


def test_a_checkpoint_gives_what_the_library_gives(ok, net, pets):
    found = ok("magnitude", "--ckpt", net, "--json").json
    checkpoint = resprobe.load(net)
    data = resprobe.Batches(resprobe.load_data(f"folder:{pets}"), checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    sizes = resprobe.magnitude(chain, data, network="resnet8")
    assert found["rows"] == sizes.blocks.frame.to_dict("records")
    assert found["meta"]["batch_norm"] == "running"
    for row, wanted in zip(
        found["responses"], sizes.responses.frame.to_dict("records"), strict=True
    ):
        assert {key for key, value in row.items() if value is None} == {
            key for key, value in wanted.items() if value != value
        }
        assert {k: v for k, v in row.items() if v is not None} == {
            k: v for k, v in wanted.items() if v == v
        }


def test_plain_and_residual_networks_at_initialisation_stand_in_one_table(ok, pets):
    ran = ok("magnitude", "--arch", "plain8,resnet8", "--data", f"folder:{pets}", *SMALL)
    lines = ran.out.splitlines()
    assert lines[0].split()[:4] == ["network", "block", "name", "kind"]
    assert [line.split()[0] for line in lines[1:7]] == ["plain8:width=2"] * 3 + [
        "resnet8:width=2"
    ] * 3
    assert lines[1].split()[4:6] == ["-", "-"]
    assert "±" in lines[4]
    assert lines[7].startswith("Ratio: ||F(x)|| / ||s(x)|| per image")
    assert "over 10 images" in lines[7]
    assert "7 layers" in lines[8]
    assert any("BatchNorm uses the statistics of each batch of 10" in note for note in ran.notes)


def test_out_gets_both_tables_and_their_figures(ok, net, tmp_path):
    ok("magnitude", "--ckpt", net, "--out", "results")
    kinds = ("magnitude", "magnitude-responses")
    wanted = {f"{kind}.{ending}" for kind in kinds for ending in ("csv", "json", "png", "svg")}
    assert wanted <= {path.name for path in (tmp_path / "results").iterdir()}
    assert len(Result.load(tmp_path / "results" / "magnitude.csv").frame) == 3


def test_batch_norm_can_be_chosen_and_nothing_else(ok, refused, net):
    asked = ("magnitude", "--ckpt", net, "--json", "--batch-norm")
    running, batch = (ok(*asked, choice).json for choice in ("running", "batch"))
    assert running["rows"] != batch["rows"]
    assert batch["meta"]["batch_norm"] == "batch"
    refused(2, "choice for --batch-norm", *asked, "none")


@pytest.mark.parametrize(("more", "n"), [((), 1000), (("--images", "30"), 30)])
def test_a_dry_run_says_what_would_run_and_measures_nothing(ok, tmp_path, more, n):
    asked = ("magnitude", "--arch", "resnet8", "--width", "2", "--dry-run", "--json", *more)
    (row,) = ok(*asked).json["rows"]
    assert (row["study"], row["images"], row["block_evaluations"]) == ("magnitude", n, 3)
    assert list(tmp_path.iterdir()) == []
