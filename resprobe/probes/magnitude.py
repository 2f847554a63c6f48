"""How large the residual branches are, beside what the shortcuts carry.

Conventions
-----------
A block computes ``after(shortcut(x) + branch(x))``. Its size is
``||branch(x)|| / ||shortcut(x)||``, image by image: L2 norms over all elements of the block's
tensor, before the activation that follows the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from resprobe.chain import Chain, ResidualBlock, left_as_found
from resprobe.datasets import Batches
from resprobe.errors import InputError
from resprobe.probes.taps import norms_of

__all__ = ["BranchNorms", "branch_norms"]


@dataclass(frozen=True)
class BranchNorms:
    """The norms of both paths of every residual block, image by image.

    Attributes
    ----------
    branch, shortcut : Tensor
        (blocks, images), float64, on the CPU; images in the order of the data.
    """

    branch: Tensor
    shortcut: Tensor

    @property
    def ratio(self) -> Tensor:
        """``branch / shortcut``, (blocks, images): inf where a shortcut carries nothing."""
        return self.branch / self.shortcut


def branch_norms(
    chain: Chain, data: Batches, *, progress: Callable[[int, int], None] | None = None
) -> BranchNorms:
    """Measure the residual branches against their shortcuts, in eval mode.

    One forward pass. The model is left as it was found.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`, with residual blocks.
    data : Batches
        Images as the network wants them; labels are not looked at.
    progress : callable, optional
        Called with (batches done, batches in all).

    Returns
    -------
    BranchNorms
        Of the chain's blocks, in their order.

    Raises
    ------
    InputError
        If the network is plain: its blocks have no shortcut to compare with.

    References
    ----------
    Greff, Srivastava, Schmidhuber 2017, "Highway and Residual Networks learn Unrolled
    Iterative Estimation"; Jastrzebski et al. 2018, "Residual Connections Encourage Iterative
    Inference".

    Examples
    --------
    >>> from resprobe import Architecture, Batches, load_data, unravel
    >>> images = load_data("embedded").subset(20)
    >>> data = Batches(images, images.normalisation)
    >>> model = Architecture("resnet8", in_channels=1, width=4).build()
    >>> branch_norms(unravel(model, data.example()), data).ratio.shape
    torch.Size([3, 20])
    """
    if chain.is_plain:
        raise InputError(
            "the size of a branch is that beside its shortcut, and this network has plain blocks "
            "only; give it a network with residual blocks"
        )
    norms = torch.empty(2, len(chain.blocks), data.n, dtype=torch.float64)
    seen = 0
    with left_as_found(chain, training=False), torch.inference_mode():
        for done, (x, _) in enumerate(data, start=1):
            here, number = slice(seen, seen + len(x)), 0
            hidden = chain.stem(x)
            for step in chain.steps:
                if not isinstance(step, ResidualBlock):
                    hidden = step(hidden)
                    continue
                branch, shortcut = step.branch(hidden), step.shortcut(hidden)
                norms[0][number, here], norms[1][number, here] = (
                    norms_of(branch),
                    norms_of(shortcut),
                )
                hidden, number = step.after(shortcut + branch), number + 1
            seen += len(x)
            if progress:
                progress(done, len(data))
    return BranchNorms(*norms)
