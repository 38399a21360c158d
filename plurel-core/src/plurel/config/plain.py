"""Plain data: what a config file can hold, and what comes back from one as it was written.

Not here: what a value means (`plurel.config.choices`, `plurel.config.bounds`).
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, TypeGuard

from plurel.config.problems import shown
from plurel.errors import ConfigError

WIDEST = 1 << 63
"""Integers of a config lie from minus this to below this: TOML promises no more."""


def is_finite(value: object) -> TypeGuard[int | float]:
    """Whether a value is a number that floats can hold; True and False are no numbers."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def moment_text(moment: dt.date) -> str:
    """A day as its text, a moment at midnight as the text of its day, any other moment whole."""
    if moment != moment:  # pandas' NaT: it calls itself a moment and has no time
        return str(moment)
    if isinstance(moment, dt.datetime) and moment.time() == dt.time():
        moment = moment.date()
    return moment.isoformat()


def check_plain(value: Any, path: str) -> None:
    """Refuse what no config file could hold, and what would not be read back as it was written.

    Args:
        value: strings, numbers, True, False, None, and lists and dictionaries of them.
        path: where it stands.

    Raises:
        ConfigError: for anything else.
    """
    if callable(value):
        name = getattr(value, "__name__", type(value).__name__)
        raise ConfigError(
            f"a config holds names, not callables: write the name of what plurel plugins list shows, or "
            f"register {name} as a plugin (a hook that yields a record with factory={name}; see "
            "plurel.plugins.hookspecs) and write its name",
            path,
        )
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ConfigError(f"a parameter has a name, got {key!r}", path)
            check_plain(item, f"{path}.{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            check_plain(item, f"{path}[{place}]")
    elif isinstance(value, str):
        check_text(value, path)
    elif value is not None and not isinstance(value, int | float):
        raise ConfigError(f"a config holds names, numbers, lists and mappings, got {shown(value)}", path)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"a value is finite, got {shown(value)}", path)
    elif isinstance(value, int) and not -WIDEST <= value < WIDEST:
        raise ConfigError(f"the integers of a config have 64 bits, got {shown(value)}", path)


def check_text(value: str, path: str) -> None:
    """Refuse a text that no file in UTF-8 could hold.

    Raises:
        ConfigError: for one.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ConfigError(f"a text is Unicode without lone surrogates, got {shown(value)}", path) from None
