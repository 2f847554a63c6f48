"""A legend is as wide as its figure and no wider, whatever its letters."""

import pytest

from resprobe.figures import COLUMN, PAGE, figure


@pytest.mark.parametrize("width", [COLUMN, PAGE])
@pytest.mark.parametrize("letter", ["W", "%"])
@pytest.mark.parametrize("networks", [2, 3, 5])
def test_no_entry_is_cut_off_at_the_edge(fake, width, letter, networks):
    names = [f"{letter * 14}{place}" for place in range(networks)]
    made = figure(fake.lesion(**{name: [0.1, 0.2, 0.3, 0.25] for name in names}), width=width)
    made.draw_without_rendering()
    legends = [*made.legends, *(ax.get_legend() for ax in made.axes if ax.get_legend())]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    assert set(names) <= set(texts)
    for legend in legends:
        assert legend.get_window_extent().x1 <= made.bbox.x1
