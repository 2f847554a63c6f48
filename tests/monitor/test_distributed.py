"""Two processes on gloo that train one model, each with half of the images."""

import subprocess
import sys

import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from monitor.models import InPlace, Net

from resprobe.monitor import watch

SCRIPT = """
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from monitor.test_distributed import model_and_images
from resprobe.monitor import watch


def work(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model, x, y = model_and_images()
    ddp = torch.nn.parallel.DistributedDataParallel(model)
    optimiser = torch.optim.SGD(ddp.parameters(), lr=0.1)
    with watch(ddp, x, optimiser=optimiser, out=f"{folder}/{rank}.csv", every=2) as seen:
        for _ in range(3):
            optimiser.zero_grad()
            F.cross_entropy(ddp(x[rank::2]), y[rank::2]).backward()
            optimiser.step()
    assert seen.step == 3
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.multiprocessing.spawn(work, (sys.argv[1],), nprocs=2)
"""


def model_and_images():
    torch.manual_seed(0)
    model = Net(InPlace(), InPlace()).double()
    return model, torch.randn(8, 3, 16, 16).double(), torch.arange(8)


@pytest.mark.long
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed part")
def test_two_processes_see_what_one_sees_on_all_images(tmp_path, request):
    script = tmp_path / "work.py"
    script.write_text(SCRIPT)
    paths = [str(request.config.rootpath / "tests"), str(request.config.rootpath)]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        env={**__import__("os").environ, "PYTHONPATH": ":".join(paths)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    model, x, y = model_and_images()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch(model, x, optimiser=optimiser, every=2) as seen:
        for _ in range(3):
            optimiser.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimiser.step()
    expected, found = seen.result().frame, pd.read_csv(tmp_path / "0.csv")
    assert found["images"].tolist() == [8, 8, 8, 8]
    figures = expected.columns[8:]
    assert found[figures].to_numpy() == pytest.approx(expected[figures].to_numpy(), rel=1e-9)
    assert not (tmp_path / "1.csv").exists()
