"""A contribution's parameters: as people read them, and whether they come back from a config file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from plurel.plugins.entries import Entry, one_line


@frozen(kw_only=True)
class Parameter:
    """One parameter of a contribution.

    Attributes:
        name: how configs call it.
        type: its type, as one would write it.
        default: its default as plain data, or as Python writes it where it is none; None where it has none.
        required: it has no default, so that configs must give it.
        about: what the class's docstring says of it under "Attributes"; empty where it says nothing.
    """

    name: str
    type: str
    default: Any
    about: str
    required: bool = False


def describe_parameters(entry: Entry) -> list[Parameter]:
    """The parameters of a contribution, in the order of its config class.

    Raises:
        PluginError: where the reference to its config class leads nowhere.
        ConfigError: where a default does not fit.
    """
    from plurel.config.schema import field_words

    config_class = entry.config_class()
    if config_class is None:
        return []
    items = attrs.fields(attrs.resolve_types(config_class))
    defaults = _defaults(entry, items)
    said = field_words(config_class)
    return [
        Parameter(
            name=item.alias,
            type=_type_words(item.type),
            default=_shown(defaults.get(item.alias)),
            about=said.get(item.name, ""),
            required=item.default is attrs.NOTHING,
        )
        for item in items
    ]


def _defaults(entry: Entry, items: tuple[attrs.Attribute[Any], ...]) -> dict[str, Any]:
    """The defaults by name: those of an instance, or of each field where no instance can be made."""
    from plurel.config.choices import unstructure

    if all(item.default is not attrs.NOTHING for item in items):
        made: dict[str, Any] = unstructure(entry.parameters())
        return made
    found: dict[str, Any] = {}
    for item in items:
        default: Any = item.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, whatever its stub says
            default = attrs.NOTHING if default.takes_self else default.factory()
        if default is not attrs.NOTHING:
            found[item.alias or item.name] = unstructure(default)
    return found


def _shown(value: Any) -> Any:
    """A value where it is plain JSON, and what Python writes for it otherwise."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return one_line(repr(value))
    return value


def lost_on_the_way(entry: Entry, params: Mapping[str, Any] | None = None) -> str | None:
    """What is wrong with parameters that do not survive the way through a config file; None where they do.

    Args:
        entry: the contribution.
        params: its parameters by name; what is absent has its default.

    Raises:
        PluginError: where the reference to its config class leads nowhere.
        ConfigError: where the parameters do not fit.
    """
    from plurel.config.choices import unstructure

    config = entry.parameters(params)
    plain = unstructure(config)
    try:
        back = json.loads(json.dumps(plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        return f"parameters must be plain JSON, got {plain!r}: {error}"
    read = entry.parameters(back)
    if read == config:
        return None
    return f"parameters must read back as they were: {config!r} came back as {read!r}"


def _type_words(kind: Any) -> str:
    """A type without the modules that it comes from."""
    words = kind.__name__ if isinstance(kind, type) and not getattr(kind, "__args__", ()) else str(kind)
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", words)
