import pytest

from resprobe.errors import UsageError
from resprobe.networks import Architecture, BlockKind, names
from resprobe.networks.zoo import member


def test_the_zoo_has_every_published_depth_of_every_line():
    assert len(names()) == len(set(names())) == 47
    published = {"resnet110", "resnet1202", "resnet152", "preresnet1001", "preresnet200", "plain34"}
    assert published <= set(names())
    assert [name for name in names() if name.startswith("vgg")] == [
        "vgg15",
        "vgg16",
        "vgg19",
        "vgg16_bn",
        "vgg19_bn",
    ]


@pytest.mark.parametrize("name", names())
def test_a_listed_name_is_found_and_keeps_its_depth(name):
    assert str(member(name).depth) in name


@pytest.mark.parametrize(
    ("name", "kind", "stages"),
    [
        ("resnet8", "basic", (1, 1, 1)),
        ("resnet20", "basic", (3, 3, 3)),  # 9n+2 as well, with n = 2
        ("resnet110", "basic", (18, 18, 18)),
        ("resnet164", "bottleneck", (18, 18, 18)),  # 6n+2 as well, with n = 27
        ("preresnet1001", "bottleneck", (111, 111, 111)),
        ("plain11", "bottleneck", (1, 1, 1)),
        ("resnet18", "basic", (2, 2, 2, 2)),
        ("resnet34", "basic", (3, 4, 6, 3)),
        ("plain50", "bottleneck", (3, 4, 6, 3)),  # and no CIFAR network, though 6n+2
        ("resnet101", "bottleneck", (3, 4, 23, 3)),
        ("resnet152", "bottleneck", (3, 8, 36, 3)),
        ("preresnet200", "bottleneck", (3, 24, 36, 3)),
    ],
)
def test_a_depth_decides_kind_and_number_of_blocks(name, kind, stages):
    network = Architecture(name)
    assert network.block == kind
    assert network.member.stages(network.block) == stages
    assert network.depth == 2 + sum(stages) * network.block.convolutions


def test_a_depth_that_is_both_can_have_the_other_block():
    assert Architecture("resnet20", block="bottleneck").member.stages(BlockKind.BOTTLENECK) == (
        2,
        2,
        2,
    )
    assert Architecture("resnet164", block="basic").member.stages(BlockKind.BASIC) == (27, 27, 27)
    with pytest.raises(UsageError, match="resnet29 is made of bottleneck blocks; got block=basic"):
        Architecture("resnet29", block="basic")
    with pytest.raises(UsageError, match="resnet18 is made of basic blocks; got block=bottlen"):
        Architecture("resnet18", block="bottleneck")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet21", "9n\\+2 or 6n\\+2; did you mean 'resnet20' or 'resnet26'"),
        ("preresnet163", "did you mean 'preresnet158' or 'preresnet164'"),
        ("plain17", "did you mean 'plain14' or 'plain18'"),
        ("resnet2", "did you mean 'resnet8'"),
        ("resnet99999", "did you mean 'resnet99998'\\?"),
        ("plane56", "did you mean 'plain56'"),
        ("plian8", "did you mean 'plain8'"),
        ("prersnet110", "did you mean 'preresnet110'"),
        ("ResNet-110", "did you mean 'resnet110'"),
        ("vgg16bn", "did you mean 'vgg16_bn'"),
        ("densenet121", "known are resnetN and plainN.* vgg15, vgg16"),
        ("", "unknown architecture ''"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(name, message):
    with pytest.raises(UsageError, match=message):
        Architecture(name)
