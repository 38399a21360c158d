"""The frame around commands: the help of all, finding one, running it, exit codes.

Only the ledger is loaded before a command is known, so that `plurel --help` is quick; cyclopts comes with
the command. Not here: any command.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from plurel import _siblings
from plurel.cli import errors, ignore_interrupts
from plurel.errors import NotInstalledError, PluginError, PluginWarning, UnknownNameError
from plurel.plugins.entries import Entry, closest
from plurel.plugins.ledger import Ledger, get_ledger

if TYPE_CHECKING:
    from cyclopts import App

_HELP = ("--help", "-h")


LEAST_WIDTH = 40
"""Columns that a terminal has at least, whatever it says: in fewer, help folds to letters or never ends."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; `plurel.cli.main` says how."""
    _open_closed_streams()
    _widen()
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    options = tokens[: tokens.index("--")] if "--" in tokens else tokens
    with_traceback, as_json = "--traceback" in options, "--json" in options
    if with_traceback:
        tokens.remove("--traceback")
    try:
        with warnings.catch_warnings(), _interrupted_by_termination():
            _say_plugin_warnings()
            code = _run(tokens)
            sys.stdout.flush()  # here an output that cannot be written is an error like any other
            return code
    except (Exception, KeyboardInterrupt) as error:
        if arguments is None and isinstance(error, KeyboardInterrupt):
            ignore_interrupts()
        if with_traceback:
            import traceback

            traceback.print_exception(error)
        return errors.report(error, as_json=as_json)


def _run(tokens: list[str]) -> int:
    ledger = get_ledger()
    if not tokens or tokens[0] in _HELP:
        sys.stdout.write(_help(ledger))
        return 0
    if tokens[0] == "--version":
        sys.stdout.write(f"plurel {metadata.version('plurel-core')}\n")
        return 0
    entry = find_command(ledger, tokens[0])
    result = _app(entry)(
        [entry.name, *map(_with_hyphens, _up_to_separator(tokens[1:])), *_from_separator(tokens)],
        exit_on_error=False,
        print_error=False,
        result_action="return_value",
    )
    return result if type(result) is int else 0


def _open_closed_streams() -> None:
    """Somewhere to write to for a process that was started without an output."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as we run
            setattr(sys, name, stream)


def _widen() -> None:
    """Tell a terminal that is too narrow to read, or claims to be, as one of the least width."""
    if shutil.get_terminal_size().columns < LEAST_WIDTH:
        os.environ["COLUMNS"] = str(LEAST_WIDTH)


@contextmanager
def _interrupted_by_termination() -> Iterator[None]:
    """A request to end is an interrupt, so that work cleans up after itself; only a main thread gets any.

    A terminal that is closed asks so too, unless the process is to outlive it (`nohup`).
    """

    def terminate(*_: object) -> NoReturn:
        raise errors.Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, terminate)}
    hangup = getattr(signal, "SIGHUP", None)  # Windows has none
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:
        before[hangup] = signal.signal(hangup, terminate)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def find_command(ledger: Ledger, name: str) -> Entry:
    """The command of a name.

    Raises:
        NotInstalledError: for one that a sibling would bring.
        UnknownNameError: for one that nobody knows.
    """
    try:
        return ledger.find("commands", name)
    except UnknownNameError:
        missing = {sibling: owner for sibling, (owner, _) in _missing_commands(ledger).items()}
        if name in missing:
            raise NotInstalledError(
                f"plurel {name} comes with {missing[name]}, which is not installed: "
                f"{_siblings.install_line(missing[name])}"
            ) from None
        known = [entry.name for entry in ledger.entries("commands")] + list(missing)
        what = "option" if name.startswith("-") else "command"
        words = f"unknown {what} {name!r}{closest(name, known)}; plurel --help lists the commands"
        raise UnknownNameError(words, ledger.absences) from None


def _app(entry: Entry) -> App:
    """The command's app under `plurel`, so that usage lines are whole."""
    from cyclopts import App

    from plurel.cli.arguments import check_places

    command = entry.target()
    if not isinstance(command, App):
        raise PluginError(
            f"command {entry.id}: factory must be a cyclopts App, got a {type(command).__name__}"
        )
    frame = App(
        name="plurel",
        help_flags=list(_HELP),
        version_flags=[],
        suppress_keyboard_interrupt=False,
        config=check_places,
    )
    frame.command(command, name=entry.name)
    return frame


def _missing_commands(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """Commands of siblings that are not installed: by name the distribution and the summary."""
    present = {entry.name for entry in ledger.entries("commands")}
    return {
        name: (owner, summary)
        for name, (owner, summary) in _siblings.COMMANDS.items()
        if name not in present and not _siblings.is_installed(owner)
    }


def _help(ledger: Ledger) -> str:
    entries = ledger.entries("commands")
    names = [entry.name for entry in entries]
    present = [
        (entry.name if names.count(entry.name) == 1 else entry.id, entry.record.summary) for entry in entries
    ]
    missing = _missing_commands(ledger)
    width = max((len(name) for name, _ in [*present, *missing.items()]), default=0)
    lines = [
        "plurel: relational databases with known causes, and models that learn from them",
        "",
        "Usage: plurel COMMAND [OPTIONS]",
        "       plurel COMMAND --help",
        "",
        "Commands:",
        *(f"  {name.ljust(width)}  {summary}" for name, summary in present),
    ]
    for owner in sorted({owner for owner, _ in missing.values()}):
        lines += [
            "",
            f"Not installed ({_siblings.install_line(owner)}):",
            *(f"  {name.ljust(width)}  {words}" for name, (dist, words) in missing.items() if dist == owner),
        ]
    lines += [
        "",
        "Options of every command:",
        "  --help, -h    what it does and takes",
        "  --traceback   show where an error happened",
        "Options of plurel: --help, --version",
    ]
    return "\n".join(lines) + "\n"


def _up_to_separator(tokens: list[str]) -> list[str]:
    return tokens[: tokens.index("--")] if "--" in tokens else tokens


def _from_separator(tokens: list[str]) -> list[str]:
    return tokens[tokens.index("--") :] if "--" in tokens else []


def _with_hyphens(token: str) -> str:
    """`--num_proc` as `--num-proc`: both spellings are accepted."""
    if not token.startswith("--"):
        return token
    option, equals, value = token.partition("=")
    return option.replace("_", "-") + equals + value


def _say_plugin_warnings() -> None:
    """Warnings as one line each on stderr, for people and not for programmers; plugins' by the first rank."""
    later_rank = os.environ.get("RANK", "0") != "0"  # a launcher started this command several times
    warnings.filterwarnings("ignore" if later_rank else "always", category=PluginWarning)

    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if str(message) not in said:
            said.add(str(message))
            sys.stderr.write(f"warning: {message}\n")

    warnings.showwarning = show
