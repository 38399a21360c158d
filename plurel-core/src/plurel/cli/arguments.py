"""A command line that its command cannot take, in our words: what is wrong, where, what would be right.

cyclopts finds most mistakes; its words differ between its versions, so only what it found is read here. Not
here: what a command itself refuses.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import cyclopts

from plurel.errors import RequestError
from plurel.places import flaw
from plurel.plugins.entries import closest

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError
    from cyclopts.argument import Argument, ArgumentCollection

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}


def explain(error: CycloptsError) -> str:
    """The error as one sentence or two.

    Args:
        error: what cyclopts raised for a command line.
    """
    command = " ".join(["plurel", *(error.command_chain or ())])
    explained = _EXPLANATIONS.get(type(error))
    words = None if explained is None else explained(error, command)
    error.verbose = False
    return words or f"{' '.join(str(error).split())} ({command} --help shows what it takes)"


def check_places(_: App, names: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Refuse paths that nothing can lie at, of every command, before it runs (a `config` of cyclopts).

    Args:
        names: the command's, below `plurel`.
        arguments: what it takes, with what was given for each.

    Raises:
        RequestError: for the first of them.
    """
    for argument in arguments:
        if Path in (argument.hint, *get_args(argument.hint)):
            for token in argument.tokens:
                reason = flaw(token.value)
                if reason is not None:
                    place = token.keyword or _name(argument)
                    raise RequestError(f"{' '.join(['plurel', *names])}: the path {place} {reason}")


def _unknown_option(error: cyclopts.UnknownOptionError, command: str) -> str:
    option = (error.token.keyword or error.token.value).partition("=")[0]
    known = [name for argument in error.argument_collection for name in argument.names]
    near = closest(option, known) or f"; {command} --help shows its options"
    return f"{command} has no option {option}{near}"


def _unknown_command(error: Any, command: str) -> str:
    name = error.unused_tokens[0]
    known = [each for each in error.app or () if not each.startswith("-")]
    what = "option" if name.startswith("-") else "command"
    return f"{command} has no {what} {name!r}; known: {', '.join(known)}{closest(name, known)}"


def _unused(error: cyclopts.UnusedCliTokensError, command: str) -> str:
    rest = " ".join(error.unused_tokens or ())
    return f"{command} cannot take {rest!r} as well; {command} --help shows what it takes"


def _missing(error: cyclopts.MissingArgumentError, command: str) -> str | None:
    if error.argument is None:
        return None
    name = _name(error.argument)
    if error.keyword is not None or error.argument.tokens:
        return f"{command}: {error.keyword or name} needs a value: {_expected(error.argument.hint)}"
    stray = [token.partition("=")[0] for token in error.unused_tokens or () if token.startswith("--")]
    for option in stray:
        if option not in error.argument.names and closest(option, [name]):
            return f"{command} has no option {option}{closest(option, [name])}"
    return f"{command} needs {name}; {command} --help shows what it takes"


def _repeated(error: cyclopts.RepeatArgumentError, command: str) -> str:
    return f"{command}: {error.token.keyword} stands twice; it is given once"


def _unreadable(error: cyclopts.CoercionError, command: str) -> str | None:
    if error.argument is None or error.token is None:
        return None
    place = f"{command}: {error.token.keyword or _name(error.argument)}"
    if error.msg is not None:  # of a converter of ours, which says what it expected and got
        return f"{place}: {error.msg}"
    value, hint = error.token.value, error.argument.hint
    return f"{place}: expected {_expected(hint)}, got {value!r}{closest(value, _choices(hint))}"


def _refused(error: cyclopts.ValidationError, command: str) -> str | None:
    if error.argument is None or not error.argument.tokens:
        return None
    token = error.argument.tokens[0]
    reason = error.exception_message.rstrip(".")
    reason = reason[:1].lower() + reason[1:]
    return f"{command}: {token.keyword or _name(error.argument)}: {reason}, got {token.value!r}"


def _name(argument: Argument) -> str:
    """What the help calls it: `--out`, or `NAME` for one that is given by its place."""
    return argument.name if argument.index is None else argument.name.lstrip("-").upper()


def _expected(hint: Any) -> str:
    choices = _choices(hint)
    if choices:
        return f"one of {', '.join(choices)}"
    plain = next((member for member in (hint, *get_args(hint)) if member in _WORDS), None)
    return "a path" if plain is None else _WORDS[plain]


def _choices(hint: Any) -> list[str]:
    literals = [member for member in (hint, *get_args(hint)) if get_origin(member) is Literal]
    return [str(choice) for literal in literals for choice in get_args(literal)]


_EXPLANATIONS: dict[type, Any] = {
    cyclopts.UnknownOptionError: _unknown_option,
    cyclopts.UnknownCommandError: _unknown_command,
    cyclopts.UnusedCliTokensError: _unused,
    cyclopts.MissingArgumentError: _missing,
    cyclopts.RepeatArgumentError: _repeated,
    cyclopts.CoercionError: _unreadable,
    cyclopts.ValidationError: _refused,
}
