"""The options that ``resprobe train`` alone has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resprobe.cli.options import OPTIONS
from resprobe.cli.training import not_ours

Arch = Annotated[
    str,
    typer.Option(
        "--arch",
        metavar="NAME",
        help=f"Architecture, such as resnet56, plain20 or resnet110:shortcut=B. {OPTIONS}",
    ),
]


def _refuse_model(given: str | None) -> None:
    if given is not None:
        raise not_ours(f"--model {given}")


NoModel = Annotated[
    str | None, typer.Option("--model", hidden=True, is_eager=True, callback=_refuse_model)
]
Out = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="Checkpoint to write, such as r56.pt.")
]
RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE.toml",
        help="How to train, such as he2015-cifar, he2015-imagenet or short; `resprobe recipe` "
        "shows them all.",
    ),
]
BlocksPerBatch = Annotated[
    int | None,
    typer.Option(
        "--blocks-per-batch",
        metavar="K",
        help="Train only short paths: every batch goes through K random residual blocks and past "
        "the others, as in Veit et al. 2016 (23 of the 54 of resnet110).",
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        min=1,
        help="Length of the run, to which the schedule is scaled (default: the recipe's).",
    ),
]
StepSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", metavar="N", min=2, help="Images per step (default: the recipe's)."
    ),
]
Validation = Annotated[
    float | None,
    typer.Option(
        "--validation",
        metavar="SHARE",
        min=0,
        max=0.9,
        help="Share of the training images held out (default: the recipe's; 0 for none).",
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        "--images",
        metavar="N",
        min=1,
        help="Only N training and at most N test images, evenly spaced.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the run at --out; where there is none, begin it."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace the run at --out instead of refusing to.")
]
SaveEvery = Annotated[
    float,
    typer.Option(
        "--save-every",
        metavar="MINUTES",
        min=0,
        help="Save the state within an epoch after so long; after each epoch it is saved anyhow.",
    ),
]
SeedCount = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        metavar="N",
        min=1,
        max=10_000,
        help="Train N times, from --seed on, and report mean, sd and interval; the files are "
        "NAME-seed0 and so on.",
    ),
]
TestCurve = Annotated[
    bool, typer.Option("--test-curve", help="Evaluate the test images after every epoch too.")
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=0,
        max=1024,
        help="Processes that decode images that lie on disk (default: the cores, less one).",
    ),
]
PrecisionName = Annotated[
    str,
    typer.Option(
        "--precision", metavar="NAME", help="fp32, or bf16 or fp16 with its scaling, for GPUs."
    ),
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the forward pass (a minute at first).")
]
Watch = Annotated[
    int | None,
    typer.Option(
        "--watch",
        metavar="N",
        min=1,
        help="Record branch sizes, responses, gradients and weight updates of every block at "
        "every N-th step, in NAME-watch.csv.",
    ),
]
