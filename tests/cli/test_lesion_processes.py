"""A lesion study by several processes, and one that is killed and goes on."""

import signal
import sys

import pandas as pd
import pytest

from resprobe.results import Result

STUDY = ("lesion", "--study", "random", "--draws", "8", "--images", "64", "--batch-size", "8")
SUMS = ["loss", "loss_rise", "loss_rise_low", "loss_rise_high", "kl", "kl_low", "kl_high"]


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    """A network at initialisation, with weights of its own, in a file."""
    import torch

    from resprobe.networks import Architecture

    path = tmp_path_factory.mktemp("fashion") / "net.pt"
    model = Architecture("resnet20", width=4, in_channels=1, num_classes=10).build(seed=3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.weight, 0.4)
    torch.save(model.state_dict(), path)
    return path


def frame(folder):
    return Result.load(folder / "lesion.csv").frame


def test_two_processes_give_the_table_of_one_to_the_image(shell, ok, fashion, tmp_path):
    source = ("--ckpt", fashion, "--data", "embedded", "--normalise", "fashion-mnist")
    ok(*STUDY, *source, "--out", "one", "--per-class")
    launcher = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
        "-m", "resprobe",
    ]  # fmt: skip
    command = [*launcher, *map(str, (*STUDY, *source, "--out", "two", "--per-class", "--json"))]
    process = shell(command=command)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.count('"meta"') == 1  # one process speaks for both
    for name in ("lesion", "lesion-classes"):
        one, two = (Result.load(tmp_path / where / f"{name}.csv").frame for where in ("one", "two"))
        assert len(one) > 70
        exact = one.columns.difference(SUMS)
        pd.testing.assert_frame_equal(one[exact], two[exact], check_exact=True)
        pd.testing.assert_frame_equal(one[SUMS], two[SUMS], rtol=1e-6, atol=1e-9)
    assert Result.load(tmp_path / "two" / "lesion.csv").meta["processes"] == 2
    assert not list((tmp_path / "two").glob("*part*"))


@pytest.mark.long
def test_a_study_that_is_killed_goes_on_where_it_stopped(interrupted, ok, fashion, tmp_path):
    source = ("--ckpt", fashion, "--data", "embedded", "--normalise", "fashion-mnist")
    part = tmp_path / "cut" / "lesion-net-random.part"
    left = interrupted(part, signal.SIGKILL, *STUDY, *source, "--out", "cut")
    assert left == -signal.SIGKILL
    assert not (tmp_path / "cut" / "lesion.csv").exists()
    ran = ok(*STUDY, *source, "--out", "cut")
    (said,) = [line for line in ran.notes if "going on" in line]
    assert said.startswith("resprobe: going on from lesion-net-random.part, after ")
    assert not part.exists()
    ok(*STUDY, *source, "--out", "whole")
    pd.testing.assert_frame_equal(
        frame(tmp_path / "cut"), frame(tmp_path / "whole"), check_exact=True
    )
