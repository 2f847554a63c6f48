"""What the processes of the tests do; each function gets the world as its process sees it."""

import os
import signal
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn

from resprobe.datasets import ImageSet, Normalisation
from resprobe.errors import ResprobeError, UsageError
from resprobe.networks import Architecture
from resprobe.networks.stochastic import seeded_draws
from resprobe.training import Execution, Recipe
from resprobe.training.descent import Descent
from resprobe.training.divergence import Diverged
from resprobe.training.loop import Loop

CPU = torch.device("cpu")


def batch(images, dtype=torch.float64):
    generator = torch.Generator().manual_seed(images)
    x = torch.randn(images, 3, 8, 8, generator=generator, dtype=dtype)
    return x, torch.randint(0, 4, (images,), generator=generator)


def network(text, dtype=torch.float64):
    built = Architecture.parse(text, num_classes=4, width=4).build(seed=1)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():  # zeros at initialisation would hide what is behind them
        for parameter in built.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return built.to(dtype).train()


def gradients(world, text, images, *, weighted=True, draws=(0,)):
    """The gradients of one batch, by draw and name; None where a parameter got none."""
    net = network(text)
    called = world.wrap(net)
    x, y = batch(images)
    mine = world.share(torch.arange(images))
    found = []
    for draw in draws:
        net.zero_grad(set_to_none=True)
        with seeded_draws(draw, device=CPU):
            loss = F.cross_entropy(called(x[mine]), y[mine])
            if weighted:
                loss = loss * world.weight(images=len(mine), of=images)
            torch.autograd.backward(loss)
        found.append({n: None if p.grad is None else p.grad for n, p in net.named_parameters()})
        found[-1] = {n: g if g is None else g.clone() for n, g in found[-1].items()}
    return found


def many_gradients(world, cases):
    return [gradients(world, *case[:2], **case[2]) for case in cases]


def steps(world):
    """A few steps of a network with BatchNorm: its state before and after the ranks agree."""
    net = network("resnet8", torch.float32)
    called = world.wrap(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for step in range(4):
        x, y = batch(10 + step, torch.float32)
        mine = world.share(torch.arange(len(y)))
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(called(x[mine]), y[mine])
        torch.autograd.backward(loss * world.weight(images=len(mine), of=len(y)))
        optimiser.step()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    world.agree(net)
    return before, net.state_dict()


def exchanges(world, folder):
    """Everything that is exchanged but gradients."""
    if world.leader:
        time.sleep(0.3)
        (folder / "written").touch()
    world.wait()
    seen = (folder / "written").exists()
    values = torch.tensor([world.rank + 0.1, 1.0, 2.0**60], dtype=torch.float64)
    kept = values.clone()
    total = world.sum_over_ranks(values)
    given = bytes(range(256)) * 3 if world.leader else None
    return {
        "seen": seen,
        "sum": total,
        "unchanged": values.equal(kept),
        "counts": world.sum_over_ranks(torch.tensor([world.rank + 1])),
        "any": [world.any_rank(world.rank == 1), world.any_rank(False), world.any_rank(True)],
        "bytes": list(world.from_leader(given)),
        "none": list(world.from_leader(b"" if world.leader else None)),
        "open": dist.is_initialized(),
    }


def disagree(world):
    net = nn.Linear(2, 2)
    with torch.no_grad():
        net.weight.fill_(1.0)
        net.bias.fill_(2.0)
        if world.rank == 2:
            net.bias[1] = torch.nextafter(torch.tensor(2.0), torch.tensor(3.0))
    world.agree(net)


def _exchange_for_ever(world, x):
    while True:
        world.sum_over_ranks(x)


def killed(world, rank):
    """A rank is killed in the midst of a training; the others go on until they notice."""
    net = network("resnet8", torch.float32)
    called = world.wrap(net)
    x, y = batch(8, torch.float32)
    for step in range(10**6):
        if step == 3 and world.rank == rank:
            os.kill(os.getpid(), signal.SIGKILL)
        net.zero_grad()
        torch.autograd.backward(F.cross_entropy(called(x), y))


def fails(world, rank):
    if world.rank == rank:
        raise UsageError("the disk of this machine is full")
    _exchange_for_ever(world, torch.ones(1))


def fails_unforeseen(world, rank):
    if world.rank == rank:
        raise ZeroDivisionError("nobody thought of this")
    _exchange_for_ever(world, torch.ones(1))


def all_fail_alike(world):
    time.sleep(0.2 if world.leader else 0)
    raise ResprobeError("no such data set")


def hangs(world, rank):
    if world.rank == rank:
        time.sleep(1000)
    _exchange_for_ever(world, torch.ones(1))


def leave(world, ranks):
    """As a signal makes a process leave."""
    world.wait()
    if world.rank in ranks:
        raise SystemExit(143)
    _exchange_for_ever(world, torch.ones(1))


def says(world):
    """What all hear when the last rank alone has something to say, and when none has."""
    mine = "größer, from the last" if world.rank == world.size - 1 else ""
    return world.first_said(mine), world.first_said("")


def draws(world):
    """Which branches survive a batch, and what other random layers draw, twice."""
    net = network("resnet8:shortcut=dropout:survival=0.5", torch.float32)
    descent = Descent(net, execution=Execution(world=world))
    found = []
    for batch_ in (0, 1):
        with descent.draws(3, 1, batch_):
            survivors = [layer.survives() for _ in range(4) for layer in descent.droppers]
            found.append((survivors, float(torch.rand(()))))
    return found


def block_draws(world):
    """Which branches of each of four batches are computed."""
    net = network("resnet20:blocks_per_batch=4", torch.float32)
    descent = Descent(net, execution=Execution(world=world))
    found = []
    for batch_ in range(4):
        with descent.draws(3, 1, batch_):
            found.append([layer.survives() for layer in descent.droppers])
    return found


def diverges(world):
    """The message of every rank where the images of the last one are not finite."""
    net = network("resnet8", torch.float32)
    x, y = batch(8, torch.float32)
    data = ImageSet(torch.zeros(8, 3, 8, 8, dtype=torch.uint8), y, tuple("abcd"), "eight", "train")
    recipe = Recipe(batch_size=8, iterations=1, milestones=())
    feed = data.feed(Normalisation((0.0,) * 3, (1.0,) * 3), recipe.augmentation)
    loop = Loop(net, feed, recipe=recipe, seed=0, depth=8, execution=Execution(world=world))
    mine = world.share(torch.arange(8))
    shown = x[mine] * (float("inf") if world.rank == world.size - 1 else 1.0)
    try:
        loop.step(shown, y[mine], of=8)
    except Diverged as error:
        return str(error)
    return ""
