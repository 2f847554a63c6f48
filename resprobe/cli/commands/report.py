"""``resprobe report``: everything there is to see of a network, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resprobe.cli import options as o
from resprobe.cli.output import prepared, show_plans
from resprobe.cli.parts import safe_name
from resprobe.cli.probing import Question, probing
from resprobe.cli.say import note, progress
from resprobe.cli.subjects import Subject, subjects
from resprobe.errors import UsageError

if TYPE_CHECKING:
    from resprobe.datasets import Batches
    from resprobe.results import Result

__all__ = ["report"]

ENDINGS = (".html", ".htm")
Page = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The page to write, such as r110.html.")
]


@probing(images=None, out=Page)
def report(
    question: Question,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FOLDER",
            help="For what is measured, as CSV and JSON (default beside the page, r110-results for "
            "r110.html); what is complete there is not measured again.",
        ),
    ] = None,
    saved: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Write the page from the results in a folder; run no network.",
        ),
    ] = None,
    fit_images: o.FitImages = None,
    title: Annotated[
        str, typer.Option("--title", metavar="TEXT", help="Of the page (default: the networks).")
    ] = "",
) -> None:
    """Write one self-contained page: what a network is, and all that is measured on it.

    Blocks, training, lesions, paths, sizes, gradient flow and read-outs, each with its figure,
    what is seen in its numbers, and its data. Lesions look at all images (or --images), the
    others at as many as their commands do. Several networks stand side by side. An interrupted
    report goes on where it stopped.

    Example: resprobe report --ckpt r110.pt --ckpt plain110.pt --out r110.html
    """
    page = _page(question)
    if saved is not None:
        _again(question, saved, page, title, results)
        return
    folder = results or page.with_name(f"{page.stem}-results")
    if question.dry_run:
        found = subjects(question.request)
        plans = [(s.network, plan) for s in found for plan in _plans(s, fit_images)]
        show_plans(plans, json=question.json)
        return
    with prepared(page.parent), prepared(folder):
        found = subjects(question.request)
        from resprobe.surveys import begin_index, write_index

        begin_index(folder, [subject.network for subject in found])
        every = [_surveyed(question, subject, folder, fit_images) for subject in found]
        index = write_index(folder, every)
        _written([result for parts in every for result in parts], page, title)
    note(f"every result is kept in {folder}", quiet=question.quiet)
    _tell(page, index, json=question.json)


def _page(question: Question) -> Path:
    """Return the file to write.

    Raises
    ------
    UsageError
        If none is named, or it cannot be a page.
    """
    if question.out is None:
        if question.dry_run:
            return Path("report.html")
        raise UsageError("no page named: give --out FILE, such as --out r110.html")
    if question.out.suffix.lower() not in ENDINGS:
        raise UsageError(f"{question.out}: the name of a page ends in .html; choose such as "
                         f"{question.out.with_suffix('.html')}")  # fmt: skip
    if question.out.is_dir():
        raise UsageError(f"{question.out}: a folder; name the page's file")
    return question.out


def _again(
    question: Question, saved: Path, page: Path, title: str, results: Path | None
) -> None:  # fmt: skip
    """Write a page from what is saved."""
    if question.names_networks or question.dry_run or results is not None:
        raise UsageError(
            "--from runs no network: give it with --out alone, and leave out --results, --dry-run "
            "and what names networks"
        )
    from resprobe.surveys.reading import read_results

    found = read_results(saved, say=lambda text: note(text, quiet=question.quiet))
    with prepared(page.parent):
        _written(found, page, title)
    _tell(page, next((r for r in found if r.name == "survey"), None), json=question.json)


def _surveyed(
    question: Question, subject: Subject, folder: Path, fit_images: int | None
) -> list[Result]:
    from resprobe.surveys import survey

    with progress(f"report {subject.network}", quiet=question.quiet) as step:
        return survey(
            subject.chain,
            subject.data,
            **_shared(subject, fit_images),
            network=subject.network,
            checkpoint=subject.checkpoint,
            about=subject.about,
            keep=folder / safe_name(subject.network),
            progress=step,
            say=lambda text: note(text, quiet=question.quiet),
        )


def _plans(subject: Subject, fit_images: int | None) -> Sequence[Any]:
    from resprobe.surveys import plan_survey

    return plan_survey(subject.chain, subject.data, **_shared(subject, fit_images))


def _shared(subject: Subject, fit_images: int | None) -> dict[str, Any]:
    """Return what a survey and its plan both take."""
    return {
        "fit": _fitted_on(subject, fit_images),
        "trained": subject.trained,
        "seed": subject.request.seed,
    }


def _fitted_on(subject: Subject, images: int | None) -> Batches | None:
    """Return training images for linear probes, where there are any apart from those shown."""
    from resprobe.surveys import Counts

    labelled = bool(subject.data.data.classes)
    if images == 0 or not subject.trained or not labelled or subject.request.split == "train":
        return None
    if images is not None:
        return subject.training(images, what="--fit-images")
    most = Counts().readout or subject.data.n
    every = subject.training(None, what="--fit-images")
    fewer = every.data.subset(min(every.n, most))
    return replace(every, data=fewer)


def _written(results: list[Result], page: Path, title: str) -> None:
    from resprobe.report import report_page

    networks = dict.fromkeys(
        str(network)
        for result in results
        if "network" in result.frame
        for network in result.frame["network"]
    )
    report_page(results, page, title=title or _title(list(networks)))


def _title(networks: Sequence[str]) -> str:
    """Name a page after its networks.

    Examples
    --------
    >>> _title(["r110"]), _title(["r110", "p110"])
    ('How r110 uses its depth', 'How r110 and p110 use their depth')
    """
    from resprobe.figures.theme import short_text

    networks = [short_text(network, limit=60) for network in networks]
    if len(networks) == 1:
        return f"How {networks[0]} uses its depth"
    if len(networks) > 4:
        return f"How {len(networks)} networks use their depth"
    return f"How {', '.join(networks[:-1])} and {networks[-1]} use their depth"


def _tell(page: Path, index: Result | None, *, json: bool) -> None:
    if not json:
        print(page)
        return
    from resprobe.results import plain_json

    rows = [] if index is None else index.frame.to_dict("records")
    meta = {} if index is None else index.meta
    print(plain_json({"meta": meta, "rows": rows, "page": str(page)}))
