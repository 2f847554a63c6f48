"""Write docs/networks.md from what ``resprobe describe`` says: `python docs/make_networks.py`."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Any

from resprobe.networks import Architecture, Family, names, rules
from resprobe.networks.rules import ENUMS, NUMBERS, USUAL

PAGE = Path(__file__).with_name("networks.md")

VARIANTS = [
    "resnet56:shortcut=B",
    "resnet56:shortcut=C",
    "resnet110:shortcut=scaled",
    "resnet110:shortcut=exclusive-gate",
    "resnet110:shortcut=shortcut-gate",
    "resnet110:shortcut=dropout",
    "resnet110:order=bn-after",
    "resnet110:order=relu-before",
    "resnet110:order=relu-only-pre",
    "resnet110:survival=0.5",
    "resnet110:blocks_per_batch=23",
    "resnet56:drop=3+7+12",
    "resnet110:init=zero-bn",
    "resnet110:init=skipinit",
    "resnet110:init=fixup",
    "resnet20:width=160",
    "resnet50:layout=paper",
]
MODELS = [
    "torchvision:resnet18",
    "torchvision:resnet50",
    "torchvision:resnext50_32x4d",
    "torchvision:regnet_y_400mf",
    "torchvision:convnext_tiny",
    "torchvision:mobilenet_v2",
    "torchvision:efficientnet_b0",
    "torchvision:vit_b_16",
    "torchvision:swin_t",
    "torchvision:densenet121",
    "torchvision:vgg16_bn",
    "timm:resnet18",
    "timm:resnetv2_50",
    "timm:seresnet50",
    "timm:inception_resnet_v2",
    "timm:nf_resnet50",
    "timm:vit_tiny_patch16_224",
    "timm:swin_tiny_patch4_window7_224",
    "timm:dpn68",
]

HEAD = """# Networks

Made by `python docs/make_networks.py` from what `resprobe describe --json` prints. {counted}
The last column is the time to find the chain and to check it against the network, in seconds,
measured once on one CPU core{meta}.

## By name (`--arch`)

`NAME:option=value:option=value`, with the options of the table below, which are the fields of
`resprobe.Architecture`. Any depth 6n+2 or 9n+2 is built besides the names listed here.

`drop` is for blocks that were taken out for good: of a residual block its shortcut and what
follows the sum are left, of a plain one nothing. The network then computes what the whole one
computes when these blocks are deleted, bit for bit, and the parameters that are left keep their
names. `resprobe.networks.dropped` takes the blocks out of a state dict. Tables count the blocks
that are left from 0, `drop` those of the whole network.
"""
OPTIONS_HEAD = """
### Options

In brackets: one network of each kind that has the value where the option is left open.

| option | values | usual | meant for |
| --- | --- | --- | --- |"""
NUMBERS_MEAN = {
    "width": "inner channels of the first stage, a whole number",
    "survival": "survival probability of the last branch under stochastic depth",
    "blocks_per_batch": "branches that each mini-batch of a training goes through, drawn at "
    "random, a whole number",
    "drop": "numbers of blocks that were taken out for good, counted from 0 over the whole "
    "network, such as 3+7",
    "scale": "factor of the shortcut",
    "branch_scale": "factor of the branch",
    "gate_bias": "where the bias of a gate begins",
    "dropout": "rate of dropout, on the shortcut or behind VGG's hidden linear layers",
}
MEANT_FOR = {
    **rules.MEANT_FOR,
    "width": "every network",
    "shortcut": "residual networks",
    "init": "residual networks",
    "survival": "residual networks",
    "survival_scaling": "survival below 1, and blocks_per_batch",
    "drop": "every network; of plain ones, blocks that keep the shape",
}
_IN_WORDS = {"blocks_per_batch": "all", "drop": "none"}
OF_EACH_KIND = [
    "resnet20",
    "preresnet164",
    "resnet50",
    "plain20",
    "vgg16",
    "resnet20:shortcut=scaled",
    "resnet20:shortcut=exclusive-gate",
    "resnet20:shortcut=dropout",
]
MODELS_HEAD = """
## From elsewhere (`--model`)

