"""Any residual network as one chain of blocks, which every analysis is written over.

``unravel(model, example)`` traces a model, finds the points where its whole state is one
tensor, and cuts it there: a stem, residual blocks ``x -> after(shortcut(x) + branch(x))``, the
links between them, a head. Nothing depends on a class or on an attribute's name, parameters
are shared with the model, and ``chain(x)`` is checked to be ``model(x)`` when it is made.
Lesions are programs: sequences of block calls, walked as a prefix tree.
"""

from resprobe.chain.chain import Block, Chain, Link, PlainBlock, ResidualBlock
from resprobe.chain.discover import unravel
from resprobe.chain.programs import Call, Program, calls, evaluations, intact, run, single_deletions
from resprobe.chain.state import has_batch_norm, left_as_found, use_batch_statistics
from resprobe.chain.table import block_table

__all__ = [
    "Block",
    "Call",
    "Chain",
    "Link",
    "PlainBlock",
    "Program",
    "ResidualBlock",
    "block_table",
    "calls",
    "evaluations",
    "has_batch_norm",
    "intact",
    "left_as_found",
    "run",
    "single_deletions",
    "unravel",
    "use_batch_statistics",
]
