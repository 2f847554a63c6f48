"""Formulas as MathML, made when the site is built: a page needs no script to show them.

docutils, which Sphinx stands on, translates TeX itself; browsers since 2023 show the result.
"""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

_log = logging.getLogger(__name__)


def mathml(tex: str, *, block: bool = False) -> str:
    r"""Return a formula as a MathML element.

    Examples
    --------
    >>> mathml(r"\tfrac12").partition(">")[2]
    '<mfrac><mn>1</mn><mn>2</mn></mfrac></math>'
    """
    tex = re.sub(r"\\[td]?frac\s*(\d)(\d)", r"\\frac{\1}{\2}", tex)  # which docutils reads as 12
    tex = re.sub(r"\\[bB]igg?[lrm]?(?![A-Za-z])", "", tex)  # sizes that want a mathematical font
    lines = latex2mathml.tex2mathml(tex, as_block=block).splitlines()
    return "".join(line.strip() for line in lines).replace("<mo>‖", '<mo stretchy="false">‖')


def _written(translator: HTML5Translator, node: nodes.Element, *, block: bool) -> None:
    try:
        formula = mathml(node.astext(), block=block)
    except MathError as error:
        _log.warning("formula %r: %s", node.astext(), error, location=node)
        formula = translator.encode(node.astext())
    if block:
        formula = f'<div class="formula">{formula}</div>\n'
    translator.body.append(formula)
    raise nodes.SkipNode


def _inline(translator: HTML5Translator, node: nodes.Element) -> None:
    _written(translator, node, block=False)


def _block(translator: HTML5Translator, node: nodes.Element) -> None:
    _written(translator, node, block=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make MathML the way that formulas are written."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
