"""The site says all there is to say, and what it says is so."""

import contextlib
import doctest
import io
import json
import os
import re
import sys
from pathlib import Path

import pytest
from pages import ROOT, page, printed
from running import run
from site_pages import DOCS, GUIDE, extension

import resprobe

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")


@pytest.fixture(scope="module")
def generated():
    """Return the pages that are made when the site is built, without those of the reference."""
    folder = DOCS / "generated"
    made = {
        folder / "commands" / name: text for name, text in extension("commands").pages().items()
    }
    made |= {folder / "notebooks" / path.name: "" for path in extension("outside").notebooks()}
    places = extension("places")
    for source, shown in places.PAGES.items():
        if (DOCS / shown).parent == folder:
            text = (ROOT / source).read_text()
            made[DOCS / shown] = places.relinked(text, (ROOT / source).parent, DOCS / shown)
    names = [*(f"resprobe.{name}.rst" for name in resprobe.__all__)]
    names += [f"room-{name}.rst" for name in extension("reference").rooms()]
    return made | {folder / "api" / name: "" for name in names}


# Commands


def words(name):
    return tuple(name.removesuffix(".md").split("-"))


def test_every_command_has_a_page_with_every_option_that_its_help_has():
    made = extension("commands").pages()
    listed = re.findall(r"^  (\w+)  +\w", run("--help").out.split("Commands:")[1], re.MULTILINE)
    data = re.findall(
        r"^  (\w+)  +\w", run("data", "--help").out.split("Commands:")[1], re.MULTILINE
    )
    assert set(made) == {f"{name}.md" for name in listed if name != "data"} | {
        f"data-{name}.md" for name in data
    }
    for name, text in made.items():
        shown = run(*words(name), "--help").out
        options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE))
        assert options == set(re.findall(r"^`[^`\n]*(--[a-z-]+)", text, re.MULTILINE)), name
        (example,) = re.findall(r"Example: (.*)", shown) or [""]
        assert example.split("  ")[0] in text


def test_a_default_and_a_limit_of_an_option_are_said_in_words():
    text = extension("commands").pages()["lesion.md"]
    assert "*(default: `single`)*" in text
    assert "*(1 or more)*" in text
    assert "*(default: `0`; 0 to 4294967295)*" in text
    assert "The guide is [Lesions](/lesion.md)." in text


def test_help_is_shown_as_it_is_and_not_as_markup():
    prosaic = extension("commands").prosaic
    assert prosaic("a * b_c <d> with --out-of") == r"a \* b\_c \<d\> with `--out-of`"


def test_exit_codes_are_those_of_the_errors():
    from resprobe import errors

    table = dict(re.findall(r"^\| (\d+) \| (.*) \|$", GUIDE["commands.md"], re.MULTILINE))
    codes = {getattr(errors, name).exit_code for name in errors.__all__ if name.endswith("Error")}
    assert {int(code) for code in table} == codes | {0, 130, 143}
    assert table["4"].startswith("integrity")
    assert table["2"].startswith("usage")


# The reference

NO_EXAMPLE = {
    "studies": "a module; its classes are described one by one",
    "Explorer": "made by `explore`, whose example has one",
}


@pytest.mark.parametrize("name", resprobe.__all__)
def test_every_public_name_says_what_it_takes_and_shows_how_it_is_used(name):
    import inspect

    documented = getattr(resprobe, name)
    text = inspect.getdoc(documented) or ""
    first = text.splitlines()[0]
    assert first.endswith((".", ":")) or text.split("\n\n")[0].endswith(".")
    if name not in NO_EXAMPLE:
        assert ">>> " in text
        takes = [p for p in inspect.signature(documented).parameters if p != "self"]
        headed = re.findall(r"^(\w+)\n-+$", text, re.MULTILINE)
        assert not takes or {"Parameters", "Attributes"} & set(headed)
        assert isinstance(documented, type) or "Returns" in headed


def test_every_public_name_has_a_place_in_the_reference():
    reference = extension("reference")
    listed = [name for names in reference.by_task().values() for name in names]
    assert sorted(listed) == sorted(resprobe.__all__)
    assert {name for names in reference.TASKS.values() for name in names} <= set(resprobe.__all__)
    for name in resprobe.__all__:
        assert f"(/generated/api/resprobe.{name}.rst)" in reference.contents()


def test_every_room_is_in_the_reference():
    import pkgutil

    private = {"__main__", "cli", "devices", "files"}
    there = {part.name for part in pkgutil.iter_modules(resprobe.__path__)} - private
    assert there == set(extension("reference").rooms())


