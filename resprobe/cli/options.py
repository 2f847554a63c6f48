"""The options that commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

OPTIONS = (
    "Options (width, block, shortcut, order, layout, init, survival, ...) follow as :NAME=VALUE; "
    "docs/networks.md lists them."
)
Arch = Annotated[
    str,
    typer.Option(
        "--arch",
        metavar="NAME[,NAME]",
        help="Architecture, such as resnet56, plain20 or resnet110:shortcut=B; several with "
        f"commas. {OPTIONS}",
    ),
]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="SPEC",
        help="Model from elsewhere: torchvision:NAME, timm:NAME or FILE.py:FUNCTION, options as "
        ":NAME=VALUE behind it; --ckpt fills it. May be given repeatedly.",
    ),
]
Ckpt = Annotated[
    list[Path] | None,
    typer.Option(
        "--ckpt",
        metavar="FILE",
        help="Trained checkpoint, ours or foreign; may be given repeatedly.",
    ),
]
Prefix = Annotated[
    str,
    typer.Option(
        "--prefix",
        metavar="NAME",
        help="Where the network lies in a checkpoint that holds several, such as teacher.",
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="NAME",
        help="Data set: embedded, cifar10, cifar100, fashion-mnist, folder:PATH or imagenet:PATH.",
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        help="Where data sets live (default data/, or RESPROBE_DATA).",
    ),
]
Split = Annotated[
    str, typer.Option("--split", metavar="NAME", help="Which images: train, validation or test.")
]
Normalise = Annotated[
    str,
    typer.Option(
        "--normalise",
        metavar="NAME|M/S",
        help='imagenet, cifar10, cifar100, fashion-mnist or "m,m,m/s,s,s".',
    ),
]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 or mps.")
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", metavar="N", min=0, max=2**32 - 1, help="Seed of everything that is drawn."
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        "--images", metavar="N", min=1, help="Only N images, evenly spaced over the split."
    ),
]


def images_by_default(number: int) -> Any:
    """Return the option for commands that take so many images where none is asked for."""
    return typer.Option(
        "--images",
        metavar="N",
        min=1,
        help=f"N images, evenly spaced over the split (default {number} or all).",
    )


FitImages = Annotated[
    int | None,
    typer.Option(
        "--fit-images",
        metavar="N",
        min=0,
        help="Training images that linear probes are fitted on (default as many as are read); "
        "0 leaves the probes out.",
    ),
]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", metavar="N", min=1, help="Images at a time.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a value of the recipe, such as learning_rate=0.05 or milestones=100,200; may "
        "be given repeatedly.",
    ),
]
SIZE_LIMIT = 65_536  # beyond any network, and below what torch can multiply without overflow
Width = Annotated[
    int | None,
    typer.Option(
        "--width",
        metavar="N",
        min=1,
        max=SIZE_LIMIT,
        help="Channels of the first stage, with --arch (default: the family's, 16 or 64).",
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="N",
        min=1,
        max=SIZE_LIMIT,
        help="Height and width to resize images to (default: what a model's library says it "
        "wants, else the images' own).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Save CSV, JSON and figures (PNG, SVG) here."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No notes and no progress on stderr.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would run, how long and how large; run nothing."),
]
