"""``resprobe lesion --study ...``: every study from the command line."""

import json
import re
import signal

import pytest
from lesion_frames import PLAIN, RESIDUAL, STUDIES, result

import resprobe
from resprobe.cli.commands.lesion import told
from resprobe.results import Result

SMALL = {
    "single": (),
    "layers": (),
    "random": ("--most", 2, "--draws", 3),
    "shuffle": ("--most", 2, "--draws", 3),
    "pairs": (),
    "greedy": ("--most", 2),
    "repeat": ("--times", "2"),
    "scale": ("--alphas", "0,0.5,1"),
}


@pytest.fixture(scope="module")
def deeper(pets, tmp_path_factory):
    """A checkpoint with two blocks of one shape, which resnet8 has not."""
    images = resprobe.load_data(f"folder:{pets}", split="train")
    architecture = resprobe.Architecture("resnet14", num_classes=2, width=2)
    path = tmp_path_factory.mktemp("deeper") / "resnet14.pt"
    return resprobe.save(
        path,
        architecture.build(seed=1).eval(),
        architecture=architecture,
        normalisation=resprobe.Normalisation.measured(images.images),
        data=f"folder:{pets}",
        recipe={},
        epoch=3,
        figures={},
    )


@pytest.fixture
def study(ok, deeper):
    """Return the function that runs a small study of the deeper network."""
    return lambda name, *more: ok("lesion", "--ckpt", deeper, "--study", name, *SMALL[name], *more)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_gives_the_rows_that_the_library_gives(study, name, deeper, pets):
    from resprobe import studies

    made = {
        "random": studies.Random(most=2, draws=3),
        "shuffle": studies.Shuffle(most=2, draws=3),
        "greedy": studies.Greedy(most=2),
        "repeat": studies.Repeat(times=(2,)),
        "scale": studies.Scale(alphas=(0, 0.5, 1)),
    }.get(name) or studies.STUDIES[name]()
    checkpoint = resprobe.load(deeper)
    data = resprobe.Batches(resprobe.load_data(f"folder:{pets}"), checkpoint.normalisation)
    learnt = resprobe.load_data(f"folder:{pets}", split="train").subset(12)
    chain = resprobe.unravel(checkpoint.model, data.example())
    expected = resprobe.lesion(
        chain,
        data,
        study=made,
        network="resnet14",
        selection=resprobe.Batches(learnt, checkpoint.normalisation) if name == "greedy" else None,
    )
    found = study(name, "--json").json
    assert found["rows"] == json.loads(expected.to_json())["rows"]
    assert found["meta"]["study"] == name


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_told_in_a_table_and_saved_with_its_figure(study, name, tmp_path):
    ran = study(name, "--out", "results")
    assert "resnet14" in ran.out
    assert "nan" not in ran.out
    there = {path.name for path in (tmp_path / "results").iterdir()}
    wanted = {f"lesion.{ending}" for ending in ("csv", "json", "png", "svg")}
    assert wanted <= there <= {*wanted, "lesion.parquet"}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--study", "singel"), "unknown study 'singel': did you mean 'single'. Known: sin"),
        (("--most", 3), "--most is for --study random or shuffle or greedy, and this is"),
        (("--study", "pairs", "--draws", 3), "--draws is for --study random or shuffle"),
        (("--study", "shuffle", "--no-transitions"), "--no-transitions is for --study random,"),
        (("--study", "scale", "--times", "2"), "--times is for --study repeat"),
        (("--study", "repeat", "--alphas", "2"), "--alphas is for --study scale"),
        (("--study", "random", "--save-pruned", "p.pt"), "--save-pruned is for --study greedy"),
        (("--study", "greedy", "--drop", 1), "give --save-pruned FILE too"),
        (("--study", "greedy", "--allowed-rise", "1%"), "give --save-pruned FILE too"),
        (("--study", "greedy", "--drop", 1, "--allowed-rise", "1%", "--save-pruned", "p.pt"),
         "--drop and --allowed-rise both say"),
        (("--study", "greedy", "--drop", 3, "--most", 2, "--save-pruned", "p.pt"),
         "--drop 3 is more than --most 2"),
        (("--study", "repeat", "--times", "2,x"), "--times 2,x: wanted whole numbers"),
        (("--study", "repeat", "--times", "1"), "repeated 2 to 1000 times"),
        (("--study", "scale", "--alphas", "0,nan"), "--alphas 0,nan: wanted numbers"),
        (("--tolerance", "half"), "--tolerance half: wanted a share from 0 to 1, such as 0.5%"),
        (("--tolerance", "50"), "--tolerance 50: wanted a share"),
        (("--tolerance", "0"), "above 0 and below 1; got 0"),
        (("--study", "greedy", "--split", "train", "--selection-images", 5),
         "--split train measures on them too"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(refused, deeper, options, match):
    refused(2, match, "lesion", "--ckpt", deeper, *options)


@pytest.mark.parametrize(
    ("code", "match", "options"),
    [
        (3, "up to 7 blocks and the network has 6", ("--study", "random", "--most", 7)),
        (3, "drop 7 blocks and the network has 6", ("--study", "greedy", "--most", 7)),
        (2, "1000 images wanted; the train split .* has 16", ("--recalibrate", 1000)),
        (2, "1000 images wanted", ("--study", "greedy", "--selection-images", 1000)),
    ],
)
def test_more_than_there_is_is_refused(refused, deeper, code, match, options):
    refused(code, match, "lesion", "--ckpt", deeper, *options)


def test_blocks_of_different_shapes_cannot_be_swapped(refused, net):
    refused(3, "swaps blocks of one shape", "lesion", "--ckpt", net, "--study", "shuffle")


def test_percent_and_fraction_mean_the_same(study):
    one, other = (study("single", "--json", "--tolerance", text).json for text in ("20%", "0.2"))
    assert one["rows"] == other["rows"]
    assert one["meta"]["tolerance"] == other["meta"]["tolerance"] == 0.2


def test_a_tolerance_is_told_with_the_images_that_it_took(study):
    text = study("single", "--tolerance", "20%").out
    assert (
        "Measured until the damage was known to ±0.2 or the images were used up: on 12 im" in text
    )


def test_damage_by_class_is_a_result_and_a_figure_of_its_own(study, tmp_path):
    ran = study("single", "--per-class", "--json", "--out", "results")
    assert {row["class_name"] for row in ran.json["rows"]} == {""}
    assert {row["class_name"] for row in ran.json["classes"]} == {"cat", "dog"}
    assert len(ran.json["classes"]) == 2 * len(ran.json["rows"])
    saved = Result.load(tmp_path / "results" / "lesion-classes.csv")
    assert len(saved.frame) == len(ran.json["classes"])
    assert (tmp_path / "results" / "lesion-classes.png").exists()


def test_the_class_that_is_hit_hardest_is_told(study):
    found = result("single", RESIDUAL, classes=True)
    by_class = found.frame["class_name"] != ""
    whole = Result("lesion", found.frame[~by_class], found.meta)
    text = told(whole, classes=found.frame[by_class])
    rows = found.frame[by_class & (found.frame["lesion"] == "delete:3")].sort_values("error_rise")
    hit = rows.iloc[-1]
    (line,) = [line for line in text.splitlines() if "delete:3" in line]
    assert f" {hit['class_name']} {hit['error_rise']:+.4f} " in line
    assert "hit hardest" in study("single", "--per-class").out


def test_recalibrated_figures_stand_beside_the_raw_ones(study):
    rows = study("single", "--recalibrate", 8, "--json").json
    assert rows["meta"]["recalibrated_on"]["n"] == 8
    assert rows["meta"]["recalibrated_on"]["split"] == "train"
    again = [row for row in rows["rows"] if row["batch_norm"] == "recalibrated"]
    assert len(again) == 7
    text = study("single", "--recalibrate", 8).out
    (line,) = [line for line in text.splitlines() if "delete:3" in line]
    assert f" {again[4]['accuracy']:.4f} " in line
    assert "Recalibrated on 8 images of folder:pets train." in text


def test_the_greedy_study_chooses_by_training_images(study):
    meta = study("greedy", "--json").json["meta"]
    assert (meta["selected_on"]["split"], meta["selected_on"]["n"]) == ("train", 12)
    assert study("greedy", "--json", "--selection-images", 5).json["meta"]["selected_on"]["n"] == 5


def test_choosing_and_measuring_on_the_same_images_is_said_to_flatter(study):
    ran = study("greedy", "--split", "train", "--json")
    assert ran.json["meta"]["selected_on"] == ran.json["meta"]["data"]
    assert "which flatters the figures" in ran.notes[0]


def test_the_images_held_out_are_not_among_those_chosen_by(ok, net):
    meta = ok("lesion", "--ckpt", net, "--study", "greedy", "--split", "validation", "--json",
              "--most", 1).json["meta"]  # fmt: skip
    assert (meta["data"]["n"], meta["selected_on"]["n"]) == (4, 4)
    asked = ("--study", "greedy", "--split", "validation", "--selection-images", 12)
    assert ok("lesion", "--ckpt", net, *asked, "--json").json["meta"]["selected_on"]["n"] == 12


def test_the_smaller_network_answers_as_the_study_measured(study, ok, tmp_path):
    ran = study("greedy", "--save-pruned", "small.pt", "--drop", 2)
    row = next(row for row in study("greedy", "--json").json["rows"]
               if row["k"] == 2 and not row["selection"])  # fmt: skip
    said = ran.out.splitlines()[-1]
    assert said.startswith("saved small.pt: resnet14:")
    assert f", 2 blocks fewer ({row['blocks']}); error {row['error']:.4f}, a rise of " in said
    assert re.search(r" on 12 images; [\d,]+ of [\d,]+ parameters; \d+\.\d\dx as fast \(", said)
    intact = ok("lesion", "--ckpt", "small.pt", "--json").json["rows"][0]
    assert (intact["correct"], intact["n"]) == (row["correct"], row["n"])
    assert intact["loss"] == pytest.approx(row["loss"], rel=1e-5)
    assert resprobe.load(tmp_path / "small.pt").figures["deleted"] == row["blocks"]


def test_the_most_blocks_that_cost_no_more_than_allowed_are_dropped(study):
    rows = study("greedy", "--json").json["rows"]
    chosen = [row for row in rows if row["selection"] and row["k"]]
    reported = {row["lesion"] for row in rows if not row["selection"]}
    rise = {row["k"]: row["error_rise"] for row in chosen if row["lesion"] in reported}
    allowed = max(rise.values())
    ran = study("greedy", "--save-pruned", "p.pt", "--allowed-rise", f"{100 * allowed + 0.01}%")
    assert f", {max(rise)} blocks fewer" in ran.out


def test_a_price_that_no_block_is_worth_leaves_the_results_and_no_network(
    call, deeper, tmp_path, monkeypatch
):
    monkeypatch.setattr("resprobe.cli.lesion_study.share", lambda *_, **__: -1.0)
    ran = call("lesion", "--ckpt", deeper, "--study", "greedy", "--most", 1, "--out", "results",
               "--save-pruned", "p.pt", "--allowed-rise", "1%")  # fmt: skip
    assert ran.code == 1
    assert "no block of resnet14 can be dropped" in ran.notes[-1]
    assert "allow more with --allowed-rise" in ran.notes[-1]
    assert (tmp_path / "results" / "lesion.csv").exists()
    assert not (tmp_path / "p.pt").exists()


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--model", "torchvision:resnet18"), "one whose architecture resprobe knows by name"),
        (("--arch", "resnet14"), "one whose architecture resprobe knows by name"),
    ],
)
def test_only_a_trained_network_of_ours_is_pruned(refused, more, match):
    refused(2, match, "lesion", *more, "--study", "greedy", "--save-pruned", "p.pt")


