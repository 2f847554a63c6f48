"""The options that ``resprobe lesion`` alone has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STUDIES = {
    "single": "delete every block in turn",
    "layers": "every layer of a plain network in turn, every block of a residual one",
    "random": "several random blocks at a time",
    "shuffle": "swap random blocks of one shape",
    "pairs": "every two blocks together, and how they interact",
    "greedy": "drop blocks one after another, the least needed first",
    "repeat": "apply one block several times",
    "scale": "multiply one block's branch by factors",
}
"""What each study does, by name."""

Study = Annotated[
    str,
    typer.Option(
        "--study",
        metavar="NAME",
        help="; ".join(f"{name}: {what}" for name, what in STUDIES.items()) + ".",
    ),
]
Most = Annotated[
    int | None,
    typer.Option(
        "--most",
        metavar="K",
        min=1,
        help="random, shuffle, greedy: up to K deletions, swaps or drops (default: 20, or as many "
        "as there are; greedy all).",
    ),
]
Draws = Annotated[
    int | None,
    typer.Option(
        "--draws",
        metavar="N",
        min=1,
        help="random, shuffle: draws for each number of deletions or swaps (default 20).",
    ),
]
NoTransitions = Annotated[
    bool, typer.Option("--no-transitions", help="random: leave transitions out of the draws.")
]
Times = Annotated[
    str,
    typer.Option("--times", metavar="N,N", help="repeat: how often in a row (default 2,3)."),
]
Alphas = Annotated[
    str,
    typer.Option(
        "--alphas",
        metavar="X,X",
        help="scale: factors of the branch (default 0,0.25,0.5,0.75,1,1.25,1.5).",
    ),
]
SelectionImages = Annotated[
    int | None,
    typer.Option(
        "--selection-images",
        metavar="N",
        min=1,
        help="greedy: N training images to choose by (default: as many as are measured on).",
    ),
]
AllowedRise = Annotated[
    str,
    typer.Option(
        "--allowed-rise",
        metavar="SHARE",
        help="greedy, with --save-pruned: the most that the error may rise, on the images chosen "
        "by (default 1%).",
    ),
]
Drop = Annotated[
    int | None,
    typer.Option(
        "--drop",
        metavar="N",
        min=1,
        help="greedy, with --save-pruned: drop N blocks, whatever it costs.",
    ),
]
SavePruned = Annotated[
    Path | None,
    typer.Option(
        "--save-pruned",
        metavar="FILE",
        help="greedy: save the smaller network as a checkpoint, and time it.",
    ),
]
Tolerance = Annotated[
    str,
    typer.Option(
        "--tolerance",
        metavar="SHARE",
        help="Stop measuring a lesion when the interval of its damage is within so much to each "
        "side, such as 0.5% (0.005).",
    ),
]
PerClass = Annotated[bool, typer.Option("--per-class", help="The damage to each class too.")]
Recalibrate = Annotated[
    int | None,
    typer.Option(
        "--recalibrate",
        metavar="N",
        min=1,
        help="Beside the raw figures, those with BatchNorm's statistics measured anew behind "
        "each lesion, on N training images.",
    ),
]
