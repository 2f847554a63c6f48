"""One sum over what a split holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from torch import Tensor

__all__ = ["content_digest"]


def content_digest(
    shape: Sequence[int],
    classes: Sequence[str],
    labels: Tensor,
    content: Iterable[bytes | memoryview],
) -> str:
    """Return the SHA-256 over a shape, class names, labels and whatever stands for the pixels.

    Examples
    --------
    >>> import torch
    >>> content_digest((1, 1), ("a",), torch.tensor([0]), [b"1"])[:8]
    'ae68b1b8'
    """
    digest = hashlib.sha256(json.dumps([*shape, *classes]).encode())
    digest.update(labels.cpu().numpy().astype("<i8").tobytes())
    for part in content:
        digest.update(part)
    return digest.hexdigest()
