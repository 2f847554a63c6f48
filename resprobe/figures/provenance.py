"""The small print under a figure: what was measured, on what, with what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure

from resprobe.figures.meta import data_of, networks_of, setting_of
from resprobe.figures.series import Results, listed
from resprobe.figures.theme import drawn, muted, points, short_text, wrapped
from resprobe.results import Result

__all__ = ["add_footer", "footer"]

_POINTS = 6.0


def footer(results: Results) -> str:
    """Say in one line what a figure rests on: data, number of images, weights, seed, version.

    Whatever ``meta`` does not tell is left out; what several results share is said once.

    Examples
    --------
    >>> from resprobe.results import Result
    >>> import pandas as pd
    >>> meta = {"data": {"data_set": "cifar10", "split": "test", "n": 10000}, "seed": 0,
    ...         "networks": [{"network": "resnet20", "checkpoint_sha256": "12fca82fed"}],
    ...         "resprobe": "0.1.0"}
    >>> footer(Result("lesion", pd.DataFrame(), meta))
    'cifar10 test, n = 10,000 · resnet20: weights 12fca82f · seed 0 · resprobe 0.1.0'
    """
    return " · ".join(_parts(results))


def _parts(results: Results) -> list[str]:
    """Return what there is to say, in order; a footer has a dot between them."""
    metas = [result.meta for result in listed(results)]
    shown = [_shown(result) for result in listed(results)]
    parts = _once(_data(meta) for meta, some in zip(metas, shown, strict=True) if not _apart(some))
    parts += _once(text for meta in metas for text in setting_of(meta))
    parts += _once(text for some in shown for text in _networks(some))
    parts += _once(_statistics(meta) for meta in metas)
    parts += _once(text for meta in metas for text in _sampling(meta))
    seeds = _once(short_text(meta["seed"]) for meta in metas if meta.get("seed") is not None)
    parts += [f"seed {', '.join(seeds)}"] if seeds else []
    parts += _once(f"resprobe {short_text(m['resprobe'])}" for m in metas if m.get("resprobe"))
    return [part for part in parts if part]


def add_footer(figure: Figure, results: Results) -> None:
    """Write the small print below the axes; the layout makes room for it."""
    text = "\n".join(_lines(_parts(results), float(figure.get_figwidth()) - 0.2))
    if text:
        figure.supxlabel(drawn(text), x=0.01, ha="left", fontsize=points(_POINTS), color=muted())


def _lines(parts: Sequence[str], width: float) -> list[str]:
    """Fill lines of so many inches, broken between parts, or within one that is longer."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else part
        fitting = wrapped(longer, width=width, points=points(_POINTS)).split("\n")
        if lines and len(fitting) == 1:
            lines[-1] = longer
        else:
            lines[-1:] = [f"{line} ·" for line in lines[-1:]]
            lines += wrapped(part, width=width, points=points(_POINTS)).split("\n")
    return lines


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _shown(result: Result) -> list[dict[str, Any]]:
    """Return what ``meta`` says of the networks that the frame has rows of."""
    named = [name for name in ("network", "other_network") if name in result.frame.columns]
    there = {str(name) for column in named for name in result.frame[column].unique()}
    return [
        entry for entry in networks_of(result.meta) if str(entry["network"]) in there or not there
    ]


def _apart(networks: Sequence[dict[str, Any]]) -> bool:
    """Tell whether each network says for itself what it was measured on."""
    return bool(networks) and all(_data(entry) for entry in networks)


def _data(meta: dict[str, Any]) -> str:
    data = data_of(meta)
    name = " ".join(short_text(data[key]) for key in ("data_set", "split") if key in data)
    n = data.get("n")
    images = f"n = {n:,}" if isinstance(n, int) else ""
    return ", ".join(part for part in (name, images) if part)


def _networks(networks: Sequence[dict[str, Any]]) -> list[str]:
    """Say of each network its weights; and first its data, once for all networks with the same.

    Examples
    --------
    >>> data = {"data_set": "cifar10", "n": 100}
    >>> nets = [{"network": name, "data": data, "checkpoint_sha256": 9 * name} for name in "ab"]
    >>> _networks(nets)
    ['cifar10, n = 100', 'a: weights aaaaaaaa', 'b: weights bbbbbbbb']
    """
    apart = _apart(networks)
    said: dict[str, list[str]] = {}
    for entry in networks:
        weights = entry.get("checkpoint_sha256")
        name = short_text(entry["network"])
        text = f"{name}: weights {short_text(weights, limit=64)[:8]}" if weights else ""
        said.setdefault(_data(entry) if apart else "", []).append(text)
    return [text for data, texts in said.items() for text in (data, *texts) if text]


def _statistics(meta: dict[str, Any]) -> str:
    kind = meta.get("batch_norm")
    return f"BatchNorm with {short_text(kind)} statistics" if kind else ""


def _sampling(meta: dict[str, Any]) -> list[str]:
    """Say how much was drawn, and how narrowly it was measured.

    Examples
    --------
    >>> _sampling({"settings": {"draws": 20}, "tolerance": 0.005})
    ['20 draws of each number', 'measured to ±0.5 points']
    """
    settings = meta.get("settings")
    draws = settings.get("draws") if isinstance(settings, dict) else None
    tolerance = meta.get("tolerance")
    said = [f"{draws} draws of each number"] if isinstance(draws, int) else []
    if isinstance(tolerance, float):
        said.append(f"measured to ±{100 * tolerance:g} points")
    return said
