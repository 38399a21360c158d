"""The JSON Schema of configs, for editors and for checks without plurel.

Made from the classes themselves: their types, their validators and the words of their docstrings. It accepts
every config that plurel accepts, and refuses most that plurel refuses; what stands between two values
(`test_split` above `val_split`, bounds in order) it cannot say. Not here: refusing in words
(`plurel.config.convert`).
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import attrs

from plurel.config.bounds import Bounds, Chooses, Day, Draws, DrawsWords, OneOf, Only, Place, Within, single
from plurel.config.choices import KINDS, Choices, unstructure
from plurel.errors import PluginError

if TYPE_CHECKING:
    from plurel.plugins.entries import Entry
    from plurel.plugins.ledger import Ledger

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALARS: Mapping[Any, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    type(None): {"type": "null"},
}
_COMPARISONS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}
_NAMED: Schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
_POSITIVE: Schema = {"type": "number", "exclusiveMinimum": 0}


def schema_of(cls: type[attrs.AttrsInstance], ledger: Ledger | None = None) -> Schema:
    """The JSON Schema of a config class.

    Args:
        cls: the class.
        ledger: what is installed: names of contributions are then those it holds, with their parameters; any
            name without it.
    """
    writer = _Writer(ledger)
    root = writer.of_class(cls)
    return {"$schema": DIALECT, "title": f"plurel {cls.__name__}", **root, "$defs": writer.sorted_parts()}


def field_words(cls: type) -> dict[str, str]:
    """What the docstring of a class says of each of its attributes.

    Example:
        >>> from plurel.config import Config
        >>> field_words(Config)["test_split"]
        'share before test; above `val_split`.'
    """
    _, _, section = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    words: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        head = re.match(r" {4}(\w+): (.*)", line)
        if head:
            name, words[head[1]] = head[1], head[2]
        elif name and line.strip():
            words[name] += " " + line.strip()
    return words


class _Writer:
    """Writes schemas; parts that are named from several places are written once."""

    def __init__(self, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._parts: dict[str, Schema] = {}

    def sorted_parts(self) -> dict[str, Schema]:
        return dict(sorted(self._parts.items()))

    def of_class(self, cls: type[attrs.AttrsInstance]) -> Schema:
        """A mapping with the keys of a class."""
        words = field_words(cls)
        items = {item.alias: item for item in attrs.fields(attrs.resolve_types(cls)) if item.init}
        needed = [key for key, item in items.items() if item.default is attrs.NOTHING]
        return {
            "type": "object",
            "properties": {key: self._of_field(item, words.get(key)) for key, item in items.items()},
            "additionalProperties": False,
            **({"required": needed} if needed else {}),
        }

    def _of_field(self, item: attrs.Attribute[Any], words: str | None) -> Schema:
        schema = self._of_values(item)
        if words:
            schema = {"description": words, **schema}
        default: Any = item.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, whatever its stub says
            default = attrs.NOTHING if default.takes_self else default.factory()
        plain = isinstance(default, Choices) or not attrs.has(type(default))
        return (
            {**schema, "default": unstructure(default)} if plain and default is not attrs.NOTHING else schema
        )

    def _of_values(self, item: attrs.Attribute[Any]) -> Schema:
        """What a field may hold: as its validators say where they can be read, else as its type says."""
        optional = type(None) in get_args(item.type)
        for check in single(item.validator):
            known = self._of_validator(check)
            if known is not None:
                return {"anyOf": [known, {"type": "null"}]} if optional else known
        schema = self._of_type(item.type)
        for check in single(item.validator):
            comparison = _COMPARISONS.get(getattr(check, "compare_op", ""))
            if comparison is not None and not optional:
                schema = {**schema, comparison: check.bound}
        return schema

    def _of_validator(self, check: Any) -> Schema | None:
        if isinstance(check, Draws):
            return self._part(f"choice of {check.words(_what(check))}", lambda: _choice_of_numbers(check))
        if isinstance(check, Within):
            return _number(check)
        if isinstance(check, DrawsWords):
            return _choice({"enum": list(check.words)})
        if isinstance(check, OneOf):
            return {"enum": list(check.words)}
        if isinstance(check, Only):
            return {"const": check.version}
        if isinstance(check, Day):
            return {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
        if isinstance(check, Place):
            return {"type": "string", "minLength": 1}
        if isinstance(check, Chooses):
            kind = check.contributions
            item = self._part(f"one of {kind}", lambda: self._of_kind(kind))
            return self._part(f"choice of {kind}", lambda: _choice(item))
        return None

    def _of_type(self, kind: Any) -> Schema:
        if kind in _SCALARS:
            return dict(_SCALARS[kind])
        if kind is Choices:
            return self._part("choice", _any_choice)
        origin, members = get_origin(kind), get_args(kind)
        if origin in (Union, types.UnionType):
            return {"anyOf": [self._of_type(member) for member in members]}
        if origin is Literal:
            return {"enum": list(members)}
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [member.value for member in kind]}
        if isinstance(kind, type) and attrs.has(kind):
            return self._part(f"{kind.__module__}.{kind.__qualname__}", lambda: self.of_class(kind))
        container = origin if isinstance(origin, type) else kind
        if isinstance(container, type) and issubclass(container, Mapping):
            return {
                "type": "object",
                **({"additionalProperties": self._of_type(members[1])} if members else {}),
            }
        if isinstance(container, type) and issubclass(container, Collection):
            several = container is tuple and members and members[-1] is not Ellipsis
            if several:
                return {"type": "array", "prefixItems": [self._of_type(member) for member in members]}
            return {"type": "array", **({"items": self._of_type(members[0])} if members else {})}
        return {}

    def _of_kind(self, kind: str) -> Schema:
        """A contribution of a kind: its name, or its name with parameters."""
        if self._ledger is None:
            return {"anyOf": [{"type": "string"}, _NAMED]}
        entries = self._ledger.entries(kind)
        names = [name for entry in entries for name in self._names(entry)]
        return {"anyOf": [{"enum": names}, *(self._of_entry(entry) for entry in entries)]}

    def _of_entry(self, entry: Entry) -> Schema:
        """A contribution with parameters."""
        try:
            config = entry.config_class()
        except PluginError:  # its parameters cannot be known; using it is an error that says why
            return {**_NAMED, "properties": {"name": {"enum": self._names(entry)}}}
        params: Schema = {} if config is None else self.of_class(config)
        return {
            "description": entry.record.summary,
            "type": "object",
            "properties": {"name": {"enum": self._names(entry)}, **params.get("properties", {})},
            "additionalProperties": False,
            "required": ["name", *params.get("required", ())],
        }

    def _names(self, entry: Entry) -> list[str]:
        """Every name that leads to a contribution, the bare ones where they are unique."""
        bare = [entry.name, *entry.record.aliases]
        return [
            name for name in [*bare, *(f"{entry.dist}:{each}" for each in bare)] if self._leads(name, entry)
        ]

    def _leads(self, name: str, entry: Entry) -> bool:
        return self._ledger is not None and self._ledger.providers(entry.kind, name) == (entry,)

    def _part(self, name: str, write: Callable[[], Schema]) -> Schema:
        """A reference to a part, which is written when it is first named."""
        name = name.replace(" ", "-")
        if name not in self._parts:
            self._parts[name] = {}  # taken, should it name itself
            self._parts[name] = write()
        return {"$ref": f"#/$defs/{name}"}


def _number(bounds: Bounds) -> Schema:
    schema: Schema = {"type": "integer" if bounds.integers else "number"}
    if bounds.low is not None:
        schema["exclusiveMinimum" if bounds.above else "minimum"] = bounds.low
    if bounds.high is not None:
        schema["exclusiveMaximum" if bounds.below else "maximum"] = bounds.high
    return schema


def _choice(item: Schema, *others: Schema) -> Schema:
    """One value, a set of values, or what else draws some."""
    return {"anyOf": [item, _drawn(["set"], {"type": "array", "items": item, "minItems": 1}), *others]}


def _drawn(kinds: list[str], value: Schema) -> Schema:
    weights = {"type": ["array", "null"], "items": {"type": "number", "minimum": 0}, "minItems": 1}
    only_sets = {"weights": weights if kinds == ["set"] else {"type": "null"}}
    return {
        "type": "object",
        "properties": {"kind": {"enum": kinds}, "value": value, **only_sets},
        "required": ["kind", "value"],
        "additionalProperties": False,
    }


def _pair(first: Schema, second: Schema) -> Schema:
    return {"type": "array", "prefixItems": [first, second], "minItems": 2, "maxItems": 2}


def _choice_of_numbers(draws: Draws) -> Schema:
    number = _number(draws)
    real: Schema = {"type": "number"}
    zipf = {**number, "type": "integer"}
    values = {
        "range": _pair(number, number),
        "log_range": {"allOf": [_pair(number, number), _pair(_POSITIVE, _POSITIVE)]},
        "zipf_range": {"allOf": [_pair(zipf, zipf), _pair(_POSITIVE, _POSITIVE)]},
        "normal": _pair(real, {"type": "number", "minimum": 0}),
        "lognormal": _pair(real, {"type": "number", "minimum": 0}),
        "beta": _pair(_POSITIVE, _POSITIVE),
    }
    return _choice(number, *(_drawn([kind], value) for kind, value in values.items() if draws.allows(kind)))


def _what(bounds: Bounds) -> str:
    return "integers" if bounds.integers else "numbers"


def _any_choice() -> Schema:
    """A choice of which only its form is known."""
    numbers = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
    plain = {"anyOf": [{"type": ["string", "number", "boolean"]}, _NAMED]}
    return _choice(plain, _drawn([kind for kind in KINDS if kind != "set"], numbers))
