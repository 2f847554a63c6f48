import pytest
import torch

import resprobe
from resprobe.results import Result

SMALL = ("--width", "2", "--images", "10")


def test_networks_at_initialisation_are_overlaid_on_the_same_images(ok, pets):
    ran = ok("gradflow", "--arch", "plain8, resnet8", "--data", f"folder:{pets}", *SMALL, "--json")
    found, both = ran.json, ["plain8:width=2", "resnet8:width=2"]
    assert found.keys() == {"meta", "rows", "weights"}
    for table, length in (("rows", 3), ("weights", 10)):
        names = [row["network"] for row in found[table]]
        assert list(dict.fromkeys(names)) == both
        assert names.count(both[0]) >= length
    assert found["meta"]["batch_norm"] == "batch"
    assert len(ran.notes) == 5  # the normalisation is said once for both
    assert ran.notes[1:] == [
        f"resprobe: {name}: {said}"
        for said in (
            "at initialisation, seed 0, not trained",
            "BatchNorm uses the statistics of each batch of 10",
        )
        for name in both
    ]


def test_a_checkpoint_gives_what_the_library_gives(ok, net, pets):
    found = ok("gradflow", "--ckpt", net, "--json").json
    checkpoint = resprobe.load(net)
    data = resprobe.Batches(resprobe.load_data(f"folder:{pets}"), checkpoint.normalisation)
    chain = resprobe.unravel(checkpoint.model, data.example())
    flow = resprobe.gradflow(chain, data, network="resnet8")
    assert found["rows"] == flow.blocks.frame.to_dict("records")
    assert found["weights"] == flow.weights.frame.to_dict("records")
    assert found["meta"]["batch_norm"] == "running"


def test_the_seed_is_that_of_the_initialisation(ok):
    first, again, other = (
        ok("gradflow", "--arch", "resnet8", *SMALL, "--json", "--seed", seed).json["rows"]
        for seed in ("1", "1", "2")
    )
    assert first == again != other


def test_batch_norm_can_be_chosen(ok, net):
    asked = ("gradflow", "--ckpt", net, "--json", "--batch-norm")
    running, batch = (ok(*asked, choice) for choice in ("running", "batch"))
    assert running.notes == []
    assert batch.notes == ["resprobe: resnet8: BatchNorm uses the statistics of each batch of 12"]
    assert running.json["rows"] == ok("gradflow", "--ckpt", net, "--json").json["rows"]
    assert running.json["rows"] != batch.json["rows"]


@pytest.mark.parametrize(("more", "n"), [((), 256), (("--images", "300"), 300)])
def test_the_number_of_images_is_256_unless_said(ok, more, n):
    asked = ("gradflow", "--arch", "resnet8", "--width", "2", "--dry-run", "--json", *more)
    assert [row["images"] for row in ok(*asked).json["rows"]] == [n]


def test_out_gets_both_tables_and_their_figures(ok, net, tmp_path):
    found = ok("gradflow", "--ckpt", net, "--out", "results", "--json").json
    kinds = ("gradflow", "gradflow-weights")
    wanted = {f"{kind}.{ending}" for kind in kinds for ending in ("csv", "json", "png", "svg")}
    assert wanted <= {path.name for path in (tmp_path / "results").iterdir()}
    for kind, rows in zip(kinds, ("rows", "weights"), strict=True):
        saved = Result.load(tmp_path / "results" / f"{kind}.json")
        assert saved.frame.to_dict("records") == found[rows]


def test_the_text_is_one_line_per_block(ok, net):
    lines = ok("gradflow", "--ckpt", net).out.splitlines()
    numbers = ["output", "identity", "residual", "input", "cosine", "residual", "share"]
    numbers += ["identity", "path"]
    assert lines[0].split() == ["network", "block", "name", "stage", "kind", *numbers]
    assert [line.split()[2] for line in lines[1:4]] == ["layer1.0", "layer2.0", "layer3.0"]
    assert lines[4].startswith("L2 norms of dL/dx per image, mean over 12 images")


def test_a_dry_run_measures_and_writes_nothing(ok, tmp_path):
    ran = ok("gradflow", "--arch", "plain8,resnet8", *SMALL, "--dry-run", "--out", "results")
    assert [line.split(": ")[0] for line in ran.out.splitlines()] == [
        "plain8:width=2",
        "resnet8:width=2",
    ]
    assert "10 images, 1 program, 3 block evaluations per image; under 1 s" in ran.out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_batch_of_one_image_is_joined_to_another_or_refused(ok, refused, dry):
    at_once = ("gradflow", "--arch", "resnet18", "--width", "2")
    ok(*at_once, "--images", "5", "--batch-size", "4", *dry)
    match = r"at least 2 images in a batch; got 1 image\(s\) .* more images \(--images\)"
    refused(3, match, *at_once, "--images", "1", *dry)
    match = r"got 3 image\(s\) in batches of 1, so give it a larger batch size \(--batch-size\)"
    refused(3, match, *at_once, "--images", "3", "--batch-size", "1", *dry)
    ok(*at_once, "--images", "1", "--batch-norm", "running", *dry)


