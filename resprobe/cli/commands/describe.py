"""``resprobe describe``: blocks, shapes, parameters, multiply-adds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.say import note, table
from resprobe.cli.subjects import named, told_apart

if TYPE_CHECKING:
    import pandas as pd

    from resprobe.networks import Architecture

__all__ = ["describe"]


Size = Annotated[
    int,
    typer.Option(
        "--image-size", metavar="N", min=1, max=o.SIZE_LIMIT, help="Height and width of an image."
    ),
]
Channels = Annotated[
    int,
    typer.Option(
        "--channels",
        metavar="N",
        min=1,
        max=o.SIZE_LIMIT,
        help="Channels of an image, with --arch.",
    ),
]
Classes = Annotated[
    int,
    typer.Option(
        "--classes", metavar="N", min=1, max=o.SIZE_LIMIT, help="Number of classes, with --arch."
    ),
]


def describe(
    arch: o.Arch = "",
    ckpt: o.Ckpt = None,
    size: Size = 32,
    channels: Channels = 3,
    classes: Classes = 10,
    width: o.Width = 16,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """List the blocks of a network with stages, shapes, parameters and multiply-adds.

    No weights are allocated.

    Example: resprobe describe --arch resnet56
    """
    from resprobe.networks import Architecture

    if ckpt:
        found = [(path.stem, _inside(path, arch, quiet=quiet)) for path in ckpt]
    else:
        found = [
            (name, Architecture(name, num_classes=classes, in_channels=channels, width=width))
            for name in named(arch)
        ]
    labels = told_apart([label for label, _ in found])
    frames = [
        (label, architecture, _table(architecture, size))
        for label, (_, architecture) in zip(labels, found, strict=True)
    ]
    if json:
        _print_json(frames, size)
    else:
        print("\n\n".join(_told(*described, size) for described in frames))


def _inside(path: Path, arch: str, *, quiet: bool) -> Architecture:
    from resprobe.checkpoints import load

    checkpoint = load(path, arch=arch or None)
    for line in checkpoint.notes:
        note(f"{path.name}: {line}", quiet=quiet)
    return checkpoint.architecture


def _table(architecture: Architecture, size: int) -> pd.DataFrame:
    import torch

    from resprobe.chain import block_table, unravel

    example = torch.empty(1, architecture.in_channels, size, size, device="meta")
    return block_table(unravel(architecture.build(device="meta"), example))


def _told(label: str, architecture: Architecture, frame: pd.DataFrame, size: int) -> str:
    blocks = frame.loc[frame["block"] >= 0]
    transitions = int((blocks["kind"] == "transition").sum())
    kind = "plain" if architecture.is_plain else "residual"
    heading = (
        f"{label}: {architecture.name}, {len(blocks)} {kind} blocks in "
        f"{blocks['stage'].nunique()} stages ({transitions} transitions), "
        f"{frame['parameters'].sum():,} parameters, "
        f"{frame['multiply_adds'].sum() / 1e6:,.2f} M multiply-adds "
        f"for an image of {architecture.in_channels}x{size}x{size}"
    )
    shown = frame.drop(columns="merge").copy()
    shown["block"] = shown["block"].map(str).replace("-1", "")
    shown["stage"] = shown["stage"].map(str).replace("0", "")
    for column in ("parameters", "multiply_adds"):
        shown[column] = frame[column].map("{:,}".format)
    counted = (
        "Multiply-adds: convolutions and the linear layer; not BN, activations, sums, pooling."
    )
    return f"{heading}\n\n{table(shown)}\n\n{counted}"


def _print_json(frames: list[tuple[str, Architecture, pd.DataFrame]], size: int) -> None:
    from resprobe.results import plain_json, versions

    networks: list[dict[str, Any]] = [
        {
            "network": label,
            **architecture.to_dict(),
            "blocks": int((frame["block"] >= 0).sum()),
            "parameters": int(frame["parameters"].sum()),
            "multiply_adds": int(frame["multiply_adds"].sum()),
        }
        for label, architecture, frame in frames
    ]
    rows = [
        {"network": label, **row} for label, _, frame in frames for row in frame.to_dict("records")
    ]
    meta = {
        **versions(),
        "image_size": size,
        "counted": "multiply-adds of convolutions, linear layers and matrix products, one image",
        "networks": networks,
    }
    print(plain_json({"meta": meta, "rows": rows}))
