"""Timelines and transforms: what they make of whole columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from plurel.plugins.requests import ColumnFacts, TimelineRequest
from plurel.schema import Table
from plurel.seeding import Stream
from plurel_scm import plugin
from plurel_scm.timelines import Even

columns = arrays(np.float64, st.integers(1, 60), elements=st.integers(-20, 20).map(lambda value: value / 4))


def facts_of(values):
    finite = values[np.isfinite(values)]
    return ColumnFacts(
        count=len(finite),
        mean=float(finite.mean()) if len(finite) else 0.0,
        std=float(finite.std()) if len(finite) else 0.0,
        minimum=float(finite.min()) if len(finite) else 0.0,
        maximum=float(finite.max()) if len(finite) else 0.0,
        sorted_values=np.sort(finite),
    )


def apply(contributions, name, values):
    transform = contributions(plugin.plurel_transforms)[name]
    return transform.fit(facts_of(values)).apply(values.copy())


@given(values=columns)
def test_ranks_are_average_ranks_over_the_count(contributions, values):
    expected = rankdata(values, method="average") / (len(values) + 1)
    np.testing.assert_allclose(apply(contributions, "rank_uniform", values), expected, rtol=1e-12)


def test_a_constant_column_gets_one_rank(contributions):
    np.testing.assert_allclose(apply(contributions, "rank_uniform", np.full(7, 3.0)), 0.5)


@given(values=columns)
def test_a_standardized_column_has_mean_0_and_deviation_1(contributions, values):
    got = apply(contributions, "standardize", values)
    if np.ptp(values):
        assert abs(got.mean()) < 1e-9
        assert got.std() == pytest.approx(1)
    else:
        np.testing.assert_allclose(got, 0, atol=1e-6)


@given(values=columns)
def test_pointwise_transforms_follow_their_formulas(contributions, values):
    np.testing.assert_array_equal(apply(contributions, "identity", values), values)
    np.testing.assert_allclose(
        apply(contributions, "log", values), np.sign(values) * np.log1p(np.abs(values)), rtol=1e-12
    )
    np.testing.assert_allclose(
        apply(contributions, "sqrt", values), np.sign(values) * np.sqrt(np.abs(values)), rtol=1e-12
    )


@pytest.mark.parametrize("name", ["identity", "rank_uniform", "log", "sqrt", "standardize"])
def test_transforms_pass_nan_and_empty_columns(contributions, name):
    got = apply(contributions, name, np.array([1.0, np.nan, 3.0]))
    assert np.isnan(got).tolist() == [False, True, False]
    assert apply(contributions, name, np.empty(0)).shape == (0,)


def test_transforms_name_the_facts_they_need(contributions):
    needs = {name: made.needs for name, made in contributions(plugin.plurel_transforms).items()}
    assert needs == {
        "identity": frozenset(),
        "rank_uniform": {"sorted_values"},
        "log": frozenset(),
        "sqrt": frozenset(),
        "standardize": {"mean", "std"},
    }


@given(rows=st.integers(0, 3000), start=st.integers(-(10**15), 10**15), span=st.integers(0, 2 * 10**15))
def test_even_times_are_evenly_spaced_and_reach_both_ends(rows, start, span):
    table = Table(name="events", rows=rows, role="activity", time_column="date")
    times = Even().draw(TimelineRequest(table=table, start=start, stop=start + span, stream=Stream(0)))
    assert times.shape == (rows,)
    assert times.dtype == np.int64
    if rows:
        assert times[0] == start
    if rows > 1:
        assert times[-1] == start + span
        assert np.ptp(np.diff(times)) <= 1
        assert (np.diff(times) >= 0).all()
