"""How commands end when streams fail, interrupts come, terminals close or are too narrow to read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from plurel.cli import frame, main

AT_EXIT = """
import atexit, os, signal, sys
from plurel.cli import frame, main

def interrupted(tokens):
    raise KeyboardInterrupt

{patch}
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
sys.exit(main())
"""


def _plurel(arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`plurel` as a shell starts it, with the shell's redirections."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -m plurel {arguments}'],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("config presets >&-", 0),
        ("nope 2>&-", 2),
        ("config presets > /dev/full", 1),
        ("nope --json > /dev/full", 2),
        ("nope 2> /dev/full", 2),
    ],
)
def test_streams_that_are_closed_or_full_end_with_a_code_and_no_traceback(arguments: str, code: int) -> None:
    done = _plurel(arguments, PYTHONUNBUFFERED="1" if "json" in arguments else "")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "not foreseen" not in done.stderr


@pytest.mark.parametrize("patch", ["frame._run = interrupted", "frame.run = interrupted"])
def test_a_second_interrupt_on_the_way_out_shows_nothing(patch: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT.format(patch=patch)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_an_interrupt_while_commands_are_imported_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(frame, "run", interrupted)
    assert main(["--help"]) == 130
    assert capsys.readouterr() == ("", "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


@pytest.fixture
def hung_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every command is one whose terminal is closed."""
    if sys.platform == "win32":
        pytest.skip("Windows has no hangup")

    def work(_: object) -> int:
        signal.raise_signal(signal.SIGHUP)
        return 0

    monkeypatch.setattr(frame, "_run", work)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # it may be ignored here, as under nohup
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hung_up")
def test_a_closed_terminal_ends_work_as_a_request_to_end_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 143
    assert capsys.readouterr().err == "terminated\n"


@pytest.mark.usefixtures("hung_up")
def test_work_that_shall_outlive_its_terminal_does() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert main([]) == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_help_on_a_terminal_of_one_column_is_as_on_a_narrow_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "1")
    assert main(["plugins", "list", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= frame.LEAST_WIDTH
    assert any("--kind" in line for line in lines)
    assert os.environ["COLUMNS"] == str(frame.LEAST_WIDTH)
