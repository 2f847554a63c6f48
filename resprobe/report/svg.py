"""An SVG document made part of an HTML page: its own ids, the page's colours, nothing active."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from resprobe.errors import InputError
from resprobe.figures.theme import COLOURS, INK, MUTED, PAPER, RULE

__all__ = ["inline_svg"]

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
# A <style> would act on the whole page; the others run, load or describe something.
_LEFT_OUT = {"a", "animate", "foreignObject", "image", "metadata", "script", "set", "style"}
_PAGE_COLOURS = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    PAPER: "var(--paper)",
    **{colour: f"var(--line-{place})" for place, colour in enumerate(COLOURS)},
}
_ENLARGED = 1.35  # so that the letters of a drawing are as large as small print
_COLOUR = re.compile("|".join(_PAGE_COLOURS), re.IGNORECASE)


def inline_svg(svg: str, *, prefix: str, label: str, natural: bool = False) -> str:
    """Turn the text of an SVG file into an ``<svg>`` element for an HTML page.

    Parameters
    ----------
    svg : str
        A whole SVG document.
    prefix : str
        Goes before every id, so that those of several figures on a page differ.
    label : str
        What the figure shows, for readers who do not see it.
    natural : bool
        Whether it keeps the width that it says, and is not as wide as the page.

    Returns
    -------
    str
        The element: no scripts, styles, metadata or references to anything outside it; the
        theme's colours are the page's variables, so that they follow light and dark.

    Raises
    ------
    InputError
        If the text is no SVG document.

    Examples
    --------
    >>> text = '<svg xmlns="http://www.w3.org/2000/svg"><path id="p" d="M0 0"/></svg>'
    >>> inline_svg(text, prefix="f1-", label="A point")
    '<svg role="img" aria-label="A point"><path id="f1-p" d="M0 0" /></svg>'
    """
    try:
        root = ElementTree.fromstring(svg.encode())
    except ElementTree.ParseError as error:
        raise InputError(f"a figure of the page is not an SVG document ({error})") from error
    if root.tag != f"{_SVG}svg":
        raise InputError(f"a figure of the page is not an SVG document but <{root.tag}>")
    clean = _cleaned(root, prefix)
    kept = ("viewBox", *(("font-family", "font-size") if natural else ()))
    clean.attrib = {"role": "img", "aria-label": label}  # the page sets the size
    clean.attrib |= {name: root.attrib[name] for name in kept if name in root.attrib}
    if natural and root.get("width", "").replace(".", "").isdigit():
        clean.set("width", f"{_ENLARGED * float(root.attrib['width']):g}")
    if root.find(f".//{_SVG}style") is not None:  # what matplotlib's style says of every element
        clean.attrib |= {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    return ElementTree.tostring(clean, encoding="unicode")


def _cleaned(element: ElementTree.Element, prefix: str) -> ElementTree.Element:
    clean = ElementTree.Element(str(element.tag).removeprefix(_SVG))
    clean.text, clean.tail = element.text, element.tail
    for name, value in element.items():
        kept = _attribute(name, value, prefix)
        if kept:
            clean.set(*kept)
    for child in element:
        tag = child.tag if isinstance(child.tag, str) else ""
        if tag.startswith(_SVG) and tag.removeprefix(_SVG) not in _LEFT_OUT:
            clean.append(_cleaned(child, prefix))
    return clean


def _attribute(name: str, value: str, prefix: str) -> tuple[str, str] | None:
    if name.lower().startswith("on") or (name.startswith("{") and name != _XLINK):
        return None
    if name in ("href", _XLINK):
        return ("href", f"#{prefix}{value[1:]}") if value.startswith("#") else None
    if name == "id":
        return name, prefix + value
    if "url(" in value:
        value = re.sub(r"url\(\s*['\"]?#", f"url(#{prefix}", value)
        if re.search(r"url\((?!#)", value):
            return None
    if name in ("style", "fill", "stroke"):
        value = _COLOUR.sub(lambda found: _PAGE_COLOURS[found[0].lower()], value)
    return name, value
