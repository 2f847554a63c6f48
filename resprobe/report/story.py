"""The page of everything that was measured on some networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resprobe.errors import InputError, first_line
from resprobe.figures import figure, footer, svg_text
from resprobe.figures.hover import curves
from resprobe.figures.lesion.reading import study_of
from resprobe.figures.meta import networks_of
from resprobe.report.chapters import CHAPTERS, Chapter
from resprobe.report.compare import Kin, kin_of
from resprobe.report.downloads import downloads
from resprobe.report.networks import opening
from resprobe.report.page import Section, page
from resprobe.report.tables import left_out_table, recipe_table
from resprobe.results import Result

__all__ = ["demo_page", "report_page"]

BESIDE = ("blocks", "recipe", "survey")
"""Results that have a place of their own on the page."""
_RUN = {
    "device": "device",
    "torch": "torch",
    "python": "Python",
    "time": "time",
    "command": "command",
}
TOLD = tuple(chapter.kind for chapter in CHAPTERS)


def report_page(
    results: Sequence[Result], path: str | Path, *, title: str = "How networks use their depth"
) -> Path:
    """Write one self-contained HTML file of what was measured on one network or several.

    Each kind of result has its figure, sentences worked out from its numbers, its table, and
    the data behind a link inside the file. A result that has nothing to show is named with the
    reason, and the page goes on.

    Parameters
    ----------
    results : sequence of Result
        As :func:`resprobe.surveys.survey` gives them, of one network or several, in any order;
        networks keep the order in which they come.
    path : str or Path
        The HTML file to write, whole or not at all.
    title : str
        Of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there is no result, or none that the page can show.

    References
    ----------
    K. He et al., "Deep residual learning for image recognition", CVPR 2016; A. Veit et al.,
    "Residual networks behave like ensembles of relatively shallow networks", NIPS 2016.
    """
    if not results:
        raise InputError(f"{path}: the page needs at least one result and got none")
    odd = [(result, why) for result in results if (why := _why_not(result))]
    shown = [result for result in results if all(result is not other for other, _ in odd)]
    story = _Story(kin_of(shown), _order(shown))
    if not any(result.name in TOLD for result in shown):
        raise InputError(f"{path}: {odd[0][1] if odd else 'there is no analysis to show'}")
    sections = [
        *opening(shown, story.kin, story.order),
        *(section for chapter in CHAPTERS for section in story.of(chapter, shown)),
        _provenance([r for kind in TOLD for r in shown if r.name == kind]),
        *_left_out(shown, odd),
    ]
    return page(title, sections, path=path)


def demo_page(
    results: Sequence[Result],
    path: str | Path,
    *,
    title: str = "How plain and residual networks use their depth",
) -> Path:
    """Write the page of the demo, which must be able to show every result; else as a report.

    Raises
    ------
    InputError
        If there is no result, one that no page tells of, or one that is empty.
    """
    for result in results:
        if why := _why_not(result):
            raise InputError(why)
    return report_page(results, path, title=title)


def _why_not(result: Result) -> str:
    """Say why a page cannot show a result; "" where it can."""
    if result.name not in (*TOLD, *BESIDE):
        return f"the page has nothing to tell of '{result.name}'; it tells of {', '.join(TOLD)}"
    if result.frame.empty:
        return f"the {result.name} result has no rows, so there is nothing to show"
    if "network" not in result.frame.columns:
        return f"the {result.name} result lacks the column network; run the study again"
    try:
        study = study_of(result) if result.name == "lesion" else "single"
    except InputError as error:
        return str(error)
    if study not in ("single", "layers"):
        return f"the page tells of single deletions, and a result is of the lesion study '{study}'"
    return ""


def _order(results: Sequence[Result]) -> list[str]:
    """Every network of the page once, so that it has one colour in all figures."""
    networks = (str(network) for result in results for network in result.frame["network"])
    return list(dict.fromkeys(networks))


def _is_trained(result: Result) -> bool:
    """Tell whether any network was trained: here, or by those who made its weights."""
    return any(
        entry.get("checkpoint_sha256") or ("model" in entry and "initialisation" not in entry)
        for entry in networks_of(result.meta)
    )


@dataclass(frozen=True)
class _Story:
    """The sections of the page, which agree on who is plain and on everyone's colour."""

    kin: Kin
    order: Sequence[str]

    def of(self, chapter: Chapter, results: Sequence[Result]) -> Iterator[Section]:
        """Return the sections of one kind of result."""
        chosen = [result for result in results if result.name == chapter.kind]
        if not chapter.apart:
            yield from self._section(chapter, chapter.title, chosen)
        else:
            for when in ("at initialisation", "after training"):
                some = [r for r in chosen if _is_trained(r) == (when == "after training")]
                yield from self._section(chapter, f"{chapter.title} {when}", some)
        if chapter.kind == "train":
            yield from _recipes(results, under=bool(chosen))

    def _section(
        self, chapter: Chapter, title: str, results: Sequence[Result]
    ) -> Iterator[Section]:
        if not results:
            return
        try:
            text, table = chapter.text(results, self.kin), self._named(chapter.table(results))
            made = figure(results, order=self.order)
            svg, lines = svg_text(made, salt=title), curves(made, results)
        except (ValueError, LookupError, TypeError) as error:  # what odd frames make pandas raise
            said = f"This part cannot be shown: {first_line(error)}."
            yield Section(title, [said], downloads=downloads(results), under=chapter.under)
            return
        yield Section(
            title,
            text,
            intro=chapter.intro,
            figure=svg,
            curves=lines,
            figure_caption=chapter.figure_caption,
            table=table,
            table_caption=chapter.table_caption,
            downloads=downloads(results),
            under=chapter.under,
        )

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        """Leave out which network a row is of where there is only one."""
        return table.drop(columns="network") if len(self.order) == 1 else table


def _recipes(results: Sequence[Result], *, under: bool) -> Iterator[Section]:
    recipes = [result for result in results if result.name == "recipe"]
    if recipes:
        yield Section(
            "Recipe" if under else "Training",
            table=recipe_table(recipes),
            table_caption="What the checkpoint says of its training.",
            downloads=downloads(recipes),
            under=under,
        )


def _provenance(results: Sequence[Result]) -> Section:
    """List what was run, each result once; what all have in common is said before."""
    table = pd.DataFrame(
        {
            "result": [result.name for result in results],
            "rests on": [footer(result) for result in results],
            **{
                heading: [str(result.meta.get(key) or "") for result in results]
                for key, heading in _RUN.items()
            },
        }
    )
    shared = [
        heading
        for heading in _RUN.values()
        if len(results) > 1 and table[heading].nunique() == 1 and table[heading][0]
    ]
    said = ", ".join(f"{heading} {table[heading][0]}" for heading in shared)
    return Section(
        "How this was measured",
        [f"All of it: {said}."] if shared else [],
        table=table.drop(columns=shared),
        table_caption="What each result rests on; the links above hold every digit.",
    )


def _left_out(shown: Sequence[Result], odd: Sequence[tuple[Result, str]]) -> Iterator[Section]:
    indices = [result for result in shown if result.name == "survey"]
    table = pd.concat([left_out_table([one]) for one in indices]) if indices else pd.DataFrame()
    more = [{"network": "", "left out": result.name, "reason": why} for result, why in odd]
    table = pd.concat([table, pd.DataFrame(more)], ignore_index=True)
    if len(table):
        yield Section(
            "What is left out",
            table=table,
            table_caption="Analyses that were not made, or cannot be shown, and why.",
            under=True,
        )
