"""Deliver results: a table or JSON to stdout, files and figures to a folder."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resprobe.cli.say import about, counted, human_bytes, note

if TYPE_CHECKING:
    from resprobe.probes import Plan
    from resprobe.results import Result

__all__ = ["deliver", "prepared", "show_plans"]


@contextlib.contextmanager
def prepared(out: Path | None) -> Iterator[Path | None]:
    """Prove that the output folder takes files, before any long work.

    Where the work fails and left nothing in it, the folders that were made for it go again.
    """
    from resprobe.files import prepare_folder

    made = [] if out is None else [path for path in (out, *out.parents) if not path.exists()]
    try:
        yield None if out is None else prepare_folder(out)
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):  # not empty, or never made
                folder.rmdir()
        raise


def deliver(
    results: Sequence[Result],
    tell: Callable[[Result], str],
    *,
    out: Path | None,
    json: bool,
    quiet: bool,
) -> None:
    """Save what was measured with its figures, and print the first result.

    Parameters
    ----------
    results : sequence of Result
        The first is printed; with ``--json`` the others follow under their own names.
    tell : callable
        Makes the text for people from the first result.
    """
    from resprobe.figures import figure, save
    from resprobe.results import plain_json

    main, *others = results
    if out is not None:
        for result in results:
            written = [*result.save(out), *save(figure(result), out / result.name)]
            note(f"saved {', '.join(str(path) for path in written)}", quiet=quiet)
    if json:
        more = {
            result.name.removeprefix(f"{main.name}-"): result.frame.to_dict("records")
            for result in others
        }
        rows = main.frame.to_dict("records")
        print(plain_json({"meta": main.meta, "rows": rows, **more}))
    else:
        print(tell(main))


def show_plans(plans: Sequence[tuple[str, Plan]], *, json: bool) -> None:
    """Print what would run."""
    from resprobe.results import plain_json, versions

    if json:
        rows = [{"network": network, **dataclasses.asdict(plan)} for network, plan in plans]
        print(plain_json({"meta": {**versions(), "dry_run": True}, "rows": rows}))
        return
    for network, plan in plans:
        saved = plan.block_evaluations_apart / plan.block_evaluations
        apart = f" ({plan.block_evaluations_apart} one by one, {saved:.1f}x)" if saved > 1 else ""
        print(
            f"{network}: {plan.study}; {counted(plan.images, 'image')}, "
            f"{counted(plan.programs, 'program')}, "
            f"{counted(plan.block_evaluations, 'block evaluation')} per image{apart}; "
            f"{about(plan.duration_s)}, {human_bytes(plan.memory_bytes)} of memory"
        )
