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
# # Gradient flow
#
# **The question.** Through a residual block the gradient comes back by two ways. How does it divide
# between them, how large is what arrives at the images, and is it still good for anything? All of
# this is asked *before* training, where the weights are random and theory has answers.
#
# **What you should know.** The chain rule for vectors, what BatchNorm does to a batch, and how
# variances of independent sums add up. [01_first_look](01_first_look.ipynb) introduces blocks and
# the chain.
#
# **Whom it follows.** He et al. 2016, *Identity Mappings in Deep Residual Networks* (eqs. 4 to 8);
# Yang et al. 2019, *A Mean Field Theory of Batch Normalization*; De and Smith 2020, *Batch
# Normalization Biases Residual Blocks Towards the Identity Function*; Balduzzi et al. 2017, *The
# Shattered Gradients Problem*.

# %%
import numpy as np
import pandas as pd
import torch

import resprobe

pd.options.display.precision = 3

images = resprobe.load_data("embedded", split="test").subset(64)
data = resprobe.Batches(images, images.normalisation, batch_size=64)


def drawn(name: str, *, seed: int = 0, width: int = 8, **options) -> resprobe.Chain:
    """Build a network and draw its weights; nothing is learnt in this notebook but at its end."""
    network = resprobe.Architecture(name, in_channels=1, width=width, **options)
    return resprobe.unravel(network.build(seed=seed), data.example())


# %% [markdown]
# ## 1. Plain networks: a factor per layer
#
# Take one layer of a wide plain network: a BatchNorm gives each unit mean 0 and variance 1 over the
# batch, a ReLU follows, then weights with He's variance $2/n$.
#
# *Forward.* Let $z \sim N(0, 1)$. The ReLU gives $E[\mathrm{relu}(z)^2] = \tfrac12$ and
# $E[\mathrm{relu}(z)] = 1/\sqrt{2\pi}$, so its variance over the batch is
# $\tfrac12 - \tfrac1{2\pi}$. The weights double it: the next unit has the variance
# $1 - \tfrac1\pi$. The rest of its mean square is a constant, which the next BatchNorm takes away.
#
# *Backward.* That BatchNorm divides by $\sqrt{1 - 1/\pi}$, forward, hence backward too. Weights and
# ReLU leave the norm of the gradient as it is: $n \cdot \tfrac2n \cdot \tfrac12 = 1$. So each layer
# *lengthens* it by
#
# $$\frac{1}{\sqrt{1 - 1/\pi}} = \sqrt{\frac{\pi}{\pi - 1}} \approx 1.211.$$

# %%
flows = [
    resprobe.gradflow(drawn(name), data, network=name, batch_norm="batch").blocks
    for name in ("plain20", "plain56", "resnet20", "resnet56")
]
resprobe.plot(flows).figure

# %%
rates = [
    pd.Series(flow.meta["networks"][0]["growth"], name=flow.frame["network"][0]) for flow in flows
]
pd.DataFrame(rates).assign(law=np.sqrt(np.pi / (np.pi - 1)))

# %% [markdown]
# **How to read it.** Left: a straight line is growth by a constant factor, and the table has the
# factor per *layer*, as a geometric mean over the blocks that keep their shape, with its interval
# over blocks. The law is met closely, by convolutions eight channels wide with zero padding, of
# which its derivation knows nothing.
#
# The deep residual network grows too, but by far less; of the shallow one's few blocks the interval
# is too wide to tell. And mark what is *not* on these axes: a gradient that vanishes. In every one
# of the four networks it is larger at the images than at the loss, so that shortcuts cannot owe
# their success, at initialisation, to keeping a fading gradient alive.
#
# ## 2. Residual networks: blocks share the stream
#
# Let $x_{l+1} = x_l + F_l(x_l)$, with a BatchNorm, a ReLU and weights as above in the branch. Every
# branch then adds the same variance, $c = 1 - \tfrac1\pi$, whatever comes in. The stream grows to
# $\mathrm{Var}(x_l) \approx 1 + c\,l$, and the branch's share of it is
#
# $$\frac{\mathrm{Var}(F_l)}{\mathrm{Var}(x_l)} \approx \frac{c}{1 + c\,l} .$$
#
# Block $l$ lengthens the gradient by about $\sqrt{1 + \frac{1}{1 + c\,l}}$, and less and less: the
# product grows like a *power* of the depth and not exponentially. Stored results of fully connected
# networks of 64 blocks and width 512, as theory has them:

