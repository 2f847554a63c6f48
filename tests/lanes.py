"""Cases of which some tell enough, and the others are for ``make test-long``."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

__all__ = ["lanes"]


def lanes(cases: Iterable[Any], *, long: Callable[[Any], bool]) -> list[Any]:
    """Return the cases as parameters, marked ``long`` where they take long and tell nothing new."""
    return [pytest.param(case, marks=pytest.mark.long) if long(case) else case for case in cases]
