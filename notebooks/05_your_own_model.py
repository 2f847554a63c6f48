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
# # Your own model
#
# **The question.** How does a network that nobody here has heard of become a chain, with your
# class, your images and your training loop? And what happens when it cannot?
#
# **What you should know.** How an `nn.Module` is written and trained in PyTorch.
# [01_first_look](01_first_look.ipynb) shows what can be asked of a chain.
#
# **Whom it follows.** The definitions are those of He et al. 2016, *Identity Mappings in Deep
# Residual Networks*, for whatever is written in their form; Dosovitskiy et al. 2021, *An Image is
# Worth 16x16 Words*, for the small transformer.
#
# ## A class of one's own
#
# A pre-activation network, written as one would write it, with the sum inline. Nothing is
# registered, inherited or annotated.

# %%
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import resprobe
from resprobe.errors import ChainError, InputError
from resprobe.probes import flow_of_watch

pd.options.display.precision = 3


class Unit(nn.Module):
    """Norm, activation, convolution, twice; and the input added to it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x + F(x)."""
        out = self.conv1(F.relu(self.norm1(x)))
        out = self.conv2(F.relu(self.norm2(out)))
        return x + out


class Mine(nn.Module):
    """Six units at one resolution."""

    def __init__(self, channels: int = 12, units: int = 6, classes: int = 10) -> None:
        super().__init__()
        self.enter = nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False)
        self.units = nn.ModuleList(Unit(channels) for _ in range(units))
        self.leave = nn.BatchNorm2d(channels)
        self.answer = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.enter(x)
        for unit in self.units:
            x = unit(x)
        return self.answer(F.relu(self.leave(x)).mean((2, 3)))


torch.manual_seed(0)
mine = Mine()
chain = resprobe.unravel(mine, torch.randn(2, 1, 32, 32))
chain

# %% [markdown]
# The blocks have the names that they have in *your* model. `unravel` traced the forward pass,
# looked for places that everything after them depends on alone (*cuts*), and found additions
# between two cuts. One operand of each is the shortcut and the other the branch. Then it ran chain
# and model on the same images and compared: a chain that computes anything else is never returned.
# Weights are shared, not copied.
#
# ## A transformer
#
# The stream of a transformer is made of the same sums, two for each layer: one after the attention,
# one after the multilayer perceptron. Each is a block.


# %%
class Layer(nn.Module):
    """Attention and a perceptron, each on a normalised stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def attend(self, x: Tensor) -> Tensor:
        """Return what the patches tell each other."""
        parts = self.qkv(x).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        """Add twice."""
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Tiny(nn.Module):
    """Four layers over 64 patches of an image."""

    def __init__(self, width: int = 32, layers: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 4, stride=4)
        self.places = nn.Parameter(0.02 * torch.randn(64, width))
        self.layers = nn.ModuleList(Layer(width, heads=4) for _ in range(layers))
        self.norm, self.answer = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.patches(x).flatten(2).transpose(1, 2) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.answer(self.norm(x).mean(1))


torch.manual_seed(0)
transformer = resprobe.unravel(Tiny(), torch.randn(2, 1, 32, 32))
resprobe.block_table(transformer)[["block", "name", "kind", "in_shape", "parameters"]]

# %% [markdown]
# Shapes are patches by width here, and there is no transition. "Norm of the branch over norm of the
# stream", "the gradient by either way", "what a deletion costs" mean what they mean anywhere else.
# What needs maps or BatchNorm does not apply, and says so.
#
# ## Other people's models
#
# torchvision's and timm's go the same way, by name, with random weights unless you ask for trained
# ones.

# %%
example = torch.randn(2, 3, 64, 64)
found = {}
for name in ("torchvision:resnet18", "torchvision:mobilenet_v2"):
    their = resprobe.unravel(resprobe.build_model(name), example)
    kinds = resprobe.block_table(their)["kind"].value_counts()
    found[name] = kinds.reindex(["identity", "transition", "link"], fill_value=0)
pd.DataFrame(found).T

# %% [markdown]
# In a MobileNetV2 only those layers that keep their shape add their input; what lies between is a
# *link*: always run, listed, never deleted.
#
# ## When it refuses
#
# Not every network is a chain of blocks. Then there is an error, with the reason in one sentence.
# Nothing is guessed.


# %%
class Concatenating(nn.Module):
    """As in a DenseNet: what is computed is put beside the input."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.more = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.answer = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate where a residual network adds."""
        x = self.enter(x)
        return self.answer(torch.cat([x, self.more(x)], 1).mean((2, 3)))


