"""The site explains every column of every kind of result, and shows each in the gallery."""

import dataclasses
import json
import re

import pandas as pd
import pytest
from pages import ROOT
from site_pages import DOCS, GUIDE, extension

from resprobe.figures.kinds import KINDS
from resprobe.results import Result


def saved_results():
    """Every result that is kept in the repository, by kind."""
    found = {}
    kept = [p for p in ROOT.glob("analyses/results/*/*.csv") if p.parent.name != "networks"]
    for table in sorted([*kept, *DOCS.glob("gallery/*.csv")]):
        notes = json.loads(table.with_suffix(".json").read_text())
        found.setdefault(notes["name"], []).append((table, notes))
    return found


SAVED = saved_results()


def explained(section):
    cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def sections(text):
    parts = re.split(r"^### (.+)$", text.split("## Kinds of results")[1], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


COMMON = explained(GUIDE["results.md"].split("## Names of columns")[1].split("## Kinds")[0])
SECTIONS = sections(GUIDE["results.md"])
LIKE = {"lesion-classes": "lesion", "degradation": "train"}


def test_every_kind_of_result_is_explained_and_no_other():
    assert set(SECTIONS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_of_a_kind_is_explained_and_every_explained_one_is_there(kind):
    said = explained(SECTIONS[kind]) | explained(SECTIONS.get(LIKE.get(kind, ""), ""))
    columns = set().union(*(notes["columns"] for _, notes in SAVED[kind]))
    bare = {re.sub(r"_(low|high|se)$", "", name) for name in columns - said}
    assert bare <= said | COMMON | {"step", "epoch"}
    assert said - columns - {"epoch"} == set()


def test_the_keys_of_the_json_are_those_that_are_written(tmp_path):
    text = GUIDE["results.md"].split("## The JSON")[1].split("## Names of columns")[0]
    outer, meta = text.split("and in `meta`")
    frame = pd.DataFrame({"block": [0], "ratio": [0.5], "name": ["a"], "plain": [True]})
    Result("magnitude", frame, {"seed": 0}).save(tmp_path)
    written = json.loads((tmp_path / "magnitude.json").read_text())
    assert explained(outer) == set(written)
    assert f"| `format` | {written['format']}:" in outer
    assert set(written["columns"].values()) == set(
        re.findall(r"`(\w+)`", outer.split("type:")[1].split("|")[0])
    )
    found = {key for kept in SAVED.values() for _, notes in kept for key in notes["meta"]}
    assert explained(meta) <= found


# The gallery


def test_the_gallery_has_every_kind_of_result_from_a_real_run():
    found = extension("gallery").pictures()
    assert {picture.notes["name"] for picture in found} == set(KINDS)
    assert len({picture.file for picture in found}) == len(found)
    text = extension("gallery").page(found)
    for picture in found:
        assert (DOCS / f"{picture.guide}.md").exists()
        meta = picture.notes["meta"]
        command = (meta.get("command") or picture.command).removesuffix(" --quiet")
        assert f"{command}\n```" in text
        assert meta.get("seed") is not None or picture.notes["name"] in (
            "path-law", "gradflow-training", "degradation",
        )  # fmt: skip


def test_what_the_gallery_keeps_is_shown_and_names_no_folder_of_a_machine():
    shown = {ROOT / picture.result for picture in extension("gallery").pictures()}
    kept = set(DOCS.glob("gallery/*.csv"))
    assert kept <= shown
    for table in kept:
        Result.load(table)
        assert not re.search(r"/(tmp|home|work|root)/", table.with_suffix(".json").read_text())


def test_a_figure_is_drawn_from_its_table(tmp_path):
    gallery = extension("gallery")
    found = {picture.file.stem: picture for picture in gallery.pictures()}
    law = found["gallery-path-law"]
    gallery.draw(law, tmp_path / "law.svg")
    gallery.draw(dataclasses.replace(law, only={"length": 3}), tmp_path / "one.svg")
    whole, one = ((tmp_path / f"{name}.svg").read_text() for name in ("law", "one"))
    assert whole.count("<path") > one.count("<path") > 10
