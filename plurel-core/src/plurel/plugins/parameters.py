"""A contribution's parameters: as people read them, and whether they come back from a config file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import attrs
from attrs import frozen

from plurel.plugins.entries import Entry


@frozen(kw_only=True)
class Parameter:
    """One parameter of a contribution.

    Attributes:
        name: how configs call it.
        type: its type, as one would write it.
        default: its default as plain data.
        about: what the class's docstring says of it under "Attributes"; empty where it says nothing.
    """

    name: str
    type: str
    default: Any
    about: str


def describe_parameters(entry: Entry) -> list[Parameter]:
    """The parameters of a contribution, in the order of its config class.

    Raises:
        PluginError: where the reference to its config class leads nowhere.
        ConfigError: where a parameter has no default that fits.
    """
    from plurel.config.choices import unstructure
    from plurel.config.schema import field_words

    config_class = entry.config_class()
    if config_class is None:
        return []
    defaults = unstructure(entry.parameters())
    said = field_words(config_class)
    return [
        Parameter(
            name=item.alias,
            type=_type_words(item.type),
            default=defaults[item.alias],
            about=said.get(item.name, ""),
        )
        for item in attrs.fields(attrs.resolve_types(config_class))
    ]


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
