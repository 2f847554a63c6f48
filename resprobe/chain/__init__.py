"""Any residual network as one chain of blocks, which every analysis is written over.

``unravel(model, example)`` traces a model, finds the points where its whole state is one
tensor, and cuts it there: a stem, residual blocks ``x -> after(shortcut(x) + branch(x))``, the
links between them, a head. Nothing depends on a class or on an attribute's name, parameters
are shared with the model, and ``chain(x)`` is checked to be ``model(x)`` when it is made.
Lesions are programs: sequences of block calls, walked as a prefix tree.
"""

from resprobe.chain.chain import Block, Chain, Link, PlainBlock, ResidualBlock
from resprobe.chain.discover import unravel
from resprobe.chain.inference import Inference, for_inference
from resprobe.chain.levels import images_first, run_by_level
from resprobe.chain.listening import Response, responses
from resprobe.chain.passing import Passage, pass_through, passage
from resprobe.chain.programs import (
    Call,
    Program,
    block_places,
    call_step,
    intact,
    reordered,
    repeated,
    scaled,
    single_deletions,
    without,
)
from resprobe.chain.state import has_batch_norm, left_as_found, use_batch_statistics
from resprobe.chain.table import block_table
from resprobe.chain.tree import Node, calls, evaluations, most_alive, prefix_tree
from resprobe.chain.walking import run, walk

__all__ = [
    "Block",
    "Call",
    "Chain",
    "Inference",
    "Link",
    "Node",
    "Passage",
    "PlainBlock",
    "Program",
    "ResidualBlock",
    "Response",
    "block_places",
    "block_table",
    "call_step",
    "calls",
    "evaluations",
    "for_inference",
    "has_batch_norm",
    "images_first",
    "intact",
    "left_as_found",
    "most_alive",
    "pass_through",
    "passage",
    "prefix_tree",
    "reordered",
    "repeated",
    "responses",
    "run",
    "run_by_level",
    "scaled",
    "single_deletions",
    "unravel",
    "use_batch_statistics",
    "walk",
    "without",
]
