"""What the scripts share: how one is run, the networks that are trained for it, and the page."""

import dataclasses
import re
from argparse import Namespace

import pandas as pd
import pytest
from analyses.conftest import ANALYSES

from resprobe.errors import InputError, UsageError
from resprobe.results import Result

TOY = '''"""A share is as it should be: above nothing.

Number    {number}
Question  Is it?
Command   python analyses/{name}.py
Full      python analyses/{name}.py --share 1
Cost      Nothing.
Source    Nobody 2000.
Setting   None.
"""
import pandas as pd
from kit.analysis import Analysis
from kit.claims import Claim, signed
from resprobe.results import Result


def measure(asked):
    frame = pd.DataFrame({{"length": [0, 1], "paths_share": [asked.share, 1 - asked.share]}})
    return {{"law": Result("path-law", frame, {{"seed": 0}})}}


def claims(results):
    for share in results["law"].frame["paths_share"]:
        yield Claim(claim="a share | of all", source="none", published="above 0", measured=share,
                    setting="toy", verdict=signed(share, share, share, 1))


ANALYSIS = Analysis(file=__file__, kinds=("law",), measure=measure, claims=claims,
                    options=lambda parser: parser.add_argument("--share", type=float, default=0.5),
                    captions={{"law": "The law.", "never": "Not drawn."}}, smoke={{"share": 0.25}})
'''


@pytest.fixture
def toy(module, monkeypatch, tmp_path):
    """A folder with two scripts and a page of its own; returns the function that runs one."""
    page = module("kit.page")
    monkeypatch.setattr(page, "HERE", tmp_path)
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(module("kit.analysis"), "OUT", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    for name, number in (("toy", 2), ("other", 11)):
        (tmp_path / f"{name}.py").write_text(TOY.format(name=name, number=number))

    def run(*arguments, name="toy"):
        names = {"__file__": str(tmp_path / f"{name}.py"), "__name__": name}
        exec((tmp_path / f"{name}.py").read_text(), names)
        names["ANALYSIS"].main([*map(str, arguments)])

    return run


# A script


def test_a_script_leaves_results_figures_claims_and_the_page(toy, tmp_path):
    toy()
    assert {path.name for path in (tmp_path / "results" / "toy").iterdir()} == {
        "law.csv", "law.json", "law.png", "claims.csv", "claims.json", "parts",
    }  # fmt: skip
    claims = Result.load(tmp_path / "results" / "toy" / "claims.csv")
    assert claims.meta["figures"] == [{"file": "law.png", "caption": "The law."}]
    assert claims.meta["seed"] == 0
    assert (
        r"| a share \| of all | none | above 0 | 0.5 | - |" in (tmp_path / "README.md").read_text()
    )


def test_a_script_is_redrawn_from_its_tables_alone(toy, tmp_path):
    toy("--share", 0.125)
    for name in ("claims.csv", "law.png"):
        (tmp_path / "results" / "toy" / name).unlink()
    page = (tmp_path / "README.md").read_text()
    toy("--redraw")
    assert (tmp_path / "README.md").read_text() == page
    claims = pd.read_csv(tmp_path / "results" / "toy" / "claims.csv")
    assert claims["measured"].tolist() == [0.125, 0.875]
    assert (tmp_path / "results" / "toy" / "law.png").exists()


def test_a_tiny_run_has_its_own_options_its_own_folder_and_its_own_page(toy, tmp_path):
    toy("--smoke", "--share", 0.75)
    out = tmp_path / "reproduced-smoke"
    assert pd.read_csv(out / "toy" / "claims.csv")["measured"].tolist() == [0.25, 0.75]
    assert "](toy/law.png)" in (out / "README.md").read_text()
    assert not (tmp_path / "README.md").exists()
    toy("--smoke", "--out", tmp_path / "there")
    assert (tmp_path / "there" / "toy" / "law.csv").exists()


def test_an_error_of_a_script_is_one_sentence_and_an_exit_code(script, tmp_path, capsys):
    ran = script(["python", "analyses/path_counts.py", "--redraw", "--out", tmp_path], tmp_path)
    assert ran.code == 3
    assert re.fullmatch(r"path_counts: \S+law.csv: no such file.*\n", ran.err)


# The page


def test_the_page_has_a_row_and_a_section_for_each_script_in_order_of_their_numbers(toy, tmp_path):
    toy(name="other")
    toy()
    page = (tmp_path / "README.md").read_text()
    rows = re.findall(r"^\| \[(\d+)\]\(#([^)]+)\) \|.*\| (.+) \|$", page, re.MULTILINE)
    assert rows == [
        ("2", "2-a-share-is-as-it-should-be-above-nothing", "2 reproduced"),
        ("11", "11-a-share-is-as-it-should-be-above-nothing", "2 reproduced"),
    ]
    assert page.index("\n## 2 A share") < page.index("\n## 11 A share")
    assert page.count("# in the published setting:\npython analyses/toy.py --share 1\n") == 1
    assert "![The law.](results/toy/law.png)\n\n*The law.*" in page
    table = pd.read_csv(tmp_path / "results" / "claims.csv")
    assert table["number"].tolist() == [2, 2, 11, 11]
    assert table["headline"].tolist() == [True, False, True, False]


def test_words_beside_the_numbers_stand_between_table_and_figures(toy, tmp_path):
    toy()
    (tmp_path / "results" / "toy" / "reading.md").write_text("Seen as *published*.\n")
    toy("--redraw")
    page = (tmp_path / "README.md").read_text()
    assert "**reproduced** |\n\nSeen as *published*.\n\n![The law.]" in page


def test_a_page_of_nothing_is_refused(module, tmp_path):
    with pytest.raises(InputError, match="no results of any script"):
        module("kit.page").write_page(tmp_path)


# Networks


def own(module, **more):
    return module("kit.networks").Own(**{"arch": "resnet8", **more})


def test_a_network_is_called_after_all_that_it_differs_in(module):
    assert own(module).name == "resnet8-w8-s0"
    thin = own(module, arch="resnet110:survival=0.5", width=4, seed=2)
    assert thin.name == "resnet110-survival0.5-w4-s2"
    assert thin.architecture.width == 4
    names = [one.name for one in module("kit.networks").seeds(own(module), 2)]
    assert names == ["resnet8-w8-s0", "resnet8-w8-s1"]


@pytest.mark.parametrize(
    ("arch", "tiny"),
    [
        ("plain20", "plain8"),
        ("preresnet110", "preresnet14"),
        ("resnet110:survival=0.5", "resnet14:survival=0.5"),
        ("preresnet110:blocks_per_batch=23", "preresnet14:blocks_per_batch=2"),
    ],
)
def test_a_tiny_network_stands_for_another_under_its_name(module, arch, tiny):
    theirs = own(module, arch=arch, width=4, seed=1)
    assert (theirs.tiny().arch, theirs.tiny().name, theirs.tiny().seed) == (tiny, theirs.name, 1)
    assert theirs.tiny().epochs < theirs.epochs


def test_a_network_is_trained_once_and_another_training_is_refused(module, tmp_path, capsys):
    tiny = own(module, width=2, epochs=1, images=400)
    path = tiny.trained(tmp_path)
    first = path.read_bytes()
    assert "training resnet8-w2-s0" in capsys.readouterr().err
    assert tiny.trained(tmp_path).read_bytes() == first
    assert capsys.readouterr().err == ""
    with pytest.raises(InputError, match=r"another training .* choose another --networks"):
        dataclasses.replace(tiny, images=440).trained(tmp_path)
    with pytest.raises(UsageError, match=r"its recipe has iterations = 6 .* another --out"):
        dataclasses.replace(tiny, epochs=2).trained(tmp_path)
    path.rename(tmp_path / "plain8-w2-s0.pt")
    with pytest.raises(InputError, match=r"another training \(resnet8"):
        dataclasses.replace(tiny, arch="plain8").trained(tmp_path)


def asked(module, tmp_path, *arguments, name="cka"):
    return module(name).ANALYSIS.asked([*arguments, "--out", str(tmp_path)])


def test_the_networks_of_a_script_are_its_own_and_those_named(module, tmp_path):
    names = [n.name for n in asked(module, tmp_path, "--ckpt", "x/resnet32.th").found]
    assert names[-1] == "resnet32"
    assert len(names) == 1 + len(module("cka").ANALYSIS.own)
    alone = asked(module, tmp_path, "--only-ckpt", "--ckpt", "a.pt", "--ckpt", "b.pt")
    assert [n.name for n in alone.found] == ["a", "b"]
    tiny = asked(module, tmp_path, "--smoke", "--ckpt", "a.pt", "--only-ckpt")
    assert [n.name for n in tiny.found] == names[:-1]
    assert alone.networks == tmp_path / "networks"
    with pytest.raises(UsageError, match="a file name of its own; got a, a"):
        asked(module, tmp_path, "--only-ckpt", "--ckpt", "a.pt", "--ckpt", "b/a.pt")


def test_images_that_nobody_names_are_asked_for(module, tmp_path):
    import torch

    from resprobe import Architecture

    model = Architecture("resnet20").build()
    torch.save(model.state_dict(), tmp_path / "foreign.pt")
    (network,) = asked(
        module, tmp_path, "--only-ckpt", "--ckpt", str(tmp_path / "foreign.pt")
    ).found
    with pytest.raises(InputError, match="does not say what it was trained on; name it with"):
        network.read()


def test_what_is_measured_once_is_kept(module, tmp_path, capsys):
    once, made = module("kit.subjects").once, []

    def measure():
        made.append(1)
        return Result("path-law", pd.DataFrame({"length": [1]}), {})

    first = once(tmp_path / "deep" / "law.v1", measure)
    again = once(tmp_path / "deep" / "law.v1", measure)
    assert (len(made), first.frame.equals(again.frame)) == (1, True)
    assert capsys.readouterr().err == "measuring law.v1\n"


def test_the_kit_is_used_by_scripts_and_by_none_else():
    for path in (ANALYSES.parent / "resprobe").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) kit\b", path.read_text(), re.MULTILINE), path


