"""Write docs/networks.md from what ``resprobe describe`` says: `python docs/make_networks.py`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from resprobe.networks import Architecture, Family, names

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
measured once on two CPU cores{meta}.

## By name (`--arch`)

`NAME:option=value:option=value`; `resprobe describe --help` and the docstring of
`resprobe.Architecture` list the options. Any depth 6n+2 or 9n+2 is built besides those below.
"""
MODELS_HEAD = """
## From elsewhere (`--model`)

Untrained, as the library makes them, with images of the size that it says, else 224x224. A
name that shows blocks can be lesioned, measured and split with the same commands.
"""
REFUSED = "\nThese have no residual blocks, and the command says why:\n"


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
