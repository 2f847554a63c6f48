"""Few paths are short: how many of 54 blocks the paths of a ResNet-110 go through.

Number    7
Question  Paths through L residual blocks have binomial lengths. Do 0.45 % of those of 54 blocks
          go through 5 to 17, and more than 95 % through 19 to 35?
Command   python analyses/path_counts.py
Cost      Under a second: integers alone.
Source    Veit et al. 2016, section 4.3 and Fig. 6a.
Setting   None is needed: a closed form in exact integers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from kit.analysis import Analysis
from kit.claims import Claim, Verdict, near

from resprobe import path_law, path_share
from resprobe.results import Result

BLOCKS = 54


def measure(asked: argparse.Namespace) -> dict[str, Result]:
    """Count the paths of every length."""
    del asked
    return {"law": path_law(BLOCKS)}


def claims(results: Mapping[str, Result]) -> Iterable[Claim]:
    """Compare the two published shares with the exact ones."""
    blocks = int(results["law"].frame["length"].max())
    short, middle = path_share(blocks, 5, 17), path_share(blocks, 19, 35)
    shared = {"n": 2**blocks, "of": "paths", "setting": f"{blocks} blocks; exact", "percent": True}
    yield Claim(
        claim="share of the paths that go through 5 to 17 blocks",
        source="Veit et al. 2016, section 4.3",
        published="0.45 %, to two digits",
        measured=short,
        verdict=near(round(short, 4), 0.0045),
        **shared,
    )
    yield Claim(
        claim="share of the paths that go through 19 to 35 blocks",
        source="Veit et al. 2016, section 4.1",
        published="above 95 %",
        measured=middle,
        verdict=Verdict.REPRODUCED if middle > 0.95 else Verdict.NOT_REPRODUCED,
        **shared,
    )


ANALYSIS = Analysis(
    file=__file__,
    kinds=("law",),
    measure=measure,
    claims=claims,
    captions={"law": "Number of paths of each length through 54 blocks, as a share of all."},
)

if __name__ == "__main__":
    ANALYSIS.run()
