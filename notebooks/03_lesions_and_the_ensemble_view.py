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
# # Lesions, and the ensemble view
#
# **The question.** A residual network loses a block and hardly notices. Veit, Wilber and Belongie
# took this as a sign that it is not one deep network but a collection of many shallow ones. What is
# measured, what follows from it, and what does not?
#
# **What you should know.** What a residual block, a transition and the deletion of a block are
# ([01_first_look](01_first_look.ipynb)), and what a binomial distribution is.
#
# **Whom it follows.** Veit et al. 2016, *Residual Networks Behave Like Ensembles of Relatively
# Shallow Networks*: Fig. 3 (one block deleted), Figs. 5a and 5b (several deleted, order disturbed),
# Fig. 6 (path lengths and their gradients).
#
# ## The argument
#
# Take three blocks with identity shortcuts and write the sum out:
#
# $$x_3 = x_0 + F_0(x_0) + F_1\bigl(x_0 + F_0(x_0)\bigr) + F_2\bigl(\ldots\bigr).$$
#
# In every block a signal may take the branch or the shortcut: $L$ blocks have $2^L$ *paths*. The
# *length* of a path is the number of branches it goes through. Deleting a block takes away the
# paths through its branch, half of them; in a plain network it takes away the only path there is.
# Whence three predictions, if the paths work like the members of an ensemble:
#
# 1. one deletion costs little, wherever it is made;
# 2. the more blocks are deleted or swapped, the worse, but *smoothly*;
# 3. what counts is carried by paths that are short beside the network's depth.
#
# ## Two networks

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

import resprobe

pd.options.display.precision = 3

learnt = resprobe.load_data("embedded", split="train").subset(2000)
images = resprobe.load_data("embedded", split="test").subset(300)
data = resprobe.Batches(images, images.normalisation, batch_size=50)
folder = Path(tempfile.mkdtemp())


def trained(name: str) -> resprobe.Chain:
    """Train a network of one name for a minute, and show it as a chain."""
    network = resprobe.Architecture(name, in_channels=1, width=8)
    resprobe.train(network, learnt, recipe="short", epochs=4, out=folder / f"{name}.pt")
    return resprobe.unravel(resprobe.load(folder / f"{name}.pt").model, data.example())


residual, plain = trained("resnet20"), trained("plain20")

# %% [markdown]
# And stored results of two networks of 110 layers, `resnet110` and its pre-activation twin
# `preresnet110`, the kind that the paper used: 54 blocks, width 8, trained for fifteen epochs on
# the embedded images. They are too slow to train here, and their numbers are a few hundred
# kilobytes.

# %%
DEEP = ("preresnet110-w8-s0", "resnet110-w8-s0")
STUDIES = {
    "single": "deletion", "random": "deletions", "shuffle": "reordering", "paths": "path_gradients",
}  # fmt: skip


def of_deep_networks(kind: str) -> resprobe.Result:
    """Load the results of one study, and keep those of the two deep networks."""
    result = resprobe.Result.load(f"../analyses/results/{STUDIES[kind]}/{kind}.csv")
    networks = [each for each in result.meta["networks"] if each["network"] in DEEP]
    rows = result.frame[result.frame["network"].isin(DEEP)].reset_index(drop=True)
    data = networks[0]["data"]  # both saw the same images
    return replace(result, frame=rows, meta={**result.meta, "networks": networks, "data": data})


# %% [markdown]
# ## 1. One block deleted
#
# $x_{l+1} = \mathrm{after}(s_l(x_l))$ for one $l$ at a time; nothing is trained afterwards.

# %%
single = resprobe.lesion(residual, data, network="resnet20")
of_plain = resprobe.lesion(plain, data, network="plain20")
resprobe.plot([single, of_plain]).figure

# %%
deep_single = of_deep_networks("single")
resprobe.plot(deep_single).figure

# %% [markdown]
# **How to read it.** Dashed: the intact networks. A point on its dashed line is a block that nobody
# misses. Diamonds are transitions, whose shortcut stays. The plain network falls to or near chance
# with every block that can be bypassed; the two at which shapes change cannot be.
#
# In nine blocks every one is missed. In 54 the typical block hardly is. Those that are missed by
# much lie at the start and, in the pre-activation network, at its transitions and just behind the
# second; *missed* counts all whose rise has an interval above zero:

