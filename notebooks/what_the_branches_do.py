# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What the branches do
#
# A residual block computes $x_{l+1} = \mathrm{after}(s(x_l) + F(x_l))$: a shortcut $s$ that mostly
# passes its input on, and a branch $F$. Seven questions follow, each asked by one function: how
# large are the branches, how do gradients come back, how does the answer form, which layers
# resemble each other, do blocks pull in one direction, what holds before any training, and how
# smooth is the loss.
#
# Two networks of 20 layers are trained first, for a minute, on 2,000 small grey images: one with
# shortcuts, one without. With so little training the *shapes* of the curves are what to look at;
# `analyses/` has networks that were trained longer, beside the published figures.

# %%
import tempfile
from pathlib import Path

import pandas as pd

import resprobe
from resprobe.results import combined

pd.options.display.precision = 3
folder = Path(tempfile.mkdtemp())
learnt = resprobe.load_data("embedded", split="train").subset(2000)
images = resprobe.load_data("embedded", split="test").subset(200)
data = resprobe.Batches(images, images.normalisation, batch_size=50)


def trained(name: str) -> resprobe.Chain:
    """Train a network of one name for a few epochs, and show it as a chain."""
    architecture = resprobe.Architecture(name, in_channels=1, width=4)
    checkpoint = folder / f"{name}.pt"
    resprobe.train(architecture, learnt, recipe="short", epochs=5, out=checkpoint)
    return resprobe.unravel(resprobe.load(checkpoint).model, data.example())


residual, plain = trained("resnet20"), trained("plain20")

# %% [markdown]
# ## How large are the branches?
#
# `ratio` is $\|F(x)\| / \|s(x)\|$, image by image. The responses are those of He et al. 2015,
# Fig. 7: the standard deviation of every layer's output behind its BatchNorm, in order and sorted.

# %%
sizes = resprobe.magnitude(residual, data, network="resnet20")
of_plain = resprobe.magnitude(plain, data, network="plain20")
resprobe.plot(sizes.blocks).figure

# %%
resprobe.plot(combined([sizes.responses, of_plain.responses])).figure

# %% [markdown]
# ## How does the gradient come back?
#
# By the shortcut, by the branch, and, in the last panel, by shortcuts alone all the way from the
# loss: what is left of a gradient that no branch touches.

# %%
flow = resprobe.gradflow(residual, data, network="resnet20")
resprobe.plot(flow.blocks).figure

# %% [markdown]
# ## How does the answer form?
#
# A linear probe is fitted after every block, and the network's own head is put after each block of
# the last stage. A negative cosine says that a branch moves its input down the loss.

# %%
fit = resprobe.Batches(learnt.subset(1000), images.normalisation)
answers = resprobe.readout(residual, data, fit=fit, network="resnet20")
resprobe.plot(answers.blocks).figure

# %%
resprobe.plot(answers.decisions).figure

# %% [markdown]
# ## Which layers are alike?
#
# Linear CKA: 1 for representations that are equal up to rotation and scale, about 0 for unrelated
# ones.

# %%
alike = resprobe.similarity(residual, data, network="resnet20", interiors=True)
resprobe.plot(alike.layers).figure

# %% [markdown]
# ## Do blocks pull in one direction?
#
# The Jacobian of every branch is taken apart into singular values and directions. Residual
# alignment (Li and Papyan 2023) needs training far past zero error: here there is little of it.

# %%
few = resprobe.Batches(images.subset(2), images.normalisation)
shape = resprobe.geometry(residual, few, network="resnet20")
resprobe.plot(shape.alignment).figure

# %% [markdown]
# ## What holds before any training?
#
# Variances forward, gradients back and their correlation between images, over draws of the weights,
# with the laws of random networks drawn through them.

# %%
drawn = resprobe.Architecture("resnet20", in_channels=1, width=4)
start = resprobe.initialisation(
    lambda seed: resprobe.unravel(drawn.build(seed=seed), data.example()),
    data,
    draws=3,
    network="resnet20",
)
resprobe.plot(start).figure

# %% [markdown]
# ## How smooth is the loss?
#
# Along one random direction that is as large as the weights, filter by filter (Li et al. 2018).
# At this depth both networks are tame; chaos is reported for plain networks of 56 layers.

# %%
slices = [
    resprobe.landscape(chain, data, line=True, points=21, network=name)
    for name, chain in (("resnet20", residual), ("plain20", plain))
]
resprobe.plot(combined(slices)).figure
