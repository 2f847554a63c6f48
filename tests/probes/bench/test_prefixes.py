"""What is kept, what is found again, and what goes first."""

import numpy as np
import pytest
import torch

from resprobe.chain import Call
from resprobe.probes.bench.prefixes import Prefixes, Stored


def stored(depth, size=100):
    return Stored(depth, [torch.zeros(size // 4)], np.empty((0, 6)))


def program(*steps):
    return tuple(Call(step) for step in steps)


WHOLE, OTHER = program(0, 1, 2, 3), program(0, 8, 9, 3)


def test_the_longest_beginning_is_found_and_the_whole_program_is_none():
    kept = Prefixes([100] * 4, most=1000)
    for depth in (0, 1, 3):
        kept.keep(WHOLE, stored(depth))
    assert kept.longest(WHOLE).depth == 3
    assert kept.longest(OTHER).depth == 1
    assert kept.longest(WHOLE[:3]).depth == 1
    assert kept.longest(program(5)).depth == 0
    assert Prefixes([100], most=1000).longest(WHOLE) is None


def test_what_was_not_used_for_longest_goes_first_and_the_bound_holds():
    kept = Prefixes([100] * 4, most=300)
    for depth in (1, 2, 3):
        kept.keep(WHOLE, stored(depth))
    kept.longest(OTHER)  # uses the first call alone
    kept.keep(OTHER, stored(3))
    assert (kept.held, len(kept)) == (300, 3)
    assert kept.longest(WHOLE).depth == 3
    assert kept.longest(WHOLE[:3]).depth == 1
    assert kept.longest(OTHER).depth == 3
    kept.keep(OTHER, stored(2, size=400))  # alone too large
    assert kept.held == 300
    kept.keep(OTHER, stored(3, size=80))  # in place of the one there was
    assert kept.held == 280


def test_room_is_made_beside_what_is_in_use():
    kept = Prefixes([100] * 4, most=300)
    first = stored(1)
    kept.keep(WHOLE, first)
    kept.keep(WHOLE, stored(2))
    kept.keep(WHOLE, stored(3))
    kept.make_room((2,), beside=first)
    assert kept.held == 200
    assert kept.longest(WHOLE[:2]) is first
    kept.make_room((0, 1, 2), beside=first)
    assert kept.longest(WHOLE) is first


@pytest.mark.parametrize(("most", "depths"), [(800, (0, 1, 2, 3)), (400, (0, 2)), (150, ())])
def test_activations_of_two_programs_fit_into_what_is_kept(most, depths):
    assert Prefixes([100] * 4, most=most).depths == depths
