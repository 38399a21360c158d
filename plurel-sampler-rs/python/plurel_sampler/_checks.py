"""Whether arguments and fields of records hold what their annotations say.

Not here: whether names lead anywhere and numbers fit together, which is known where they are used.
"""

from __future__ import annotations

import os
import reprlib
from collections.abc import Mapping, Sequence
from numbers import Integral
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from plurel_sampler.errors import SamplerError


def check(name: str, value: object, hint: Any, error: type[SamplerError]) -> None:
    """Raises ``error`` unless a value is of a type; hints that are not known here hold for anything.

    Example:
        >>> from plurel_sampler.errors import BuildError
        >>> check("Table.primary_key", 7, str | None, BuildError)
        Traceback (most recent call last):
        plurel_sampler.errors.BuildError: Table.primary_key is 7; expected str or None
    """
    if not _holds(value, hint):
        raise error(f"{name} is {reprlib.repr(value)}; expected {_words(hint)}")


def check_range(name: str, value: int, low: int, high: int, error: type[SamplerError]) -> None:
    """Raises ``error`` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise error(f"{name} is {value}; expected {low} to {high}")


def check_fields(record: object, error: type[SamplerError]) -> None:
    """Raises ``error`` unless every field of a record is of its type; integers and words become Python's."""
    kind = type(record)
    for name, hint in get_type_hints(kind).items():
        value = getattr(record, name)
        check(f"{kind.__name__}.{name}", value, hint, error)
        if hint is int and type(value) is not int:
            object.__setattr__(record, name, int(value))  # the record is frozen, but not made yet
        elif isinstance(value, str) and type(value) is not str:
            object.__setattr__(record, name, str(value))


def _holds(value: object, hint: Any) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if origin in (Union, UnionType):
        return any(_holds(value, argument) for argument in arguments)
    if origin is Sequence:
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str)
            and all(_holds(item, arguments[0]) for item in value)
        )
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _holds(key, arguments[0]) and _holds(item, arguments[1]) for key, item in value.items()
        )
    if hint is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    return not isinstance(hint, type) or isinstance(value, hint)


def _words(hint: Any) -> str:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return ", ".join(arguments)
    if origin in (Union, UnionType):
        return " or ".join(_words(argument) for argument in arguments)
    if origin is Sequence:
        return f"a sequence of ({_words(arguments[0])})"
    if origin is Mapping:
        return f"a mapping from ({_words(arguments[0])}) to ({_words(arguments[1])})"
    if hint is NoneType:
        return "None"
    if hint is os.PathLike:
        return "a path"
    return getattr(hint, "__name__", str(hint))
