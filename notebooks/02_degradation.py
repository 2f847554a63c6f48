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
# # Degradation: why deeper can be worse
#
# **The question.** A deeper network can compute all that a shallower one can, and more. Why, then,
# does a plain network of 56 layers have a higher error than one of 20, and on the *training*
# images? And do shortcuts put it right?
#
# **What you should know.** How a training curve is read, and the difference of training and test
# error. [01_first_look](01_first_look.ipynb) introduces the networks.
#
# **Whom it follows.** He et al. 2015, *Deep Residual Learning for Image Recognition* (Figs. 1 and
# 6); Li et al. 2018, *Visualizing the Loss Landscape of Neural Nets* (Fig. 5).
#
# ## The argument
#
# Take a trained network of 20 layers and put 36 layers behind it that do nothing, $F(x) = x$. That
# is a network of 56 layers with the *same* error. So the best network of 56 layers is no worse than
# the best one of 20, on the images that it learns from:
#
# $$\min_{\theta_{56}} L_{56}(\theta_{56}) \;\le\; \min_{\theta_{20}} L_{20}(\theta_{20}).$$
#
# If training finds a worse one all the same, it is not that the deep network *cannot* express the
# solution, nor that it overfits, which would show on test images alone. The search does not find
# it. That is the *degradation problem*. The cure follows from the argument: if doing nothing is
# hard to learn for layers, let them learn the *difference* to doing nothing, $x + F(x)$, for which
# $F = 0$ suffices.
#
# ## In small, live
#
# Two depths, with and without shortcuts. Within a pair of one depth the number of weights is the
# same to the last one, because these shortcuts have none.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

import resprobe
from resprobe.training import recipes

pd.options.display.precision = 3

names = ["plain8", "plain32", "resnet8", "resnet32"]
networks = {name: resprobe.Architecture(name, in_channels=1, width=4) for name in names}
resprobe.size_table(networks.values())[["network", "depth", "parameters"]]

# %%
learnt = resprobe.load_data("embedded", split="train").subset(1200)
folder = Path(tempfile.mkdtemp())
recipe = replace(recipes["short"], batch_size=32)
logs = [
    resprobe.train(network, learnt, recipe=recipe, epochs=3, out=folder / f"{name}.pt")
    for name, network in networks.items()
]
resprobe.plot(logs).figure

# %%
last = pd.concat([log.frame.iloc[[-1]] for log in logs]).set_axis(names)
last[["train_error", "validation_error"]]

# %%
gap = {
    family: last.loc[f"{family}32", "train_error"] - last.loc[f"{family}8", "train_error"]
    for family in ("plain", "resnet")
}
pd.Series(gap, name="training error of 32 layers, less that of 8").to_frame()

# %% [markdown]
# **How to read it.** Dotted lines are the error on the images learnt from, as they are learnt; bold
# ones that on the images held out. The question is put to the *training* error: is the deep
# network's above the shallow one's? A positive number in the last table is degradation.
#
# **What would falsify it.** A deep plain network whose training error is the lower one. **What is
# an artefact here:** nearly everything else. Three passes over 1,200 images are the first minute of
# a training: what you see is that the deep plain network *starts* more slowly. It is one seed, the
# networks are narrow, and the held-out error lags while BatchNorm's running statistics settle. He
# et al. say more: the gap is still there at the end, after 64,000 iterations.
#
# ## For longer
#
# Stored beside this notebook are the curves of a longer run: depths 20 and 56, width 8, ten epochs
# of CIFAR-10 (JPEG copies of its images, which cost some accuracy), with two seeds each.

# %%
stored = Path("../analyses/results/degradation")
curves = resprobe.Result.load(stored / "curves.csv")
resprobe.plot(curves).figure

# %%
table = resprobe.Result.load(stored / "table.csv").frame
table[table["figure"] == "train_error_eval"].drop(columns="figure").reset_index(drop=True)

# %% [markdown]
# **How to read it.** `train_error_eval` is the error of the finished network on the images it
# learnt from, not augmented. The last two rows are differences, taken seed by seed, each with its
# 95 % $t$ interval.
#
# - *Plain*: the deep network's training error is far above the shallow one's, with both seeds.
#   Since it is a training error, this is not overfitting.
# - *Residual*: the paper's reversal is **not** reproduced here. One of the two deep residual
#   networks ends close to the shallow ones, the other above them. After ten epochs instead of 182,
#   depth has not paid yet; and with two seeds the interval is so wide that it excludes neither
#   sign.
#
# What both runs do show is that shortcuts take most of the penalty of depth away:

