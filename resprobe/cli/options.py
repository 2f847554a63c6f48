"""The options that commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Arch = Annotated[
    str,
    typer.Option("--arch", help="Architecture, such as resnet56 or plain20; several with commas."),
]
Ckpt = Annotated[
    list[Path] | None,
    typer.Option("--ckpt", help="Trained checkpoint, ours or foreign; may be given repeatedly."),
]
Data = Annotated[
    str,
    typer.Option("--data", help="Data set: embedded, cifar10, cifar100, ... or folder:PATH."),
]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Where data sets live (default data/, or RESPROBE_DATA)."),
]
Split = Annotated[str, typer.Option("--split", help="Which images: train, validation or test.")]
Normalise = Annotated[
    str,
    typer.Option("--normalise", help='imagenet, cifar10, cifar100 or "m,m,m/s,s,s".'),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything that is drawn.")]
Images = Annotated[
    int | None,
    typer.Option("--images", min=1, help="Only N images, evenly spaced over the split."),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Images at a time.")]
Width = Annotated[
    int, typer.Option("--width", min=1, help="Channels of the first stage, with --arch.")
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the CSV, JSON and figures.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No notes and no progress on stderr.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would run, how long and how large; run nothing."),
]
