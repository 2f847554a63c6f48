"""Models from elsewhere: torchvision, timm, or a function in a file of one's own.

:func:`build_model` makes one from a short text, the same that ``--model`` takes on the command
line: ``torchvision:resnet50``, ``timm:vit_tiny_patch16_224:img_size=32``,
``nets.py:make_model:depth=20``. Nothing is downloaded unless the text asks for weights, weights
are drawn from a seed of their own, and a file is imported without leaving a trace.
:func:`input_channels`, :func:`image_size` and :func:`library_normalisation` say which images
the model was made for. Nothing here knows what a block is.
"""

from resprobe.sources.build import build_model
from resprobe.sources.inputs import designed_size, image_size, input_channels, library_normalisation
from resprobe.sources.spec import ModelSpec, Source

__all__ = [
    "ModelSpec",
    "Source",
    "build_model",
    "designed_size",
    "image_size",
    "input_channels",
    "library_normalisation",
]
