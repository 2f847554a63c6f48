"""Path lengths: a residual network as 2^L paths, and how much gradient each length carries.

A batch is recorded once (:mod:`tape`) and its cotangents pulled back block by block: all
lengths side by side (:mod:`sweep`), or single paths that share what they have in common
(:mod:`walking`). :mod:`law` is the binomial law, which needs no network.
"""

from resprobe.probes.path_lengths.law import path_counts, path_law, path_share
from resprobe.probes.path_lengths.planning import plan_paths
from resprobe.probes.path_lengths.study import paths

__all__ = ["path_counts", "path_law", "path_share", "paths", "plan_paths"]
