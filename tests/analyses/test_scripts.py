"""Every script: it runs, it can be read, and what it left is what its page shows."""

import ast
import contextlib
import importlib
import inspect
import itertools
import json
import re
import shlex
import shutil

import pandas as pd
import pytest
from analyses.conftest import ANALYSES
from running import run

from resprobe import load_data
from resprobe.errors import InputError
from resprobe.reproduction import Asked, find_scripts
from resprobe.results import Result

SCRIPTS = find_scripts(ANALYSES)
RESULTS = ANALYSES / "results"
TRAININGS = sorted({line for s in SCRIPTS for line in s.full if line.startswith("resprobe train")})
COMMANDS = [shlex.split(line) for s in SCRIPTS for line in (*s.commands, *s.full)]
DATA = sorted({b for w in COMMANDS for a, b in itertools.pairwise(w) if a == "--data"})
NAMES = [script.name for script in SCRIPTS]
every_script = pytest.mark.parametrize("one", SCRIPTS, ids=NAMES)
QUICK = ("path_counts", "additive_identity", "cka")
"""Run in passing: without networks, with new ones, with trained ones. The others take minutes."""
tiny_runs = pytest.mark.parametrize(
    "one",
    [pytest.param(s, marks=[] if s.name in QUICK else [pytest.mark.long]) for s in SCRIPTS],
    ids=NAMES,
)
VERDICTS = {"reproduced", "same direction", "not reproduced", "not testable here"}


@pytest.fixture(scope="session")
def beside(tmp_path_factory):
    """The folder that all scripts are run from: networks of one serve the others."""
    return tmp_path_factory.mktemp("smoke")


def words_of(script):
    (line,) = [line for line in script.commands if line.startswith("python ")]
    return shlex.split(line)


def anchored(one, page):
    """The part of a page that is about a script."""
    begin = page.index(f"\n## {one.number} ")
    return page[begin : page.find("\n## ", begin + 1)]


# Running


@tiny_runs
def test_a_tiny_run_leaves_tables_figures_claims_and_its_part_of_the_page(one, script, beside):
    ran = script([*words_of(one), "--smoke"], beside)
    assert ran.code == 0, ran.err
    out = beside / "reproduced-smoke" / one.name
    claims = Result.load(out / "claims.csv")
    assert set(claims.frame["verdict"]) <= VERDICTS
    assert claims.meta["figures"]
    shown = anchored(one, (out.parent / "README.md").read_text())
    assert one.question in shown
    for figure in claims.meta["figures"]:
        assert (out / figure["file"]).stat().st_size > 5_000
        assert f"]({one.name}/{figure['file']})" in shown
    for table in out.glob("*.csv"):
        assert len(Result.load(table).frame) > 0
    assert "smoke" not in json.dumps(claims.meta["figures"])


@pytest.mark.long
@every_script
def test_figures_and_claims_of_a_tiny_run_come_again_from_its_tables(one, script, beside, tmp_path):
    done = beside / "reproduced-smoke"
    if not (done / one.name).exists():
        script([*words_of(one), "--smoke"], beside)
    again = tmp_path / one.name
    shutil.copytree(done / one.name, again, ignore=shutil.ignore_patterns("parts", "*.png"))
    (again / "claims.csv").unlink()
    program, path, *_ = words_of(one)
    ran = script([program, path, "--smoke", "--redraw", "--out", tmp_path], tmp_path)
    assert ran.code == 0, ran.err
    for name in ("claims.csv", *(file.name for file in (done / one.name).glob("*.png"))):
        assert (again / name).read_bytes() == (done / one.name / name).read_bytes(), name


# What a script says of itself


@every_script
def test_a_script_asks_a_question_names_a_source_and_has_one_command(one, module):
    assert one.question.endswith("?")
    assert one.title.endswith(".")
    assert one.cost
    assert one.source
    program, path, *_ = words_of(one)
    assert (program, path) == ("python", f"analyses/{one.name}.py")
    theirs = module(one.name).ANALYSIS
    assert one.networks == bool(theirs.own or theirs.any_networks)
    assert one.any_networks == theirs.any_networks


def test_numbers_go_up_from_one_without_a_gap():
    assert [script.number for script in SCRIPTS] == list(range(1, len(SCRIPTS) + 1))


@every_script
def test_each_command_has_only_options_that_the_script_takes(one, module):
    """Commands for the published setting too, which nobody runs in passing."""
    lines = [*one.commands, *(line for line in one.full if line.startswith("python "))]
    asked = module(one.name).ANALYSIS.asked
    for line in lines:
        program, path, *rest = shlex.split(line)
        assert (program, path) == ("python", f"analyses/{one.name}.py"), line
        try:
            taken = asked([*rest, "--smoke"])
        except SystemExit as left:
            pytest.fail(f"{line}: exit code {left.code}")
        assert vars(taken).keys() >= {o[2:].replace("-", "_") for o in rest if o[:2] == "--"}
        assert {word for word in rest if word[:2] == "--"} <= one.options


def test_what_is_run_in_the_published_setting_is_a_command_of_the_toolkit():
    lines = [line for script in SCRIPTS for line in script.full]
    assert all(re.match(r"(python analyses/|resprobe )", line) for line in lines)


