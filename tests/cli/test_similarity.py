import pytest

import resprobe

SMALL = ("--batch-size", "4", "--quiet")
KINDS = ("similarity", "similarity-summary")


def test_a_checkpoint_gives_what_the_library_gives(ok, net, pets):
    found = ok("similarity", "--ckpt", net, *SMALL, "--interiors", "--seed", 3, "--json").json
    checkpoint = resprobe.load(net)
    images = resprobe.load_data(f"folder:{pets}", split="test")
    data = resprobe.Batches(images, checkpoint.normalisation, 4)
    chain = resprobe.unravel(checkpoint.model, data.example())
    expected = resprobe.similarity(chain, data, network="resnet8", interiors=True, seed=3)
    assert found["rows"] == expected.layers.frame.to_dict("records")
    assert found["summary"] == expected.summary.frame.to_dict("records")
    assert len(found["rows"]) == 36
    assert found["meta"]["settings"] == {"interiors": True, "n": 12, "batches": 3}


def test_networks_are_compared_with_each_other(ok, net, trained):
    found = ok(
        "similarity", "--ckpt", net, "--ckpt", net, "--ckpt", trained / "plain8.pt", *SMALL,
        "--json",
    ).json  # fmt: skip
    pairs = list(dict.fromkeys((row["network"], row["other_network"]) for row in found["rows"]))
    names = ("resnet8#1", "resnet8#2", "plain8")
    assert pairs == [(a, b) for i, a in enumerate(names) for b in names[i:]]
    same = [row for row in found["summary"] if row["measure"] == "identified"
            and {row["network"], row["other_network"]} == set(names[:2])]  # fmt: skip
    assert [row["value"] for row in same] == [1.0, 1.0]
    assert [entry["network"] for entry in found["meta"]["networks"]] == list(names)


def test_out_gets_both_tables_and_their_figures(ok, net, tmp_path):
    ok("similarity", "--ckpt", net, *SMALL, "--out", "results")
    wanted = {f"{kind}.{ending}" for kind in KINDS for ending in ("csv", "json", "png", "svg")}
    assert wanted <= {path.name for path in (tmp_path / "results").iterdir()}


def test_the_text_is_the_means_and_what_finds_what(ok, net):
    lines = ok("similarity", "--ckpt", net, "--ckpt", net, *SMALL).out.splitlines()
    assert lines[0].split() == [
        "network", "with", "measure", "places", "stages", "CKA", "n"
    ]  # fmt: skip
    assert any(
        line.startswith("resnet8#1: 1.000 [") and line.endswith("one of resnet8#2.")
        for line in lines
    )
    assert lines[-1].startswith("Linear CKA, unbiased, mean over pairs of different layers")
    assert "12 images in 3 batches" in lines[-1]


def test_a_dry_run_compares_nothing(ok, net, tmp_path):
    ran = ok("similarity", "--ckpt", net, *SMALL, "--dry-run", "--out", "results")
    assert ran.out.startswith("resnet8: similarity: 3 layers, 9 pairs; 12 images, 1 program, ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "match", "more"),
    [
        (2, "4 images or more in a batch; got a batch size of 3", ("--batch-size", "3")),
        (3, "4 images or more; got 2", ("--images", "2")),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(refused, net, code, match, more):
    refused(code, match, "similarity", "--ckpt", net, *more)
