"""Configs from and to plain data, strictly: unknown keys and wrong types are errors with a path.

Used for `plurel.Config` and for the config class of every contribution. Not here: reading files
(`plurel.config.files`) and knowing names (`plurel.config.resolution`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import attrs

from plurel.config.bounds import hint, refusal
from plurel.config.choices import Choices, as_choices
from plurel.config.choices import unstructure as unstructure
from plurel.config.plain import moment_text
from plurel.config.problems import PairError, joined, shown, unknown_key
from plurel.errors import ConfigError
from plurel.plugins.entries import closest

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_SCALARS: Mapping[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "an integer"),
    float: ((float, int), "a number"),
    str: ((str,), "a string"),
}


def structure(data: object, cls: type[T]) -> T:
    """An instance of an attrs class from plain data.

    Args:
        data: mappings, lists, strings, numbers, booleans and None, as YAML or JSON give them.
        cls: the attrs class.

    Raises:
        ConfigError: naming the values that do not fit, each with its path; `problems` holds all of them.
    """
    try:
        return _converter().structure(data, cls)
    except Exception as error:
        raise joined(list(_problems(error, ""))) from None


class _BreachesError(Exception):
    """What is wrong with one mapping, each with its path."""

    def __init__(self, problems: list[ConfigError]) -> None:
        super().__init__(problems)
        self.problems = problems


@cache
def _converter() -> Converter:
    import cattrs
    from cattrs.strategies import configure_union_passthrough

    converter = cattrs.Converter(detailed_validation=True)
    configure_union_passthrough(str | int | float | bool | None, converter)
    converter.register_structure_hook_factory(attrs.has, lambda cls: _class_hook(cls, converter))
    for scalar, (accepted, words) in _SCALARS.items():
        converter.register_structure_hook(scalar, _scalar_hook(scalar, accepted, words))
    converter.register_structure_hook_func(_is_literal, _one_of)
    converter.register_structure_hook(Choices, lambda data, _: as_choices(data))
    return converter


def _class_hook(cls: type[attrs.AttrsInstance], converter: Converter) -> Callable[[Any, Any], Any]:
    items = {item.alias: item for item in attrs.fields(attrs.resolve_types(cls)) if item.init}
    containers = _containers(cls)

    def hook(data: Any, _: Any) -> Any:
        if isinstance(data, cls):
            return data
        if not isinstance(data, Mapping):
            raise ConfigError(f"this is a mapping, got {shown(data)}")
        problems = [unknown_key(key, items) for key in sorted(map(str, data)) if key not in items]
        values: dict[str, Any] = {}
        lacking = False
        for key, item in items.items():
            if key not in data:
                if item.default is attrs.NOTHING:
                    problems.append(ConfigError(f"the key {key!r} is missing", ""))
                    lacking = True
                continue
            value = data[key]
            known = refusal(item, value)  # before any conversion, in the words that Python gets too
            if known is not None:
                problems.append(known)
                lacking = lacking or item.default is attrs.NOTHING
                continue
            try:
                if key in containers and value is not None and not isinstance(value, containers[key][0]):
                    raise ConfigError(f"this is {containers[key][1]}, got {shown(value)}")
                values[key] = converter.structure(value, Any if item.type is None else item.type)
            except Exception as error:
                problems += _problems(error, f".{key}")
                lacking = lacking or item.default is attrs.NOTHING
        made = None if lacking else _made(cls, values, problems)
        if problems:
            raise _BreachesError(problems)
        return made

    return hook


def _made(cls: type[attrs.AttrsInstance], values: dict[str, Any], problems: list[ConfigError]) -> Any:
    """An instance, or what its class has against each of the values, added to the problems."""
    refused = _refusal(cls, values)
    if refused is None:
        return cls(**values)
    needed = {item.alias for item in attrs.fields(cls) if item.init and item.default is attrs.NOTHING}
    suspects = [key for key in values if _refusal(cls, _only(values, needed | {key})) is not None]
    blamed = False
    for key in suspects:
        error = _refusal(cls, _only(values, (values.keys() - set(suspects)) | needed | {key}))
        if error is not None and not isinstance(error, PairError):
            problems += _problems(error, "" if _has_place(error) else f".{key}")
            blamed = True
    if not blamed and not problems:
        problems += _problems(refused, "")
    return None


def _refusal(cls: type[attrs.AttrsInstance], values: Mapping[str, Any]) -> Exception | None:
    try:
        cls(**values)
    except Exception as error:
        return error
    return None


def _only(values: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in keys}


def _has_place(error: Exception) -> bool:
    return isinstance(error, ConfigError) and error.path is not None


def _containers(cls: type[attrs.AttrsInstance]) -> dict[str, tuple[tuple[type, ...], str]]:
    """The fields of a class that hold lists or mappings; unchecked, a string passes as a list of letters."""
    found: dict[str, tuple[tuple[type, ...], str]] = {}
    for item in attrs.fields(attrs.resolve_types(cls)):
        members = [item.type, *get_args(item.type)] if type(None) in get_args(item.type) else [item.type]
        origins: list[Any] = [get_origin(member) for member in members]
        for origin in origins:
            if isinstance(origin, type) and issubclass(origin, Mapping):
                found[item.alias] = (Mapping,), "a mapping"
            elif isinstance(origin, type) and issubclass(origin, Collection):
                found[item.alias] = (list, tuple), "a list"
    return found


def _scalar_hook(scalar: type, accepted: tuple[type, ...], words: str) -> Callable[[Any, Any], Any]:
    def hook(data: Any, _: Any) -> Any:
        if isinstance(data, accepted) and (scalar is bool or not isinstance(data, bool)):
            return _converted(data, scalar)
        if scalar is str and isinstance(data, dt.date):  # YAML and TOML read days without quotes as days
            return moment_text(data)
        raise ConfigError(f"this is {words}, got {shown(data)}{hint(data)}")

    return hook


def _is_literal(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is Literal


def _one_of(data: Any, literal: Any) -> Any:
    for member in get_args(literal):
        if type(data) is type(member) and data == member:
            return member
    known = list(map(str, get_args(literal)))
    near = closest(data, known) if isinstance(data, str) else ""
    raise ConfigError(f"this is one of {', '.join(known)}; got {shown(data)}{near}")


def _converted(data: Any, scalar: type) -> Any:
    """The value as the scalar's own type; a number that no float holds is none."""
    try:
        value = scalar(data)
    except OverflowError:
        value = math.inf
    if scalar is float and not math.isfinite(value):
        raise ConfigError(f"this is a finite number, got {shown(value)}")
    return value


def _problems(error: BaseException, path: str) -> Iterator[ConfigError]:
    """Every leaf of an error as one of ours, with its path."""
    from cattrs import IterableValidationError

    if isinstance(error, _BreachesError):
        yield from (problem.within(path) for problem in error.problems)
    elif isinstance(error, ConfigError):
        yield error.within(path) if error.path is not None or path else error
    elif isinstance(error, IterableValidationError):
        placed, others = error.group_exceptions()
        for inner, place in placed:
            yield from _problems(inner, f"{path}[{place.index!r}]")
        for inner in others:
            yield from _problems(inner, path)
    else:
        yield ConfigError(str(error.args[0] if error.args else error) or type(error).__name__, path)
