"""``resprobe recipe``: what recipes there are, one as a file, its learning rates."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.say import note, table
from resprobe.cli.training import recipe_of
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.training import Recipe

__all__ = ["recipe"]

Name = Annotated[
    str,
    typer.Argument(metavar="NAME|FILE.toml", help="A built-in recipe, or one's own.",
                   show_default=False),
]  # fmt: skip
Arch = Annotated[
    str,
    typer.Option("--arch", metavar="NAME", help="Say whether this network warms up."),
]
Images = Annotated[
    int | None,
    typer.Option("--images", metavar="N", min=2, help="In iterations, for N images to learn from."),
]
Curve = Annotated[
    bool, typer.Option("--curve", help="The learning rate of every iteration, in pieces.")
]


def recipe(
    name: Name = "",
    set_: o.Set = None,
    arch: Arch = "",
    images: Images = None,
    curve: Curve = False,
    json: o.Json = False,
) -> None:
    """List the recipes, or print one as a file that train --recipe takes.

    Example: resprobe recipe he2015-cifar --set learning_rate=0.05 > mine.toml
    """
    from resprobe.training import recipes

    if not name:
        if set_ or arch or images is not None or curve:
            raise UsageError("these options are for one recipe; name it, or a .toml file, first")
        _show(list(recipes.values()), json=json)
        return
    chosen = recipe_of(name, set_ or (), batch_size=None, validation=None)
    if images is not None:
        chosen = _for_run(chosen, images)
    warms_up = _warms_up(chosen, arch) if arch else None
    if curve:
        _show_curve(chosen, warms_up, json=json)
    elif json:
        _print_json([chosen.to_dict()], warms_up)
    else:
        print(chosen.to_toml() + ("" if warms_up is None else f"# {warms_up}\n"), end="")


def _for_run(one: Recipe, images: int) -> Recipe:
    run = one.for_run(images)
    if one.iterations is not None:
        note(
            f"{one.name} counts iterations, {one.iterations:,} of them for any images, so "
            f"--images {images} changes nothing",
            quiet=False,
        )
    return run


def _show(recipes: list[Recipe], *, json: bool) -> None:
    import pandas as pd

    if json:
        _print_json([one.to_dict() for one in recipes], None)
        return
    rows = [
        {
            "recipe": one.name,
            "length": f"{one.length:,} {one.unit}",
            "batch": one.batch_size,
            "rate": f"{one.learning_rate:g}",
            "falls": _falls(one),
            "weight_decay": f"{one.weight_decay:g}",
            "nesterov": "yes" if one.nesterov else "no",
            "held_out": f"{one.validation_fraction:g}",
        }
        for one in recipes
    ]
    print(table(pd.DataFrame(rows)))


def _falls(one: Recipe) -> str:
    if not one.milestones:
        return f"{one.schedule.value}, ramp {one.ramp:,}" if one.ramp else one.schedule.value
    return f"x{one.decay:g} at " + ", ".join(f"{at:,}" for at in one.milestones)


def _warms_up(one: Recipe, arch: str) -> str:
    from resprobe.networks import Architecture

    depth = Architecture.parse(arch).depth
    if one.warm_up_depth is None or depth < one.warm_up_depth:
        return f"{arch}, {depth} layers: no warm-up"
    if one.warm_up_length is not None:
        end = f"for {one.warm_up_length:,} {one.unit}"
    else:
        end = f"until the training error is below {one.warm_up_until_error:g}"
    return f"{arch}, {depth} layers: {one.warm_up_rate:g} {end}, then the recipe's rate"


def _show_curve(one: Recipe, warms_up: str | None, *, json: bool) -> None:
    import pandas as pd

    from resprobe.training.recipe.schedule import pieces

    if one.iterations is None:
        raise UsageError(
            f"{one.name} is in epochs: --curve needs --images N, the number of images to learn from"
        )
    rows = [dataclasses.asdict(piece) for piece in pieces(one)]
    if json:
        _print_json(rows, warms_up)
        return
    frame = pd.DataFrame(rows)
    for column in ("first_rate", "last_rate"):
        frame[column] = frame[column].map("{:.6g}".format)
    print(table(frame) + ("" if warms_up is None else f"\n{warms_up}"))


def _print_json(rows: list[dict[str, Any]], warms_up: str | None) -> None:
    from resprobe.results import plain_json, versions

    more = {} if warms_up is None else {"warm_up": warms_up}
    print(plain_json({"meta": {**versions(), **more}, "rows": rows}))
