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
    """Sums over the images of a step, one row per block.

    What a pass shows is one number per image and reading. To add these up reading by reading
    would take longer than to read the maps; so they wait for the end of the step, when all
    readings of a column are added up at once. On an accelerator every look at a number waits,
    and there is one look in a step.

    Parameters
    ----------
    blocks : int
        How many there are.
    device : torch.device
        Where the numbers arise.
    """

    def __init__(self, blocks: int, device: torch.device) -> None:
        self.device = device
        self._counts = [[0.0] * len(COLUMNS) for _ in range(blocks)]
        self._blocks: dict[tuple[str, torch.Size], list[int]] = {}
        self._values: dict[tuple[str, torch.Size], list[Tensor]] = {}

    def add(self, block: int, column: str, value: float) -> None:
        """Add a number to a block's sum."""
        self._counts[block][_PLACE[column]] += value

    def see(self, block: int, column: str, values: Tensor) -> None:
        """Add what is known on the device alone: a number per image, or one of all images.

        Parameters
        ----------
        block : int
            Of the chain, from 0.
        column : str
            One of :data:`COLUMNS`; norms of a branch go to ``response_squares`` as well.
        values : Tensor of shape (images,) or ()
            Kept as it is until the step ends, so nothing may write into it.
        """
        key = column, values.shape
        here = values if values.device == self.device else values.to(self.device)
        self._blocks.setdefault(key, []).append(block)
        self._values.setdefault(key, []).append(here)

    def take(self, group: torch.distributed.ProcessGroup | None = None) -> Tensor:
        """Return the sums, over all processes of a group where there is one, and begin anew.

        Returns
        -------
        Tensor of shape (blocks, columns)
            Float64, on the CPU.
        """
        self._add_up()
        taken = torch.tensor(self._counts, dtype=wide(self.device))
        self._counts = [[0.0] * len(COLUMNS) for _ in self._counts]
        if group is not None:
            taken = taken.to(self.device)
            torch.distributed.all_reduce(taken, group=group)
        return taken.cpu().double()

    def _add_up(self) -> None:
        places, numbers = [], []
        for (column, _), values in self._values.items():
            seen = torch.stack(values).to(wide(self.device)).view(len(values), -1)
            blocks = self._blocks[column, values[0].shape]
            places += [(block, column) for block in blocks]
            numbers.append(seen.sum(1))
            if column == "branch_norm":
                places += [(block, "response_squares") for block in blocks]
                numbers.append(seen.square().sum(1))
        self._blocks, self._values = {}, {}
        if numbers:
            for (block, column), number in zip(places, torch.cat(numbers).tolist(), strict=True):
                self.add(block, column, number)


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
