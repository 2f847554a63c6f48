import pytest

import resprobe
from resprobe.results import Result

NAMES = ("exact", "rms", "sampled")


@pytest.fixture
def paths(ok, net):
    """Return the function that measures the trained network's paths."""
    return lambda *more: ok("paths", "--ckpt", net, *more)


def known(rows):
    """Without the figures that a method has not: null in JSON, NaN in a frame."""
    return [{k: v for k, v in row.items() if v is not None and v == v} for row in rows]


def test_a_checkpoint_gives_what_the_library_gives(paths, net, pets):
    found = paths("--json", "--method", "all", "--draws", "3", "--transitions", "counted").json
    checkpoint = resprobe.load(net)
    data = resprobe.Batches(resprobe.load_data(f"folder:{pets}"), checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    result = resprobe.paths(chain, data, method="all", draws=3, network="resnet8")
    assert known(found["rows"]) == known(result.frame.to_dict("records"))
    assert list(dict.fromkeys(row["method"] for row in found["rows"])) == list(NAMES)
    assert found["meta"]["networks"][0]["checkpoint_sha256"]


def test_the_text_has_a_row_per_length_and_a_sentence_per_method(paths):
    ran = paths("--method", "all", "--draws", "2", "--lengths", "1-2")
    lines = ran.out.splitlines()
    assert [line.split()[:3] for line in lines[1:5]] == [
        ["resnet8", "counted", str(length)] for length in range(4)
    ]
    assert ran.notes[-1].startswith("resprobe: resnet8: 1 of 3 blocks")
    for method in NAMES:
        said = [line for line in lines if line.startswith(f"resnet8, {method}, ")]
        assert "at least 0.95 of the weight" in said[0]
        assert "of 3 branches: " in said[0]
        assert "lengths 1 to 2: 0.75 of all paths" in said[1]
        assert ("of the gradient" in said[0]) == (method == "exact")


def test_out_gets_the_table_and_its_figure(paths, tmp_path):
    found = paths("--out", "results", "--json").json
    wanted = {f"paths.{ending}" for ending in ("csv", "json", "png", "svg")}
    assert wanted <= {path.name for path in (tmp_path / "results").iterdir()}
    saved = Result.load(tmp_path / "results" / "paths.json")
    assert known(saved.frame.to_dict("records")) == known(found["rows"])


def test_several_networks_are_overlaid(ok, net):
    found = ok("paths", "--ckpt", net, "--ckpt", net, "--json").json
    assert {row["network"] for row in found["rows"]} == {"resnet8#1", "resnet8#2"}
    assert [len(entry["paths"]) for entry in found["meta"]["networks"]] == [1, 1]


def test_a_dry_run_measures_and_writes_nothing(paths, tmp_path):
    ran = paths("--method", "all", "--dry-run", "--out", "results")
    assert ran.out.startswith("resnet8: paths: all, transitions both; 12 images, ")
    assert "block evaluations per image" in ran.out
    assert list(tmp_path.iterdir()) == []


def test_the_law_needs_no_network(ok, tmp_path):
    ran = ok("paths", "--law", "54", "--lengths", "5-17")
    lines = ran.out.splitlines()
    assert lines[1 + 27].split() == ["27", "1946939425648112", "0.1081"]
    assert lines[-1].startswith("Lengths 5 to 17: ")
    assert lines[-1].endswith(" paths, 0.004537 of all.")
    found = ok("paths", "--law", "54", "--lengths", "19-35", "--json", "--out", "law").json
    assert found["meta"]["asked"]["paths_share"] == pytest.approx(0.9802, abs=5e-5)
    assert len(found["rows"]) == 55
    assert (tmp_path / "law" / "path-law.png").exists()


def test_networks_at_initialisation_are_told_what_their_statistics_are(ok):
    ran = ok("paths", "--arch", "resnet8", "--width", "2", "--images", "4")
    assert "resprobe: resnet8:width=2: BatchNorm uses its running statistics, which mean " \
        "nothing before training" in ran.notes  # fmt: skip


@pytest.mark.parametrize(
    ("code", "match", "more"),
    [
        (3, "plain blocks only", ("--arch", "plain8")),
        (3, "mixes with the others'", ("--arch", "resnet8", "--batch-norm", "batch")),
        (3, "at least 2 are wanted", ("--arch", "resnet8", "--transitions", "apart")),
        (2, "did you mean 'rms'", ("--arch", "resnet8", "--method", "rmss")),
        (2, "0 draws were asked for", ("--arch", "resnet8", "--draws", "0")),
        (2, "such as 5-17", ("--arch", "resnet8", "--lengths", "five")),
        (2, "lengths from 2 to 9", ("--arch", "resnet8", "--lengths", "2-9")),
        (2, "--share 95: wanted a share", ("--arch", "resnet8", "--share", "95")),
        (2, "above 0 and at most 1", ("--arch", "resnet8", "--share", "0")),
        (2, "--law runs no network", ("--arch", "resnet8", "--law", "54")),
        (2, "no network named", ()),
        (2, r"paths of 0 block\(s\)", ("--law", "0")),
        (2, "lengths from 5 to 60", ("--law", "54", "--lengths", "5-60")),
    ],
)
def test_bad_input_is_one_sentence(refused, code, match, more):
    small = ("--width", "2", "--images", "2") if "--arch" in more else ()
    refused(code, match, "paths", *more, *small)
