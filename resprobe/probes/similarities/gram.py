"""Layers as vectors whose dot product is the unbiased HSIC of two of them, on one batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["SMALLEST", "centred_gram", "u_centred"]

SMALLEST = 4  # images: HSIC_1 divides by n (n - 3)


def centred_gram(values: Tensor) -> Tensor:
    """Return a layer's Gram matrix, U-centred, as a vector of n (n - 1) / 2 numbers in float64.

    The dot product of two such vectors is ``HSIC_1(K, L)``, the unbiased estimator of the
    Hilbert-Schmidt independence criterion with linear kernels.

    Parameters
    ----------
    values : Tensor of shape (N, ...)
        A layer's output for N images, at least 4; all its elements are features.

    References
    ----------
    L. Song et al., "Feature selection via dependence maximization", JMLR 13 (2012), equation 5;
    G. J. Székely, M. L. Rizzo, "Partial distance correlation with methods for dissimilarities",
    Annals of Statistics 42 (2014), which writes the same sum as an inner product.

    Examples
    --------
    >>> x = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
    >>> row = centred_gram(x)
    >>> row.shape, round(float(row @ row), 4)
    (torch.Size([6]), 4.6667)
    """
    x = values.detach().flatten(1)
    x = x.cpu().double() if x.device.type == "mps" else x.double()
    x = x - x.mean(0)  # changes nothing but the rounding: see u_centred
    n = len(x)
    above = torch.triu_indices(n, n, 1, device=x.device)
    gram = u_centred(x @ x.T)
    return gram[above[0], above[1]] * math.sqrt(2 / (n * (n - 3)))


def u_centred(gram: Tensor) -> Tensor:
    """Centre a symmetric matrix (n, n) without its diagonal, which becomes 0.

    The sum of every row is then 0, and adding a constant to all features changes nothing.

    Examples
    --------
    >>> u_centred(torch.ones(4, 4)).abs().max()
    tensor(0.)
    """
    n = len(gram)
    off = gram - torch.diag(gram.diagonal())
    rows = off.sum(1) / (n - 2)
    whole = rows.sum() / (n - 1)
    centred = off - rows[:, None] - rows + whole
    return centred - torch.diag(centred.diagonal())