def test_one_network_at_a_time_is_pruned_and_never_onto_itself(refused, deeper):
    greedy = ("--study", "greedy", "--save-pruned")
    refused(2, "and 2 were given", "lesion", "--ckpt", deeper, "--ckpt", deeper, *greedy, "p.pt")
    refused(2, "is the checkpoint itself", "lesion", "--ckpt", deeper, *greedy, deeper)


def test_an_interrupted_study_goes_on_where_it_stopped(interrupted, ok, deeper, pets, tmp_path):
    from resprobe.cli.lesion_work import Work

    part = tmp_path / "results" / "lesion-resnet14-greedy.part"
    assert Work.part(tmp_path / "results", "resnet14", "greedy") == part
    arguments = ("lesion", "--ckpt", deeper, "--study", "greedy", "--json", "--out", "results",
                 "--batch-size", 1)  # fmt: skip
    assert interrupted(part, signal.SIGINT, *arguments) == 130
    assert not (tmp_path / "results" / "lesion.csv").exists()
    ran = ok(*arguments)
    assert re.search(r"going on from lesion-resnet14-greedy\.part, after [\d,]+ images", ran.err)
    assert not part.exists()
    whole = ok("lesion", "--ckpt", deeper, "--study", "greedy", "--json", "--batch-size", 1)
    assert ran.json["rows"] == whole.json["rows"]


