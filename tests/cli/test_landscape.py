import signal

import pytest

import resprobe
from resprobe.results import Result


def test_a_checkpoint_gives_what_the_library_gives_and_leaves_no_part(ok, net, pets, tmp_path):
    out = tmp_path / "out"
    ran = ok("landscape", "--ckpt", net, "--points", "3", "--out", out, "--quiet")
    names = {f"landscape.{ending}" for ending in ("csv", "json", "png", "svg")}
    assert names <= {path.name for path in out.iterdir()}
    assert not list(out.glob("*.part"))
    checkpoint = resprobe.load(net)
    data = resprobe.Batches(
        resprobe.load_data(f"folder:{pets}", split="test"), checkpoint.normalisation
    )
    chain = resprobe.unravel(checkpoint.model, data.example())
    wanted = resprobe.landscape(chain, data, points=3).frame
    saved = Result.load(out / "landscape.csv").frame
    assert saved.drop(columns="network").equals(wanted.drop(columns="network"))
    assert "9 places up to 1 filter norms away, on 12 image(s)" in ran.out


def test_several_networks_go_along_lines(ok, trained, tmp_path):
    ran = ok("landscape", "--ckpt", trained / "resnet8.pt", "--ckpt", trained / "plain8.pt",
             "--line", "--points", "5", "--span", "0.5", "--json", "--quiet")  # fmt: skip
    rows = ran.json["rows"]
    assert [row["network"] for row in rows] == ["resnet8"] * 5 + ["plain8"] * 5
    assert [row["a"] for row in rows[:5]] == [-0.5, -0.25, 0.0, 0.25, 0.5]
    assert {row["b"] for row in rows} == {0.0}
    assert len(ran.json["meta"]["networks"]) == 2


def test_a_dry_run_counts_the_places(ok, net):
    assert "a plane of 441 places" in ok("landscape", "--ckpt", net, "--dry-run").out
    assert "a line of 51 places" in ok("landscape", "--ckpt", net, "--dry-run", "--line").out


@pytest.mark.parametrize(
    ("options", "said"),
    [(("--points", "4"), "an odd number"), (("--points", "1"), "an odd number"),
     (("--span", "0"), "a number above 0"), (("--span", "nan"), "a number above 0")],
)  # fmt: skip
def test_what_is_no_grid_is_one_sentence(refused, net, options, said):
    refused(2, said, "landscape", "--ckpt", net, *options)


@pytest.mark.long
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_slice_is_gone_on_with(ok, interrupted, net, tmp_path, ending):
    arguments = ("landscape", "--ckpt", net, "--line", "--points", "5")
    part = tmp_path / "out" / "landscape-resnet8-line.part"
    code = interrupted(part, ending, *arguments, "--out", tmp_path / "out")
    assert code == (130 if ending == signal.SIGINT else -ending)
    ran = ok(*arguments, "--out", tmp_path / "out")
    assert any("going on from landscape-resnet8-line.part, after 1 places" in note
               for note in ran.notes)  # fmt: skip
    whole = ok(*arguments, "--out", tmp_path / "again")
    assert whole.out == ran.out
    found = [(tmp_path / folder / "landscape.csv").read_bytes() for folder in ("out", "again")]
    assert found[0] == found[1]
    assert not part.exists()
