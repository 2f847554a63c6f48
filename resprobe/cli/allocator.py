"""Memory that a training asks for again and again, kept instead of given back."""

from __future__ import annotations

import ctypes

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed_memory() -> bool:
    """Let the C library keep large blocks that are freed, for the rest of this process.

    By default glibc returns them to the system, and every step of a training on the CPU has its
    activations zeroed and mapped anew, page by page. No number changes. Tell whether it is done:
    other C libraries have no such setting.

    Notes
    -----
    It acts on the whole process, so commands call it, and no function of the library does.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    mmap = mallopt(M_MMAP_THRESHOLD, 2**30)
    return bool(mmap and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
