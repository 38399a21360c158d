"""Facts of whole columns: the same from one block or many, exact while exactness is promised."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from plurel.generation import facts
from plurel.generation.facts import ColumnSummary

cells = npst.arrays(
    np.float64,
    st.integers(1, 200),
    elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf]),
)


def parts_of(values: np.ndarray, size: int) -> list[ColumnSummary]:
    starts = range(0, len(values), size)
    return [ColumnSummary.of(values[start : start + size], ordered=True) for start in starts]


@given(values=cells, size=st.integers(1, 50))
def test_facts_of_blocks_are_the_facts_of_the_column(values, size):
    said = reduce(ColumnSummary.merge, parts_of(values, size)).facts()
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


@settings(max_examples=20, deadline=None)
@given(size=st.integers(20, 900), seed=st.integers(0, 100))
def test_beyond_the_exact_size_ranks_come_from_a_sketch_of_fixed_size(size, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "EXACT_CELLS", 1000)
        patch.setattr(facts, "RUN_CELLS", 256)
        values = np.random.default_rng(seed).lognormal(size=20_000)
        summary = reduce(ColumnSummary.merge, parts_of(values, size))
        said = summary.facts()
    assert sum(len(run.values) for run in summary.runs) < 256 * 12
    assert said.count == len(values)
    assert len(said.sorted_values) == 512
    assert (np.diff(said.sorted_values) >= 0).all()
    true_ranks = np.searchsorted(np.sort(values), said.sorted_values, side="right") / len(values)
    doublings = np.log2(len(values) / 256)
    assert np.abs(true_ranks - (np.arange(512) + 0.5) / 512).max() < 2 * doublings / 256