# %%
wide = resprobe.Result.load("../analyses/results/branch_variance/depth.csv")
resprobe.plot(wide).figure

# %% [markdown]
# **How to read it.** Dashed lines are laws; they start from one block, and nothing in them is
# fitted. With BatchNorm they lie under the points: the variance grows by the same amount with every
# block, and shares fall as $1/l$, so that late blocks are born close to the identity. Without it
# the variance about doubles with every block, shares stay of order 1, and the gradient grows by ten
# powers of ten. Here the points leave the law, and it is good to know why: without BatchNorm all
# units come to be on for the same inputs, which the law does not count, so that shares rise and
# gradients stay more alike than it says.
#
# It is BatchNorm *inside the branch* that makes depth harmless. **What would falsify it:** shares
# that do not fall with BatchNorm, or a gradient that grows by a constant factor per block all the
# same.
#
# The same on small convolutional networks, over three draws of the weights:

# %%
starts = [
    resprobe.initialisation(
        lambda seed, name=name: drawn(name, seed=seed), data, draws=3, network=name
    )
    for name in ("preresnet20", "resnet20", "plain20")
]
resprobe.plot(starts).figure

# %% [markdown]
# **What is an artefact here.** Nine blocks in three stages are no limit of anything: at each
# transition half of the channels begin at 0, which starts the law anew. The original network has a
# ReLU after each sum, which takes variance out of the stream, so its shares fall less than the law
# says. Where points and dashed line part, one of the law's conditions does not hold.
#
# ## 3. Shattered gradients
#
# A gradient can have the right size and be useless. The last panel above has the correlation of the
# gradients of *different images*: 1 if all agree, 0 if each image pulls its own way. Balduzzi et
# al. derive $2^{-L}$ for $L$ plain layers, and about $1/\sqrt L$ for residual blocks with
# BatchNorm.

# %%
by_block = pd.DataFrame(
    {start.frame["network"][0]: start.frame["gradient_correlation"] for start in starts}
)
by_block.iloc[[0, 4, 8]].rename_axis("block")

# %% [markdown]
# Read from the bottom: the last block is next to the loss. Going up, towards the images, the plain
# network loses the correlation fastest. This is the difference that the *size* of gradients does
# not show: with BatchNorm both have gradients to learn from, but the plain network's look like
# white noise to the descent, which has to go one way for all images.
#
# ## 4. The direct path
#
# If the shortcut is the identity and nothing follows the sum,
# $x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i)$, and
#
# $$\frac{\partial L}{\partial x_l} = \frac{\partial L}{\partial x_L}
# \Bigl(1 + \frac{\partial}{\partial x_l} \sum_{i=l}^{L-1} F_i\Bigr):$$
#
# part of the gradient arrives *unchanged*, past all branches. With shortcuts scaled by $\lambda$
# the 1 becomes $\prod_i \lambda_i$.

# %%
variants = {
    "preresnet56": drawn("preresnet56"),
    "resnet56": drawn("resnet56"),
    "shortcuts times 0.5": drawn("preresnet56", shortcut="scaled", scale=0.5),
}
direct = [
    resprobe.gradflow(chain, data, network=name, batch_norm="batch").blocks
    for name, chain in variants.items()
]
resprobe.plot(direct).figure

# %%
arriving = {"in stage 3": 19, "in stage 2": 10, "in stage 1": 1}
pd.DataFrame(
    {
        flow.frame["network"][0]: flow.frame["identity_gain"]
        .iloc[list(arriving.values())]
        .to_numpy()
        for flow in direct
    },
    index=[f"{place}, block {block}" for place, block in arriving.items()],
)