class Undecided(Concatenating):
    """Two convolutions are added up."""

    def __init__(self) -> None:
        super().__init__()
        self.other, self.answer = nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Add two things of which neither is a shortcut."""
        x = self.enter(x)
        return self.answer((self.more(x) + self.other(x)).mean((2, 3)))


class Looking(Undecided):
    """What it does depends on what it sees."""

    def forward(self, x: Tensor) -> Tensor:
        """Add if it pleases."""
        x = self.enter(x)
        if x.mean() > 0:
            x = x + self.more(x)
        return self.answer(x.mean((2, 3)))


def reason(model: nn.Module) -> str:
    """Say why a model is no chain."""
    try:
        resprobe.unravel(model, torch.randn(2, 1, 32, 32))
    except ChainError as error:
        return str(error).split("; by torch.export")[0]
    return "it is one"


pd.options.display.max_colwidth = None
models = (Concatenating(), Undecided(), Looking(), Mine())
pd.Series({type(model).__name__: reason(model) for model in models}, name="reason").to_frame()

# %% [markdown]
# What to do about each: a concatenation is no sum, and the question of what a block is worth has no
# answer in the form that is asked here. The undecided sum gets an `nn.Identity` or a projection of
# its own class as shortcut, if one of the two is meant as one. A forward pass that branches on
# values cannot be traced; take the decision out of it.
#
# ## Images of one's own
#
# Whatever loads your images: collect them as bytes, (N, C, H, W), with labels, class names and the
# normalisation that your network was trained with. Here a `DataLoader` of squares and discs.

# %%
generator = torch.Generator().manual_seed(0)
rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")


def shape(label: int) -> Tensor:
    """Draw a square (0) or a disc (1) somewhere, with some noise."""
    top, left = torch.randint(8, 24, (2,), generator=generator)
    down, right = (rows - top).abs().float(), (columns - left).abs().float()
    inside = torch.maximum(down, right) < 5 if label == 0 else torch.hypot(down, right) < 5.6
    noisy = 160 * inside + 60 * torch.rand(32, 32, generator=generator)
    return noisy.to(torch.uint8)[None]


pairs = [(shape(number % 2), number % 2) for number in range(1200)]
loader = torch.utils.data.DataLoader(pairs, batch_size=100)

pixels, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
shapes = resprobe.ImageSet(pixels, labels, ("square", "disc"), name="shapes", split="train")
grey = resprobe.Normalisation.parse("0.2/0.2")
learnt = resprobe.Batches(shapes.subset(1000), grey, batch_size=50)
learnt.n, learnt.shape, learnt.describe()["data_set"]

# %% [markdown]
# What does not fit is said at once:

# %%
try:
    resprobe.ImageSet(pixels / 255, labels, ("square", "disc"), name="shapes", split="train")
except InputError as error:
    said = str(error)
said

# %% [markdown]
# ## A loop of one's own
#
# Three lines more, and every block is recorded at every step: how large its branch is, how the
# gradient divides, how far its weights move. Neither loss nor weights change by a bit.

# %%
torch.manual_seed(0)
mine = Mine(classes=2)
optimiser = torch.optim.SGD(mine.parameters(), lr=0.05, momentum=0.9)

with resprobe.watch(mine, learnt.example(), optimiser=optimiser) as watch:
    for _ in range(3):
        for x, y in learnt:
            optimiser.zero_grad()
            F.cross_entropy(mine(x), y).backward()
            optimiser.step()

steps = watch.result().frame
steps.pivot_table(index="step", columns="name", values="ratio").iloc[[0, 1, 3, 9, 19, 39, 59]]

# %%
resprobe.plot(flow_of_watch(watch.result(), network="mine")).figure

# %% [markdown]
# **How to read it.** The table: $\|F_l(x)\| / \|x\|$ at some steps, one column per block. At the
# start later branches are smaller beside the stream, as theory has it
# ([04_gradient_flow](04_gradient_flow.ipynb)); then all of them grow, as the network learns to use
# them. The figure: left, the gradient that arrives at the first and at the last block, which gets
# smaller as the loss does; right, the norm at every block over that at the last one, on a
# logarithmic scale, step by step from left to right. Red means that the gradient has grown on its
# way from the loss.
#
# ## And then everything else
#
# The chain of a trained model of your own takes every analysis:

# %%
unseen = resprobe.Batches(
    resprobe.ImageSet(pixels[1000:], labels[1000:], ("square", "disc"), "shapes", "test"), grey
)
trained = resprobe.unravel(mine, unseen.example())
resprobe.plot(resprobe.lesion(trained, unseen, network="mine")).figure

# %% [markdown]
# **How to read it.** Chance is 50 % with two classes, and the intact network makes next to no
# error. Some blocks are not missed at all and others are essential: training has used the depth it
# needed and left the rest at little more than the identity for this task. **What is an artefact:**
# the task is easy, which few blocks suffice for. It is no news about residual networks that a
# deletion costs nothing where nothing was needed; and with another seed other blocks are the
# essential ones, so that their numbers mean nothing.
#
# ## Exercises
#
# 1. Write `x - (-out)` or `torch.stack([x, out]).sum(0)` for the sum in `Unit`. Is it still found?
# 2. Multiply the branch by 0.1 before it is added. What becomes of `ratio`, and of the gradient's
#    parts?
# 3. Train `Tiny` on the shapes and delete its blocks. Are those with attention worth more than the
#    perceptrons?
# 4. Share one `Unit` among all places (`[unit] * 6`). What does `unravel` make of a module that is
#    called six times?
#
# ## With the real data
#
# With your own, that is. From the command line a model is a function in a file and images are class
# folders (`train/` and `test/`); trained weights are read without running any code of the file's.
#
# ```sh
# resprobe describe --model path/to/file.py:make_model
# resprobe lesion --model path/to/file.py:make_model --ckpt weights.pt \
#     --data folder:PATH --normalise "0.2/0.2"
# resprobe describe --model timm:vit_tiny_patch16_224
# resprobe lesion --model timm:vit_tiny_patch16_224:pretrained=true \
#     --data imagenet:PATH --images 2000
# ```
#
# The last line downloads weights. On photographs, the numbers that change are all of them; that a
# branch is small beside its stream and that late blocks can be spared was found in large networks
# as well, but neither follows from a toy.
