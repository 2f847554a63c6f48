"""The small print under a figure: what was measured, on what, with what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure

from resprobe.figures.meta import data_of, networks_of, setting_of
from resprobe.figures.series import Results, listed
from resprobe.figures.theme import MUTED, drawn, short_text, wrapped

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
    metas = [result.meta for result in listed(results)]
    parts = [*_once(_data(meta) for meta in metas)]
    parts += _once(text for meta in metas for text in setting_of(meta))
    parts += _once(text for meta in metas for text in _weights(meta))
    parts += _once(_statistics(meta) for meta in metas)
    parts += _once(text for meta in metas for text in _sampling(meta))
    seeds = _once(short_text(meta["seed"]) for meta in metas if meta.get("seed") is not None)
    parts += [f"seed {', '.join(seeds)}"] if seeds else []
    parts += _once(f"resprobe {short_text(m['resprobe'])}" for m in metas if m.get("resprobe"))
    return " · ".join(part for part in parts if part)


def add_footer(figure: Figure, results: Results) -> None:
    """Write the small print below the axes; the layout makes room for it."""
    width = float(figure.get_figwidth()) - 0.2
    unbroken = footer(results).replace(" ", "\u00a0").replace("\u00a0·\u00a0", "\u00a0· ")
    text = wrapped(unbroken, width=width, points=_POINTS)
    if text:
        figure.supxlabel(drawn(text), x=0.01, ha="left", fontsize=_POINTS, color=MUTED)


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _data(meta: dict[str, Any]) -> str:
    data = data_of(meta)
    name = " ".join(short_text(data[key]) for key in ("data_set", "split") if key in data)
    n = data.get("n")
    images = f"n = {n:,}" if isinstance(n, int) else ""
    return ", ".join(part for part in (name, images) if part)


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


def _weights(meta: dict[str, Any]) -> list[str]:
    return [
        f"{short_text(entry['network'])}: weights {short_text(weights, limit=64)[:8]}"
        for entry in networks_of(meta)
        if (weights := entry.get("checkpoint_sha256"))
    ]
