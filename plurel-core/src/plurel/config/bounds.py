"""What a field may hold, as validators that can be read: they refuse in words, the JSON Schema says the same.

A config that could draw anything beyond its bounds is refused before any work. Not here: what a choice is
(`plurel.config.choices`) and which parameter has which bounds.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from attrs import Attribute, field, frozen

from plurel.config.choices import Choices
from plurel.config.plain import is_finite
from plurel.config.problems import shown
from plurel.errors import ConfigError
from plurel.places import flaw
from plurel.plugins.entries import closest

_REACH: Mapping[str, tuple[float, float]] = {
    "normal": (-math.inf, math.inf),
    "lognormal": (0.0, math.inf),
    "beta": (0.0, 1.0),
}
"""Least and greatest of what the kinds draw that are not given by bounds."""


@frozen
class Bounds:
    """An interval of numbers.

    Attributes:
        low: the least number, None for no bound.
        high: the greatest, likewise.
        integers: whether all of them are integers.
        above: whether `low` itself is outside.
        below: whether `high` itself is outside.
    """

    low: float | None = None
    high: float | None = None
    integers: bool = field(default=False, kw_only=True)
    above: bool = field(default=False, kw_only=True)
    below: bool = field(default=False, kw_only=True)

    def holds(self, value: object) -> bool:
        """Whether a value is a number inside; True and False are no numbers."""
        if not is_finite(value) or (self.integers and not isinstance(value, int)):
            return False
        return self.reaches(value) and not (
            (self.above and value == self.low) or (self.below and value == self.high)
        )

    def reaches(self, end: float) -> bool:
        """Whether a number lies between the bounds, or on one."""
        return (self.low is None or end >= self.low) and (self.high is None or end <= self.high)

    def words(self, what: str) -> str:
        """As in `numbers from 0 to 1`, where `what` is `numbers`."""
        if self.low is not None:
            what += f" above {self.low}" if self.above else f" from {self.low}"
        if self.high is not None:
            what += f" and below {self.high}" if self.below else f" to {self.high}"
        return what if self.low is None or self.high is not None or self.above else f"{what} upwards"


@frozen
class Draws(Bounds):
    """Validator of fields that hold a choice of numbers: all that it may draw lies within the bounds.

    Example:
        >>> from attrs import define, field
        >>> @define
        ... class Params:
        ...     share: Choices = field(validator=Draws(0, 1))
        >>> Params(Choices("range", [0.5, 2]))
        Traceback (most recent call last):
        ...
        plurel.errors.ConfigError: this is drawn from numbers from 0 to 1, got 2 @ $.share
    """

    def allows(self, kind: str) -> bool:
        """Whether a choice of a kind can keep within the bounds."""
        if kind not in _REACH:
            return True
        return not self.integers and all(self.reaches(end) for end in _REACH[kind])

    def __call__(self, _: object, attribute: Attribute[Any], choices: object) -> None:
        """Refuse a choice that could draw something else."""
        place = f".{attribute.name}"
        if not isinstance(choices, Choices):
            raise ConfigError(f"this is a plurel.Choices, got {choices!r}", place)
        words = self.words("integers" if self.integers else "numbers")
        if not self.allows(choices.kind):
            raise ConfigError(f"this is drawn from {words}, and a {choices.kind} draws others", place)
        if choices.kind not in _REACH:
            for item in choices.value:
                if not self.holds(item):
                    raise ConfigError(f"this is drawn from {words}, got {shown(item)}", place)


@frozen
class Within(Bounds):
    """Validator of fields that hold one number within the bounds."""

    def __call__(self, _: object, attribute: Attribute[Any], value: object) -> None:
        """Refuse anything else."""
        if not self.holds(value):
            plain = "a finite number" if isinstance(value, float) and not is_finite(value) else "a number"
            words = self.words("an integer" if self.integers else plain)
            raise ConfigError(f"this is {words}, got {shown(value)}{hint(value)}", f".{attribute.name}")


def hint(value: object) -> str:
    """What to say of a number that is a string: how the number is written, in every form of a config."""
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    digits = value.strip().removeprefix("-")
    mantissa, e, exponent = repr(number).partition("e")
    # YAML takes an exponent after a point only, and with its sign: it reads 1e9 and 1.0e9 as strings.
    real = f"{mantissa}.0{e}{exponent}" if e and "." not in mantissa else repr(number)
    return f" (a string; the number is written {value.strip() if digits.isdecimal() else real})"


@frozen
class DrawsWords:
    """Validator of fields that hold a set of words.

    Attributes:
        words: the words that there are.
    """

    words: tuple[str, ...]

    def __call__(self, _: object, attribute: Attribute[Any], choices: Choices) -> None:
        """Refuse a choice that could draw something else."""
        what = f"this is a set of {', '.join(self.words)}"
        if choices.kind != "set":
            raise ConfigError(f"{what}; got a {choices.kind}", f".{attribute.name}")
        for item in choices.value:
            if item not in self.words:
                near = closest(str(item), self.words)
                raise ConfigError(f"{what}; got {shown(item)}{near}", f".{attribute.name}")


@frozen
class OneOf:
    """Validator of fields that hold one of some words.

    Attributes:
        words: the words that there are.
    """

    words: tuple[str, ...]

    def __call__(self, _: object, attribute: Attribute[Any], value: object) -> None:
        """Refuse another value."""
        if not isinstance(value, str) or value not in self.words:
            what = f"this is one of {', '.join(self.words)}"
            raise ConfigError(
                f"{what}; got {shown(value)}{closest(str(value), self.words)}", f".{attribute.name}"
            )


@frozen
class Only:
    """Validator of the field that says which form a config has.

    Attributes:
        version: the one that this version of plurel reads.
    """

    version: int

    def __call__(self, _: object, attribute: Attribute[Any], value: object) -> None:
        """Refuse another one."""
        if type(value) is not int or value != self.version:
            raise ConfigError(
                f"this version reads {attribute.name} {self.version}, got {shown(value)}",
                f".{attribute.name}",
            )


@frozen
class Day:
    """Validator of fields that hold a day, as in `1990-01-31`."""

    def __call__(self, _: object, attribute: Attribute[Any], value: object) -> None:
        """Refuse another value."""
        try:
            canonical = isinstance(value, str) and dt.date.fromisoformat(value).isoformat() == value
        except ValueError:
            canonical = False
        if not canonical:
            raise ConfigError(f"this is a day as in 1990-01-31, got {shown(value)}", f".{attribute.name}")


@frozen
class Place:
    """Validator of fields that hold the path of a file or a folder."""

    def __call__(self, _: object, attribute: Attribute[Any], value: object) -> None:
        """Refuse another value, and what no disk could hold."""
        if not isinstance(value, str):
            raise ConfigError(f"this is a path, got {shown(value)}", f".{attribute.name}")
        reason = flaw(value)
        if reason is not None:
            raise ConfigError(f"this path {reason}", f".{attribute.name}")


@frozen
class Chooses:
    """Validator of fields that choose among contributions: a set of names, or of names with parameters.

    Attributes:
        contributions: the kind of them, as in `layouts`.
    """

    contributions: str

    def __call__(self, _: object, attribute: Attribute[Any], choices: Choices) -> None:
        """Refuse numbers, and kinds that draw numbers."""
        what = f"this chooses among {self.contributions} by name"
        if choices.kind != "set":
            raise ConfigError(f"{what}, got a {choices.kind}", f".{attribute.name}")
        for item in choices.value:
            if not isinstance(item, str | Mapping):
                raise ConfigError(f"{what}, got {shown(item)}", f".{attribute.name}")


def single(validator: Any) -> Iterator[Any]:
    """The single validators of attrs' combinations of them."""
    several = getattr(validator, "_validators", None)
    inner = getattr(validator, "validator", None)
    if several is None and inner is None:
        yield from () if validator is None else (validator,)
    for each in several or (inner,):
        yield from () if each is None else single(each)


def refusal(attribute: Attribute[Any], value: object) -> ConfigError | None:
    """What the validators of this module have against a value of a field, before any conversion.

    Days that no text holds are left to the conversion.
    """
    if isinstance(value, dt.date) or (value is None and type(None) in get_args(attribute.type)):
        return None
    for check in single(attribute.validator):
        if isinstance(check, Within | OneOf | Day | Place | Only):
            try:
                check(None, attribute, value)
            except ConfigError as error:
                return error
    return None
