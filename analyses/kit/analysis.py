"""What every script of a published claim does: read options, measure, draw, say what follows.

A script says what is measured and what follows from it; ``ANALYSIS.run()`` does the rest. In
``OUT/NAME`` it leaves each result (``KIND.csv`` and ``.json``), its figure (``KIND.png``) and the
claims (``claims.csv`` and ``.json``), and in ``OUT`` the table of all claims and the page.
``claims.py`` has an example.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from kit.claims import Claim, tabulated
from kit.keeping import remember
from kit.networks import Own, networks_of
from kit.page import write_page
from matplotlib.figure import Figure

from resprobe.errors import ResprobeError
from resprobe.figures import figure, save
from resprobe.reproduction import read_script
from resprobe.results import Result

__all__ = ["Analysis"]

OUT, SMOKE = Path("reproduced"), Path("reproduced-smoke")
Results = Mapping[str, Result]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """A script: what it measures, and what follows.

    Attributes
    ----------
    file : str
        ``__file__`` of the script; its docstring is what help and page say.
    kinds : tuple of str
        The stems of the results, which ``--redraw`` reads.
    measure : callable
        From the options as given (``asked``) to a result for each kind. ``asked.found`` are the
        networks to look at, ``asked.parts`` the folder in which to keep what is measured.
    claims : callable
        From these results to the claims. The first is the one that the summary shows.
    captions : dict
        From the stem of each figure to what is seen in it. A stem that no figure has is left out.
    draw : callable, optional
        From the results to figures by their stems; one figure for each result by default.
    options : callable, optional
        Adds the script's own options to the parser.
    smoke : dict
        What the script's own options are with ``--smoke``.
    own : tuple of Own
        Networks that are trained here where they are not there yet.
    any_networks : bool
        Whether ``--ckpt`` may name others beside them.
    varying : tuple of str
        Options that parts of one measurement may differ in: which of them a run adds.
    """

    file: str
    kinds: tuple[str, ...]
    measure: Callable[[argparse.Namespace], Results]
    claims: Callable[[Results], Iterable[Claim]]
    captions: Mapping[str, str] = field(default_factory=dict)
    draw: Callable[[Results], Mapping[str, Figure]] | None = None
    options: Callable[[argparse.ArgumentParser], object] | None = None
    smoke: dict[str, Any] = field(default_factory=dict)
    own: tuple[Own, ...] = ()
    any_networks: bool = False
    varying: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The script's name."""
        return Path(self.file).stem

    def run(self) -> None:
        """Be the script: an error is one sentence and its exit code."""
        try:
            self.main()
        except ResprobeError as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            sys.exit(error.exit_code)

    def main(self, arguments: list[str] | None = None) -> None:
        """Measure, and write everything."""
        asked = self.asked(arguments)
        out = asked.out / self.name
        if asked.redraw:
            results = {kind: Result.load(out / f"{kind}.csv") for kind in self.kinds}
        else:
            torch.set_num_threads(asked.threads)
            remember(asked, self.varying)
            results = dict(self.measure(asked))
            for kind, result in results.items():
                result.save_as(out / kind)
        self.deliver(results, out)
        print(f"wrote {out} and {write_page(asked.out)}")

    def asked(self, arguments: list[str] | None) -> argparse.Namespace:
        """Read the command line."""
        script = read_script(self.file)
        parser = argparse.ArgumentParser(
            prog=f"{self.name}.py", description=f"{script.title} {script.question}"
        )
        if self.own or self.any_networks:
            _add_networks(parser)
        if self.options is not None:
            self.options(parser)
        _add_shared(parser)
        asked = parser.parse_args(arguments)
        if asked.out is None:
            asked.out = SMOKE if asked.smoke else OUT
        if asked.smoke:
            vars(asked).update(self.smoke)
        if self.own or self.any_networks:
            self._find_networks(asked)
        asked.parts = asked.out / self.name / "parts"
        return asked

    def _find_networks(self, asked: argparse.Namespace) -> None:
        if asked.smoke:
            asked.ckpt, asked.data, asked.only_ckpt = [], "", False
        if asked.networks is None:
            asked.networks = asked.out / "networks"
        asked.found = networks_of(asked, self.own)

    def deliver(self, results: Results, out: Path) -> None:
        """Write figures and claims, both from the results."""
        made = (self.draw or _drawn)(results)
        for stem, drawn in made.items():
            save(drawn, out / stem, formats=("png",))
        figures = [{"file": f"{stem}.png", "caption": self.captions[stem]} for stem in made]
        meta = {"figures": figures, **results[self.kinds[0]].meta}
        tabulated(self.claims(results), meta).save_as(out / "claims")


def _drawn(results: Results) -> dict[str, Figure]:
    return {kind: figure(result) for kind, result in results.items()}


def _add_networks(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ckpt", action="append", default=[], type=Path, metavar="FILE",
                        help="another trained network to look at; repeatedly")  # fmt: skip
    parser.add_argument("--only-ckpt", action="store_true", help="look at no others")
    parser.add_argument("--data", default="", help="images of networks that do not know theirs")
    parser.add_argument("--data-root", type=Path, help="as resprobe takes it")
    parser.add_argument("--label", default="", help="what images from a folder are called")
    parser.add_argument("--networks", type=Path, metavar="FOLDER",
                        help="where networks trained here are kept (OUT/networks)")  # fmt: skip


def _add_shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    parser.add_argument("--threads", type=int, default=1, help="other numbers, other roundings")
    parser.add_argument("--out", type=Path, metavar="FOLDER",
                        help=f"where results go, each claim's to a folder of its own ({OUT}, with "
                        f"--smoke {SMOKE})")  # fmt: skip
    parser.add_argument("--redraw", action="store_true", help="from the tables in OUT alone")
    parser.add_argument("--smoke", action="store_true",
                        help="in seconds, with tiny networks instead of those named")  # fmt: skip
