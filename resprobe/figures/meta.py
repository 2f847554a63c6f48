"""What a result's ``meta`` tells a figure, read without trust: it may come from any file."""

from __future__ import annotations

from typing import Any

from resprobe.figures.theme import short_text

__all__ = ["data_of", "networks_of", "setting_of"]


def networks_of(meta: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what is said of each network, as dicts with at least a ``network``.

    Examples
    --------
    >>> networks_of({"networks": [{"network": "plain20", "plain": True}, "not a network"]})
    [{'network': 'plain20', 'plain': True}]
    """
    entries = meta.get("networks")
    if isinstance(entries, list | tuple):
        return [entry for entry in entries if isinstance(entry, dict) and "network" in entry]
    return []


def data_of(meta: dict[str, Any]) -> dict[str, Any]:
    """Return what is said of the images: ``data_set``, ``split`` and ``n``, where known.

    Examples
    --------
    >>> data_of({"data": {"data_set": "cifar10", "n": 100}, "seed": 0})
    {'data_set': 'cifar10', 'n': 100}
    """
    data = meta.get("data")
    said = data if isinstance(data, dict) else {}
    return {key: said[key] for key in ("data_set", "split", "n") if said.get(key) is not None}


def setting_of(meta: dict[str, Any]) -> list[str]:
    """Return what a figure must say of how its numbers came about, in phrases.

    Examples
    --------
    >>> setting_of({"setting": ["width 8", "10 epochs"]}), setting_of({"setting": 3})
    (['width 8', '10 epochs'], [])
    """
    said = meta.get("setting")
    if isinstance(said, list | tuple):
        return [short_text(text, limit=80) for text in said if isinstance(text, str)]
    return []
