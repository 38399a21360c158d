"""Blocks on threads: results in the order of the jobs, no more begun than needed, failures as they are."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.generation.threads import Threads


@given(jobs=st.lists(st.integers(), max_size=40), count=st.integers(1, 4))
def test_results_stand_in_the_order_of_the_jobs(jobs, count):
    assert list(Threads(count)(str, jobs)) == [str(job) for job in jobs]


def test_several_jobs_run_at_once():
    together = threading.Barrier(3, timeout=60)
    assert list(Threads(3)(lambda _: together.wait() >= 0, range(3))) == [True] * 3


def test_few_results_wait_for_their_turn():
    begun = []
    results = Threads(2)(begun.append, iter(range(1000)))
    next(results)
    assert len(begun) <= 4
    results.close()
    assert len(begun) <= 4


@pytest.mark.parametrize("count", [1, 3])
def test_what_a_job_raises_is_raised_in_its_place(count):
    results = Threads(count)(lambda job: 1 // job, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
