"""Every network of the zoo, and every option: as a chain, lesioned, split, and put back."""

from dataclasses import dataclass

import pytest
import torch
from lanes import lanes
from torch import Tensor, nn

from resprobe.chain import Chain, unravel
from resprobe.errors import ResprobeError
from resprobe.networks import Architecture, Family, Order, Shortcut, names
from resprobe.networks.orders import run
from resprobe.probes import gradflow, plan_lesion
from zoo import properties

VARIANTS = [
    *(f"resnet20:order={order.value}" for order in Order),
    *(f"resnet20:order={order.value}:shortcut=C" for order in Order),
    *(f"plain20:order={order.value}" for order in Order),
    *(f"resnet20:shortcut={kind.value}" for kind in Shortcut if kind is not Shortcut.NONE),
    "resnet18:shortcut=A",
    "resnet34:shortcut=C",
    "resnet50:layout=paper",
    "preresnet50:shortcut=C",
    "resnet20:block=bottleneck",
    "resnet29:shortcut=A",
    "resnet20:shortcut=scaled:branch_scale=0.5",
    "preresnet20:shortcut=exclusive-gate",
    "resnet20:survival=0.5",
    "preresnet20:survival=0.5:survival_scaling=training",
    "resnet20:init=zero-bn",
    "resnet20:init=skipinit",
    "preresnet29:init=skipinit",
    "resnet20:init=fixup",
    "resnet29:init=fixup",
]
VERY_DEEP = 200
LONG = [
    *(name for name in names() if Architecture.parse(name).depth > 60),
    *(f"resnet20:order={order.value}:shortcut=C" for order in Order),
    "resnet34:shortcut=C",
    "resnet29:init=fixup",
]


@dataclass(frozen=True)
class Subject:
    """A narrow network of the zoo, its chain, and what it was before."""

    architecture: Architecture
    model: nn.Module
    chain: Chain
    before: dict[str, object]
    x: Tensor


@pytest.fixture(scope="module", params=lanes([*names(), *VARIANTS], long=LONG.__contains__))
def subject(request):
    """Return each network in turn, built and unravelled once for all tests of it."""
    width = 2 if Architecture.parse(request.param).depth > VERY_DEEP else 4
    architecture = Architecture.parse(request.param, num_classes=5, width=width)
    size = 16 if architecture.family is Family.CIFAR else 32
    size = 32 if architecture.name.startswith("vgg") else size
    x = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(3))
    model = properties.enlivened(architecture.build(seed=1).eval(), x)
    before = properties.fingerprint(model, x)
    return Subject(architecture, model, unravel(model, x[:2]), before, x)


class OnlyShortcut(nn.Module):
    """A residual block as the papers lesion it: what follows the sum, applied to the shortcut."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        block = self.block
        start = run(block, block.shared, x)
        carried = block.downsample(start)
        if block.gate is not None:
            carried = (1 - block.gate(start)) * carried
        activated = "relu" in "".join(block.layers.after)
        if any(name.startswith("bn") for name in block.layers.after):
            carried = block.get_submodule(block.layers.after[0])(carried)
        return torch.relu(carried) if activated else carried


def cut(model: nn.Module, name: str) -> None:
    block = model.get_submodule(name)
    plain = not hasattr(block, "downsample")
    model.set_submodule(name, nn.Identity() if plain else OnlyShortcut(block))


def test_blocks_are_as_many_as_the_papers_say(subject):
    of, blocks = subject.architecture, subject.chain.blocks
    if of.name.startswith("vgg"):
        # the last linear layer is the head's; the others are layers of their own
        assert len(blocks) == of.depth - 1
    else:
        assert len(blocks) == sum(of.member.stages(of.block))
        assert [b.name for b in blocks][:2] == ["layer1.0", "layer1.1"]
    assert subject.chain.is_plain == of.is_plain
    assert all(subject.model.get_submodule(b.name) is not None for b in blocks)


def test_the_chain_computes_what_the_model_computes(subject):
    properties.computes_what_the_model_computes(subject.chain, subject.model, subject.x)


def test_a_deleted_block_is_the_hand_built_network_without_it(subject):
    properties.deletion_is_the_model_without_the_block(subject.chain, subject.model, subject.x, cut)


def test_gradient_parts_add_up_to_the_models_own_gradient(subject):
    data = properties.batches(2, size=subject.x.shape[-1], classes=5)
    if subject.architecture.is_plain and subject.architecture.depth > VERY_DEEP:
        # it grows by some 1.2 a layer at initialisation, out of float32's range: this is said
        with pytest.raises(ResprobeError, match=r"the gradient at block .* is not finite"):
            gradflow(subject.chain, data)
        return
    properties.gradient_parts_add_up_to_the_models_own_gradient(subject.chain, subject.model, data)


def test_a_lesion_study_has_a_row_a_block(subject):
    data = properties.batches(2, size=subject.x.shape[-1], classes=5)
    if len(subject.chain.blocks) > VERY_DEEP:  # which would take minutes to run
        deletable = sum(block.deletable for block in subject.chain.blocks)
        assert plan_lesion(subject.chain, data).programs == 1 + deletable
        return
    properties.lesions_are_one_row_a_block(subject.chain, data)


def test_the_network_is_left_as_it_was_found(subject):
    after = properties.fingerprint(subject.model, subject.x)
    properties.same_fingerprint(subject.before, after)
