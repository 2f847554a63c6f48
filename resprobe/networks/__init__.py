"""Networks to train and to compare: the CIFAR family of He et al. 2015, plain and residual.

An :class:`Architecture` names a network and its sizes; ``build`` makes it, initialised from
a seed without touching the global random state. Module names follow torchvision's
(``conv1``, ``bn1``, ``layer1.0.conv1``, ..., ``fc``), so that weights travel. A plain network
and the residual network of its depth have the same parameters under the same names: option A
shortcuts have none.
"""

from resprobe.networks.cost import count_parameters, multiply_adds
from resprobe.networks.zoo import Architecture, names

__all__ = ["Architecture", "count_parameters", "multiply_adds", "names"]
