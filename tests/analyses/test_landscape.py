"""What lines through four networks say of the loss around them."""

import numpy as np
import pandas as pd
import pytest

from resprobe.errors import UsageError
from resprobe.results import Result

NAMES = ("plain20", "plain56", "resnet20", "resnet56")


def test_four_networks_are_wanted(module, tmp_path):
    run = module("landscape").ANALYSIS.main
    with pytest.raises(UsageError, match="four networks are wanted"):
        run(["--only-ckpt", "--ckpt", "a.pt", "--ckpt", "b.pt", "--out", str(tmp_path)])


def test_a_valley_is_the_run_of_places_around_the_network(module):
    low = module("landscape")._run
    assert low(np.array([True, False, True, True, True, False, True])) == 3
    assert low(np.array([False, False, False])) == 0
    assert low(np.array([True, True, True])) == 3


def lines(module, **losses):
    """Two directions through each network, the second with the same losses but for a little."""
    rows = [
        {"network": name, "a": a, "direction": direction, "loss": loss + 1e-3 * direction}
        for name in NAMES
        for direction in (0, 1)
        for a, loss in enumerate(losses[name])
    ]
    meta = {
        "data": {"data_set": "ten", "split": "train", "n": 20},
        "settings": {"points": 7, "span": 1.0},
        "networks": [{"network": name} for name in NAMES],
    }
    result = Result("landscape", pd.DataFrame(rows), meta)
    return list(module("landscape").claims({"line": result}))


BOWL = [9.0, 4.0, 1.0, 0.0, 1.0, 4.0, 9.0]
ROUGH = [4.0, 6.0, 3.0, 0.0, 3.0, 6.0, 4.0]


def test_a_rough_plain_network_among_bowls_is_what_is_published(module):
    found = lines(module, plain20=BOWL, plain56=ROUGH, resnet20=BOWL, resnet56=BOWL)
    verdicts = [claim.verdict.value for claim in found]
    assert verdicts == ["reproduced"] * 6
    assert found[0].claim.startswith("the loss around resnet56 bends down at fewer places than")
    assert found[0].measured == pytest.approx(-2 / 5)  # bends down at 2 of 5 places
    assert found[0].n == 2
    assert found[0].setting == (
        "plain20, plain56, resnet20, resnet56; ten, train, 20 images; lines of 7 places up to 1 "
        "times the filters' norms away"
    )


def test_rough_residual_networks_are_not(module):
    found = lines(module, plain20=ROUGH, plain56=BOWL, resnet20=BOWL, resnet56=ROUGH)
    assert {claim.verdict.value for claim in found} == {"not reproduced"}


@pytest.mark.parametrize(
    ("deep", "verdict"),
    [((3, 3), "reproduced"), ((8, 1), "reproduced"), ((5, 5), "not reproduced")],
)  # of shallow ones of 3 places each; the second is hit by its interval alone
def test_sizes_are_almost_the_same_by_interval_or_within_a_quarter(module, deep, verdict):
    found = module("landscape")._same_size(
        {"a": {"valley": [3, 3]}, "b": {"valley": list(deep)}}, "a", "b", "ten"
    )
    assert found.measured == pytest.approx(sum(deep) / 6)
    assert (found.verdict, "within 25 %" in found.published) == (verdict, True)


def test_sizes_cannot_be_compared_where_no_network_is_below_chance(module):
    high = [loss + 3 for loss in BOWL]
    found = lines(module, plain20=BOWL, plain56=ROUGH, resnet20=high, resnet56=high)
    assert found[-1].verdict.value == "not testable here"
