# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Iterative inference: does the answer form step by step?
#
# **The question.** If a block adds a small correction to what came before, a residual network may
# be read as an algorithm that refines one estimate again and again. Does it? Where is the answer
# after each block, do branches descend the loss, and do the blocks of a stage approach their common
# result?
#
# **What you should know.** Linear regression, the cosine of two vectors, and what a stage is
# ([01_first_look](01_first_look.ipynb)).
# [03_lesions_and_the_ensemble_view](03_lesions_and_the_ensemble_view.ipynb) has the rival reading.
#
# **Whom it follows.** Jastrzebski et al. 2018, *Residual Connections Encourage Iterative Inference*
# (Figs. 4 to 6); Greff et al. 2017, *Highway and Residual Networks learn Unrolled Iterative
# Estimation* (Fig. 3); Alain and Bengio 2016 on linear probes; Kornblith et al. 2019 on the
# similarity of layers.
#
# ## The argument
#
# Expand the loss around the input of block $l$:
#
# $$L\bigl(x_l + F_l(x_l)\bigr) = L(x_l) + F_l(x_l)\cdot\frac{\partial L}{\partial x_l}
# + O\bigl(\|F_l(x_l)\|^2\bigr).$$
#
# A branch that is *small* and points *down* the loss, $F_l \cdot \partial L/\partial x_l < 0$,
# makes a step of gradient descent in the space of activations. Nobody asked for it: it is what
# minimising the loss over all blocks might bring about.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

import resprobe

pd.options.display.precision = 3

learnt = resprobe.load_data("embedded", split="train").subset(2000)
images = resprobe.load_data("embedded", split="test").subset(400)
data = resprobe.Batches(images, images.normalisation, batch_size=50)

network = resprobe.Architecture("resnet20", in_channels=1, width=8)
checkpoint = Path(tempfile.mkdtemp()) / "resnet20.pt"
resprobe.train(network, learnt, recipe="short", epochs=4, out=checkpoint)
chain = resprobe.unravel(resprobe.load(checkpoint).model, data.example())

# %% [markdown]
# ## Where is the answer after each block?
#
# Two read-outs. A *linear probe* is fitted, after each block, on training images: it asks what a
# linear classifier *could* read there. And the network's *own head* is put behind each block of the
# last stage, where the channels fit: it asks what the network itself *would* answer, if it stopped.
# The first can rise though the second does not.

# %%
fit = resprobe.Batches(learnt.subset(1000), learnt.normalisation)
answers = resprobe.readout(chain, data, fit=fit, network="resnet20")
resprobe.plot(answers.blocks).figure

# %%
shown = ["name", "kind", "probe_accuracy", "head_accuracy", "cosine", "cosine_se"]
answers.blocks.frame[shown]

# %% [markdown]
# The same of stored networks: a published ResNet-20 and ResNet-32 for CIFAR-10 (shown JPEG copies
# of its images), two of 110 layers, of width 8, trained for fifteen epochs on the embedded images,
# and a plain network of 20 layers as a control.

# %%
stored = resprobe.Result.load("../analyses/results/late_readout/readout.csv")
resprobe.plot(stored).figure

# %% [markdown]
# **How to read it.**
#
# - *Left*: does the accuracy climb gradually, or in one jump? Bold is the probe, dotted the
#   network's own head. In the plain network, the control among the stored ones, the head reads
#   next to nothing before the last block.
# - *Middle*: the cosine of $F_l(x)$ and $\partial L/\partial x_l$, image by image, then the mean.
#   Below zero is downhill. Jastrzebski et al. find it negative in all blocks and about $-0.1$ in
#   the last ones.
# - *Right*: Greff et al. call $x_k$ an estimate of the stage's output $x_K$. Then the mean of
#   $x_k - x_K$ should be about 0 (unbiased) and its standard deviation should fall with $k$ (ever
#   better).
#
# How often is it so? Counted over the blocks that keep their shape:

