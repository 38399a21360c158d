"""The built-in executor: all results, from one process or several, and the first failure as itself."""

from __future__ import annotations

import operator
import os

import pytest

from plurel.config import Choices
from plurel.errors import ConfigError
from plurel.generation.executor import Processes, ProcessesParams, available_cores


@pytest.mark.parametrize("num_proc", [1, 2])
def test_every_job_has_its_result(num_proc):
    executor = Processes(ProcessesParams(num_proc=num_proc))
    assert sorted(executor.map(operator.neg, range(5))) == [-4, -3, -2, -1, 0]


def test_no_jobs_have_no_results():
    assert list(Processes().map(operator.neg, [])) == []


@pytest.mark.parametrize("num_proc", [1, 2])
def test_a_failing_job_raises_its_own_error(num_proc):
    executor = Processes(ProcessesParams(num_proc=num_proc))
    with pytest.raises(ConfigError, match="a value is a name"):
        list(executor.map(Choices.constant, ["relu", [1], [2]]))


def test_without_a_number_there_is_a_process_a_core():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match="num_proc"):
        ProcessesParams(num_proc=0)
