import math

import pytest

from resprobe.results import Result


@pytest.fixture(scope="module")
def claims(module):
    return module("kit.claims")


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