# %% [markdown]
# **How to read it.** `identity_gain` is what is left of the gradient on the direct path, over what
# entered it behind the last block.
#
# - *Pre-activation*: within the last stage it is 1. At a transition the shortcut drops channels and
#   pixels, and part of the gradient goes; between transitions nothing does.
# - *Original*: a ReLU behind every sum lies on the path, and each takes its share.
# - *Scaled by one half*: gone, by $0.5$ per block. The figure's left panel shows that the *whole*
#   gradient has not gone, it is the largest of the three: the branches, whose BatchNorm undoes the
#   scaling, carry it. The direct path is one summand of very many and no share of anything. He et
#   al. 2016 found that networks without it learn worse (12.35 % against 6.61 % error, with branches
#   halved too); this figure alone does not explain why.
#
# ## 5. Blocks that begin as nothing
#
# If late blocks are near the identity anyway, why not begin there? A last BatchNorm scale of 0
# makes $F_l = 0$ exactly, at the start.

# %%
zero = resprobe.initialisation(drawn("resnet20", init="zero-bn"), data, network="zero-bn")
usual = resprobe.initialisation(drawn("resnet20"), data, network="usual")
pd.DataFrame(
    {
        result.frame["network"][0]: {
            "blocks that begin as identities": int(result.frame["is_identity"].sum()),
            "gradient, first over last block": (
                result.frame["gradient_norm"].iloc[0] / result.frame["gradient_norm"].iloc[-1]
            ),
        }
        for result in (zero, usual)
    }
)

# %% [markdown]
# ## 6. And once training begins?
#
# Here is a plain network of 32 layers over its first forty steps of gradient descent, watched by
# `resprobe.watch`: the gradient at its first block over that at its last one.

# %%
learnt = resprobe.load_data("embedded", split="train").subset(640)
model = resprobe.Architecture("plain32", in_channels=1, width=4).build(seed=0)
optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
batches = list(resprobe.Batches(learnt, learnt.normalisation, batch_size=64))

with resprobe.watch(model, data.example(), optimiser=optimiser) as watch:
    for _ in range(4):
        for x, y in batches:
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()

seen = watch.result().frame.pivot_table(index="step", columns="block", values="input")
(seen[0] / seen[seen.columns[-1]]).loc[[1, 2, 3, 5, 10, 20, 40]].to_frame("first over last block")

# %% [markdown]
# The ratio of the first step is the explosion of section 1. It holds out, and varies, for some
# steps, and by the fortieth it is a small part of what it was: the picture at initialisation is
# *not* a picture of training. An argument that needs gradients to explode, or to vanish, for 64,000
# iterations has to be made on a trained network. He et al. 2015 report that their gradients are
# healthy, in the plain networks that degrade.
#
# ## Exercises
#
# 1. The law of section 1 has no width and no batch in it. Vary both (`width=4, 16`,
#    `batch_size=16`). Which matters more, and which step of the derivation used it?
# 2. Draw `plain56` with other activations in mind: for which mean and second moment of the
#    activation would the factor be 1?
# 3. Give `resnet56` the shortcut "exclusive-gate" and look at `identity_gain`. What does
#    `gate_bias` do to it?
# 4. Let section 6 run with `momentum=0.9`, and with `resnet32`. Does the ratio settle at another
#    value?
#
# ## With the real data
#
# Little changes before training: the laws are about weights, and images enter by how alike they
# are. Correlated photographs keep the gradients' correlation higher than the laws' independent
# inputs do, and CIFAR-10 in colour differs from grey clothes in the first block only. What does
# need real data is section 6. Stored checkpoints of a real training are followed by
#
# ```sh
# resprobe data fetch cifar10
# resprobe train --arch plain56 --data cifar10 --recipe he2015-cifar --watch 100 --out p56.pt
# resprobe gradflow --watched p56-watch.csv --out results
# resprobe gradflow --ckpt p56.pt --images 512 --out results
# resprobe initialisation --arch plain56,resnet56,preresnet56 --data cifar10 --draws 5 --out results
# ```
