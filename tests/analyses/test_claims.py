import math

import pandas as pd
import pytest

from resprobe.results import Result


@pytest.fixture(scope="module")
def claims(module):
    return module("claims")


def claim(claims, **fields):
    usual = {
        "claim": "||F|| is small", "source": "He et al. 2015, Fig. 7", "published": "below 1",
        "measured": 0.25, "low": 0.2, "high": 0.3, "n": 1_000, "of": "images",
        "setting": "ResNet-20", "verdict": "reproduced",
    }  # fmt: skip
    return claims.Claim(**{**usual, **fields})


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"measured": 1.2, "low": 1.1, "high": 1.3}, "reproduced"),
        ({"measured": 1.22, "tolerance": 0.01}, "reproduced"),
        ({"measured": 1.22}, "not reproduced"),
        ({"measured": 1.1, "low": 1.05, "high": 1.15}, "not reproduced"),
        ({"measured": 1.1, "low": 1.05, "high": 1.15, "away_from": 1.0}, "same direction"),
        ({"measured": 1.1, "low": 0.95, "high": 1.2, "away_from": 1.0}, "same direction"),
        ({"measured": 1.2, "low": 0.9, "high": 1.5, "away_from": 1.0}, "same direction"),
        ({"measured": 1.2, "low": 1.1, "high": 1.3, "away_from": 1.0}, "reproduced"),
        ({"measured": 0.9, "away_from": 1.0}, "not reproduced"),
        ({"measured": math.nan, "away_from": 1.0}, "not reproduced"),
    ],
)
def test_a_number_is_judged_by_the_published_one(claims, given, verdict):
    assert claims.near(published=1.21, **given) == verdict


@pytest.mark.parametrize(
    ("measured", "low", "high", "sign", "verdict"),
    [
        (0.2, 0.1, 0.3, 1, "reproduced"),
        (0.2, -0.1, 0.5, 1, "same direction"),
        (0.2, math.nan, math.nan, 1, "same direction"),
        (0.2, 0.1, 0.3, -1, "not reproduced"),
        (-0.2, -0.3, -0.1, -1, "reproduced"),
        (0.0, 0.0, 0.0, 1, "not reproduced"),
        (math.nan, math.nan, math.nan, 1, "not reproduced"),
    ],
)
def test_a_direction_is_judged_by_number_and_interval(claims, measured, low, high, sign, verdict):
    assert claims.signed(measured, low, high, sign) == verdict


def test_claims_come_back_from_their_file(claims, tmp_path):
    kept = [claim(claims), claim(claims, measured=math.nan, low=math.nan, high=math.nan,
                                 n=0, verdict="not testable here")]  # fmt: skip
    claims.tabulated(kept, {"seed": 0}).save_as(tmp_path / "claims")
    again = Result.load(tmp_path / "claims.csv")
    assert (again.name, again.meta["seed"]) == ("claims", 0)
    columns = ["claim", "source", "published", "measured", "n", "low", "high", "setting", "verdict"]
    assert set(columns) <= set(again.frame.columns)
    assert list(map(repr, claims.claims_of(again))) == list(map(repr, kept))


def test_a_number_without_a_verdict_and_a_verdict_without_a_number_are_refused(claims):
    with pytest.raises(ValueError, match="a verdict wants a number"):
        claim(claims, verdict="not testable here")
    with pytest.raises(ValueError, match="a verdict wants a number"):
        claim(claims, measured=math.nan)
    with pytest.raises(ValueError, match="'maybe'"):
        claim(claims, verdict="maybe")


def test_the_table_has_one_line_for_each_claim_and_says_a_shared_setting_once(claims):
    text = claims.markdown([claim(claims), claim(claims, percent=True, low=math.nan)])
    setting, _, _, rule, first, second = text.splitlines()
    assert setting == "ResNet-20"
    assert first == (
        r"| \|\|F\|\| is small | He et al. 2015, Fig. 7 | below 1 | 0.25 [0.2, 0.3] "
        "| 1,000 images | **reproduced** |"
    )
    assert second.split(" | ")[3] == "25.0 %"
    assert rule.count("---") == 6


def test_settings_that_differ_are_a_column(claims):
    text = claims.markdown([claim(claims), claim(claims, setting="ResNet-32", n=0)])
    head, _, _, second = text.splitlines()
    assert head.split(" | ")[-2] == "setting"
    assert second.split(" | ")[-3:-1] == ["-", "ResNet-32"]


THEME = """
import pandas as pd
from claims import Claim, signed
from script import Theme
from resprobe.results import Result

def measure(asked):
    frame = pd.DataFrame({"length": [0, 1], "paths_share": [asked.share, 1 - asked.share]})
    return {"law": Result("path-law", frame, {"seed": 0})}

def claims(results):
    share = float(results["law"].frame["paths_share"].iloc[0])
    yield Claim(claim="a share", source="none", published="above 0", measured=share,
                setting="toy", verdict=signed(share, share, share, 1))

THEME = Theme(name="toy", about="A toy.", kinds=("law",), measure=measure, claims=claims,
              options=lambda parser: parser.add_argument("--share", type=float, default=0.5),
              smoke={"share": 0.25})
"""


@pytest.fixture
def toy(module, monkeypatch, tmp_path):
    """A theme of its own, with a page of its own."""
    script = module("script")
    (tmp_path / "README.md").write_text("<!-- toy:begin --><!-- toy:end -->")
    monkeypatch.setattr(script, "HERE", tmp_path)
    names = {}
    exec(THEME, names)
    return names["THEME"]


def test_a_theme_leaves_results_figures_claims_and_its_part_of_the_page(toy, tmp_path):
    toy.main([])
    assert {path.name for path in (tmp_path / "toy").iterdir()} == {
        "law.csv", "law.json", "law.png", "claims.csv", "claims.json",
    }  # fmt: skip
    page = (tmp_path / "README.md").read_text()
    assert "| a share | none | above 0 | 0.5 | - | **reproduced** |" in page
    assert page.startswith("<!-- toy:begin -->\ntoy\n\n| claim |")


def test_a_theme_is_redrawn_from_its_tables_alone(toy, tmp_path):
    toy.main(["--share", "0.125"])
    for name in ("claims.csv", "law.png"):
        (tmp_path / "toy" / name).unlink()
    page = (tmp_path / "README.md").read_text()
    toy.main(["--redraw"])
    assert (tmp_path / "README.md").read_text() == page
    assert pd.read_csv(tmp_path / "toy" / "claims.csv")["measured"].tolist() == [0.125]
    assert (tmp_path / "toy" / "law.png").exists()


def test_a_tiny_run_writes_on_a_copy_of_the_page(toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy.main(["--smoke"])
    assert "0.25" in (tmp_path / "toy-smoke" / "README.md").read_text()
    assert "0.25" not in (tmp_path / "README.md").read_text()


def test_every_published_table_of_claims_is_on_the_page(claims):
    from analyses.conftest import ANALYSES

    page = (ANALYSES / "README.md").read_text()
    for path in ANALYSES.glob("*/claims.csv"):
        assert claims.markdown(claims.claims_of(Result.load(path))) in page, path
