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
# # A first look at a residual network
#
# **The question.** A residual network is deep on paper. Which of its blocks does it use, and how
# can one tell? This notebook goes once along the main path: a network becomes a chain of blocks, a
# gradient comes back through it before any training, it is trained for a minute, and then its
# blocks are taken out one at a time.
#
# **What you should know.** What a convolution, a BatchNorm layer and a gradient are, and that a
# classifier is trained by descending a loss. No paper has to be read first.
#
# **Whom it follows.** He et al. 2015, *Deep Residual Learning for Image Recognition* (the network,
# and the size of its layer responses in Fig. 7); He et al. 2016, *Identity Mappings in Deep
# Residual Networks* (the gradient, eq. 5); Veit et al. 2016, *Residual Networks Behave Like
# Ensembles of Relatively Shallow Networks* (Fig. 3, one block deleted).
#
# Everything here runs on small grey images that come with the package, a subset of Fashion-MNIST,
# with a network half as wide as the paper's. The last section says what changes with CIFAR-10.

# %%
import tempfile
from pathlib import Path

import pandas as pd
import torch

import resprobe

pd.options.display.precision = 3

learnt = resprobe.load_data("embedded", split="train").subset(2000)
images = resprobe.load_data("embedded", split="test").subset(300)
data = resprobe.Batches(images, images.normalisation, batch_size=50)
len(learnt), len(images), data.shape, images.classes

# %% [markdown]
# ## A network is a chain
#
# Block $l$ of a residual network takes $x_l$ and gives
#
# $$x_{l+1} = \mathrm{after}\bigl(s_l(x_l) + F_l(x_l)\bigr),$$
#
# with a *shortcut* $s_l$, a *branch* $F_l$ of two convolutions, and a ReLU *after* the sum. Where
# shapes are kept, $s_l$ is the identity; where the picture gets smaller and the channels more, the
# block is a *transition* and its shortcut strides. Blocks between two transitions are a *stage*.
#
# `unravel` finds this structure in the traced graph of a model, and knows no class: the same line
# works for a network from torchvision or of your own
# ([05_your_own_model](05_your_own_model.ipynb)).

# %%
architecture = resprobe.Architecture("resnet20", in_channels=1, width=8)
model = architecture.build(seed=0)
chain = resprobe.unravel(model, data.example())
chain

# %% [markdown]
# Nine blocks of two layers, one convolution before and one linear layer behind them: twenty layers
# with weights. The table says where the parameters are: each stage has about four times as many as
# the one before, and costs about as much, since its maps are half as high and wide.
#
# A chain is the model itself, in another form. It is checked when it is made; here once more:

# %%
x = data.example()
with torch.no_grad():
    difference = (chain.eval()(x) - model.eval()(x)).abs().max()
float(difference)

# %% [markdown]
# ## Before any training: how does the gradient come back?
#
# Let $g = \partial L/\partial x_{l+1}$, taken through the activation after the sum. What arrives at
# the block's input has two parts, one through the shortcut and one through the branch:
#
# $$\frac{\partial L}{\partial x_l} = J_{s}^\top g + J_{F}^\top g .$$
#
# Three networks at initialisation: *plain* ones have the same layers and no shortcuts.


# %%
def drawn(name: str) -> resprobe.Chain:
    """Build a network and draw its weights; nothing is learnt."""
    network = resprobe.Architecture(name, in_channels=1, width=8).build(seed=0)
    return resprobe.unravel(network, data.example())


few = resprobe.Batches(images.subset(64), images.normalisation)
flows = [
    resprobe.gradflow(drawn(name), few, network=name, batch_norm="batch").blocks
    for name in ("plain20", "plain56", "resnet56")
]
resprobe.plot(flows).figure

# %% [markdown]
# **How to read it.** Left, the norm of the gradient at each block's input, on a logarithmic axis: a
# straight line is growth by a constant factor per block, from the loss at the right end to the
# images at the left. In the middle, its two parts in the residual network; right, what comes back
# by shortcuts alone, past every branch.

# %%
growth = {
    flow.frame["network"][0]: flow.frame["input"].iloc[0] / flow.frame["input"].iloc[-1]
    for flow in flows
}
pd.Series(growth, name="first block's gradient over the last one's").to_frame()

# %% [markdown]
# Plain networks with BatchNorm do not lose their gradients at initialisation, they *explode*, the
# more so the deeper they are (Yang et al. 2019); [04_gradient_flow](04_gradient_flow.ipynb) derives
# by how much. With shortcuts and as many layers, the growth is smaller by a factor of hundreds. If
# shortcuts worked by keeping a *vanishing* gradient alive, the plain curves would fall towards the
# images; they do not.
#
# An artefact to know of: this is a picture of random weights. With a few dozen steps of training it
# changes ([04_gradient_flow](04_gradient_flow.ipynb)), and He et al. 2015 report healthy gradients
# in their plain networks.
#
# ## Training it
#
# Four passes over 2,000 images, with a short recipe that ships for such purposes. A tenth of the
# images is held out and only evaluated.


# %%
folder = Path(tempfile.mkdtemp())


def trained(name: str) -> tuple[resprobe.Chain, resprobe.Result]:
    """Train a network of one name; return it as a chain, and the log of its training."""
    checkpoint = folder / f"{name}.pt"
    network = resprobe.Architecture(name, in_channels=1, width=8)
    log = resprobe.train(network, learnt, recipe="short", epochs=4, out=checkpoint)
    return resprobe.unravel(resprobe.load(checkpoint).model, data.example()), log


residual, log = trained("resnet20")
plain, log_of_plain = trained("plain20")
resprobe.plot([log, log_of_plain]).figure