# %%
rows = stored.frame[(stored.frame["kind"] == "identity") & stored.frame["cosine"].notna()]
rows.groupby("network").agg(
    blocks=("block", "count"),
    downhill=("cosine", lambda cosine: (cosine < 0).mean()),
    of_the_last_block=("cosine", "last"),
)

# %% [markdown]
# In the small network trained above, every block that keeps its shape goes downhill, the late ones
# most. In the stored ones it is the *last* block that does, in each of them; that all blocks do is
# **not** reproduced, since before the last stage the cosine is small and has either sign. Nor is
# the estimate unbiased: the mean in the right panel is not 0. What does hold is that the standard
# deviation falls along a stage: blocks approach what the stage ends with. But beware: it ends at 0
# *by definition*, since the last estimate is the output. Only the way down says something.
#
# **What would falsify it:** a head that reads nothing until the last block; branches whose cosine
# is positive or zero in the last stage; an error that does not fall within stages. The plain
# control shows that this can happen.
#
# ## When is an image decided?
#
# The first block from which on a read-out's answer stays that of the whole network, for the probes
# and for the network's own head:

# %%
resprobe.plot(answers.decisions).figure

# %% [markdown]
# **How to read it.** Left, how many images each block decides; the last place is the head, for
# those that no block before it does. Right, the same added up. **An artefact to know of.** A
# decision is counted against what the *network* will say, right or wrong, and a probe with ten
# classes to choose from hits it by chance in some cases; so a third of the images that are
# "decided" at the first block are no sign of insight. Decision depths that are published for
# ImageNet networks do not carry over to narrow networks like these.
#
# ## Whom do the last blocks help?
#
# *Borderline* images are those whose two most probable classes are less than 0.1 apart. Jastrzebski
# et al. report that the last blocks repair these, and cost all others a little.

# %%
DEEP = ("resnet110-w8-s0", "preresnet110-w8-s0")
borderline = resprobe.Result.load("../analyses/results/borderline/borderline.csv")
rows = borderline.frame
deep = rows[rows["network"].isin(DEEP)].reset_index(drop=True)
networks = [each for each in borderline.meta["networks"] if each["network"] in DEEP]
meta = {**borderline.meta, "networks": networks, "data": networks[0]["data"]}
resprobe.plot(replace(borderline, frame=deep, meta=meta)).figure

# %%
last = deep[deep["block"] >= 48].pivot_table(
    index=["network", "judged", "group"], columns="block", values="accuracy"
)
last.assign(rise=last[53] - last[48])

# %% [markdown]
# **How to read it.** Images are put into groups either by how undecided the network's head was
# *before* its last five blocks, at block 48, or *after* them. Of those judged before, the
# borderline ones gain by far the most. That the others lose is not seen here: they gain a little,
# too, or stay.
#
# **An artefact to know of.** A group that is picked for being undecided at the start can hardly do
# anything but get better on the average, and one that is picked for being undecided at the end is
# bound to look worse: in the rows *after*, borderline images win less in one network and lose in
# the other. This is regression to the mean. Only the accuracy over all images is free of it.
#
# ## Do layers resemble each other?
#
# If blocks refine one estimate, outputs of neighbours should be alike, and those of one stage more
# so. Linear CKA compares two layers by how alike they find pairs of images: with centred features
# $X$ and $Y$,
#
# $$\mathrm{CKA} = \frac{\|Y^\top X\|_F^2}{\|X^\top X\|_F \, \|Y^\top Y\|_F},$$
#
# 1 for representations that are equal up to rotation and scale, about 0 for unrelated ones.

# %%
alike = resprobe.similarity(chain, data, network="resnet20", interiors=True)
resprobe.plot(alike.layers).figure

# %%
means = alike.summary.frame
means.loc[means["stages"] == "all", ["measure", "places", "value", "low", "high", "n"]].round(3)

# %% [markdown]
# And of stored networks, the published ones for CIFAR-10:

# %%
layers = resprobe.Result.load("../analyses/results/cka/similarity.csv")
rows = layers.frame
own = rows[
    (rows["network"] == rows["other_network"]) & rows["network"].isin(["resnet20", "resnet32"])
]
networks = [each for each in layers.meta["networks"] if each["network"] in set(own["network"])]
meta = {**layers.meta, "networks": networks, "data": networks[0]["data"]}
resprobe.plot(replace(layers, frame=own.reset_index(drop=True), meta=meta)).figure

