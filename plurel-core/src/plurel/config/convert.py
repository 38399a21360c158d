"""Configs from and to plain data, strictly: unknown keys and wrong types are errors with a path.

Used for `plurel.Config` and for the config class of every contribution. Not here: reading files
(`plurel.config.files`) and knowing names (`plurel.config.resolution`).
"""

from __future__ import annotations

import datetime as dt
import difflib
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import attrs

from plurel.config.choices import Choices, as_choices
from plurel.config.choices import unstructure as unstructure
from plurel.errors import ConfigError

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
        ConfigError: naming every value that does not fit, each with its path.
    """
    try:
        return _converter().structure(data, cls)
    except Exception as error:
        problems = list(_problems(error, ""))
        if len(problems) == 1:
            raise problems[0] from None
        raise ConfigError("; ".join(map(str, problems))) from None


@cache
def _converter() -> Converter:
    import cattrs
    from cattrs.gen import make_dict_structure_fn
    from cattrs.strategies import configure_union_passthrough

    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)

    def of_class(cls: type[attrs.AttrsInstance]) -> Callable[[Any, Any], Any]:
        fill = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)
        containers = _containers(cls)

        def hook(data: Any, target: Any) -> Any:
            if isinstance(data, cls):
                return data
            if not isinstance(data, Mapping):
                raise ConfigError(f"this is a mapping, got {data!r}")
            for key, (accepted, words) in containers.items():
                if data.get(key) is not None and not isinstance(data[key], accepted):
                    raise ConfigError(f"this is {words}, got {data[key]!r}", f".{key}")
            return fill(data, target)

        return hook

    configure_union_passthrough(str | int | float | bool | None, converter)
    converter.register_structure_hook_factory(attrs.has, of_class)
    for scalar, (accepted, words) in _SCALARS.items():
        converter.register_structure_hook(scalar, _scalar_hook(scalar, accepted, words))
    converter.register_structure_hook(Choices, lambda data, _: as_choices(data))
    return converter


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
            return data.isoformat()
        hint = ""
        if isinstance(data, str) and scalar in (int, float) and _looks_numeric(data):
            hint = " (a string: YAML reads 1e-3 as one, write 1.0e-3)"
        raise ConfigError(f"this is {words}, got {data!r}{hint}")

    return hook


def _converted(data: Any, scalar: type) -> Any:
    """The value as the scalar's own type; a number that no float holds is none."""
    try:
        value = scalar(data)
    except OverflowError:
        value = math.inf
    if scalar is float and not math.isfinite(value):
        raise ConfigError(f"this is a finite number, got {value!r}")
    return value


def _looks_numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _problems(error: BaseException, path: str) -> Iterator[ConfigError]:
    """Every leaf of a cattrs error as one of ours, with its path."""
    from cattrs import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

    if isinstance(error, ConfigError):
        yield error.within(path) if error.path is not None or path else error
    elif isinstance(error, ForbiddenExtraKeysError):
        known = [str(item.alias) for item in attrs.fields(error.cl)]
        for key in sorted(map(str, error.extra_fields)):
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"closest: {close[0]}" if close else f"known: {', '.join(known)}"
            yield ConfigError(f"unknown key {key!r}; {hint}", path)
    elif isinstance(error, ClassValidationError):
        noted, bare = error.group_exceptions()
        for inner, note in noted:
            yield from _problems(inner, f"{path}.{note.name}")
        for inner in bare:
            yield from _problems(inner, path)
    elif isinstance(error, IterableValidationError):
        placed, others = error.group_exceptions()
        for inner, place in placed:
            yield from _problems(inner, f"{path}[{place.index!r}]")
        for inner in others:
            yield from _problems(inner, path)
    else:
        yield ConfigError(str(error.args[0] if error.args else error) or type(error).__name__, path)
