"""BatchNorm statistics measured anew behind a lesion.

A lesion changes what the layers behind it see, and their running statistics no longer fit.
They are measured again on training images, lesion by lesion: the nodes of the prefix tree,
which lesions share as far as their programs begin alike, have statistics of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from resprobe.chain import (
    Chain,
    Node,
    Program,
    left_as_found,
    prefix_tree,
    use_batch_statistics,
    walk,
)
from resprobe.datasets import Batches
from resprobe.probes.batch_norm import batches_for

__all__ = ["Recalibrated"]

_Norm = nn.modules.batchnorm._BatchNorm
_Statistics = dict[str, Tensor]


class Recalibrated:
    """Programs, each with the BatchNorm statistics that training images give under it.

    Parameters
    ----------
    chain : Chain
        Left as it was found.
    programs : sequence of Program
        Run by :meth:`run`.
    training : Batches
        Images to measure on, of the kind that the network was trained on. Mean and variance
        of a layer are the means over batches of those of each batch (the variance with n - 1
        in the denominator), each batch normalised by its own statistics, as in training.

    Raises
    ------
    InputError
        If a batch would hold one image.
    ChainError
        If a BatchNorm is called as a function.

    References
    ----------
    torch.nn.BatchNorm2d with ``momentum=None``: a cumulative moving average.
    """

    def __init__(self, chain: Chain, programs: Sequence[Program], training: Batches) -> None:
        self.chain, self.tree = chain, prefix_tree(programs)
        self.norms = {
            step: [module for module in step.modules() if isinstance(module, _Norm)]
            for step in (chain.stem, *chain.steps, chain.head)
        }
        # keyed by place too: a node at which programs end has statistics for the head as well
        self.statistics: dict[tuple[Node, nn.Module], list[_Statistics]] = {}
        with left_as_found(chain, training=False), torch.no_grad():
            use_batch_statistics(chain)
            for norm in chain.modules():
                if isinstance(norm, _Norm):
                    norm.momentum, norm.track_running_stats = None, True
            for x, _ in batches_for(chain, training, "batch"):
                for _ in walk(chain, self.tree, x, enter=self._enter):
                    pass

    def run(self, x: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Run the programs with these statistics, as :func:`resprobe.chain.run` does.

        To be called in eval mode, inside :func:`resprobe.chain.left_as_found`.
        """
        own = {norm: dict(norm._buffers) for norms in self.norms.values() for norm in norms}
        try:
            yield from walk(self.chain, self.tree, x, enter=self._enter)
        finally:
            for norm, buffers in own.items():
                norm._buffers.update(buffers)

    def _enter(self, node: Node, step: nn.Module) -> None:
        """Let the BatchNorm layers of a step read and write the statistics of a node."""
        norms = self.norms[step]
        if (node, step) not in self.statistics:
            self.statistics[node, step] = [_fresh(norm) for norm in norms]
        for norm, buffers in zip(norms, self.statistics[node, step], strict=True):
            norm._buffers.update(buffers)


def _fresh(norm: _Norm) -> _Statistics:
    place = next(norm.parameters(), norm.running_mean)
    device = None if place is None else place.device
    return {
        "running_mean": torch.zeros(norm.num_features, device=device),
        "running_var": torch.ones(norm.num_features, device=device),
        "num_batches_tracked": torch.zeros((), dtype=torch.long, device=device),
    }
