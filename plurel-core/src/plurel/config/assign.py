"""`path=value` assignments on plain data, as `--set` takes them. Not here: whether the value fits."""

from __future__ import annotations

from typing import Any

from plurel.config.files import parse_yaml
from plurel.config.problems import shown, unknown_key
from plurel.errors import ConfigError


def assign(data: dict[str, Any], assignment: str) -> None:
    """Replace one value in place.

    Args:
        data: plain data that holds every key there is.
        assignment: `path=value`: keys with dots between them, then a value in YAML.

    Raises:
        ConfigError: for an assignment without `=`, or a path that leads nowhere.

    Example:
        >>> data = {"train": {"steps": 10}}
        >>> assign(data, "train.steps=20")
        >>> data
        {'train': {'steps': 20}}
        >>> assign(data, "train.step=20")
        Traceback (most recent call last):
        ...
        plurel.errors.ConfigError: unknown key 'step'; closest: steps @ $.train
    """
    if not isinstance(assignment, str):
        raise ConfigError(f"an assignment is path=value, got {shown(assignment)}")
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"an assignment is path=value, got {assignment!r}")
    *parents, last = path.strip().split(".")
    here: Any = data
    walked = ""
    for key in parents:
        here = here[_key(here, key, walked)]
        walked += f".{key}"
    place = _key(here, last, walked)
    try:
        here[place] = parse_yaml(text)
    except ConfigError as error:
        raise error.within(f"{walked}.{last}") from None


def put(data: Any, assignment: str, whole: dict[str, Any]) -> None:
    """Replace one value in place, in data that is not known to be right and need not hold every key.

    Args:
        data: plain data as a file holds it; left alone where it is no mapping.
        assignment: as `assign` takes it.
        whole: plain data that holds every key there is, and so tells whether the path leads anywhere; the
            value is replaced in it too.

    Raises:
        ConfigError: as `assign`.
    """
    assign(whole, assignment)
    *parents, last = assignment.partition("=")[0].strip().split(".")
    here, there = data, whole
    for key in parents:
        if not isinstance(here, dict):
            return
        if not isinstance(here.get(key), dict):
            here[key] = {}
        here, there = here[key], there[key]
    if isinstance(here, dict):
        here[last] = there[last]


def _key(here: Any, key: str, walked: str) -> str:
    name = key.partition("[")[0]
    if isinstance(here, list):
        raise _whole(walked)
    if isinstance(here, dict) and name != key and isinstance(here.get(name), list):
        raise _whole(f"{walked}.{name}")
    if not isinstance(here, dict):
        raise ConfigError(f"this is a value without keys, so {key!r} leads nowhere", walked)
    if key not in here:
        raise unknown_key(key, here, walked)
    return key


def _whole(path: str) -> ConfigError:
    return ConfigError(f"a list is set whole, as in {path.removeprefix('.')}=[...]", path)