# What was measured with other options is not taken for this


def test_parts_of_other_options_are_not_taken_for_those_that_are_asked_for(toy, tmp_path):
    toy("--share", 0.25)
    toy("--share", 0.25)
    with pytest.raises(InputError, match=r"measured with --share 0\.25, and not 0\.75; choose an"):
        toy("--share", 0.75)
    toy("--share", 0.75, "--out", tmp_path / "elsewhere")


def test_other_weights_under_the_same_name_are_another_network(module, tmp_path):
    remember, file = module("kit.keeping").remember, tmp_path / "net.pt"
    asked = Namespace(parts=tmp_path / "parts", ckpt=[file], draws=3, seeds="0", device="cpu")
    file.write_bytes(b"one")
    remember(asked, ("seeds",))
    asked.seeds, asked.device = "0,1", "cuda"  # which parts there are, and where they are made
    remember(asked, ("seeds",))
    file.write_bytes(b"another")
    with pytest.raises(InputError, match="measured with the weights of net,"):
        remember(asked, ("seeds",))


def test_a_record_that_cannot_be_read_is_one_sentence(module, tmp_path):
    (tmp_path / "asked.json").write_text("[]")
    with pytest.raises(InputError, match=r"asked\.json: cannot be read .*; remove the folder"):
        module("kit.keeping").remember(Namespace(parts=tmp_path, draws=3), ())
