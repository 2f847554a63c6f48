"""The running sums of one step, and the figures that they give."""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor

from resprobe.monitor.reductions import wide

__all__ = ["COLUMNS", "Sums", "figures_of"]

COLUMNS = (
    "images",
    "branch_images",
    "branch_norm",
    "shortcut_images",
    "shortcut_norm",
    "ratio_images",
    "ratio",
    "elements",
    "response",
    "response_squares",
    "input_images",
    "input",
    "parts_images",
    "identity",
    "residual",
)
_PLACE = {name: place for place, name in enumerate(COLUMNS)}


class Sums:
    """Sums over the images of a step, one row per block, on the model's device.

    They are looked at when the step ends and not before: on an accelerator every look waits.

    Parameters
    ----------
    blocks : int
        How many there are.
    device : torch.device
        Where the numbers arise.
    """

    def __init__(self, blocks: int, device: torch.device) -> None:
        self.device = device
        self._table = torch.zeros(blocks, len(COLUMNS), dtype=wide(device), device=device)
        self._cells = [row.unbind() for row in self._table.unbind()]
        self._counts = [[0.0] * len(COLUMNS) for _ in range(blocks)]

    def add(self, block: int, column: str, value: Tensor | float) -> None:
        """Add a number to a block's sum."""
        place = _PLACE[column]
        if isinstance(value, Tensor):
            here = value if value.device == self.device else value.to(self.device)
            self._cells[block][place].add_(here)
        else:  # what is known without looking waits here for the look
            self._counts[block][place] += value

    def take(self, group: torch.distributed.ProcessGroup | None = None) -> Tensor:
        """Return the sums, over all processes of a group where there is one, and begin anew.

        Returns
        -------
        Tensor of shape (blocks, columns)
            Float64, on the CPU.
        """
        taken = self._table + torch.tensor(self._counts, dtype=self._table.dtype).to(self.device)
        self._table.zero_()
        self._counts = [[0.0] * len(COLUMNS) for _ in self._counts]
        if group is not None:
            torch.distributed.all_reduce(taken, group=group)
        return taken.cpu().double()


def figures_of(sums: Tensor, *, loss_scale: float) -> dict[str, Tensor]:
    """Return the figures of every block, shape (blocks,); NaN where nothing was seen.

    Parameters
    ----------
    sums : Tensor of shape (blocks, columns)
        From :meth:`Sums.take`.
    loss_scale : float
        What the loss was multiplied by before it was differentiated.

    Examples
    --------
    >>> sums = torch.zeros(1, len(COLUMNS), dtype=torch.float64)
    >>> sums[0, COLUMNS.index("shortcut_images")], sums[0, COLUMNS.index("shortcut_norm")] = 4, 6
    >>> figures = figures_of(sums, loss_scale=1)
    >>> figures["shortcut_norm"].tolist(), figures["ratio"].tolist()
    ([1.5], [nan])
    """
    column = dict(zip(COLUMNS, sums.unbind(1), strict=True))
    branch, elements = column["branch_images"], column["elements"]
    mean = column["response"] / elements
    # rounding may leave a response without spread a little below 0
    variance = (column["response_squares"] / elements - mean.square()).clamp_min(0)
    parts = column["parts_images"] * loss_scale
    return {
        "images": column["images"],
        "branch_images": branch,
        "ratio": column["ratio"] / column["ratio_images"],
        "branch_norm": column["branch_norm"] / branch,
        "shortcut_norm": column["shortcut_norm"] / column["shortcut_images"],
        "response_std": variance.sqrt(),
        "identity": column["identity"] / parts,
        "residual": column["residual"] / parts,
        "input": column["input"] / (column["input_images"] * loss_scale),
    }
