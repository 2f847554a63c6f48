"""Instruments that measure every block while a network is trained, in any training loop.

``watch(model, images, optimiser=optimiser)`` puts hooks on the user's own modules, at the places
where the values of the model's chain pass, and reduces what it sees to a few sums inside the
hook: a tensor that was kept would be overwritten by the next in-place sum. A row per step and
block goes to a CSV or JSONL file and to trackers. Watching changes no bit of a training run.
"""

from resprobe.monitor.rows import COLUMNS
from resprobe.monitor.session import Watch
from resprobe.monitor.trackers import RunTracker, TensorBoard, Tracker
from resprobe.monitor.watch import Watching, watch

__all__ = ["COLUMNS", "RunTracker", "TensorBoard", "Tracker", "Watch", "Watching", "watch"]