# %%
change = table[table["figure"] == "train_error_eval"].set_index("pair")["mean"]
change[["plain56 - plain20", "resnet56 - resnet20"]].to_frame("change of the training error")

# %% [markdown]
# Two readings that do *not* follow. It is not shown that gradients vanish: with BatchNorm they do
# not ([04_gradient_flow](04_gradient_flow.ipynb)). And it is not shown that deep plain networks
# cannot be trained: with a smaller rate, other initialisations and more patience they get better,
# as Li et al. report: their 56 layers without shortcuts have 13.31 % test error at rate 0.1 and
# 10.83 % at 0.01.
#
# ## What the search has to cross
#
# A picture of the difficulty. Let $\theta$ be the trained weights and $d$ a random direction, drawn
# filter by filter and given each filter's own norm,
# $d_{ij} \leftarrow \frac{d_{ij}}{\|d_{ij}\|} \|\theta_{ij}\|$, so that networks of other scales
# can be compared. Drawn is $f(\alpha) = L(\theta + \alpha d)$ on training images. First the two
# deep networks from above:

# %%
seen = resprobe.Batches(learnt.subset(100), learnt.normalisation)
lines = []
for name in ("plain32", "resnet32"):
    chain = resprobe.unravel(resprobe.load(folder / f"{name}.pt").model, seen.example())
    lines.append(resprobe.landscape(chain, seen, line=True, points=15, span=0.5, network=name))
resprobe.plot(lines).figure

# %% [markdown]
# Then stored ones, of networks of width 8 that were trained for 15 epochs; four directions each, of
# which the figure shows the first.

# %%
landscape = resprobe.Result.load("../analyses/results/landscape/line.csv")
rows = landscape.frame
first = replace(landscape, frame=rows[rows["direction"] == 0].reset_index(drop=True))
resprobe.plot(first).figure


# %%
def bends_down(line: pd.DataFrame) -> float:
    """Share of the places of a line at which the loss curves downwards."""
    loss = line.sort_values("a")["loss"]
    return float((loss.diff().diff().dropna() < 0).mean())


per_direction = rows.groupby(["network", "direction"])[["a", "loss"]].apply(bends_down)
per_direction.unstack("direction")

# %% [markdown]
# **How to read it.** A convex function never bends down. The table has the share of places where
# the slice does, one column for each direction. Around the deep plain network it is the largest in
# the mean; around the deep residual network the smallest:

# %%
per_direction.groupby("network").mean().sort_values().to_frame("mean over four directions")

# %% [markdown]
# **What would falsify it.** A plain network of 56 layers whose slices are as smooth as those of its
# residual twin, at the same training. **What is an artefact:** one direction out of tens of
# thousands is a thin sample, and four scatter more than the widths of the valleys differ. A slice
# says nothing about the path that training took. And the loss of a badly trained network is high in
# its centre already, which makes its valley look shallow.
#
# ## Exercises
#
# 1. Repeat the live part with three seeds (`seed=1` and so on) and put an interval on both gaps.
#    How many seeds does the residual gap need until its interval excludes 0?
# 2. Build the argument's network: train `plain8`, then `resnet32` with `init="zero-bn"`, whose
#    blocks begin as identities. Does it start as fast as the shallow network does?
# 3. Give the deep plain network a tenth of the learning rate: `recipe=` takes a
#    `resprobe.Recipe(...)`. Does its first minute get better or worse?
# 4. Follow the gradients of the trained `plain32` with `resprobe.gradflow`. Are they larger or
#    smaller at the images than at the loss?
#
# ## With the real data
#
# On CIFAR-10, at width 16 and with 64,000 iterations, He et al. 2015 (Fig. 6) have plain-20 below
# plain-32, -44 and -56 in training *and* test error, and ResNet-20 *above* ResNet-56: 8.75 % and
# 6.97 % test error. Li et al. 2018 print 8.18 % and 13.31 % for 20 and 56 layers without shortcuts,
# 7.37 % and 5.89 % with them (300 epochs, another weight decay, no validation images). The reversal
# in the residual pair is what short runs do not show: it needs the whole schedule.
#
# ```sh
# resprobe data fetch cifar10
# resprobe train --arch plain56  --data cifar10 --recipe he2015-cifar --seeds 3 --out plain56.pt
# resprobe train --arch resnet56 --data cifar10 --recipe he2015-cifar --seeds 3 --out resnet56.pt
# python analyses/degradation.py --data cifar10 --seeds 0,1,2
# resprobe landscape --ckpt plain56-seed0.pt --ckpt resnet56-seed0.pt --line
# ```