def test_statistics_are_claimed_only_where_there_is_batch_norm(ok):
    def claimed(arch):
        ran = ok("gradflow", "--arch", arch, "--images", "4", "--width", "2", "--json")
        return ran.json["meta"]["batch_norm"]

    assert claimed("resnet8:init=fixup") is None
    assert claimed("resnet8:init=fixup,resnet8") == "batch"


def test_the_growth_per_layer_is_said_of_networks_that_have_one(ok):
    ran = ok("gradflow", "--arch", "plain14,resnet8", "--width", "2", "--images", "20")
    last = ran.out.splitlines()[-1]  # resnet8 has one block that keeps the shape, plain14 four
    assert "resnet8:width=2: towards the input the gradient grows by a factor of" in last
    assert last.endswith("per layer, in 1 block that keeps the shape.")
    assert "95 % over blocks] per layer, in 4 blocks that keep the shape." in ran.out


def test_histograms_are_a_third_table(ok, net):
    found = ok("gradflow", "--ckpt", net, "--histograms", "--json").json
    assert found.keys() == {"meta", "rows", "weights", "histograms"}
    assert {row["part"] for row in found["histograms"]} == {"input", "identity", "residual"}
    assert "histograms" not in ok("gradflow", "--ckpt", net, "--json").json


@pytest.fixture
def epochs(net, tmp_path):
    """One network at three epochs, its weights a little smaller each time."""
    kept = resprobe.load(net)
    files = []
    for epoch in (1, 2, 10):
        for parameter in kept.model.parameters():
            parameter.data.mul_(0.99)
        files.append(
            resprobe.save(
                tmp_path / f"e{epoch}.pt", kept.model, architecture=kept.architecture,
                normalisation=kept.normalisation, data=kept.data, recipe={}, epoch=epoch,
                figures={},
            )
        )  # fmt: skip
    return files


def test_checkpoints_of_one_network_are_followed_over_its_training(ok, epochs, tmp_path):
    first, second, last = epochs
    files = ("--ckpt", last, "--ckpt", first, "--ckpt", second)
    found = ok("gradflow", *files, "--over-training", "--json", "--out", "results").json
    assert [row["step"] for row in found["rows"]] == [1, 1, 1, 2, 2, 2, 10, 10, 10]
    alone = ok("gradflow", "--ckpt", second, "--json").json["rows"]
    for row, wanted in zip(found["rows"][3:6], alone, strict=True):
        for column in ("identity", "residual", "input", "identity_path"):
            assert row[column] == wanted[column]
    assert (tmp_path / "results" / "gradflow-training.png").stat().st_size > 10_000
    text = ok("gradflow", *files, "--over-training").out.splitlines()
    assert text[0].split()[:4] == ["network", "epoch", "block", "name"]
    assert len(text) == 1 + 3 * 3 + 1


def test_what_cannot_be_followed_over_a_training_is_refused(refused, epochs, net, foreign):
    refused(2, "got epochs 2, 2", "gradflow", *("--ckpt", epochs[1]) * 2, "--over-training")
    refused(2, "two checkpoints or more", "gradflow", "--ckpt", epochs[0], "--over-training")
    refused(2, "does not say which epoch", "gradflow", "--arch", "resnet8", "--width", "2",
            "--images", "4", "--over-training")  # fmt: skip


def test_a_watch_is_followed_without_running_anything(ok, refused, tmp_path):
    model = resprobe.Architecture("resnet8", width=2).build()
    images = torch.randn(4, 3, 16, 16)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    with resprobe.watch(model, images, optimiser=optimiser, out="r8-watch.csv"):
        for _ in range(2):
            torch.nn.functional.cross_entropy(model(images), torch.arange(4)).backward()
            optimiser.step()
    found = ok("gradflow", "--watched", "r8-watch.csv", "--json", "--out", "results").json
    assert [row["step"] for row in found["rows"]] == [1, 1, 1, 2, 2, 2]
    assert {row["network"] for row in found["rows"]} == {"r8"}
    assert all(row["input"] > 0 and row["identity_path"] is None for row in found["rows"])
    assert (tmp_path / "results" / "gradflow-training.csv").exists()
    text = ok("gradflow", "--watched", "r8-watch.csv").out
    assert text.splitlines()[0].split()[:4] == ["network", "step", "block", "name"]
    assert "the loss as it was differentiated" in text
    refused(
        2, "--watched runs no network", "gradflow", "--watched", "r8-watch.csv", "--arch", "resnet8"
    )
    refused(3, "none.csv: cannot be read", "gradflow", "--watched", "none.csv")
