"""Trained networks on disk: ours, which describe themselves, and other people's.

:func:`load` reads either and never runs code from a file; :func:`load_weights` fills a network
of any class from the same files. A file written by :func:`save` is an ordinary ``torch.save``
archive that ``torch.load(path, weights_only=True)`` opens anywhere; the archive's comment holds
a SHA-256 of all bytes before it, checked before anything is loaded. Of a foreign file the
architecture is inferred from keys and shapes, and ``notes`` says what was recognised, assumed,
renamed and left out.
"""

from resprobe.checkpoints.checkpoint import Checkpoint
from resprobe.checkpoints.filling import LoadedWeights, load_weights
from resprobe.checkpoints.heads import HeadMismatch
from resprobe.checkpoints.loading import load
from resprobe.checkpoints.ours import save

__all__ = ["Checkpoint", "HeadMismatch", "LoadedWeights", "load", "load_weights", "save"]
