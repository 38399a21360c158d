"""The commands of the whole family are of one make: their lines in the help, their numbers, their errors."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cyclopts import App, Parameter

from plurel import _siblings
from plurel.cli import main
from plurel.cli.numbers import whole
from plurel.plugins import Entry, get_ledger

FAMILY = ("plurel-core", "plurel-layouts", "plurel-scm", "plurel-sampler-rs", "plurel-rt")
COMMANDS = [entry for entry in get_ledger().entries("commands") if entry.dist in FAMILY]


def functions(app: App) -> Iterator[Callable[..., Any]]:
    """What a command runs, and what its subcommands run."""
    if app.default_command is not None:
        yield app.default_command
    for name in app:
        if not name.startswith("-"):
            yield from functions(app[name])


def flat(hint: Any) -> Iterator[Any]:
    """A type and all that it is made of, notes included."""
    yield hint
    for part in typing.get_args(hint):
        yield from flat(part)


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_whole_numbers_are_read_as_such(entry: Entry) -> None:
    for function in functions(entry.target()):
        hints = typing.get_type_hints(function, include_extras=True)
        for name in inspect.signature(function).parameters:
            parts = list(flat(hints[name]))
            if int in parts:
                converters = [part.converter for part in parts if isinstance(part, Parameter)]
                assert whole in converters, f"{function.__name__} {name}"


def test_a_command_has_one_line_whether_it_is_installed_or_not() -> None:
    lines = {entry.name: entry.record.summary for entry in COMMANDS}
    for name, (_, words) in _siblings.COMMANDS.items():
        assert lines[name] == words


def test_the_help_is_in_one_style_and_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
    for entry in COMMANDS:
        assert entry.record.summary[0].isupper(), entry.name
        assert not entry.record.summary.endswith("."), entry.name


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_an_option_that_a_command_lacks_is_told_in_a_line(
    entry: Entry, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([entry.name, "--jsn"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: plurel {entry.name} ")
    assert "has no option" in err or "needs" in err
    assert err.count("\n") == 1
