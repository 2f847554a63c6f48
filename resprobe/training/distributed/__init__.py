"""Training that several processes share, one to a GPU, as ``torchrun`` starts them.

A :class:`World` is what a process knows of the others. When one of them ends or stops to
answer, the others end as well, and one of them says it.
"""

from resprobe.training.distributed.contact import TIMEOUT, contact
from resprobe.training.distributed.survivors import ContactLost
from resprobe.training.distributed.world import World

__all__ = ["TIMEOUT", "ContactLost", "World", "contact"]
