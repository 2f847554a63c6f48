"""``resprobe describe``: blocks, shapes, parameters, multiply-adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.description import Description, Sizes, descriptions
from resprobe.cli.request import Named
from resprobe.cli.say import counted, human_count, shortened, table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["describe"]


Size = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="N",
        min=1,
        max=o.SIZE_LIMIT,
        help="Height and width of an image (default: what the network was designed for).",
    ),
]
Channels = Annotated[
    int | None,
    typer.Option(
        "--channels",
        metavar="N",
        min=1,
        max=o.SIZE_LIMIT,
        help="Channels of an image (default 3).",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        "--classes",
        metavar="N",
        min=1,
        max=o.SIZE_LIMIT,
        help="Number of classes (default: the family's, 10 or 1000; a model's own).",
    ),
]


def describe(
    arch: o.Arch = "",
    ckpt: o.Ckpt = None,
    model: o.Model = None,
    prefix: o.Prefix = "",
    sizes: Annotated[
        bool,
        typer.Option("--sizes", help="Sizes alone, as for several networks, without the blocks."),
    ] = False,
    image_size: Size = None,
    channels: Channels = None,
    classes: Classes = None,
    width: o.Width = None,
    seed: o.Seed = 0,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """List the blocks of a network with stages, shapes, parameters and multiply-adds.

    Several networks are compared by their sizes. Of architectures no weights are allocated.

    Example: resprobe describe --arch resnet18,resnet50
    """
    named = Named(arch=arch, ckpt=ckpt, model=model, width=width, prefix=prefix)
    wanted = Sizes(image=image_size, channels=channels, classes=classes)
    found = descriptions(named, wanted, seed=seed, quiet=quiet)
    compared = _sizes(found, published=not ckpt and image_size is None)
    if json:
        _print_json(found, compared)
    elif sizes or len(found) > 1:
        print(_sizes_told(compared, {one.label: one.title for one in found}))
    else:
        print(_told(found[0]))


def _sizes(found: list[Description], *, published: bool) -> pd.DataFrame:
    """List sizes and costs: of published networks in every layout, of others as they are."""
    import pandas as pd

    from resprobe.networks import size_table

    tables = [
        size_table([one.architecture]) if one.architecture and published else _size(one)
        for one in found
    ]
    return pd.concat(tables, ignore_index=True).drop_duplicates(ignore_index=True)


def _size(one: Description) -> pd.DataFrame:
    import pandas as pd

    about = one.about
    row = {
        "network": one.label,
        "layout": about.get("layout") or "",
        "block": about.get("block") or "",
        "blocks": one.block_count,
        "depth": one.architecture.depth if one.architecture else -1,
        "width": about.get("width", -1),
        "parameters": one.parameters,
        "multiply_adds": one.multiply_adds,
        "image_size": one.image[1],
    }
    return pd.DataFrame([row])


COUNTED = (
    "Multiply-adds of one image: convolutions, linear layers and matrix products; not BN, "
    "activations, sums, pooling."
)


def _sizes_told(frame: pd.DataFrame, titles: dict[str, str]) -> str:
    from resprobe.networks import block_costs

    shown = frame.copy()
    shown["parameters"] = frame["parameters"].map("{:,}".format)
    shown["multiply_adds"] = frame["multiply_adds"].map(human_count)
    shown["image_size"] = frame["image_size"].map("{0}x{0}".format)
    for column in ("blocks", "depth", "width"):
        shown[column] = frame[column].map(str).replace("-1", "-")
    if any(label != title for label, title in titles.items()):
        shown.insert(1, "architecture", frame["network"].map(lambda label: titles[label]))
    columns = {"multiply_adds": "multiply-adds", "image_size": "image"}
    lines = [table(shown.replace("", "-").rename(columns=columns)), COUNTED]
    if (frame["block"] == "bottleneck").any():
        basic, bottleneck = block_costs().to_dict("records")
        lines.append(
            f"A bottleneck of {bottleneck['channels']} channels costs about what a basic block of "
            f"{basic['channels']} does: {human_count(bottleneck['multiply_adds'])} and "
            f"{human_count(basic['multiply_adds'])} multiply-adds on maps of "
            f"{basic['map_size']}x{basic['map_size']}."
        )
    return "\n".join(lines)


def _told(one: Description) -> str:
    frame = one.steps
    blocks = counted(len(one.blocks), f"{'plain' if one.chain.is_plain else 'residual'} block")
    stages = counted(one.blocks["stage"].nunique(), "stage")
    transitions = counted(int((one.blocks["kind"] == "transition").sum()), "transition")
    title = "" if one.title == one.label else f" {one.title},"
    heading = (
        f"{one.label}:{title} {blocks} in {stages} ({transitions}), "
        f"{one.parameters:,} parameters, {human_count(one.multiply_adds)} multiply-adds "
        f"for an image of {'x'.join(map(str, one.image))}"
    )
    shown = frame.copy() if frame["merge"].any() else frame.drop(columns="merge")
    shown["name"] = frame["name"].map(shortened)
    shown["block"] = shown["block"].map(str).replace("-1", "")
    shown["stage"] = shown["stage"].map(str).replace("0", "")
    for column in ("parameters", "multiply_adds"):
        shown[column] = frame[column].map("{:,}".format)
    parts = [heading, table(shown), COUNTED]
    whole = {"parameters": one.parameters, "multiply_adds": one.multiply_adds}
    if any(int(frame[figure].sum()) != total for figure, total in whole.items()):
        parts.append(
            f"The steps hold {frame['parameters'].sum():,} parameters and cost "
            f"{frame['multiply_adds'].sum():,} multiply-adds: what several of them share counts in "
            "each, what none of them uses in none."
        )
    return "\n\n".join(parts)


def _print_json(found: list[Description], compared: pd.DataFrame) -> None:
    from resprobe.networks import block_costs
    from resprobe.results import plain_json, versions

    networks: list[dict[str, Any]] = [
        {
            "network": one.label,
            **one.about,
            "image": one.image,
            "blocks": len(one.blocks),
            "parameters": one.parameters,
            "multiply_adds": one.multiply_adds,
            "stages": int(one.blocks["stage"].nunique()),
            "unravel_s": one.unravel_s,
        }
        for one in found
    ]
    rows = [{"network": one.label, **row} for one in found for row in one.steps.to_dict("records")]
    more = {
        "sizes": compared.to_dict("records"),
        "block_costs": block_costs().to_dict("records"),
    }
    meta = {**versions(), "counted": COUNTED, "networks": networks}
    print(plain_json({"meta": meta, "rows": rows, **more}))
