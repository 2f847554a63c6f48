"""State dicts as other programs name them."""

from collections import OrderedDict


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


def without(state, *starts):
    return {key: value for key, value in state.items() if not key.startswith(starts)}


def renamed(state, old, new):
    return {key.replace(old, new): value for key, value in state.items()}


def akamaster(state):
    """Return the weights as that repository's networks name them, without batch counts."""
    return OrderedDict(
        (f"module.{key.replace('fc.', 'linear.').replace('.downsample.', '.shortcut.')}", value)
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    )
