import contextlib
import re
import shutil

import pandas as pd
import pytest
from analyses.conftest import commands

from resprobe.errors import ResprobeError
from resprobe.results import Result

KINDS = {
    "inference": ("readout", "readout-decisions", "readout-borderline"),
    "similarity": ("similarity", "similarity-summary"),
}


def command(name, option):
    (found,) = [words for words in commands() if option in words and f"/{name}.py" in words[1]]
    return found


@pytest.fixture(scope="module", params=KINDS)
def smoke(request, module, tmp_path_factory):
    """The name of a theme, and the folder that its smoke command leaves."""
    program, path, *rest = command(request.param, "--smoke")
    assert (program, path) == ("python", f"analyses/{request.param}.py")
    folder = tmp_path_factory.mktemp("smoke")
    with contextlib.chdir(folder):
        module(request.param).THEME.main(rest)
    return request.param, folder / f"{request.param}-smoke"


def test_tables_figures_and_claims_are_left(smoke):
    name, folder = smoke
    for kind in (*KINDS[name], "claims"):
        assert Result.load(folder / f"{kind}.csv").name in (kind, "claims")
    for kind in KINDS[name]:
        assert (folder / f"{kind}.png").stat().st_size > 10_000
    claims = pd.read_csv(folder / "claims.csv")
    assert claims["verdict"].isin({"reproduced", "same direction", "not reproduced"}).all()
    assert len(claims) >= 5
    page = (folder / "README.md").read_text()
    part = page.partition(f"<!-- {name}:begin -->")[2].partition(f"<!-- {name}:end -->")[0]
    assert part.count("\n|") == 2 + len(claims)


@pytest.mark.long
def test_the_page_is_made_again_from_the_tables_and_nothing_is_measured_twice(
    smoke, script, tmp_path
):
    name, folder = smoke
    again = shutil.copytree(folder, tmp_path / "again")
    for file in again.glob("*.png"):
        file.unlink()
    done = script([*command(name, "--smoke"), "--redraw", "--out", again], tmp_path)
    assert (done.code, done.err) == (0, "")
    assert (again / "claims.csv").read_text() == (folder / "claims.csv").read_text()
    assert {p.name for p in again.glob("*.png")} == {p.name for p in folder.glob("*.png")}
    done = script([*command(name, "--smoke"), "--out", again], tmp_path)
    assert re.fullmatch(r"wrote \S+ and \S+\n", done.out)  # all parts are there


def test_the_two_seeds_are_a_group_of_their_own(module, tmp_path):
    frame = pd.DataFrame({"network": ["a", "a", "b", "c", "c", "d"],
                          "other_network": ["a", "b", "b", "c", "d", "d"]})  # fmt: skip
    groups = module("similarity")._groups(Result("similarity", frame))
    assert groups == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("inference", [], "--ckpt names the trained networks"),
        ("similarity", ["--ckpt", "a.pt", "--seeds", "b.pt"],
         "--seeds wants two checkpoints of different names with a comma"),
        ("inference", ["--redraw"], "readout.csv: no such file"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(module, tmp_path, name, more, said):
    with pytest.raises(ResprobeError, match=said):
        module(name).THEME.main([*more, "--out", str(tmp_path / "x")])
