"""``python -m resprobe``: the command line, also under ``torchrun``."""

from resprobe.cli import main

if __name__ == "__main__":
    main()
