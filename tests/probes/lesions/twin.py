"""Slow twins: lesions made by hand in a copy of the model, figures by plain numpy."""

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def tampered(model, label):
    """Return a copy of an AkamasterNet with the lesion that a label names."""
    model = copy.deepcopy(model).eval()
    stages = [model.layer1, model.layer2, model.layer3]
    places = [(stage, i) for stage in stages for i in range(len(stage))]
    what, _, how = label.partition(":")
    if what == "delete":
        for number in map(int, how.split("+")):
            block = block_at(places, number)
            block.forward = lambda x, block=block: F.relu(block.shortcut(x))
    elif what == "shuffle":
        for swap in how.split("+"):
            (one, i), (other, j) = (places[int(number)] for number in swap.split("-"))
            one[i], other[j] = other[j], one[i]
    elif what == "repeat":
        number, times = map(int, how.split("x"))
        stage, i = places[number]
        stage[i] = nn.Sequential(*[stage[i]] * times)
    elif what == "scale":
        number, alpha = how.split("x")
        block, alpha = block_at(places, int(number)), float(alpha)

        def forward(x):
            branch = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
            return F.relu(block.shortcut(x) + alpha * branch)

        block.forward = forward
    return model


def block_at(places, number):
    stage, i = places[number]
    return stage[i]


@torch.no_grad()
def logits_of(model, data):
    return torch.cat([model.eval()(x) for x, _ in data]).double().numpy()


def by_hand(intact, lesioned, labels):
    """Return the figures of one lesion from two arrays of logits, (images, classes)."""
    p, q = (np.exp(a - np.logaddexp.reduce(a, 1, keepdims=True)) for a in (intact, lesioned))
    loss, loss0 = (-np.log(a[np.arange(len(labels)), labels]) for a in (q, p))
    kl = (p * (np.log(p) - np.log(q))).sum(1)
    right, right0 = (a.argmax(1) == labels for a in (lesioned, intact))
    return {
        "n": len(labels),
        "correct": right.sum(),
        "error": 1 - right.mean(),
        "error_rise": right0.mean() - right.mean(),
        "loss": loss.mean(),
        "loss_rise": (loss - loss0).mean(),
        "agreement": (intact.argmax(1) == lesioned.argmax(1)).mean(),
        "kl": kl.mean(),
        "kl_high": kl.mean() + 1.959964 * kl.std(ddof=1) / len(kl) ** 0.5,
        "loss_rise_low": (loss - loss0).mean()
        - 1.959964 * (loss - loss0).std(ddof=1) / len(kl) ** 0.5,
    }