Untrained, as the library makes them, with images of the size that it says, else 224x224. A
name that shows blocks can be lesioned, measured and split with the same commands.
"""
REFUSED = "\nThese have no residual blocks, and the command says why:\n"


def options_table() -> str:
    """Return what can stand behind a name, as a table in Markdown."""
    fields = [field for field in USUAL if field != "num_classes"]
    lines = [
        f"| {field} | {values(field)} | {usual(field)} | {MEANT_FOR[field]} |" for field in fields
    ]
    return "\n".join([OPTIONS_HEAD, *lines])


def values(field: str) -> str:
    """Return the values of an option, each with its meaning."""
    if field in ENUMS:
        meanings = meanings_of(ENUMS[field])
        return "<br>".join(f"`{member.value}`: {meanings[member.name]}" for member in ENUMS[field])
    if field in NUMBERS:
        return f"{NUMBERS_MEAN[field]}, {NUMBERS[field][0]}"
    return NUMBERS_MEAN[field]


def meanings_of(options: type[StrEnum]) -> dict[str, str]:
    """Return what stands below each member of an enum, which Python keeps in its source alone."""
    (written,) = ast.parse(inspect.getsource(options)).body
    assert isinstance(written, ast.ClassDef)
    return {
        member.targets[0].id: below.value.value
        for member, below in zip(written.body, written.body[1:], strict=False)
        if isinstance(member, ast.Assign)
        and isinstance(member.targets[0], ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def usual(field: str) -> str:
    """Return the value that is taken where an option is left open, with the networks it is for."""
    if field in _IN_WORDS:
        return _IN_WORDS[field]
    found: dict[str, list[str]] = {}
    for text in OF_EACH_KIND:
        name, _, option = text.partition(":")
        value = getattr(Architecture.parse(text), field)
        counts = not option or getattr(Architecture(name), field) is None
        if value is not None and counts:
            shown = value.value if isinstance(value, StrEnum) else f"{value:g}"
            found.setdefault(shown, []).append(f"`{text}`")
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{value} ({', '.join(texts)})" for value, texts in found.items())


def described(*options: str) -> dict[str, Any] | str:
    """Return what describe prints, or its sentence where it refuses."""
    command = [sys.executable, "-m", "resprobe", "describe", *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1].removeprefix("resprobe: ")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(networks: list[dict[str, Any]]) -> str:
    """Return networks as a table in Markdown."""
    lines = [
        "| network | image | blocks | stages | parameters | multiply-adds (M) | unravelled (s) |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| `{n['network']}` | {'x'.join(map(str, n['image']))} | {n['blocks']} | {n['stages']} "
        f"| {n['parameters']:,} | {n['multiply_adds'] / 1e6:,.2f} | {n['unravel_s']:.2f} |"
        for n in networks
    ]
    return "\n".join(lines)


def main() -> None:
    """Describe everything, and write the page."""
    sections = [
        ("CIFAR, original and plain", Family.CIFAR, ("resnet", "plain", "vgg")),
        ("CIFAR, pre-activation", Family.CIFAR, ("preresnet",)),
        ("ImageNet", Family.IMAGENET, ("resnet", "plain", "vgg")),
        ("ImageNet, pre-activation", Family.IMAGENET, ("preresnet",)),
    ]
    parts: list[str] = []
    for title, family, lines in sections:
        some = [
            name
            for name in names()
            if Architecture(name).family is family and re.sub(r"\d.*", "", name) in lines
        ]
        found = described("--arch", ",".join(some))
        parts += [f"\n### {title}\n", table(found["meta"]["networks"])]
    parts.append(options_table())
    found = described("--arch", ",".join(VARIANTS))
    parts += ["\n### Some variants\n", table(found["meta"]["networks"]), MODELS_HEAD]
    models = {name: described("--model", name) for name in MODELS}
    parts.append(table([m["meta"]["networks"][0] for m in models.values() if isinstance(m, dict)]))
    refused = {name: said for name, said in models.items() if isinstance(said, str)}
    parts += [REFUSED, *(f"- `{name}`: {said}" for name, said in refused.items())]
    meta = f", with torch {found['meta']['torch']}"
    head = HEAD.format(counted=found["meta"]["counted"], meta=meta)
    PAGE.write_text(head + "\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
