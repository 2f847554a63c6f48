"""From the text that names a model to the model."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from resprobe.errors import InputError
from resprobe.sources.libraries import from_library
from resprobe.sources.spec import ModelSpec
from resprobe.sources.userfile import from_file

__all__ = ["build_model"]


def build_model(
    spec: str | ModelSpec,
    *,
    seed: int = 0,
    num_classes: int | None = None,
    in_channels: int | None = None,
) -> nn.Module:
    """Make the model that ``spec`` names, as its own library or function makes it.

    Parameters
    ----------
    spec : str or ModelSpec
        ``torchvision:resnet50``, ``timm:resnetv2_50`` or ``FILE.py:FUNCTION``, with options
        after it, ``:num_classes=10``. Nothing is downloaded unless an option asks for weights
        (``weights=IMAGENET1K_V1``, ``pretrained=true``).
    seed : int
        Of the random weights. The global random states are put back as they were.
    num_classes, in_channels : int, optional
        Defaults for a model that can be made with that many classes and channels and whose
        ``spec`` does not say; left out where trained weights are asked for, which decide them
        themselves. A function of the user's gets them if its signature names ``num_classes``,
        and ``in_channels`` or ``in_chans``.

    Returns
    -------
    nn.Module
        In the mode and on the device that it was made in: training mode, on the CPU.

    Raises
    ------
    UsageError
        If the spec, the model's name or an option cannot be meant.
    InputError
        If the file is missing, cannot be imported, or its function makes no model, or one
        without values.
    ResprobeError
        If the library is not installed, or the weights cannot be downloaded.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "net.py")
    ...     _ = file.write_text("from torch.nn import Linear as make")
    ...     build_model(f"{file}:make:in_features=8:out_features=1")
    Linear(in_features=8, out_features=1, bias=True)
    """
    wanted = spec if isinstance(spec, ModelSpec) else ModelSpec.parse(spec)
    defaults = {"num_classes": num_classes, "in_channels": in_channels}
    given = {
        name: value
        for name, value in defaults.items()
        if value is not None and not wanted.asks_for_weights
    }
    # what a model prints while it is made is no result
    with _drawing_from(seed), contextlib.redirect_stdout(sys.stderr):
        model = from_library(wanted, given) if wanted.path is None else from_file(wanted, given)
    if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        raise InputError(
            f"{wanted}: returns a model without values (on the meta device); build it on the CPU"
        )
    return model


@contextlib.contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Seed the global generators that a model may draw from, and put them back afterwards."""
    started = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = range(torch.cuda.device_count()) if started else ()
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
