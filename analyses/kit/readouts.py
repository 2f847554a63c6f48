"""Read-outs of the networks that a script looks at, as far as it needs them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace

from kit.subjects import Subject
from kit.tables import measured_once

from resprobe import readout
from resprobe.probes import Readout
from resprobe.results import Result

__all__ = ["SMOKE", "options", "probe_options", "read_out"]

SMOKE = {"images": 60, "fit_images": 100}
BLOCK = ("network", "block", "name", "stage", "kind", "n")


def options(parser: argparse.ArgumentParser) -> None:
    """Add how many images are read."""
    parser.add_argument("--images", type=int, default=5_000, help="to read")


def probe_options(parser: argparse.ArgumentParser) -> None:
    """Add how many images are read, and on how many others linear probes are fitted."""
    options(parser)
    parser.add_argument("--fit-images", type=int, default=10_000, help="to fit probes on")


def read_out(
    asked: argparse.Namespace,
    kind: str,
    *,
    take: Callable[[Readout], Result],
    columns: Sequence[str] = (),
    probes: bool = False,
) -> Result:
    """Read out every network that is not read out yet, and put them together.

    Parameters
    ----------
    asked : Namespace
        With ``found``, ``parts`` and the options above.
    kind : str
        What the result is called.
    take : callable
        Which of the three tables is wanted.
    columns : sequence of str
        What is kept of it beside the names of the blocks; everything if there are none.
    probes : bool
        Whether linear probes are fitted, on training images.
    """
    networks = {network.name: network for network in asked.found}

    def part(read: Subject) -> Result:
        fit = None
        if probes:
            learnt = networks[read.name].read("train").shown(asked.fit_images)
            fit = replace(learnt, normalisation=read.data.normalisation)
        shown = read.shown(asked.images)
        found = take(readout(read.chain, shown, network=read.name, fit=fit, about=read.about))
        frame = found.frame[[*BLOCK, *columns]] if columns else found.frame
        return Result(found.name, frame, found.meta)

    return measured_once(asked, kind, part)
