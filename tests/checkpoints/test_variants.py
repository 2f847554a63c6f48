"""Files of ours carry every option of every kind of network."""

import io

import pytest
import torch

from resprobe.checkpoints import load, load_weights, save
from resprobe.checkpoints.seal import seal
from resprobe.errors import InputError, UsageError
from resprobe.networks import Architecture

FACTS = {"normalisation": None, "data": None, "recipe": {}, "epoch": 1, "figures": {}}

VARIANTS = [
    "resnet8",
    "plain8",
    "plain8:order=full-pre",
    "preresnet8",
    "preresnet11:shortcut=C",
    "resnet11:layout=v1.5",
    "resnet18",
    "plain18",
    "resnet50:layout=paper",
    "preresnet50",
    "resnet8:shortcut=scaled:scale=0.25:branch_scale=0.75",
    "resnet8:shortcut=exclusive-gate:gate_bias=-3",
    "resnet8:shortcut=shortcut-gate",
    "resnet8:shortcut=dropout:dropout=0.25",
    "resnet8:order=relu-only-pre",
    "resnet8:order=bn-after:shortcut=B",
    "resnet8:init=zero-bn",
    "resnet8:init=skipinit",
    "resnet8:init=fixup:shortcut=B",
    "resnet14:survival=0.5",
    "resnet14:survival=0.5:survival_scaling=training",
    "vgg15:dropout=0.5",
    "vgg16:width=2",
]


@pytest.mark.parametrize("spec", VARIANTS)
def test_every_variant_comes_back_as_it_was_written(filled, tmp_path, spec):
    width = "" if "width=" in spec else ":width=4"
    architecture = Architecture.parse(spec + width, num_classes=3)
    model = filled(architecture.build())

    checkpoint = load(save(tmp_path / "net.pt", model, architecture=architecture, **FACTS))

    assert checkpoint.architecture == architecture
    assert checkpoint.notes == ()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.model(x), model(x), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("scaling", ["test", "training"])
def test_the_convention_of_stochastic_depth_stands_in_the_file(tmp_path, scaling):
    architecture = Architecture("resnet8", survival=0.5, survival_scaling=scaling, width=2)
    path = save(tmp_path / "net.pt", architecture.build(), architecture=architecture, **FACTS)
    said = torch.load(path, weights_only=True)["architecture"]
    assert (said["survival"], said["survival_scaling"]) == (0.5, scaling)
    assert type(said["survival_scaling"]) is str


def test_the_two_conventions_of_stochastic_depth_answer_differently(filled, tmp_path):
    answers = []
    for scaling in ("test", "training"):
        architecture = Architecture("resnet8", survival=0.5, survival_scaling=scaling, width=2)
        model = filled(architecture.build())
        path = save(tmp_path / f"{scaling}.pt", model, architecture=architecture, **FACTS)
        answers.append(load(path).model(torch.ones(1, 3, 8, 8)))
    assert not torch.equal(*answers)


@pytest.fixture
def rewritten(tmp_path):
    """Write a small file of ours that is whole, and says other things than it would."""

    def written(**changes):
        architecture = Architecture("resnet8", width=2)
        path = save(tmp_path / "old.pt", architecture.build(), architecture=architecture, **FACTS)
        archive = io.BytesIO()
        torch.save({**torch.load(path, weights_only=True), **changes}, archive)
        path.write_bytes(seal(archive.getvalue()))
        return path

    return written


@pytest.mark.parametrize("name", ["resnet8", "plain8", "resnet164"])
def test_files_from_when_there_were_fewer_options_still_load(rewritten, filled, name):
    architecture = Architecture(name, width=2, block="basic")
    model = filled(architecture.build())
    fields = {"name": name, "num_classes": 10, "in_channels": 3, "width": 2}
    checkpoint = load(rewritten(architecture=fields, model=dict(model.state_dict())))
    assert checkpoint.architecture == architecture
    assert torch.equal(checkpoint.model.fc.weight, model.fc.weight)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (Architecture("resnet14", width=2).build().state_dict(), r"unknown key: layer1\.1\.conv1"),
        (
            {**Architecture("resnet8", width=2).build().state_dict(), "gate": torch.ones(1)},
            r"unknown key: gate\)",
        ),
        (
            Architecture("resnet8", width=3).build().state_dict(),
            r"conv1\.weight is 3x3x3x3, wanted 2x3x3x3\)",
        ),
    ],
)
def test_a_file_of_ours_that_contradicts_itself_names_the_first_difference(
    rewritten, state, reason
):
    with pytest.raises(InputError, match=rf"do not fit resnet8:width=2 \({reason}"):
        load(rewritten(model=dict(state)))


@pytest.mark.parametrize("read", [load, lambda path: load_weights(torch.nn.Linear(2, 2), path)])
def test_a_file_of_a_later_version_is_told_to_need_one(rewritten, read):
    with pytest.raises(InputError, match="checkpoint format 2; this version reads format 1"):
        read(rewritten(format_version=2))


def test_an_architecture_that_contradicts_the_file_is_refused(write, tmp_path):
    path = write(tmp_path / "net.pt")
    for agreed in ("resnet8", "resnet8:width=2", "resnet8:shortcut=A"):
        assert load(path, arch=agreed).architecture.name == "resnet8"
    with pytest.raises(UsageError, match="holds resnet8, as it says itself, not plain8"):
        load(path, arch="plain8")
    with pytest.raises(UsageError, match="holds resnet8:width=2, as it says itself, not resnet8:s"):
        load(path, arch="resnet8:survival=0.5")
    with pytest.raises(UsageError, match="did you mean"):
        load(path, arch="rasnet8")


def test_a_file_of_ours_fills_a_network_of_ones_own(write, trained, tiny, tmp_path):
    network = tiny.architecture.build(seed=9)

    loaded = load_weights(network, write(tmp_path / "net.pt"))

    assert loaded.figures == {"validation_error": 0.25, "validation_n": 12}
    assert loaded.notes == ("filled 44 parameters and buffers by name",)
    assert loaded.sha256 == load(tmp_path / "net.pt").sha256
    assert torch.equal(network.fc.weight, trained.fc.weight)