def test_random_draws_are_told_by_number_with_and_without_transitions(study):
    found = study("random", "--json").json["rows"]
    (line,) = [
        line for line in study("random").out.splitlines() if re.match(r" *resnet14 +1 ", line)
    ]
    errors = [row["error"] for row in found if row["k"] == 1]
    assert f" {sum(errors) / 3:.4f} [" in line
    counts = [int(n) for n in re.findall(r"\((\d)\)", line)]
    assert sum(counts) == 3


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("name", STUDIES)
def test_tables_of_any_size_stay_within_a_screen_and_hold_no_nan(name, labelled):
    text = told(result(name, PLAIN, RESIDUAL, labelled=labelled, recalibrate=True))
    assert "nan" not in text.lower().replace("agreement", "")
    assert ("No labels: agreement" in text) is not labelled
    assert len(text.splitlines()) < 80


def test_the_pairs_that_interact_most_are_told_and_how_many_chance_would_show():
    found = result("pairs", RESIDUAL)
    text = told(found)
    rows = found.frame[found.frame["k"] == 2].sort_values("interaction")
    assert f" {rows['lesion'].iloc[-1]} " in text
    assert f" {rows['lesion'].iloc[0]} " in text
    assert "the 10 largest and the 10 smallest of 36:" in text
    sure = ((rows["interaction_low"] > 0) | (rows["interaction_high"] < 0)).sum()
    assert f"excludes 0 in {sure} of 36 pairs; by chance about 2 would." in text