# %% [markdown]
# Both learn; neither is finished. For what follows it is enough that they answer far better than
# chance, which is 90 % error with ten classes.
#
# ## What happens when a block is gone?
#
# *Deleting* block $l$ leaves $x_{l+1} = \mathrm{after}(s_l(x_l))$: the branch is taken away and the
# shortcut stays. Nothing is trained afterwards, and BatchNorm keeps its statistics. A plain block
# is bypassed where shapes allow it; where they do not, it is listed as not deletable.

# %%
lesions = resprobe.lesion(residual, data, network="resnet20")
of_plain = resprobe.lesion(plain, data, network="plain20")
resprobe.plot([lesions, of_plain]).figure

# %%
columns = ["lesion", "kind", "accuracy", "error_rise", "error_rise_low", "error_rise_high"]
lesions.frame[columns]

# %% [markdown]
# **How to read it.** Each point is the whole network with one block gone; dashed lines are the
# intact networks. `error_rise` is the difference to the intact network on the *same* images, and
# its interval is a paired one: where it includes 0, nothing is shown.
#
# - A residual network loses something with every block and keeps working. Each loss is small beside
#   what chance would be.
# - The plain network falls to or near chance wherever a block is taken out: each layer sees inputs
#   that it was never trained on.
#
# **What would falsify it.** A plain network that survives deletions as well as the residual one, at
# the same accuracy. **What is an artefact here:** nine blocks are few, so that each matters; with
# 54 blocks the rises of most blocks are not distinguishable from 0
# ([03_lesions_and_the_ensemble_view](03_lesions_and_the_ensemble_view.ipynb)).
#
# ## Why does it survive?
#
# A block that adds little is easily spared. `ratio` is $\|F_l(x)\|_2 / \|s_l(x)\|_2$, image by
# image, then averaged; the band holds the middle 80 % of the images. (A result that ends a cell
# shows its figure and its first rows.)

# %%
sizes = resprobe.magnitude(residual, data, network="resnet20")
sizes.blocks

# %% [markdown]
# Within each stage the ratios fall: the stream grows with every block, and later branches are
# smaller beside it. At a transition they jump up again, since its shortcut carries a picture with
# fewer pixels and empty new channels. Does the size *explain* what a deletion costs? Look at both
# columns before you say so:

# %%
beside = sizes.blocks.frame[["block", "name", "kind", "ratio"]].assign(
    error_rise=lesions.frame["error_rise"].iloc[1:].to_numpy()
)
beside.sort_values("ratio", ascending=False).reset_index(drop=True)

# %%
identity = beside[beside["kind"] == "identity"]
float(identity["ratio"].corr(identity["error_rise"], method="spearman"))

# %% [markdown]
# A rank correlation over so few blocks says little: with seven points, chance alone gives values
# between about $-0.79$ and $0.79$ in 19 of 20 cases. `resprobe.predictors` asks the question
# properly, with intervals.
#
# He et al. 2015 (Fig. 7) looked at something related in both kinds of networks: the standard
# deviation of every layer's output, behind its BatchNorm and before anything else. In order, and
# sorted:

# %%
sizes_of_plain = resprobe.magnitude(plain, data, network="plain20")
resprobe.plot([sizes.responses, sizes_of_plain.responses]).figure

# %%
responses = pd.concat([sizes.responses.frame, sizes_of_plain.responses.frame])
responses.groupby("network")["response_std"].agg(["count", "mean", "median"])

# %% [markdown]
# **How to read it.** In the paper, residual networks have the smaller responses, and deeper ones
# smaller ones still: each layer changes less. After a minute of training both kinds still lie near
# 1, where a BatchNorm layer begins: the scales have not had time to move. The difference is one of
# longer training; after fifteen epochs it is there ([analyses/](../analyses/README.md)).
#
# ## Keep what was measured
#
# A result is a tidy table and the record of what was run. Saved, it can be drawn again without the
# network: `resprobe figure results/lesion.csv`.

# %%
files = lesions.save(folder / "results")
again = resprobe.Result.load(folder / "results" / "lesion.csv")
sorted(file.name for file in files if file.suffix != ".parquet"), again.frame.equals(lesions.frame)

# %% [markdown]
# ## Exercises
#
# 1. Delete *two* blocks at a time:
#    `resprobe.lesion(residual, data, study=resprobe.studies.Pairs())`. Is the damage of a pair the
#    sum of the damages of its blocks? (`interaction` is the difference.)
# 2. Train with `seed=1` and repeat the lesions. Which blocks keep their rank, and which do not?
# 3. Turn a branch down instead of off: `study=resprobe.studies.Scale()`. Is the error smallest at
#    $\alpha = 1$ in every block?
# 4. Delete a block and measure BatchNorm's statistics anew: `recalibrate=` takes batches of
#    training images. How much of the damage was only a matter of statistics?
#
# ## With the real data
#
# Width 16, 45,000 coloured images and 64,000 iterations change the *heights*: He et al. 2015 report
# 8.75 % test error for ResNet-20 on CIFAR-10. The published network of 54 blocks hardly notices a
# deletion, except at transitions (Veit et al. 2016, Fig. 3). In 20 layers every block still counts:
# [analyses/](../analyses/README.md) measures a published ResNet-20 on CIFAR-10, where the mean
# identity block costs about 20 points. So more training does not make a *shallow* residual network
# indifferent; depth does.
#
# ```sh
# resprobe data fetch cifar10
# resprobe train --arch resnet20 --data cifar10 --recipe he2015-cifar --out r20.pt
# resprobe lesion --ckpt r20.pt --out results
# resprobe gradflow --arch plain20,plain56,resnet56 --data cifar10 --images 128 --out results
# resprobe magnitude --ckpt r20.pt --out results
# ```