# %%
deleted = deep_single.frame[deep_single.frame["k"] == 1]
missed = deleted.assign(missed=deleted["error_rise_low"] > 0).groupby(["network", "kind"])
missed.agg(
    blocks=("missed", "size"),
    missed=("missed", "sum"),
    median_rise=("error_rise", "median"),
    largest_rise=("error_rise", "max"),
)

# %% [markdown]
# Compare the median and the largest: "no block matters" is true of the typical block only, and in
# the pre-activation network of little more than half of them. There the first block is a
# catastrophe to lose. The paper's Fig. 3 has no such spike, so it may be an artefact of the small
# setting: width 8 instead of 16, few images and a short training.
#
# **What would falsify the prediction:** typical blocks with a rise that does not shrink as networks
# get deeper.
#
# ## 2. Several blocks deleted, or swapped

# %%
some = resprobe.Batches(images.subset(100), images.normalisation, batch_size=50)
random = resprobe.lesion(
    residual, some, study=resprobe.studies.Random(draws=8), network="resnet20", seed=0
)
deep_random = of_deep_networks("random")
resprobe.plot([random, deep_random]).figure

# %%
shuffled = resprobe.lesion(
    residual, some, study=resprobe.studies.Shuffle(most=6, draws=8), network="resnet20", seed=0
)
resprobe.plot([shuffled, of_deep_networks("shuffle")]).figure

# %% [markdown]
# **How to read it.** Above: the number of deleted blocks; faint points are single draws, the others
# their means. Below: how far the order of the blocks is from the original, as Kendall's $\tau$,
# which is 1 for the original order. Only blocks that take and give the same shape are swapped.
#
# The curves rise with the damage, as far as few draws can tell: a draw that takes a block which
# nobody can spare is a disaster at any number, hence the wide intervals of the pre-activation
# network. So much for prediction 2. The heights are another matter: the paper still has an error
# "around 0.2" with 10 of 54 blocks gone. Here:

# %%
gone = deep_random.frame[deep_random.frame["k"].isin([0, 10, 20])]
gone.pivot_table(index="network", columns="k", values="error", aggfunc="mean")

# %% [markdown]
# A smooth curve is weak evidence, though. *Any* system whose parts are partly redundant gets worse
# smoothly in the mean over draws; and a mean of many steps at different places is smooth as well.
# Look at the single draws, not only at their mean.
#
# ## 3. How long are the paths?
#
# Choosing branch or shortcut in each of $L$ blocks, a path has length $k$ in $\binom{L}{k}$ of
# $2^L$ cases. For 54 blocks:

# %%
law = resprobe.path_law(54, lengths=(5, 17))
resprobe.plot(law).figure

# %%
pd.Series(
    {
        "19 to 35 branches": float(resprobe.path_share(54, 19, 35)),
        "5 to 17 branches": float(resprobe.path_share(54, 5, 17)),
    },
    name="share of all paths",
).map("{:.2%}".format).to_frame()

# %% [markdown]
# So nearly all paths are about 27 branches long. The claim of the paper's Fig. 6 is that these
# carry next to nothing: the gradient along a path gets smaller with every branch, about
# exponentially, and the product of *how many* and *how much* has its mass between 5 and 17 of 54.
#
# At a block the gradient $g$ splits into $J_s^\top g$ and $J_F^\top g$. Sorting by the number of
# branches that were taken, $C_k \leftarrow J_s^\top C_k + J_F^\top C_{k-1}$ gives the gradient that
# all paths of length $k$ bring *together*, exactly; $\sum_k C_k$ is the true gradient. The paper
# asks another question, the mean *norm of a single path's* gradient, which is estimated by drawing
# paths. The two differ, since paths may cancel.

# %%
few = resprobe.Batches(images.subset(32), images.normalisation, batch_size=32)
paths = resprobe.paths(residual, few, method="all", draws=10, network="resnet20", seed=0)
resprobe.plot(paths).figure

# %%
resprobe.plot(of_deep_networks("paths")).figure

