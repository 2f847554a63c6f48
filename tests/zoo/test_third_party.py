"""torchvision's and timm's models, as they come: every block found, deleted, split, put back."""

from dataclasses import dataclass

import pytest
import torch
from lanes import lanes
from torch import nn

from resprobe.chain import Chain, unravel
from resprobe.errors import ChainError
from zoo import properties

torchvision = pytest.importorskip("torchvision")
timm = pytest.importorskip("timm")


@dataclass(frozen=True)
class Case:
    """A model, its number of blocks, and what ends the branch of each: zeroed, it is gone."""

    name: str
    blocks: int
    ends: tuple[str, ...]
    size: int = 64
    first: str = ""
    last: str = ""


CASES = [
    Case("torchvision:resnet18", 8, ("bn2",), first="layer1.0", last="layer4.1"),
    Case("torchvision:resnet50", 16, ("bn3",), first="layer1.0", last="layer4.2"),
    Case("torchvision:resnext50_32x4d", 16, ("bn3",), first="layer1.0", last="layer4.2"),
    Case(
        "torchvision:regnet_y_400mf",
        16,
        ("f.c.1",),
        first="trunk_output.block1.block1-0",
        last="trunk_output.block4.block4-5",
    ),
    Case("torchvision:convnext_tiny", 18, ("layer_scale",), first="features.1.0"),
    Case("torchvision:mobilenet_v2", 10, ("conv.3",), first="features.3", last="features.16"),
    Case("torchvision:efficientnet_b0", 9, ("block.3.1",), first="features.2.1"),
    Case(
        "torchvision:vit_b_16",
        24,
        ("out_proj", "3"),
        first="encoder.layers.encoder_layer_0.self_attention",
        last="encoder.layers.encoder_layer_11.mlp",
    ),
    Case("torchvision:swin_t", 24, ("proj", "3"), first="features.1.0.attn"),
    Case("timm:resnet18", 8, ("bn2",), first="layer1.0", last="layer4.1"),
    Case("timm:resnetv2_50", 16, ("conv3",), first="stages.0.blocks.0", last="stages.3.blocks.2"),
    Case("timm:seresnet50", 16, ("bn3",), first="layer1.0", last="layer4.2"),
    Case("timm:inception_resnet_v2", 40, ("conv2d",), size=75, first="repeat.0", last="block8"),
    Case("timm:nf_resnet50", 16, ("conv3.gain conv3.bias",), first="stages.0.0"),
    Case(
        "timm:vit_tiny_patch16_224",
        24,
        ("proj", "fc2"),
        first="blocks.0.attn",
        last="blocks.11.mlp",
    ),
    Case(
        "timm:swin_tiny_patch4_window7_224",
        24,
        ("proj", "fc2"),
        first="layers.0.blocks.0.attn",
        last="layers.3.blocks.1.mlp",
    ),
]


def build(name: str) -> nn.Module:
    library, _, model = name.partition(":")
    sized = {"vit_b_16": "image_size", "vit_tiny_patch16_224": "img_size"}
    sized |= {"swin_tiny_patch4_window7_224": "img_size"}
    options = {"num_classes": 10} | ({sized[model]: 64} if model in sized else {})
    create = timm.create_model if library == "timm" else torchvision.models.get_model
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return create(model, **options).eval()


@dataclass(frozen=True)
class Subject:
    """A model, its chain, and what the model was before anything looked at it."""

    case: Case
    model: nn.Module
    chain: Chain
    before: dict[str, object]


PASSING = (
    "torchvision:resnet18",
    "torchvision:regnet_y_400mf",
    "torchvision:convnext_tiny",
    "torchvision:efficientnet_b0",
    "timm:resnetv2_50",
    "timm:vit_tiny_patch16_224",
)
"""One of each way to write a block; the others take as long again, twice over."""


@pytest.fixture(
    scope="module",
    params=lanes(CASES, long=lambda case: case.name not in PASSING),
    ids=lambda case: case.name,
)
def subject(request):
    """Return each model in turn, built and unravelled once for all tests of it."""
    x = images(request.param, 2)
    model = properties.enlivened(build(request.param.name), images(request.param, 4))
    before = properties.fingerprint(model, x)
    return Subject(request.param, model, unravel(model, x), before)


def images(case: Case, n: int) -> torch.Tensor:
    return torch.randn(n, 3, case.size, case.size, generator=torch.Generator().manual_seed(n))


def zero(case: Case):
    """Return the cut that silences a block's branch: the weights at its end become 0."""

    def cut(model: nn.Module, block: str) -> None:
        module = model.get_submodule(block)
        paths = next(end for end in case.ends if has(module, end.split()[0])).split()
        for path in paths:
            holder, _, name = path.rpartition(".")
            end = getattr(module.get_submodule(holder), name)
            for parameter in [end] if isinstance(end, nn.Parameter) else end.parameters():
                parameter.data.zero_()

    return cut


def has(module: nn.Module, path: str) -> bool:
    for name in path.split("."):
        if not hasattr(module, name):
            return False
        module = getattr(module, name)
    return True


def test_blocks_are_found_under_the_models_own_names(subject):
    case, names = subject.case, [block.name for block in subject.chain.blocks]
    assert len(names) == len(set(names)) == case.blocks
    assert names[0] == (case.first or names[0])
    assert names[-1] == (case.last or names[-1])
    assert all(subject.model.get_submodule(name) is not None for name in names)
    assert not subject.chain.is_plain


def test_the_chain_computes_what_the_model_computes(subject):
    x = images(subject.case, 3)
    properties.computes_what_the_model_computes(subject.chain, subject.model, x)


def test_a_deleted_block_is_the_model_with_a_branch_that_gives_nothing(subject):
    x = images(subject.case, 2)
    properties.deletion_is_the_model_without_the_block(
        subject.chain, subject.model, x, zero(subject.case)
    )


def test_gradient_parts_add_up_to_the_models_own_gradient(subject):
    data = properties.batches(2, size=subject.case.size, classes=10)
    properties.gradient_parts_add_up_to_the_models_own_gradient(subject.chain, subject.model, data)


def test_the_model_is_left_as_it_was_found(subject):
    after = properties.fingerprint(subject.model, images(subject.case, 2))
    properties.same_fingerprint(subject.before, after)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param(
            "torchvision:densenet121",
            "DenseNet has no residual blocks .* merge by cat, not by a sum",
            marks=pytest.mark.long,
        ),
        ("timm:dpn68", "DPN has no residual blocks .* merge by cat, not by a sum"),
        ("torchvision:vgg16_bn", "VGG has no residual blocks .*it has no sums"),
    ],
)
def test_a_network_without_residual_blocks_is_refused_with_the_reason(name, reason):
    model = build(name).to("meta")
    with pytest.raises(ChainError, match=reason):
        unravel(model, torch.empty(2, 3, 64, 64, device="meta"))
