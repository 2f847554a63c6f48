"""Networks to train and to compare: the residual family, its plain counterparts, VGG.

An :class:`Architecture` names a network and its options; ``build`` makes it, initialised from
a seed without touching the global random state. There is one kind of block: an activation
order says how its layers follow one another, a shortcut what the branch is added to, and
without a shortcut it is a plain block. Module names follow torchvision's (``conv1``, ``bn1``,
``layer1.0.conv1``, ``layer1.0.downsample``, ..., ``fc``), so that weights travel. A plain
network and the residual network of its depth with option A have the same parameters under the
same names.
"""

from resprobe.networks.architecture import Architecture
from resprobe.networks.cost import count_parameters, multiply_adds
from resprobe.networks.dropping import dropped
from resprobe.networks.options import (
    BlockKind,
    Family,
    Initialisation,
    Layout,
    Order,
    Shortcut,
    SurvivalScaling,
)
from resprobe.networks.sizes import block_costs, size_table
from resprobe.networks.zoo import names

__all__ = [
    "Architecture",
    "BlockKind",
    "Family",
    "Initialisation",
    "Layout",
    "Order",
    "Shortcut",
    "SurvivalScaling",
    "block_costs",
    "count_parameters",
    "dropped",
    "multiply_adds",
    "names",
    "size_table",
]
