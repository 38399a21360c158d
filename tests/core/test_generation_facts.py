"""Facts of whole columns: the same from one block or many, exact while exactness is promised."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from plurel.generation import facts
from plurel.generation.facts import ColumnSummary

cells = npst.arrays(
    np.float64,
    st.integers(1, 200),
    elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf]),
)


def fold(values: np.ndarray, size: int) -> ColumnSummary:
    parts = [
        ColumnSummary.of(values[start : start + size], ordered=True) for start in range(0, len(values), size)
    ]
    return reduce(ColumnSummary.merge, parts)


@given(values=cells, size=st.integers(1, 50))
def test_facts_of_blocks_are_the_facts_of_the_column(values, size):
    said = fold(values, size).facts()
    finite = values[np.isfinite(values)]
    assert said.count == len(finite)
    assert np.array_equal(said.sorted_values, np.sort(finite))
    if len(finite):
        spread = max(1.0, np.abs(finite).max())
        assert said.mean == pytest.approx(finite.mean(), abs=1e-9 * spread)
        assert said.std == pytest.approx(finite.std(), abs=1e-6 * spread)
        assert (said.minimum, said.maximum) == (finite.min(), finite.max())
    else:
        assert (said.mean, said.std, said.minimum, said.maximum) == (0, 0, 0, 0)


def test_values_are_not_kept_where_no_order_is_wanted():
    said = ColumnSummary.of(np.arange(10.0), ordered=False).facts()
    assert said.count == 10
    assert len(said.sorted_values) == 0


def test_beyond_the_exact_size_ranks_come_from_a_sketch_of_fixed_size(monkeypatch):
    monkeypatch.setattr(facts, "EXACT_CELLS", 1000)
    monkeypatch.setattr(facts, "SKETCH_CELLS", 500)
    values = np.random.default_rng(0).lognormal(size=20_000)
    said = fold(values, 700).facts()
    assert said.count == 20_000
    assert len(said.sorted_values) == 500
    true_ranks = np.searchsorted(np.sort(values), said.sorted_values, side="right") / len(values)
    assert np.abs(true_ranks - (np.arange(500) + 0.5) / 500).max() < 0.02
