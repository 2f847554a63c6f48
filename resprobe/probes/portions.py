"""As many images at a time as memory takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from resprobe.devices import free_memory, is_out_of_memory

__all__ = ["Portions"]

T = TypeVar("T")


@dataclass
class Portions:
    """Halves the images that go through at once where memory runs out, for good.

    Parameters
    ----------
    largest : int, optional
        Images that go through at once; as many as there are by default.
    say : callable, optional
        Told in words when they become fewer.

    Examples
    --------
    >>> list(Portions(largest=2).of(5, lambda some: (some.start, some.stop)))
    [(0, 2), (2, 4), (4, 5)]
    """

    largest: int | None = None
    say: Callable[[str], None] | None = None

    def of(self, images: int, work: Callable[[slice], T]) -> Iterator[T]:
        """Yield what the work gives for each portion of so many images, in order.

        Raises
        ------
        MemoryError, RuntimeError
            If memory does not suffice for a single image.
        """
        done = 0
        while done < images:
            size = min(self.largest or images, images - done)
            try:
                found = work(slice(done, done + size))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or size < 2:
                    raise
            else:
                yield found
                done += size
                continue
            # outside the except: the error holds the frames that hold the memory
            free_memory()
            self.largest = (size + 1) // 2
            if self.say:
                self.say(
                    f"out of memory with {size} images at a time; going on with {self.largest}"
                )
