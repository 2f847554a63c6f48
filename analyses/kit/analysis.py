"""What the script of every theme does: read options, measure, draw, and write claims and page.

A theme says what is measured and what follows from it; ``THEME.run()`` does the rest. In OUT it
leaves each result (``KIND.csv`` and ``.json``), its figure (``KIND.png``) and the claims
(``claims.csv`` and ``.json``), and puts the table of claims between ``<!-- NAME:begin -->`` and
``<!-- NAME:end -->`` of the page. ``claims.py`` has an example.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from claims import Claim, claims_of, markdown, tabulated
from matplotlib.figure import Figure
from page import filled
from subjects import Subject, subject, trained

from resprobe.errors import ResprobeError, UsageError
from resprobe.figures import figure, save
from resprobe.results import Result

__all__ = [
    "Theme",
    "check_names",
    "ended",
    "given",
    "images_and_networks",
    "shared_options",
    "smoke_page",
]

HERE = Path(__file__).parent
Results = Mapping[str, Result]


@dataclass(frozen=True, kw_only=True)
class Theme:
    """A theme of the page, and its script.

    Attributes
    ----------
    name : str
        Of the folder, and of the markers on the page.
    about : str
        The script's docstring; its first line is what ``--help`` says.
    kinds : tuple of str
        The stems of the results, which ``--redraw`` reads.
    measure : callable
        From the options as given (``asked``) to a result for each kind.
    claims : callable
        From these results to the claims.
    options : callable, optional
        Adds the theme's own options to the parser.
    smoke : dict
        What the theme's own options are with ``--smoke``.
    draw : callable, optional
        From the results to figures by their stems; one figure for each result by default.
    needs_networks : bool
        Whether ``--ckpt`` must name any; ``--smoke`` then trains a tiny one.
    """

    name: str
    about: str
    kinds: tuple[str, ...]
    measure: Callable[[argparse.Namespace], Results]
    claims: Callable[[Results], Iterable[Claim]]
    options: Callable[[argparse.ArgumentParser], object] | None = None
    smoke: dict[str, Any] = field(default_factory=dict)
    draw: Callable[[Results], Mapping[str, Figure]] | None = None
    needs_networks: bool = False

    def run(self) -> None:
        """Be the script: an error is one sentence and its exit code."""
        ended(self.name, self.main)

    def main(self, arguments: list[str] | None = None) -> None:
        """Measure, and write everything."""
        asked = self.asked(arguments)
        page = smoke_page(asked.out) if asked.smoke else HERE / "README.md"
        if asked.redraw:
            results = {kind: Result.load(asked.out / f"{kind}.csv") for kind in self.kinds}
        else:
            torch.set_num_threads(asked.threads)
            results = dict(self.measure(asked))
            for kind, result in results.items():
                result.save_as(asked.out / kind)
        self.deliver(results, asked.out, page)
        print(f"wrote {asked.out} and {page}")

    def asked(self, arguments: list[str] | None) -> argparse.Namespace:
        """Read the command line."""
        parser = argparse.ArgumentParser(description=self.about.splitlines()[0])
        if self.needs_networks:
            images_and_networks(parser)
        if self.options is not None:
            self.options(parser)
        shared_options(parser, HERE / self.name)
        asked = parser.parse_args(arguments)
        if asked.smoke:
            vars(asked).update(self.smoke)
            asked.out = asked.out if asked.out != HERE / self.name else Path(f"{self.name}-smoke")
            if self.needs_networks and not (asked.ckpt or asked.redraw):
                asked.ckpt = [trained(asked.out / "checkpoints" / "resnet14.pt")]
        if self.needs_networks and not asked.redraw:
            check_names(asked.ckpt)
        return asked

    def deliver(self, results: Results, out: Path, page: Path) -> None:
        """Write the claims, the figures and the page's part, all from the results."""
        table = tabulated(self.claims(results), results[self.kinds[0]].meta)
        table.save_as(out / "claims")
        for stem, made in (self.draw or _drawn)(results).items():
            save(made, out / stem, formats=("png",))
        filled(page, self.name, markdown(claims_of(table)))


def _drawn(results: Results) -> dict[str, Figure]:
    return {kind: figure(result) for kind, result in results.items()}


def images_and_networks(parser: argparse.ArgumentParser) -> None:
    """Add the options that name trained networks and their images."""
    parser.add_argument("--ckpt", action="append", default=[], type=Path, help="repeatedly")
    parser.add_argument("--data", default="", help="as resprobe takes it")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--label", default="", help="what images from a folder are called")


def given(asked: argparse.Namespace, *, split: str = "test") -> list[Callable[[], Subject]]:
    """Return what reads each of the networks; nothing is read before it is called."""
    return [
        lambda p=path: subject(p, asked.data, asked.data_root, split=split) for path in asked.ckpt
    ]


def shared_options(parser: argparse.ArgumentParser, out: Path) -> None:
    """Add the options that every script has."""
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--redraw", action="store_true", help="from the tables in OUT alone")
    parser.add_argument("--smoke", action="store_true", help="in seconds, tiny")


def check_names(paths: list[Path]) -> None:
    """Raise unless there are networks, each with a file name of its own."""
    stems = [path.stem for path in paths]
    if not stems or len(set(stems)) < len(stems):
        raise UsageError(
            "--ckpt names the trained networks, each with a file name of its own; got "
            f"{', '.join(stems) or 'none'}"
        )


def smoke_page(out: Path) -> Path:
    """Return a copy of the page, which a tiny run may write on."""
    out.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(HERE / "README.md", out))


def ended(name: str, main: Callable[[], None]) -> None:
    """Run a script's main function; an error is one sentence on stderr and its exit code."""
    try:
        main()
    except ResprobeError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