# %% [markdown]
# **How to read it.** Every second row is the output of a block, which contains the stream; the rows
# between are the insides of branches. White lines divide the stages. The published networks have
# the chequered pattern that is known of residual networks: outputs resemble each other, also over
# several blocks, and the insides of branches resemble little but themselves.
#
# **What is an artefact.** In the small network everything resembles everything, branches included.
# After four epochs on easy images all layers still tell the same few things apart, and there is no
# pattern to read. And where there is one, part of it is arithmetic: $x_{l+1}$ contains $x_l$, so
# that with small branches outputs look alike, refined or not. CKA is also swayed by few directions
# of large variance.
#
# ## Do blocks pull in one direction?
#
# Refinement in its strictest form: Li and Papyan 2023 report, for networks trained far past zero
# error, that the states of an image lie equally spaced on a line, and that the singular vectors of
# the Jacobians of different branches align.

# %%
pair = resprobe.Batches(images.subset(2), images.normalisation)
shape = resprobe.geometry(chain, pair, k=8, iterations=2, network="resnet20")
resprobe.plot(shape.stream).figure

# %% [markdown]
# **How to read it.** Left, the cosine of a block's step with the whole way through its stage: 1
# would be a straight line, and dotted is what steps at right angles would have. Right, how long the
# steps are, over their mean. After four epochs the steps are a little straighter than chance, and
# there is no reason for more: the claim is about the *end* of training.
# [analyses/](../analyses/README.md) follows fully connected networks to there, and finds the line,
# if not all of the alignment. With two images and stages of three blocks this is a look and no
# measurement.
#
# ## Two readings of the same facts
#
# "An ensemble of shallow networks" and "iterative refinement" are not rivals over a number. Both
# predict that late blocks can be spared. They differ in what the *order* of blocks should mean: a
# refinement may be swapped within a stage, but not across stages; members of an ensemble have no
# order. And in what a *repeated* block should do: one more step of a converging refinement should
# not hurt.

# %%
repeated = resprobe.lesion(
    chain, data, study=resprobe.studies.Repeat(times=(2, 3)), network="resnet20"
)
rises = repeated.frame[repeated.frame["kind"] == "identity"]
rises.pivot_table(index="blocks", columns="times", values="error_rise")

# %% [markdown]
# A block that is applied twice or three times was never trained for it. Where the rise is small,
# the block is close to a step that may be repeated; where it is large, it is a transformation and
# no refinement.
#
# ## Exercises
#
# 1. Fit the probes on *shuffled* labels (an `ImageSet` with permuted `labels`). What accuracy is
#    left, and what does this say of the probes above?
# 2. Is the descent larger on images that were learnt from? Give `resprobe.readout` the *training*
#    images as `data`. Jastrzebski et al. plot both.
# 3. Take `resnet20` at initialisation and compute the CKA picture. How much of the pattern is there
#    before anything is learnt?
# 4. Delete the last block and look at borderline images only. Which images does it decide?
#
# ## With the real data
#
# Jastrzebski et al. looked at pre-activation networks of 110 layers, fully trained on CIFAR-10, and
# at validation images. With full training the cosine of the last blocks is expected near $-0.1$
# (the stored ResNet-32 has it), the loss of training images falls in the last blocks while that of
# test images may rise, and far fewer images are borderline. Greff et al. used a ResNet-50 on
# ImageNet, whose stages are longer than two of those here.
#
# ```sh
# resprobe data fetch cifar10
# resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar --out p110.pt
# resprobe readout --ckpt p110.pt --images 5000 --fit-images 10000 --out results
# resprobe similarity --ckpt p110.pt --images 2000 --interiors --out results
# resprobe geometry --ckpt p110.pt --images 4 --out results
# resprobe lesion --ckpt p110.pt --study repeat --out results/repeat
# ```