@pytest.fixture(scope="module")
def loose(pets, tmp_path_factory):
    """A folder of images that nobody has labelled."""
    folder = tmp_path_factory.mktemp("loose") / "images"
    folder.mkdir()
    for path in sorted(pets.glob("test/*/*.png")):
        (folder / f"{path.parent.name}{path.name}").write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("name", ["single", "pairs", "greedy"])
def test_images_without_labels_are_compared_with_the_intact_networks_answers(
    study, name, loose, tmp_path
):
    ran = study(name, "--data", f"folder:{loose}", "--json", "--out", "results")
    labelled = study(name, "--json", *(("--split", "test") if name != "greedy" else ())).json
    rows = [row for row in ran.json["rows"] if not row["selection"]]
    assert {row["correct"] for row in rows} == {-1}
    assert {row["accuracy"] for row in rows} == {None}
    assert (tmp_path / "results" / "lesion.png").exists()
    if name != "greedy":  # the same images in the same order
        assert [row["agreement"] for row in rows] == [r["agreement"] for r in labelled["rows"]]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (("--per-class",), "--per-class goes by the labels, and folder:.* has none"),
        (("--recalibrate", 4), "--recalibrate takes training images"),
        (("--study", "greedy", "--selection-images", 4), "--selection-images takes training"),
    ],
)
def test_what_needs_labels_or_training_images_is_refused_without_them(
    refused, deeper, loose, options, match
):
    refused(2, match, "lesion", "--ckpt", deeper, "--data", f"folder:{loose}", *options)


def test_the_layers_of_a_plain_network_are_deleted_one_by_one(ok, trained):
    rows = ok("lesion", "--ckpt", trained / "plain8.pt", "--study", "layers", "--json").json["rows"]
    blocks = ok("lesion", "--ckpt", trained / "plain8.pt", "--json").json["rows"]
    assert len(rows) > len(blocks)
    assert rows[1]["name"].endswith("conv1")
