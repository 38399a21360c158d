"""The built-in executor: all results, from one process or several, and the first failure as itself."""

from __future__ import annotations

import operator
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from plurel.config import Choices
from plurel.errors import ConfigError, GenerationError
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


def _hold(fifo: str) -> None:
    """A job that says that it is there and then waits for somebody who never comes."""
    with Path(fifo).open("w") as here:
        here.write("x")
        here.flush()
        threading.Event().wait()


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_starter(sent, tmp_path):
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    script = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from {Path(__file__).stem} import Processes, ProcessesParams, _hold\n"
        "if __name__ == '__main__':\n"
        f"    list(Processes(ProcessesParams(num_proc=2)).map(_hold, [{str(fifo)!r}] * 3))\n"
    )
    (tmp_path / "starter.py").write_text(script)
    starter = subprocess.Popen([sys.executable, tmp_path / "starter.py"], stderr=subprocess.DEVNULL)
    with fifo.open("rb", buffering=0) as alive:
        while alive.read(1) != b"x":
            pass
        starter.send_signal(sent)
        starter.wait()
        said = b"x"
        while said:  # until nobody holds the other end any more
            ready, _, _ = select.select([alive], [], [], 60)
            assert ready, "a process still works for a starter that is gone"
            said = alive.read(1)


def test_a_process_that_dies_is_told_as_one():
    with pytest.raises(GenerationError, match="one of the processes died"):
        list(Processes(ProcessesParams(num_proc=2)).map(_die, range(2)))