# %% [markdown]
# **How to read it.** Left, the binomial law. In the middle, what one path carries: a straight line
# on this axis is exponential decay. Right, the product, with bars for the shortest range that holds
# 95 % of it.
#
# In the deep networks the middle curve falls by many powers of ten, and the effective paths are
# short: bars far to the left of the binomial's centre at one half. In nine blocks the norm falls
# too, but by a factor of some tens over the whole way, which is too little to move the product far
# from the middle: *effective paths are short* is a statement about deep networks.
#
# **What would falsify it:** in a deep network, a product whose mass lies at half the blocks.
# **Mind** that the product adds up *norms*. Norms do not cancel and gradients do; it is a bound on
# what paths contribute, not their contribution. The dashed curve, the share of the true gradient,
# is the honest one.
#
# ## Does the size of a branch say what its deletion costs?
#
# If it did, lesions could be spared. Ten disjoint sets of 30 images each give every number with its
# standard error, and the rank correlation with an interval:

# %%
predicted = resprobe.predictors(residual, data, network="resnet20", sets=10, seed=0)
resprobe.plot(predicted.blocks).figure

# %%
shown = ["predictor", "damage", "blocks", "method", "n", "estimate", "low", "high"]
correlations = predicted.correlations.frame
correlations.loc[correlations["method"] == "spearman", shown].reset_index(drop=True)

# %% [markdown]
# With nine blocks an interval of a rank correlation is about as wide as the range it lives in.
# Where it includes 0, the size has *not* been shown to predict the damage, nor that it does not.
#
# ## Try it yourself
#
# In JupyterLab this is a lesion explorer: click on a block to delete it, or choose two to swap, and
# accuracy, path lengths and magnitudes follow at once. The same goes from code. Without a kernel,
# what is shown is a picture of where it stands; blocks are coloured by what their own deletion
# costs.

# %%
explorer = resprobe.explore(residual, data, network="resnet20", singles=True)
explorer.swap(4, 5)
explorer.toggle(8)
explorer

# %%
explorer.result().frame[["lesion", "kendall_tau", "accuracy", "error_rise"]]

# %% [markdown]
# ## What follows, and what does not
#
# Lesions show that *after training* blocks can be spared, and that neighbours can do without each
# other's output. This is robustness, and it is what an ensemble would have. It is not yet an
# ensemble: its members share all their weights, they were never trained to answer alone, and
# $2^{54}$ of them are no more independent than the 54 blocks are. The paper's referees objected to
# "exponential ensemble" for this reason; another reading of the same facts is that blocks refine a
# common estimate step by step ([06_iterative_inference](06_iterative_inference.ipynb)).
#
# ## Exercises
#
# 1. How much of the damage do BatchNorm's statistics do? Give `resprobe.lesion` some training
#    images as `recalibrate=` and compare the two kinds of rows.
# 2. Delete all *pairs* with `resprobe.studies.Pairs()`. In an ensemble damages would about add up;
#    where is the `interaction` positive?
# 3. Let `resprobe.studies.Greedy()` choose which block may go next, again and again. How many
#    blocks can go before the error has doubled? Choose on other images than you report on.
# 4. Compute by hand what share of the paths survives two deletions, and what share is left in a
#    plain network.
#
# ## With the real data
#
# Veit et al. used a pre-activation ResNet-110 of width 16, fully trained on CIFAR-10, with about 6
# % error. There the spike of the first block is not seen, and with 10 of 54 blocks deleted the
# error is about 20 %, where both deep networks here have more than twice that.
# [analyses/](../analyses/README.md) also has a published ResNet-20 and ResNet-32 on CIFAR-10:
# shallower networks, in which a deletion costs more than in the deep ones here, with better
# training and all.
#
# ```sh
# resprobe data fetch cifar10
# resprobe train --arch preresnet110 --data cifar10 --recipe he2015-cifar --out p110.pt
# resprobe lesion --ckpt p110.pt --out results
# resprobe lesion --ckpt p110.pt --study random --draws 20 --out results/random
# resprobe lesion --ckpt p110.pt --study shuffle --draws 20 --out results/shuffle
# resprobe paths --ckpt p110.pt --method all --lengths 5-17 --out results
# ```
