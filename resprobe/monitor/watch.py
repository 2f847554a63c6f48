"""Watch a network while it is trained, in any training loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from resprobe.chain import unravel
from resprobe.errors import UsageError
from resprobe.monitor.files import RowFile
from resprobe.monitor.placing import find_places
from resprobe.monitor.session import Watch
from resprobe.monitor.subject import Subject
from resprobe.monitor.trackers import Tracker

__all__ = ["Watching", "watch"]

PER_PASS = 32
"""Of a batch of 128 the mean over 32 is known to about a tenth of the spread over images."""


def watch(
    model: nn.Module,
    images: Tensor,
    *,
    optimiser: torch.optim.Optimizer,
    out: str | Path | None = None,
    every: int = 1,
    per_pass: int | None = PER_PASS,
    trackers: Sequence[Tracker] = (),
    scaler: torch.amp.GradScaler | None = None,
    resume_from: int | None = None,
) -> Watch:
    """Measure every residual block of a network at the steps of its training.

    Three lines in a training loop::

        with resprobe.watch(model, images, optimiser=optimiser, out="watch.csv", every=10):
            for x, y in loader:
                ...  # as before: forward, loss, backward, optimiser.step()

    The loop is watched by hooks on the model's own modules, at places that are found by looking
    where the values of the model's chain pass. Neither loss nor weights change by a bit.

    Parameters
    ----------
    model : nn.Module
        What the loop calls: the network, a DistributedDataParallel around it, or, where its
        hooks really run, a compiled one.
    images : Tensor of shape (N, C, H, W)
        A few images as the loop feeds them, on the model's device, to find the blocks with.
    optimiser : torch.optim.Optimizer
        Its steps are what is counted.
    out : str or Path, optional
        A new file ending in ``.csv`` or ``.jsonl``, which grows by whole rows.
    every : int
        Steps 1, 1 + every, 1 + 2 every, ... are recorded; the others cost next to nothing.
    per_pass : int, optional
        Images that are looked at in each forward pass, from the first on: all figures of values
        and of their gradients are over these. None for all images, which costs a few percent
        more of a step; batches whose images are sorted need it.
    trackers : sequence of Tracker
        Such as :class:`TensorBoard` and :class:`RunTracker`.
    scaler : torch.amp.GradScaler, optional
        Where one is used: gradients are then given without its scale, and a step that it left
        out because of an overflow counts, with ``overflow`` true. It may serve other optimisers
        too, if it is updated once in an iteration, after the steps of all, as torch wants it.
    resume_from : int, optional
        Steps done by the run that is resumed: counting goes on from there, and so does ``out``,
        from which the rows of later steps are dropped.

    Returns
    -------
    Watch
        A context manager; :meth:`Watch.close` does as well. Its :meth:`Watch.result` has one
        row per recorded step and block:

        - ``step`` (from 1), ``block`` (from 0), ``name``, ``stage``, ``kind``;
        - ``images``: that were looked at for this step, at most ``per_pass`` of each pass;
          ``branch_images``: those of passes in which the block's branch was computed, which
          stochastic depth may leave out;
        - ``branch_norm``, ``shortcut_norm``: the L2 norms of F(x) and s(x), per image over all
          elements, then their means over images; ``ratio``: the mean of their quotient;
        - ``response_std``: the standard deviation of F(x) over images, channels and positions
          (He et al. 2015, Fig. 7); in a plain block, of its last response before the activation;
        - ``input``: the L2 norm of dL/dx per image, then the mean over images; ``identity`` and
          ``residual``: those of the parts that came back by the shortcut and by the branch,
          which add up to the whole as vectors (He et al. 2016, eq. 5). L is the loss as it is
          differentiated: of a mean over n images, each has 1/n of what
          :func:`resprobe.gradflow` reports, which takes the sum;
        - ``weight_gradient_norm``: of all the block's parameters as one vector, as the
          optimiser finds it, after any clipping;
        - ``weight_norm`` before the step, ``update_norm`` of what the step changed, and
          ``update_ratio``, their quotient;
        - ``overflow``: whether a GradScaler left the step out; its gradients are NaN.

        What was not measured is NaN: the parts in plain blocks, everything about a branch that
        was in no pass computed, gradients that nothing asked for.

    Raises
    ------
    ChainError
        If the model is no chain of blocks; a value of a block passes at no module, such as the
        output of a branch that ends with a gate written inline, ``o * torch.sigmoid(...)``; or
        what passes there is changed afterwards, by a weight, a buffer, or in training mode
        alone, as in ``x + F.dropout(o, 0.5, self.training)``. An nn.Identity around what is
        added helps in each case.
    UsageError
        If ``every``, ``per_pass`` or ``resume_from`` is out of range, ``out`` is there already or
        of another kind, or the model is a DataParallel.
    ResprobeError
        In the loop, if no hook of a block was run by the end of the first step; a number that a
        branch is multiplied by after its last module has changed; or a block is run in an
        activation checkpoint with ``use_reentrant=True``.

    Notes
    -----
    *Accumulation.* All passes with gradients since the last step belong to the next one: means
    are over all their images. Passes under ``no_grad`` are not seen, nor those of
    probes and of another watch; an evaluation with gradients is, so let it be under ``no_grad``.
    A copy of the model that is made in the loop is not watched.

    *Several processes.* With DistributedDataParallel every process must watch. Images and norms
    are of all processes together; gradients are of the loss that DDP makes of the processes'
    own, their mean. Process 0 writes. A pass costs no communication, a recorded step one
    all-reduce of 15 numbers per block.

    *Precision.* Sums are float64 whatever the activations are.

    *Closures.* An optimiser that takes a closure runs its passes within the step; their means
    are over all its evaluations, and the weights' gradient is that of the last one.

    References
    ----------
    He et al. 2015, "Deep Residual Learning for Image Recognition", Fig. 7; He et al. 2016,
    "Identity Mappings in Deep Residual Networks", equation 5.

    Examples
    --------
    >>> from resprobe import Architecture
    >>> model = Architecture("resnet8", width=4).build()
    >>> optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> with watch(model, images, optimiser=optimiser) as seen:
    ...     torch.nn.functional.cross_entropy(model(images), torch.arange(4)).backward()
    ...     optimiser.step()
    >>> frame = seen.result().frame
    >>> frame[["step", "name", "images"]].values.tolist()
    [[1, 'layer1.0', 4], [1, 'layer2.0', 4], [1, 'layer3.0', 4]]
    """
    Watching(every=every, per_pass=per_pass)  # checks them
    if resume_from is not None and resume_from < 0:
        raise UsageError(f"resume_from must be 0 or more steps; got {resume_from}")
    subject = Subject.of(model)
    chain = unravel(subject.model, images[:2])
    places = find_places(chain, subject.model, images)
    return Watch(
        subject,
        places,
        optimiser=optimiser,
        scaler=scaler,
        every=every,
        per_pass=per_pass,
        file=None if out is None or not subject.writes else RowFile(out, resume_from=resume_from),
        trackers=trackers if subject.writes else (),
        step=resume_from or 0,
    )


@dataclass(frozen=True, kw_only=True)
class Watching:
    """How a training run of ours is to be watched; see :func:`watch`.

    Parameters
    ----------
    every : int
        Steps 1, 1 + every, 1 + 2 every, ... are recorded.
    per_pass : int or None
        Images that are looked at in each forward pass; None for all.
    trackers : tuple of Tracker
        What takes the figures besides the file.

    Raises
    ------
    UsageError
        If ``every`` or ``per_pass`` is less than 1.
    """

    every: int = 1
    per_pass: int | None = PER_PASS
    trackers: tuple[Tracker, ...] = ()

    def __post_init__(self) -> None:
        _check_count("every", self.every, "steps")
        if self.per_pass is not None:
            _check_count("per_pass", self.per_pass, "images")


def _check_count(name: str, value: object, unit: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{name} must be a whole number of {unit}, 1 or more; got {value}")