# Pages and links


def test_every_link_leads_to_a_file_or_to_a_page_that_is_made(generated):
    relinked = {DOCS / name: text for name, text in GUIDE.items()} | generated
    missing = []
    for path, text in relinked.items():
        for target in LINK.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            if re.match(r"[a-z]+:", target):
                continue
            base = DOCS if target.startswith("/") else path.parent
            found = Path(os.path.normpath(base / target.lstrip("/")))
            if not found.exists() and found not in generated:
                missing.append(f"{path.relative_to(DOCS)}: {target}")
    assert missing == []


def test_every_page_can_be_reached_from_the_first(generated):
    reached, waiting = set(), ["index"]
    while waiting:
        name = waiting.pop()
        reached.add(name)
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", GUIDE.get(f"{name}.md", ""), re.DOTALL):
            entries = [line for line in tree.splitlines() if line and line[0] != ":"]
            for entry in entries:
                pattern = entry if Path(entry).suffix else f"{entry}.*"
                some = [path for path in generated if path.relative_to(DOCS).match(pattern)]
                waiting += [path.relative_to(DOCS).with_suffix("").as_posix() for path in some]
                waiting += [entry] if f"{entry}.md" in GUIDE else []
            waiting = [entry for entry in waiting if entry not in reached]
    assert {name.removesuffix(".md") for name in GUIDE} <= reached
    notebooks = [path for path in generated if path.suffix == ".ipynb"]
    assert notebooks
    assert {f"generated/notebooks/{path.stem}" for path in notebooks} <= reached
    assert "generated/claims" in reached


def test_links_out_of_a_folder_are_turned_to_where_their_targets_stand():
    relinked, turn = extension("places").relinked, "notebooks/what.ipynb"
    text = "[a](../analyses/README.md) [b](lesion.md#x) [c](https://d.e/f.md) [g](../none.md)"
    assert relinked(text, DOCS, DOCS / "index.md") == (
        "[a](generated/claims.md) [b](lesion.md#x) [c](https://d.e/f.md) [g](../none.md)"
    )
    from_notebook = relinked(
        "[a](../docs/lesion.md)", ROOT / "notebooks", DOCS / "generated" / turn
    )
    assert from_notebook == "[a](../../lesion.md)"
    from_claims = relinked(
        "![a](results/path_counts/law.png)", ROOT / "analyses", DOCS / "generated" / "claims.md"
    )
    assert from_claims == "![a](../../analyses/results/path_counts/law.png)"


# The extensions


@pytest.mark.parametrize("name", ["commands", "formulas", "gallery", "reference", "speed"])
def test_the_examples_of_an_extension_are_so(name):
    pytest.importorskip("sphinx")
    assert doctest.testmod(extension(name)).failed == 0
    assert doctest.testmod(extension(name)).attempted > 0


# Formulas


def test_every_formula_becomes_mathml():
    pytest.importorskip("sphinx")
    mathml = extension("formulas").mathml
    cells = [
        "".join(cell["source"])
        for notebook in extension("outside").notebooks()
        for cell in json.loads(notebook.read_text())["cells"]
        if cell["cell_type"] == "markdown"
    ]
    texts = [
        re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
        for text in [*GUIDE.values(), *cells]
    ]
    found = [tex for text in texts for tex in re.findall(r"\$\$?([^$]+)\$\$?", text)]
    assert len(found) > 30
    for tex in found:
        assert re.fullmatch(r"<math .*</math>", mathml(tex)), tex
    assert mathml("x^2") == (
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><msup><mi>x</mi><mn>2</mn></msup></math>'
    )


# What the pages say runs


@pytest.mark.parametrize("name", ["quickstart", "own_model", "commands", "results"])
def test_the_page_runs_as_it_is_written(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    parts = re.findall(r"```(\w+)\n(.*?)```", page(f"docs/{name}.md"), flags=re.DOTALL)
    assert {language for language, _ in parts} & {"sh", "python"}
    for language, part in parts:
        if named := re.match(r"# (\w+\.py)\n", part):
            Path(named[1]).write_text(part)
        elif language == "sh":
            assert printed(part, tmp_path).strip(), part
        elif language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(part, f"{name}.md", "exec"), {"__name__": "page"})
            assert out.getvalue().strip(), part
    for file in tmp_path.glob("*.py"):
        del sys.modules[file.stem]
