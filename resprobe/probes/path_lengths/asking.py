"""What is asked of which blocks, checked before anything runs."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from resprobe.chain import Chain
from resprobe.datasets import Batches
from resprobe.errors import InputError, UsageError, one_of
from resprobe.probes.batch_norm import Statistics
from resprobe.probes.path_lengths.law import check_lengths
from resprobe.probes.path_lengths.measuring import Places
from resprobe.probes.study import check_fit

__all__ = ["MOST_DRAWS", "End", "Method", "Methods", "Question", "Transitions", "questions"]

Method = Literal["exact", "rms", "sampled"]
Methods = Literal["exact", "rms", "sampled", "all"]
Transitions = Literal["counted", "apart", "both"]
End = Literal["images", "block"]

MOST_DRAWS = 100_000


class Question(NamedTuple):
    """One method, with transitions counted or apart."""

    method: Method
    transitions: str
    places: Places


def questions(
    chain: Chain,
    data: Batches,
    *,
    method: Methods,
    transitions: Transitions,
    draws: int,
    lengths: tuple[int, int] | None,
    at: End,
    batch_norm: Statistics,
) -> tuple[list[Question], str]:
    """Return what to run in which order, and in words what "both" leaves out.

    Raises
    ------
    InputError, UsageError
        If it cannot be run.
    """
    for what, given, options in (
        ("method", method, get_args(Methods)),
        ("choice for transitions", transitions, get_args(Transitions)),
        ("end of the paths", at, get_args(End)),
    ):
        if given not in options:
            raise one_of(what, given, options)
    if not 1 <= draws <= MOST_DRAWS:
        raise UsageError(f"{draws} draws were asked for; give 1 to {MOST_DRAWS:,}")
    if batch_norm != "running":
        raise InputError(
            "paths wants every image's gradient by itself, which BatchNorm with the batch's "
            "statistics mixes with the others'; leave it at the running statistics"
        )
    _check_labels(data)
    check_fit(chain, data)
    choices, left_out = _choices(chain, transitions)
    found = []
    for kind in choices:
        places = Places.of(chain, apart=kind == "apart", at_images=at == "images")
        if places.blocks < 2:
            raise _too_few(chain, kind, places.blocks)
        if lengths is not None:
            check_lengths(places.blocks, *lengths)
        found.append((kind, places))
    methods: tuple[Method, ...] = get_args(Method)
    chosen = methods if method == "all" else tuple(one for one in methods if one == method)
    return [Question(one, kind, places) for kind, places in found for one in chosen], left_out


def _check_labels(data: Batches) -> None:
    if not data.data.classes:
        raise InputError(
            f"{data.data.name} has no labels, and the gradient of the loss wants them; give "
            "images in class folders"
        )


def _choices(chain: Chain, transitions: Transitions) -> tuple[tuple[str, ...], str]:
    if transitions != "both":
        return (transitions,), ""
    kinds = [block.kind for block in chain.blocks]
    if "transition" not in kinds:
        return ("counted",), "no block is a transition: apart is the same as counted"
    if kinds.count("identity") < 2:
        return ("counted",), (
            f"{kinds.count('identity')} of {len(kinds)} blocks keep(s) the shape: with transitions "
            "apart there are no paths to choose"
        )
    return ("counted", "apart"), ""


def _too_few(chain: Chain, kind: str, blocks: int) -> InputError:
    if chain.is_plain:
        return InputError(
            f"the network has plain blocks only ({len(chain.blocks)}): without shortcuts there "
            "is one path, so give a residual network"
        )
    if kind == "apart" and len(chain.blocks) > 1:
        return InputError(
            f"with transitions apart the network has {blocks} block(s) in which a path chooses; "
            "at least 2 are wanted, so count the transitions"
        )
    return InputError(
        f"the network has {blocks} residual block(s); paths of different lengths want at least 2"
    )
