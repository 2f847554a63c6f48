"""Networks that some blocks were taken out of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from torch import Tensor

from resprobe.errors import InputError, UsageError
from resprobe.networks.architecture import Architecture

__all__ = ["dropped"]


def dropped(
    architecture: Architecture, state: Mapping[str, Tensor], blocks: Iterable[int]
) -> tuple[Architecture, dict[str, Tensor]]:
    """Take blocks out of a network for good: what is left of it, and of its weights.

    The smaller network computes what the larger one computes when these blocks are deleted. The
    parameters that are left have the names that they had.

    Parameters
    ----------
    architecture : Architecture
        The network, of which blocks may be missing already.
    state : mapping of str to Tensor
        Its state dict.
    blocks : iterable of int
        Which to take out, counted from 0 over the blocks that the network has, as the tables of
        every analysis count them.

    Returns
    -------
    Architecture
        The same with a longer ``drop``, which counts over the blocks of the whole network.
    dict of str to Tensor
        Its state dict: the very tensors of ``state``.

    Raises
    ------
    UsageError
        If there is no such block, or it is a plain one that changes the shape.
    InputError
        If the state dict lacks an entry of the smaller network.

    References
    ----------
    Veit et al. 2016, section 4.1: a module is deleted, and its shortcut stays.

    Examples
    --------
    >>> whole = Architecture("resnet20")
    >>> smaller, state = dropped(whole, whole.build().state_dict(), [1, 7])
    >>> smaller.spec, "layer1.1.conv1.weight" in state, "layer1.2.conv1.weight" in state
    ('resnet20:drop=1+7', False, True)
    >>> dropped(smaller, state, [1])[0].spec
    'resnet20:drop=1+2+7'
    """
    left = [b for b in range(architecture.blocks_in_all) if b not in architecture.drop]
    chosen = [int(block) for block in blocks]
    for block in chosen:
        if not 0 <= block < len(left):
            raise UsageError(
                f"there is no block {block} to drop from {architecture.spec}, which has "
                f"{len(left)}: count from 0"
            )
    smaller = replace(architecture, drop=(*architecture.drop, *(left[b] for b in chosen)))
    wanted = smaller.build(device="meta").state_dict()
    missing = next((key for key in wanted if key not in state), None)
    if missing is not None:
        raise InputError(
            f"the weights are not those of {architecture.spec}, for '{missing}' is missing"
        )
    return smaller, {key: state[key] for key in wanted}
