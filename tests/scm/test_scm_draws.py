"""What the kernel draws: numpy's words, the distributions it is named after, matrices a stack at a time."""

from __future__ import annotations

import numpy as np
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from plurel.seeding import Stream
from plurel_scm import _kernel
from plurel_scm.initializers import RULES, initializer
from plurel_scm.network_draws import draw_matrices

DRAWS = 100_000
KEY = (Stream(0) / "draws").key


@given(key=st.integers(0, 2**128 - 1), block=st.integers(0, 2**64 - 1), count=st.integers(0, 70))
def test_words_are_those_of_numpys_philox(key, block, count):
    philox = np.random.Philox(key=np.array([key % 2**64, key >> 64], dtype=np.uint64), counter=block << 192)
    np.testing.assert_array_equal(_kernel.words(key, block, count), philox.random_raw(count))


@given(seed=st.integers(0, 99), block=st.integers(0, 5))
def test_a_streams_words_and_uniform_numbers_are_those_of_its_generator(seed, block):
    stream = Stream(seed) / "anything"
    raw = stream.generator(block).bit_generator.random_raw(33)
    np.testing.assert_array_equal(_kernel.words(stream.key, block, 33), raw)
    np.testing.assert_array_equal(_kernel.uniform(stream.key, block, 33), stream.generator(block).random(33))


@pytest.mark.parametrize(
    ("draw", "distribution"),
    [
        (_kernel.uniform, stats.uniform()),
        (_kernel.normal, stats.norm()),
        (_kernel.cauchy, stats.cauchy()),
        (lambda *place: _kernel.exp(_kernel.normal(*place)), stats.lognorm(1)),
        (lambda *place: _kernel.beta(*place, 0.5, 5.0), stats.beta(0.5, 5)),
        (lambda *place: _kernel.beta(*place, 2.0, 2.0), stats.beta(2, 2)),
        (lambda *place: _kernel.beta(*place, 0.2, 0.3), stats.beta(0.2, 0.3)),
    ],
)
def test_draws_follow_the_distribution_they_are_named_after(draw, distribution):
    draws = draw(KEY, 1, DRAWS)
    assert stats.kstest(draws, distribution.cdf).pvalue > 1e-3


def test_integers_below_a_bound_are_equally_likely():
    counts = np.bincount(_kernel.below(KEY, 0, DRAWS, 7), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3


@given(count=st.integers(0, 200), block=st.integers(0, 9))
def test_a_permutation_has_everything_once(count, block):
    assert sorted(_kernel.permutation(KEY, block, count)) == list(range(count))


def test_shares_are_dirichlet():
    first = [_kernel.shares(KEY, block, 4)[0] for block in range(2000)]
    assert stats.kstest(first, stats.beta(1, 3).cdf).pvalue > 1e-3
    assert _kernel.shares(KEY, 0, 9).sum() == pytest.approx(1, abs=1e-15)


@given(values=st.lists(st.floats(-1e300, 1e300), max_size=20))
def test_signed_logarithms_are_right_to_the_last_bits(values):
    numbers = np.array(values, dtype=np.float64)
    expected = np.copysign(np.log1p(np.abs(numbers)), numbers)
    np.testing.assert_allclose(_kernel.signed_log(numbers), expected, rtol=1e-15)


@pytest.mark.parametrize("path", _kernel.paths())
@pytest.mark.parametrize("rule", RULES)
def test_every_path_draws_the_same_weights(rule, path, monkeypatch):
    expected = initializer(rule).draw((33, 65), Stream(1))
    monkeypatch.setenv("PLUREL_KERNEL", path)
    np.testing.assert_array_equal(initializer(rule).draw((33, 65), Stream(1)), expected)


@frozen
class Ones:
    """An initialiser from elsewhere."""

    def draw(self, shape, stream):
        return np.full(shape, 1 + stream.words(1)[0] % 2, dtype=np.float32)


def test_an_initialiser_from_elsewhere_moves_no_weight_of_another():
    shapes = [(1, 32), (32, 32), (32, 5)]
    rules = [initializer(name) for name in ("kaiming_normal", "sparse", "xavier_uniform")]
    masks = ([0.5, 0.6, 0.7], Stream(1))
    alone = draw_matrices(shapes, rules, Stream(0), *masks)
    beside = draw_matrices(shapes, [rules[0], Ones(), rules[2]], Stream(0), *masks)
    np.testing.assert_array_equal(alone.matrix(0), beside.matrix(0))
    np.testing.assert_array_equal(alone.matrix(2), beside.matrix(2))
    kept = beside.matrix(1)[beside.matrix(1) != 0]
    assert set(kept) == {np.float32(1 + (Stream(0) / 1).words(1)[0] % 2) / np.float32(0.6)}
    assert len(kept) / 1024 == pytest.approx(0.6, abs=0.06)


def test_matrices_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="these matrices have 6 weights, `out` has 5"):
        _kernel.draw_matrices(np.empty(5, dtype=np.float32), [(2, 3)], [0], KEY)
    with pytest.raises(ValueError, match="1 matrices need as many initialisers and densities"):
        _kernel.draw_matrices(np.empty(6, dtype=np.float32), [(2, 3)], [0, 1], KEY)
    with pytest.raises(ValueError, match="there is no initialiser number 6"):
        _kernel.draw_matrices(np.empty(6, dtype=np.float32), [(2, 3)], [6], KEY)


def test_sizes_whose_product_is_no_size_fit_nothing():
    with pytest.raises(ValueError, match="these matrices have too many weights, `out` has 0"):
        _kernel.draw_matrices(np.empty(0, dtype=np.float32), [(2**32, 2**32)], [0], KEY)


@pytest.mark.parametrize(
    "draw",
    [
        lambda count: _kernel.words(KEY, 0, count),
        lambda count: _kernel.normal(KEY, 0, count),
        lambda count: _kernel.permutation(KEY, 0, count),
        lambda count: _kernel.shares(KEY, 0, count),
        lambda count: _kernel.sines(KEY, 0, count),
        lambda count: _kernel.weights(KEY, 0, count, 1, 1),
        lambda count: _kernel.weights(KEY, 0, 2**32, count, 2**32),
        lambda count: _kernel.series(KEY, 0, count, 1, 1, 0.0, 1.0, 1.0, 1.0, 1.0, 1, 1.0, 0.0),
    ],
)
def test_what_memory_does_not_hold_is_an_error_and_not_the_end_of_the_process(draw):
    with pytest.raises(MemoryError, match="there is no room for"):
        draw(2**60)


@pytest.mark.parametrize("parameter", [0.0, -1.0, np.nan, np.inf])
def test_parameters_of_no_beta_distribution_are_refused(parameter):
    with pytest.raises(ValueError, match="finite parameters above 0"):
        _kernel.beta(KEY, 0, 1, parameter, 1.0)
    with pytest.raises(ValueError, match="finite parameters from 1/2 on"):
        _kernel.beta_quantiles(1.0, parameter)


def test_a_path_that_this_machine_has_not_is_refused(monkeypatch):
    monkeypatch.setenv("PLUREL_KERNEL", "abacus")
    with pytest.raises(ValueError, match=r"PLUREL_KERNEL is .abacus., but this machine has .*plain"):
        initializer("sparse").draw((2, 2), Stream(0))
