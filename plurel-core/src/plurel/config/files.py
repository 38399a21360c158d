"""Config files: YAML, JSON and TOML, in and out. Not here: what the data means (`plurel.config.convert`)."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from plurel.config.problems import each, shown
from plurel.errors import ConfigError, RequestError

MOST_VALUES = 1_000_000
"""Values of a YAML text, each alias counted as what it stands for; more are a mistake, or meant to harm."""


def read(path: str | Path) -> Any:
    """The plain data of a config file; its suffix says which form it has.

    Raises:
        RequestError: if the file is not there.
        ConfigError: if it cannot be parsed, with its line.
    """
    path = _as_path(path)
    parse = _form(path)[0]
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors put a mark before the first line
    except OSError as error:
        raise RequestError(f"cannot read the config {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: a config is UTF-8, byte {error.start} is not: {error.reason}") from None
    except ValueError as error:  # a path that no system has, as one with a null byte
        raise RequestError(f"cannot read the config {str(path)!r}: {error}") from None
    try:
        return parse(text)
    except ConfigError as error:
        raise in_file(path, error) from None


def in_file(path: str | Path, error: ConfigError) -> ConfigError:
    """The same error with the file's name before it."""
    named = ConfigError(f"{path}: {error}")
    named.problems = tuple(each(error))
    return named


def parse_yaml(text: str) -> Any:
    """The plain data of a YAML text.

    Raises:
        ConfigError: if it is no YAML, or a key stands twice.
    """
    _check_text(text, "YAML")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _refuse_bomb(node)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"
        raise ConfigError(f"no valid YAML{place}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"no valid YAML: {_reason(error)}") from None


def _refuse_bomb(root: yaml.Node | None) -> None:
    """Refuse aliases of aliases that few lines of a text spell out to more than any config holds."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = 1  # an alias of what it stands in counts once, and is refused as a value
            inner = node.value if isinstance(node, yaml.CollectionNode) else []
            parts = [part for item in inner for part in (item if isinstance(item, tuple) else (item,))]
            sizes[id(node)] += sum(map(size, parts))
        return sizes[id(node)]

    if root is not None and size(root) > MOST_VALUES:
        raise ConfigError(f"no valid YAML: its aliases spell out to more than {MOST_VALUES:,} values")


def to_yaml(data: Any) -> str:
    """Plain data as YAML, short lists on one line."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def to_json(data: Any) -> str:
    """Plain data as JSON."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_toml(data: Mapping[str, Any]) -> str:
    """Plain data as TOML, which has no null: a field of a config that is None is left out.

    Raises:
        ConfigError: for a parameter of a contribution that is None, since leaving it out could mean another
            value.
    """
    import tomli_w

    fields = {
        key: {name: item for name, item in value.items() if item is not None}
        if isinstance(value, Mapping)
        else value
        for key, value in data.items()
        if value is not None
    }
    _refuse_null(fields, "")
    return tomli_w.dumps(fields)


def write(path: str | Path, data: Mapping[str, Any]) -> None:
    """Write a config file; its suffix says which form it has.

    Raises:
        RequestError: if it cannot be written.
        ConfigError: as `to_toml`.
    """
    path = _as_path(path)
    text = _form(path)[1](data)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(f"cannot write the config {path}: {error.strerror}") from None


def _as_path(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise RequestError(f"a config file is named by its path, got {shown(path)}")
    return Path(path)


def _check_text(text: object, form: str) -> None:
    if not isinstance(text, str):
        raise ConfigError(f"a config in {form} is a text, got {shown(text)}")


def _form(path: Path) -> tuple[Callable[[str], Any], Callable[[Any], str]]:
    """What parses a file of this suffix, and what writes one."""
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise RequestError(f"a config is a .yaml, .yml, .json or .toml file, got {path}")
    return form


def _refuse_null(value: Any, path: str) -> None:
    if value is None:
        raise ConfigError("TOML has no null; write YAML or JSON, or leave this parameter out", path)
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_null(item, f"{path}.{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _refuse_null(item, f"{path}[{place}]")


def parse_json(text: str) -> Any:
    """The plain data of a JSON text.

    Raises:
        ConfigError: if it is no JSON, or a key stands twice.
    """
    _check_text(text, "JSON")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"no valid JSON in line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"no valid JSON: {_reason(error)}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object in which no key stands twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ConfigError(f"no valid JSON: the key {key!r} stands twice")
        found[key] = value
    return found


def parse_toml(text: str) -> Any:
    """The plain data of a TOML text.

    Raises:
        ConfigError: if it is no TOML.
    """
    _check_text(text, "TOML")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a TOMLDecodeError is a ValueError
        raise ConfigError(f"no valid TOML: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """What a parser says, on one line; what Python itself refuses in words of ours."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if "integer string conversion" in str(error):
        return "it holds an integer of thousands of digits; the integers of a config have 64 bits"
    return " ".join(str(error).split())


_FORMS: Mapping[str, tuple[Callable[[str], Any], Callable[[Any], str]]] = {
    ".yaml": (parse_yaml, to_yaml),
    ".yml": (parse_yaml, to_yaml),
    ".json": (parse_json, to_json),
    ".toml": (parse_toml, to_toml),
}


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key that stands twice is an error, not overwritten in silence.

    An escaped pair of surrogates is the one character that it is in JSON, all of which is YAML.
    """

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # what it brings gives way to what stands here
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, f"a key is a name, got {key!r}", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    """YAML with lists of scalars on one line."""


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    plain = all(item is None or isinstance(item, str | int | float | bool) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=plain)


def _represent_str(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """What cannot be printed goes between double quotes, as escapes: PyYAML folds bare line breaks away."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_str)
