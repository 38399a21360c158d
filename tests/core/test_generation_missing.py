"""Missing cells: exactly as many as asked for, wherever they are looked at from, and all equally likely."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from plurel.generation import missing
from plurel.generation.missing import draw_missing
from plurel.seeding import Stream


@settings(max_examples=40, deadline=None)
@given(data=st.data(), rows=st.integers(1, 20_000), seed=st.integers(0, 2**40))
def test_exactly_so_many_cells_are_missing_and_a_run_of_rows_shows_its_part(data, rows, seed):
    cells = data.draw(st.integers(0, rows))
    drawn = draw_missing(rows, cells, Stream(seed))
    whole = drawn.among(0, rows)
    assert int(whole.sum()) == cells == drawn.cells
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    assert np.array_equal(drawn.among(start, stop), whole[start:stop])


def test_a_look_in_too_narrow_a_place_is_repeated_in_a_wider_one(monkeypatch):
    expected = draw_missing(5000, 700, Stream(1))
    monkeypatch.setattr(missing, "_DEVIATIONS", 1e-3)
    assert draw_missing(5000, 700, Stream(1)) == expected


def test_every_choice_of_cells_is_equally_likely():
    chosen = Counter(
        tuple(np.flatnonzero(draw_missing(4, 2, Stream(seed)).among(0, 4)).tolist()) for seed in range(3000)
    )
    assert len(chosen) == 6
    assert sum((count - 500) ** 2 / 500 for count in chosen.values()) < 25.7  # chi squared, 5 degrees, 1e-4
