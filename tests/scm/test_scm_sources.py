"""Sources: their distributions, and series that do not depend on how rows are cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel.plugins.requests import BLOCK_ROWS, SourceRequest
from plurel.seeding import Stream
from plurel_scm import _kernel, plugin
from plurel_scm.series import Series, Ts
from plurel_scm.sources import Beta, Gaussian, Mixed, Uniform

UNIT = Choices.constant(1.0)


def plan_of(source, parts, seed=0, rows=3 * BLOCK_ROWS, role="activity", categories=None):
    return source.plan(
        SourceRequest(
            output="number" if categories is None else "category",
            categories=categories,
            rows=rows,
            role=role,
            parts=parts,
            stream=Stream(seed) / "source",
        )
    )


def column(plan, rows):
    starts = range(0, rows, BLOCK_ROWS)
    return np.concatenate(
        [plan.block(index, start, min(start + BLOCK_ROWS, rows)) for index, start in enumerate(starts)]
    )


def test_every_source_gives_numbers_and_labels(contributions, parts):
    made = contributions(plugin.plurel_sources)
    assert sorted(made) == ["beta", "gaussian", "mixed", "ts", "uniform"]
    for source in made.values():
        for role in ("entity", "activity"):
            for rows in (1, 2, 500):
                numbers = plan_of(source, parts, rows=rows, role=role).block(0, 0, rows)
                labels = plan_of(source, parts, rows=rows, role=role, categories=4).block(0, 0, rows)
                assert numbers.dtype == np.float32
                assert numbers.shape == labels.shape == (rows,)
                assert np.isfinite(numbers).all()
                assert labels.dtype == np.int64
                assert labels.min() >= 0
                assert labels.max() < 4


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), index=st.integers(0, 3), name=st.sampled_from(["ts", "mixed", "beta"]))
def test_a_block_does_not_depend_on_other_blocks(contributions, seed, index, name):
    source = contributions(plugin.plurel_sources)[name]
    start, stop = index * BLOCK_ROWS, index * BLOCK_ROWS + 77
    alone = plan_of(source, None, seed).block(index, start, stop)
    plan = plan_of(source, None, seed)
    plan.block(0, 0, BLOCK_ROWS)
    np.testing.assert_array_equal(plan.block(index, start, stop), alone)


def test_uniform_values_fill_their_bounds(parts):
    plan = plan_of(Uniform(value_scale=UNIT), parts)
    low, high = plan.distribution.low, plan.distribution.high
    assert 0 <= low < high <= 1
    values = column(plan, 3 * BLOCK_ROWS).astype(np.float64)
    assert stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


def test_gaussian_values_are_clipped_at_two_deviations(parts):
    plan = plan_of(Gaussian(value_scale=UNIT), parts)
    low, high = plan.distribution.low, plan.distribution.high
    values = (column(plan, 3 * BLOCK_ROWS) - (low + high) / 2) / ((high - low) / 4)
    assert np.abs(values).max() <= 2 + 1e-4
    assert np.mean(np.abs(values) > 2 - 1e-4) == pytest.approx(2 * stats.norm.sf(2), abs=0.006)
    assert np.mean(np.abs(values) < 1) == pytest.approx(1 - 2 * stats.norm.sf(1), abs=0.015)


def test_beta_values_are_stretched_to_their_bounds(parts):
    source = Beta(alpha=Choices.constant(2.0), beta=Choices.constant(5.0), value_scale=UNIT)
    plan = plan_of(source, parts)
    low, high = plan.distribution.low, plan.distribution.high
    values = (column(plan, 3 * BLOCK_ROWS) - low) / (high - low)
    assert stats.kstest(values.astype(np.float64), stats.beta(2, 5).cdf).pvalue > 1e-3


def test_mixtures_have_two_or_three_components_of_three_kinds(parts):
    plans = [plan_of(Mixed(), parts, seed) for seed in range(300)]
    components = [plan.distribution.components for plan in plans]
    counts = np.bincount([len(some) for some in components])
    assert counts.nonzero()[0].tolist() == [2, 3]
    assert abs(counts[2] - 150) < 50
    kinds = [type(component).__name__ for some in components for component in some]
    assert {kind: kinds.count(kind) > 150 for kind in set(kinds)} == {
        "UniformBetween": True,
        "GaussianBetween": True,
        "BetaBetween": True,
    }


def test_each_row_of_a_mixture_comes_from_one_component(parts):
    plan = plan_of(Mixed(value_scale=UNIT), parts, seed=3)
    values = column(plan, 3 * BLOCK_ROWS)
    bounds = [(one.low, one.high) for one in plan.distribution.components]
    assert all(any(low - 1e-6 <= value <= high + 1e-6 for low, high in bounds) for value in values)


def test_bounds_are_two_sorted_uniforms_times_the_scale(parts):
    plans = [plan_of(Uniform(value_scale=Choices.constant(10.0)), parts, seed) for seed in range(2000)]
    lows = np.array([plan.distribution.low for plan in plans]) / 10
    highs = np.array([plan.distribution.high for plan in plans]) / 10
    assert stats.kstest(lows, stats.beta(1, 2).cdf).pvalue > 1e-3
    assert stats.kstest(highs, stats.beta(2, 1).cdf).pvalue > 1e-3


def test_labels_have_dirichlet_probabilities(parts):
    first = [
        np.mean(plan_of(Uniform(), parts, seed, categories=3).block(0, 0, 4000) == 0) for seed in range(400)
    ]
    assert stats.kstest(first, stats.beta(1, 2).cdf).pvalue > 1e-3


@settings(max_examples=25, deadline=None)
@given(rho=st.floats(-0.999, 0.999), index=st.integers(0, 3), seed=st.integers(0, 99))
def test_a_restarted_block_agrees_with_the_whole_run(rho, index, seed):
    series = noise_only(Stream(seed), rho)
    innovations = np.concatenate([_kernel.normal(Stream(seed).key, block, BLOCK_ROWS) for block in range(4)])
    whole = lfilter([1], [1, -rho], innovations)[index * BLOCK_ROWS : (index + 1) * BLOCK_ROWS]
    got = series.block(index, index * BLOCK_ROWS, (index + 1) * BLOCK_ROWS)
    np.testing.assert_allclose(3 * got, whole, rtol=1e-6, atol=1e-5)


def noise_only(stream, rho):
    """A series without trend, cycle or bounds: a third of its noise, with innovations of deviation 1."""
    return Series(
        stream=stream,
        rows=4 * BLOCK_ROWS,
        low=-1e9,
        high=1e9,
        trend_scale=1e9,
        trend_alpha=0.0,
        cycle_scale=0.0,
        cycle_rows=1,
        noise_scale=1.0,
        rho=rho,
    )


@pytest.mark.parametrize("rho", [1.0, -1.0, 1.5])
def test_a_series_that_never_forgets_is_refused(rho):
    with pytest.raises(ConfigError, match=f"numbers above -1 and below 1, got {rho} @ "):
        Ts(ar_rho=Choices.constant(rho))


def test_a_series_is_the_mean_of_trend_cycle_and_noise():
    series = Series(
        stream=Stream(0) / "innovations",
        rows=1000,
        low=0.2,
        high=0.9,
        trend_scale=1.0,
        trend_alpha=1.5,
        cycle_scale=-1.0,
        cycle_rows=100,
        noise_scale=0.5,
        rho=0.7,
    )
    row = np.arange(1000)
    trend = np.minimum((row / 1000) ** 1.5 + 0.2, 0.9)
    cycle = np.clip(-np.sin(np.pi * row / 100), 0.2, 0.9)
    noise = lfilter([1], [1, -0.7], 0.5 * _kernel.normal((Stream(0) / "innovations").key, 0, 1000))
    expected = (trend + cycle + np.clip(noise, 0.2, 0.9)) / 3
    np.testing.assert_allclose(series.block(0, 0, 1000), expected, rtol=1e-6)


def test_series_of_entities_have_neither_trend_nor_cycle(parts):
    entity = plan_of(Ts(), parts, role="entity")
    activity = plan_of(Ts(), parts, role="activity")
    assert (entity.trend_scale, entity.cycle_scale, entity.noise_scale) == (0, 0, 1)
    assert {abs(activity.trend_scale), abs(activity.cycle_scale)} == {1}
    assert activity.noise_scale == 0.05
    assert 1 <= activity.cycle_rows <= activity.rows


def test_labels_of_a_series_follow_the_softmax(parts):
    plan = plan_of(Ts(value_scale=Choices.constant(1.0)), parts, rows=BLOCK_ROWS, categories=3)
    scores = np.stack([series.block(0, 0, BLOCK_ROWS) for series in plan.series])
    odds = np.exp(scores)
    expected = (odds / odds.sum(axis=0)).sum(axis=1)
    got = np.bincount(plan.block(0, 0, BLOCK_ROWS), minlength=3)
    assert (np.abs(got - expected) < 5 * np.sqrt(expected)).all()
