"""Make the figures of docs/lesion.md: `python docs/make_lesion.py FOLDER`.

FOLDER keeps the three networks; those that are not there are trained first, which takes some
minutes each.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from resprobe.figures import figure, save
from resprobe.results import Result

FIGURES = Path(__file__).with_name("figures")
WIDTHS = {"plain20": 8, "resnet20": 8, "vgg15": 16}
STUDIES = {
    "random": ("plain20", "resnet20", "vgg15"),
    "shuffle": ("plain20", "resnet20", "vgg15"),
    "pairs": ("plain20", "resnet20"),
}
IMAGES = 500


def resprobe(*arguments: object) -> None:
    """Run a command of resprobe."""
    command = [sys.executable, "-m", "resprobe", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def main(folder: Path) -> None:
    """Train what is missing, run the studies, and draw them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, width in WIDTHS.items():
        if not (folder / f"{name}.pt").exists():
            resprobe("train", "--arch", name, "--width", width, "--recipe", "short",
                     "--epochs", 15, "--out", folder / f"{name}.pt")  # fmt: skip
    for study, names in STUDIES.items():
        files = [part for name in names for part in ("--ckpt", folder / f"{name}.pt")]
        out = folder / study
        resprobe("lesion", *files, "--study", study, "--images", IMAGES, "--out", out)
        save(figure(Result.load(out / "lesion.csv")), FIGURES / f"lesion-{study}", formats=("png",))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
