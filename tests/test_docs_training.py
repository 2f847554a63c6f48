"""Every command in docs/training.md is run as it stands there."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
BLOCKS = re.findall(r"```sh\n(.*?)```", (DOCS / "training.md").read_text(), flags=re.DOTALL)
SLURM = [block for block in BLOCKS if "train.slurm" in block]
OTHERS = [block for block in BLOCKS if "train.slurm" not in block]
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "DOCS": str(DOCS),
}


def bash(script, folder, **more):
    command = ["bash", "-e", "-c", script]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **{**streams, **more})


@pytest.mark.long
def test_the_commands_run_in_the_order_of_the_page(tmp_path):
    assert len(OTHERS) == 6
    for block in OTHERS:
        process = bash(block, tmp_path)
        out, err = process.communicate()
        assert process.returncode == 0, f"{block}\n{err}"
        assert out.strip(), block
    kept = {"mine.pt", "r8.pt", "s8-seed0.pt", "s8-seed1.pt", "w8.pt", "e20.pt", "d8.pt"}
    assert kept <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.long
def test_the_python_of_the_page_runs(tmp_path):
    (python,) = re.findall(r"```python\n(.*?)```", (DOCS / "training.md").read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", python], cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert (tmp_path / "p8.pt").exists()


@pytest.mark.long
def test_the_slurm_script_requeues_what_was_interrupted_and_goes_on(tmp_path):
    (block,) = SLURM
    *preparation, command = block.strip().splitlines()
    longer = command.replace("--epochs 2", "--epochs 40")
    script = "\n".join([*preparation, f"exec {longer}"])
    process = bash(script, tmp_path)
    end = time.monotonic() + 60
    while not (tmp_path / "slurm.csv").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=90)
    assert process.returncode == 0
    assert "stopped after iteration" in err
    assert (tmp_path / "requeued").read_text() == "requeue 1\n"

    process = bash(script, tmp_path)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "saved slurm.pt" in out
    assert "going on from" in err
    assert (tmp_path / "requeued").read_text() == "requeue 1\n"


@pytest.mark.long
def test_a_failed_run_is_not_queued_again(tmp_path):
    (block,) = SLURM
    process = bash(block.replace("--arch resnet8", "--arch resnet9"), tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "resnet9" in err
    assert not (tmp_path / "requeued").exists()


@pytest.mark.parametrize("name", ["train.slurm"])
def test_scripts_are_bash(name):
    subprocess.run(["bash", "-n", DOCS / name], check=True)