@pytest.mark.parametrize("spec", DATA)
def test_the_images_of_each_command_are_a_data_set_that_can_be_named(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where none of them lie
    with contextlib.suppress(InputError):
        load_data(spec)
    assert ("imagenet" in spec) == spec.startswith("imagenet:"), "its test images are in val/"


@pytest.mark.parametrize("line", TRAININGS)
def test_each_training_for_a_claim_can_be_begun(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    for option, instead in (("--data", "embedded"), ("--device", "cpu")):
        if option in words:
            words[words.index(option) + 1] = instead
    small = ("--width", "2", "--batch-size", "8")  # the step that it times
    ran = run(*words, *small, "--dry-run")
    assert ran.code == 0, ran.err


def test_results_go_where_resprobe_reproduce_looks_for_them(module, tmp_path):
    asked = module("path_counts").ANALYSIS.asked
    assert asked([]).out == Asked().results
    assert asked(["--smoke"]).out == Asked(smoke=True).results
    assert asked(["--out", str(tmp_path)]).out == Asked(out=tmp_path).results


# What is kept in the repository


def kept(one):
    folder = RESULTS / one.name
    claims = Result.load(folder / "claims.csv")
    return folder, claims


@every_script
def test_the_claims_that_are_kept_follow_from_the_tables_that_are_kept(one, module):
    folder, claims = kept(one)
    theirs = module(one.name).ANALYSIS
    results = {kind: Result.load(folder / f"{kind}.csv") for kind in theirs.kinds}
    again = module("kit.claims").tabulated(theirs.claims(results), {}).frame
    pd.testing.assert_frame_equal(again, claims.frame, check_dtype=False, rtol=1e-9)


@every_script
def test_every_kept_figure_is_there_with_a_caption_and_no_other(one, module):
    folder, claims = kept(one)
    named = {figure["file"]: figure["caption"] for figure in claims.meta["figures"]}
    assert set(named) == {path.name for path in folder.glob("*.png")}
    for file, caption in named.items():
        assert (folder / file).stat().st_size > 5_000
        assert caption == module(one.name).ANALYSIS.captions[file.removesuffix(".png")]


@pytest.mark.long
@every_script
def test_every_kept_table_can_be_drawn(one, module):
    folder, claims = kept(one)
    theirs = module(one.name).ANALYSIS
    results = {kind: Result.load(folder / f"{kind}.csv") for kind in theirs.kinds}
    drawn = (theirs.draw or module("kit.analysis")._drawn)(results)
    assert {f"{stem}.png" for stem in drawn} == {f["file"] for f in claims.meta["figures"]}


def test_there_are_no_results_but_those_of_scripts():
    folders = {path.name for path in RESULTS.iterdir() if path.is_dir()} - {"networks"}
    assert folders == set(NAMES)


def test_nothing_that_is_kept_names_a_place_of_the_machine_that_it_was_made_on():
    place = re.compile(r"(?<![\w.~-])/(tmp|home|root|work|Users|mnt|var|data)/")
    files = [path for name in NAMES for path in (RESULTS / name).glob("*.[cjm]*")]
    assert [str(path) for path in files if place.search(path.read_text())] == []


def test_what_is_kept_says_which_command_made_it():
    for one in SCRIPTS:
        _, claims = kept(one)
        assert claims.meta["command"].startswith(f"{one.name}.py"), one.name


def test_the_page_and_the_table_of_all_claims_are_those_of_the_results(
    module, tmp_path, monkeypatch
):
    for path in ANALYSES.glob("*.py"):
        shutil.copy(path, tmp_path)
    for path in [*RESULTS.glob("*/claims.*"), *RESULTS.glob("*/reading.md")]:
        (tmp_path / "results" / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "results" / path.parent.name)
    page = module("kit.page")
    monkeypatch.setattr(page, "HERE", tmp_path)
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results")
    assert page.write_page(tmp_path / "results") == tmp_path / "README.md"
    assert (tmp_path / "README.md").read_text() == (ANALYSES / "README.md").read_text()
    assert (tmp_path / "results" / "claims.csv").read_text() == (RESULTS / "claims.csv").read_text()


def test_every_link_and_figure_of_the_page_leads_somewhere():
    page = (ANALYSES / "README.md").read_text()
    for target in re.findall(r"\]\(([^)\s#]+)\)", page):
        assert target.startswith("https:") or (ANALYSES / target).exists(), target
    headings = {
        re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^## (.+)$", page, re.MULTILINE)
    }
    anchors = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert anchors <= headings
    assert len(anchors) == len(SCRIPTS)


@every_script
def test_a_script_uses_documented_names_of_the_toolkit(one):
    """Each name that it imports is among those that its module makes public."""
    parsed = ast.parse((ANALYSES / f"{one.name}.py").read_text())
    imports = [node for node in ast.walk(parsed) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if node.module and node.module.partition(".")[0] == "resprobe":
            public = importlib.import_module(node.module)
            assert {alias.name for alias in node.names} <= set(public.__all__), node.module
            found = [getattr(public, alias.name) for alias in node.names]
            assert all(one.__doc__ for one in found if inspect.isroutine(one)), node.module
