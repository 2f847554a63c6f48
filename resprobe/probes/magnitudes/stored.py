"""Layer responses as the parameters of BatchNorm tell them, without any image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from resprobe.chain import Chain, Response, left_as_found, responses
from resprobe.errors import InputError
from resprobe.probes.magnitudes.layers import Layer, response_table
from resprobe.results import Result, versions

__all__ = ["stored_responses"]


def stored_responses(
    chain: Chain, *, network: str = "network", about: dict[str, Any] | None = None
) -> Result:
    """Read every layer's response from the BatchNorm behind it: ``sqrt(mean g**2 + var b)``.

    BatchNorm that uses the statistics of its images gives channel c the mean ``b_c`` and the
    standard deviation ``|g_c|``; pooled over channels that is a layer's response (He et al.
    2015, Fig. 7). A checkpoint alone so says what :func:`resprobe.magnitude` measures. Every
    layer is called once, on an image of zeros in eval mode, to see which norm follows it.

    Parameters
    ----------
    chain : Chain
        From :func:`resprobe.unravel`; left as it was found.
    network : str
        Its name in the table.
    about : dict, optional
        What else the result should say about the network.

    Returns
    -------
    Result
        "magnitude-responses", with the columns of :func:`resprobe.magnitude`: ``n`` is 0 and
        ``response_std`` NaN, for nothing is measured; ``rank`` orders ``from_batch_norm``.

    Raises
    ------
    InputError
        If no layer is followed by a BatchNorm that has both parameters.

    References
    ----------
    He et al. 2015, "Deep Residual Learning for Image Recognition", Fig. 7.

    Examples
    --------
    >>> from resprobe import Architecture, unravel
    >>> chain = unravel(Architecture("resnet8", width=4).build(), torch.zeros(1, 3, 32, 32))
    >>> stored_responses(chain).frame["from_batch_norm"].round(3).tolist()[:3]
    [1.0, 1.0, 1.0]
    """
    layers: list[Layer] = []

    def see(response: Response) -> None:
        layers.append(Layer.of(response))

    with left_as_found(chain, training=False), torch.inference_mode(), responses(chain, see):
        chain(torch.zeros(1, *chain.stem.in_shape, device=chain.device))
    told = np.array([layer.from_batch_norm for layer in layers])
    if np.isnan(told).all():
        raise InputError(
            "no layer of the network is followed by a BatchNorm with a scale and a shift, so its "
            "parameters say nothing of responses; measure them on images"
        )
    nothing = np.full(len(layers), np.nan)
    table = response_table(
        layers, network=network, n=np.zeros(len(layers), int), std=nothing, error=nothing,
        rank_by=told,
    )  # fmt: skip
    described = {"network": network, "plain": chain.is_plain, **(about or {})}
    meta = {**versions(), "measured": False, "networks": [described]}
    return Result("magnitude-responses", table, meta)
