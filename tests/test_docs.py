"""What docs/networks.md says is what the toolkit says now, but for the seconds."""

import re
from pathlib import Path

import pytest
from zoo.test_third_party import CASES

from resprobe.networks import Architecture, count_parameters, names

PAGE = (Path(__file__).parent.parent / "docs" / "networks.md").read_text()
ROWS = {
    cells[0].strip("` "): [cell.strip() for cell in cells[1:]]
    for cells in (
        line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `")
    )
}


def test_every_name_of_the_zoo_is_listed():
    assert [name for name in ROWS if re.fullmatch(r"(pre)?(resnet|plain)\d+|vgg.*", name)]
    assert set(names()) <= set(ROWS)


def deep(text):
    return re.search(r"(resnet|plain)\d{4}", text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, marks=pytest.mark.long) if deep(text) else text
        for text in ROWS
        if not text.startswith(("torchvision:", "timm:"))
    ],
)
def test_parameters_and_blocks_are_those_of_the_network(text):
    architecture = Architecture.parse(text)
    size, blocks, _, parameters, *_ = ROWS[text]
    assert parameters == f"{count_parameters(architecture.build(device='meta')):,}"
    assert size == f"3x{architecture.image_size}x{architecture.image_size}"
    if architecture.block is not None:
        assert int(blocks) == architecture.blocks_in_all - len(architecture.drop)


def test_models_from_elsewhere_have_the_blocks_that_are_tested():
    for case in CASES:
        assert int(ROWS[case.name][1]) == case.blocks
    for name in ("torchvision:densenet121", "torchvision:vgg16_bn", "timm:dpn68"):
        assert f"- `{name}`: " in PAGE
