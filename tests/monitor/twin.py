"""A second way to every figure: slow, by autograd over a copy of the model's chain."""

import copy

import torch
import torch.nn.functional as F

from resprobe.chain import Link, ResidualBlock, unravel


def per_image(x):
    """L2 norms of the images' parts, by the definition."""
    return torch.stack([part.double().pow(2).sum().sqrt() for part in x.detach()])


def figures_by_hand(model, x, y, *, loss=F.cross_entropy):
    """Return one dictionary per block, for one forward and backward pass in the model's mode."""
    training = model.training
    chain = unravel(copy.deepcopy(model), x[:2])
    chain.train(training)
    hidden = chain.stem(x.clone().requires_grad_())
    kept = []
    for step in chain.steps:
        if isinstance(step, Link):
            hidden = step(hidden)
            continue
        views = hidden.view_as(hidden), hidden.view_as(hidden)
        if isinstance(step, ResidualBlock):
            shortcut, branch = step.shortcut(views[0]), step.branch(views[1])
            kept.append((hidden, *views, shortcut, branch))
            hidden = step.after(shortcut + branch)
        else:
            kept.append((hidden, None, None, None, None))
            hidden = step(hidden)
    total = loss(chain.head(hidden), y)
    return [_figures(total, *tensors) for tensors in kept]


def _figures(total, x, by_shortcut, by_branch, shortcut, branch):
    if branch is None:
        (whole,) = torch.autograd.grad(total, x, retain_graph=True)
        return {"input": per_image(whole).mean()}
    whole, identity, residual = torch.autograd.grad(
        total, (x, by_shortcut, by_branch), retain_graph=True
    )
    torch.testing.assert_close(identity + residual, whole, rtol=1e-12, atol=1e-18)
    return {
        "ratio": (per_image(branch) / per_image(shortcut)).mean(),
        "branch_norm": per_image(branch).mean(),
        "shortcut_norm": per_image(shortcut).mean(),
        "response_std": branch.detach().double().std(correction=0),
        "identity": per_image(identity).mean(),
        "residual": per_image(residual).mean(),
        "input": per_image(whole).mean(),
    }
