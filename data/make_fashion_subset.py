"""Make the embedded subset of Fashion-MNIST from the four published files.

    python data/make_fashion_subset.py /usr/share/datasets/fashion-mnist

Of every class, 500 training and 100 test images, evenly spaced within the class, in their
published order. The same files give the same arrays always.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resprobe.datasets.embedded import EMBEDDED_FILE, content_sha256
from resprobe.datasets.fashion import FASHION_LAYOUT
from resprobe.datasets.idx import parse_idx
from resprobe.datasets.sources import read_files
from resprobe.errors import ResprobeError
from resprobe.files import write_atomically

PER_CLASS = {"train": 500, "test": 100}


def chosen(labels: npt.NDArray[np.uint8], per_class: int) -> npt.NDArray[np.int64]:
    """Return the indices of ``per_class`` images of every class, in ascending order."""
    indices = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        indices.append(own[np.arange(per_class) * len(own) // per_class])
    return np.sort(np.concatenate(indices))


def subset(folder: Path) -> dict[str, npt.NDArray[np.uint8]]:
    """Read and verify the published files in ``folder``; return the four arrays."""
    arrays = {}
    for split, per_class in PER_CLASS.items():
        contents = read_files(FASHION_LAYOUT, folder, FASHION_LAYOUT.files(split))
        images, labels = (parse_idx(data, name=name) for name, data in contents)
        indices = chosen(labels, per_class)
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images[indices], labels[indices]
    return arrays


def main() -> int:
    """Write the subset where the package reads it, and print its sum."""
    if len(sys.argv) != 2:
        print("usage: python data/make_fashion_subset.py FOLDER", file=sys.stderr)
        return 2
    try:
        arrays = subset(Path(sys.argv[1]))
        packed = io.BytesIO()
        np.savez_compressed(packed, **{name: arrays[name] for name in sorted(arrays)})
        write_atomically(EMBEDDED_FILE, packed.getvalue())
    except ResprobeError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(
        f"{EMBEDDED_FILE}: {len(packed.getvalue())} bytes, content sha256 {content_sha256(arrays)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
