"""``resprobe reproduce``: measure published claims again."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from resprobe.cli import options as o
from resprobe.cli.output import prepared
from resprobe.cli.say import note, some, table
from resprobe.errors import ResprobeError

if TYPE_CHECKING:
    from resprobe.reproduction import Asked, Script

__all__ = ["reproduce"]

Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="NAME",
        help="The script of this name or number alone; may be given repeatedly.",
    ),
]
List = Annotated[
    bool, typer.Option("--list", help="Say what is asked and what it costs; run nothing.")
]
Smoke = Annotated[
    bool,
    typer.Option(
        "--smoke", help="In minutes, with tiny networks, into reproduced-smoke/: do they run?"
    ),
]
Redraw = Annotated[
    bool,
    typer.Option("--redraw", help="Figures, claims and page from saved tables; measure nothing."),
]
OnlyCkpt = Annotated[
    bool, typer.Option("--only-ckpt", help="Look at the networks of --ckpt and train none.")
]
Label = Annotated[
    str,
    typer.Option("--label", metavar="TEXT", help="What images from a folder are called."),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, help="Of torch (default 1; others round otherwise)."
    ),
]
Networks = Annotated[
    Path | None,
    typer.Option(
        "--networks",
        metavar="FOLDER",
        help="Where networks trained for the claims are kept (default OUT/networks).",
    ),
]
Scripts = Annotated[
    Path | None,
    typer.Option(
        "--scripts",
        metavar="FOLDER",
        help="Where the scripts are (default analyses/ of the clone that resprobe is run from).",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FOLDER",
        help="Where results go, each script's to a folder of its own (default reproduced/; "
        "those of the repository are in analyses/results/).",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the commands that would run; run nothing.")
]


def reproduce(
    only: Only = None,
    list_: List = False,
    smoke: Smoke = False,
    redraw: Redraw = False,
    ckpt: o.Ckpt = None,
    only_ckpt: OnlyCkpt = False,
    data: o.Data = "",
    data_root: o.DataRoot = None,
    label: Label = "",
    device: o.Device = "",
    threads: Threads = None,
    networks: Networks = None,
    scripts: Scripts = None,
    out: Out = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
    dry_run: DryRun = False,
) -> None:
    """Measure published claims again, and print each beside what is found here.

    One script of the repository's analyses/ for each claim, run one after the other; figures and
    a page stand beside the tables. What a script keeps is not measured again: the same command
    goes on where it was interrupted. Without --ckpt and --data each looks at the networks and
    images that its own command names, as far as they are here.

    Example: resprobe reproduce --only path_counts --only sizes
    """
    from resprobe.reproduction import Asked, check, chosen, find_scripts, scripts_folder

    asked = Asked(
        checkpoints=tuple(ckpt or ()), only_checkpoints=only_ckpt, data=data, data_root=data_root,
        label=label, device=device, threads=threads, networks=networks, out=out, smoke=smoke,
        redraw=redraw,
    )  # fmt: skip
    folder = scripts_folder(scripts)
    run = chosen(find_scripts(folder), only or ())
    check(run, asked)
    if list_:
        _list(run, json=json)
    elif dry_run:
        _show_commands(run, asked, json=json)
    else:
        results = asked.results
        with prepared(results):
            failed = _run_all(run, asked, quiet=quiet)
            _tell(results, run, failed, json=json)


def _run_all(scripts: list[Script], asked: Asked, *, quiet: bool) -> dict[str, str]:
    """Run scripts, and return why those failed that did."""
    from resprobe.reproduction import absent
    from resprobe.reproduction import run as run_script

    failed = {}
    for number, script in enumerate(scripts, start=1):
        note(f"{script.name} ({number} of {len(scripts)}): {script.title}", quiet=quiet)
        if missing := absent(script, asked):
            note(f"{script.name}: without {some(missing)}, not found here", quiet=quiet)
        reason = run_script(script, asked, say=lambda line: note(line, quiet=quiet))
        if reason:
            failed[script.name] = reason
    return failed


def _tell(results: Path, scripts: list[Script], failed: dict[str, str], *, json: bool) -> None:
    """Print what was found, and raise where a script failed."""
    from resprobe.reproduction import claims_table, shown
    from resprobe.results import plain_json, versions

    frame = claims_table(results, only=[s.name for s in scripts if s.name not in failed])
    if json:
        meta = {**versions(), "results": str(results), "failed": failed}
        print(plain_json({"meta": meta, "rows": frame.to_dict("records")}))
    elif len(frame):
        frame["here"] = [
            shown(row["measured"], row["low"], row["high"], percent=row["percent"])
            for row in frame.to_dict("records")
        ]
        columns = ["number", "analysis", "verdict", "here", "published", "claim"]
        print(table(frame[columns]))
    if failed:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise ResprobeError(f"{len(failed)} of {len(scripts)} scripts failed: {reasons}")


def _list(scripts: list[Script], *, json: bool) -> None:
    if json:
        from resprobe.results import plain_json, versions

        rows = [
            {"number": s.number, "analysis": s.name, "title": s.title, "question": s.question,
             "cost": s.cost, "source": s.source}
            for s in scripts
        ]  # fmt: skip
        print(plain_json({"meta": versions(), "rows": rows}))
        return
    for script in scripts:
        print(f"{script.number:>2} {script.name}")
        for text in (script.question, f"Cost: {script.cost}"):
            print(textwrap.fill(text, 96, initial_indent="   ", subsequent_indent="   "))


def _show_commands(scripts: list[Script], asked: Asked, *, json: bool) -> None:
    from resprobe.reproduction import command

    if json:
        from resprobe.results import plain_json, versions

        rows = [
            {"number": s.number, "analysis": s.name, "command": command(s, asked)} for s in scripts
        ]
        print(plain_json({"meta": {**versions(), "dry_run": True}, "rows": rows}))
        return
    for script in scripts:
        print(command(script, asked))
