"""``resprobe lesion``: what deleting, shuffling, repeating and scaling blocks does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from resprobe.cli import lesion_options as lo
from resprobe.cli.lesion_study import Asked
from resprobe.cli.lesion_tables import told
from resprobe.cli.lesion_work import Work, in_files
from resprobe.cli.output import deliver, prepared, show_plans
from resprobe.cli.probing import Question, probing
from resprobe.cli.pruning import check_prunable, pruned
from resprobe.cli.request import Request
from resprobe.cli.say import note
from resprobe.cli.subjects import subjects
from resprobe.cli.values import share
from resprobe.errors import UsageError

__all__ = ["lesion", "told"]


@probing(images=None)
def lesion(
    question: Question,
    study: lo.Study = "single",
    most: lo.Most = None,
    draws: lo.Draws = None,
    no_transitions: lo.NoTransitions = False,
    times: lo.Times = "",
    alphas: lo.Alphas = "",
    selection_images: lo.SelectionImages = None,
    save_pruned: lo.SavePruned = None,
    allowed_rise: lo.AllowedRise = "",
    drop: lo.Drop = None,
    tolerance: lo.Tolerance = "",
    per_class: lo.PerClass = False,
    recalibrate: lo.Recalibrate = None,
) -> None:
    """Delete, shuffle, repeat or scale blocks of a trained network, and measure what it does.

    A deleted block keeps its shortcut; a plain block is bypassed where it keeps the shape. With
    --out, a study that is interrupted goes on where it stopped. docs/lesion.md is the guide.

    Example: resprobe lesion --ckpt r110.pt --study random --images 200
    """
    from resprobe.training.distributed import World

    asked = Asked(
        study=study, most=most, draws=draws, no_transitions=no_transitions, times=times,
        alphas=alphas, selection_images=selection_images, allowed_rise=allowed_rise, drop=drop,
        save_pruned=save_pruned,
    )  # fmt: skip
    world = World.from_environment(question.request.device)
    out, json, dry_run = question.out, question.json, question.dry_run
    quiet = question.quiet or not world.leader
    request = replace(
        question.request, device=str(world.device), quiet=quiet, layers=study == "layers"
    )
    options: dict[str, Any] = {
        "world": world,
        "study": asked.made(),
        "seed": request.seed,
        "per_class": per_class,
    }
    options["tolerance"] = share(tolerance, option="--tolerance") if tolerance else None
    _check(asked, request)
    with world.opened(), _prepared(out, save_pruned, here=world.leader and not dry_run):
        world.wait()  # for the folder
        found = subjects(request)
        works = [Work(s, asked, options, recalibrate=recalibrate, out=out) for s in found]
        for work in works:
            work.check()
        if dry_run:
            plans = [(work.subject.network, work.plan()) for work in works]
            if world.leader:
                show_plans(plans, json=json)
            return
        parts = [work.result() for work in works]
        if world.leader:
            main, *classes = in_files(parts)
            tell = partial(told, classes=classes[0].frame if classes else None)
            deliver([main, *classes], tell, out=out, json=json, quiet=quiet)
            if save_pruned is not None:
                said = pruned(found[0], parts[0], asked, save_pruned)
                note(said, quiet=quiet) if json else print(said)
        world.wait()  # for the results to be saved
        for work in works:
            work.finish()


def _check(asked: Asked, request: Request) -> None:
    """Raise UsageError where networks or images are not such as the study wants."""
    if asked.save_pruned is not None:
        check_prunable(request.named, asked.save_pruned)
    if asked.selection_images and request.split == "train":
        raise UsageError(
            "--selection-images chooses by training images, and --split train measures on them "
            "too; choose --split test or validation"
        )


@contextlib.contextmanager
def _prepared(out: Path | None, save_pruned: Path | None, *, here: bool) -> Iterator[None]:
    """Prove that results and network can be written, before any long work."""
    folders = [out, None if save_pruned is None else save_pruned.parent]
    with contextlib.ExitStack() as stack:
        for folder in folders:
            stack.enter_context(prepared(folder if here else None))
        yield
