"""How a config is refused: keys that nobody knows, values that do not fit each other, many breaches at once.

Not here: which values fit (`plurel.config.params`, `plurel.config.bounds`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import attrs

from plurel.errors import ConfigError, RequestError
from plurel.plugins.entries import closest

C = TypeVar("C", bound=type[attrs.AttrsInstance])

_LONGEST = 80

SHOWN = 5
"""How many breaches one message names; the command that checks a config lists all."""


class PairError(ConfigError):
    """Two values that do not fit each other; no news where one of them is wrong by itself."""


def shown(value: object) -> str:
    """A value as a message shows it: as Python writes it, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of more than 4,300 digits
        return "an integer of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def unknown_key(key: str, known: Iterable[str], path: str = "") -> ConfigError:
    """The error for a key that a config does not have."""
    known = list(known)
    hint = closest(key, known) or f"; known: {', '.join(known)}"
    return ConfigError(f"unknown key {key!r}{hint}", path)


def words_of(problems: Sequence[object]) -> list[str]:
    """The first few in words, and how many more there are."""
    words = [str(problem) for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        words.append(f"and {len(problems) - SHOWN} more")
    return words


def joined(problems: Sequence[ConfigError]) -> ConfigError:
    """One error for all, as itself if it is alone."""
    if len(problems) == 1:
        return problems[0]
    error = ConfigError("; ".join(words_of(problems)))
    error.problems = tuple(problems)
    return error


def each(error: RequestError) -> tuple[RequestError, ...]:
    """The breaches that an error tells of: itself, or those that were joined in it."""
    return error.problems or (error,)


def known_keywords(cls: C) -> C:
    """Class decorator: a keyword that an attrs class lacks is refused as a file's key is, with the closest.

    Python's own TypeError would not say which keyword is close; nor, where a class takes keywords only, which
    one a value without a name might have.
    """
    init: Any = cls.__init__
    items = [item for item in attrs.fields(cls) if item.init]
    known = [item.alias or item.name for item in items]
    named = all(item.kw_only for item in items)

    @functools.wraps(init)
    def checked(self: Any, *places: Any, **values: Any) -> None:
        if places and named:
            raise ConfigError(
                f"{cls.__name__} takes values by name, as {known[0]}=..., got {shown(places[0])}"
            )
        for key in values:
            if key not in known:
                raise unknown_key(key, known)
        init(self, *places, **values)

    cls.__init__ = checked  # type: ignore[method-assign]
    return cls
