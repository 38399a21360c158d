"""Bounds of what a choice may draw: a config that could draw anything else is refused before any work.

Not here: what a choice is (`plurel.config.choices`) and which parameter has which bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from attrs import Attribute

from plurel.config.choices import Choices
from plurel.errors import ConfigError

_REACH = {"normal": (-math.inf, math.inf), "lognormal": (0.0, math.inf), "beta": (0.0, 1.0)}
"""Least and greatest of what the unbounded kinds draw."""


def draws(
    low: float | None = None, high: float | None = None, *, integers: bool = False, above: bool = False
) -> Callable[[Any, Attribute[Any], Choices], None]:
    """A validator of attrs fields that hold a choice of numbers.

    Args:
        low: the least number that may be drawn.
        high: the greatest.
        integers: only integers may be drawn.
        above: `low` itself may not be drawn.

    Example:
        >>> from attrs import define, field
        >>> @define
        ... class Params:
        ...     share: Choices = field(validator=draws(0, 1))
        >>> Params(Choices("range", [0.5, 2]))
        Traceback (most recent call last):
        ...
        plurel.errors.ConfigError: this is drawn from numbers from 0 to 1, got 2 @ $.share
    """
    words = _words(low, high, integers=integers, above=above)

    def check(_: object, attribute: Attribute[Any], choices: Choices) -> None:
        wrong = [item for item in choices.value if not _is_number(item, integers=integers)]
        if not wrong and choices.kind in _REACH:
            reach = _REACH[choices.kind]
            if integers or any(not _fits(end, low, high, above=False) for end in reach):
                raise ConfigError(
                    f"this is drawn from {words}, and a {choices.kind} draws others", f".{attribute.name}"
                )
        elif not wrong:
            wrong = [item for item in choices.value if not _fits(item, low, high, above=above)]
        if wrong:
            raise ConfigError(f"this is drawn from {words}, got {wrong[0]!r}", f".{attribute.name}")

    return check


def _is_number(item: object, *, integers: bool) -> bool:
    return isinstance(item, int if integers else int | float) and not isinstance(item, bool)


def _fits(number: float, low: float | None, high: float | None, *, above: bool) -> bool:
    if low is not None and (number < low or (above and number == low)):
        return False
    return high is None or number <= high


def _words(low: float | None, high: float | None, *, integers: bool, above: bool) -> str:
    words = "integers" if integers else "numbers"
    if low is not None:
        words += f" above {low}" if above else f" from {low}"
    if high is not None:
        return words + f" to {high}"
    return words if low is None or above else words + " upwards"
