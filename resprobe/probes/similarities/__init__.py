"""Similarity of layers within a network and between networks, by linear minibatch CKA.

``gram`` turns a layer's values into a vector whose dot products are unbiased HSIC, ``layers``
finds the layers and runs them, ``cka`` sums over batches and estimates, ``summary`` says what a
table of pairs says on average.
"""

from resprobe.probes.similarities.compared import Compared
from resprobe.probes.similarities.comparing import Similarity, similarity
from resprobe.probes.similarities.planning import plan_similarity

__all__ = ["Compared", "Similarity", "plan_similarity", "similarity"]
