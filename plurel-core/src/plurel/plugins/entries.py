"""Rows and entries of the ledger: what became of a plugin, and each of its contributions with its origin.

Not here: how plugins are loaded (`plurel.plugins.loading`) and found by name (`plurel.plugins.ledger`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Literal

import attrs
from attrs import field, frozen

from plurel.errors import PluginError
from plurel.plugins.records import Contribution

CHOOSES = "plurel.kind"
"""Key of a parameter's metadata, in the attrs class of a contribution: the kind whose names it holds."""

_LONGEST = 300
"""Characters of what an error says, in rows and warnings that every command may print."""

Status = Literal["ok", "blocked", "incompatible", "failed"]
Stage = Literal["import", "register", "collect", "validate"]


@frozen(kw_only=True)
class Entry:
    """A contribution with its origin.

    Attributes:
        record: what the plugin said of it.
        dist: normalised name of the distribution that brings it.
        version: that distribution's version.
        plugin: the plugin's `dist:entry point`.
    """

    record: Contribution
    dist: str
    version: str
    plugin: str

    @property
    def kind(self) -> str:
        """Its kind, as in `layouts`."""
        return self.record.kind

    @property
    def name(self) -> str:
        """The name that configs use while it is unique."""
        return self.record.name

    @property
    def id(self) -> str:
        """The canonical name, `dist:name`."""
        return f"{self.dist}:{self.record.name}"

    @property
    def label(self) -> str:
        """What messages call it: `layout plurel-layouts:layered`."""
        return f"{singular(self.kind)} {self.id}"

    def target(self) -> Any:
        """The record's factory itself, imported where it is a reference.

        Raises:
            PluginError: where the reference leads nowhere.
        """
        return self._resolve(self.record.factory)

    def config_class(self) -> type[attrs.AttrsInstance] | None:
        """The attrs class of its parameters, None where it takes none.

        Raises:
            PluginError: where the reference leads nowhere, or to something else.
        """
        if self.record.config is None:
            return None
        config = self._resolve(self.record.config)
        if not (isinstance(config, type) and attrs.has(config)):
            raise PluginError(
                f"{self.label}: config must be an attrs class, got {config!r} (from {self.plugin})"
            )
        return config

    def build(self, params: Mapping[str, Any] | attrs.AttrsInstance | None = None) -> Any:
        """Make the working object.

        Args:
            params: parameters by name, or an instance of the config class; None for the defaults.

        Raises:
            ConfigError: where the parameters break the config class.
            PluginError: where the reference leads nowhere or the factory raises.
        """
        config = self.parameters(params)
        factory = self.target()
        try:
            return factory() if config is None else factory(config)
        except Exception as error:
            raise PluginError(
                f"{self.label} (from {self.plugin}) could not be made: {reason(error)}"
            ) from error

    def parameters(self, params: Mapping[str, Any] | attrs.AttrsInstance | None = None) -> Any:
        """The checked parameters: an instance of the config class, None where it takes none.

        Raises:
            ConfigError: where the parameters break the config class.
        """
        from plurel.config.convert import structure
        from plurel.errors import ConfigError

        config_class = self.config_class()
        if config_class is None:
            if params:
                raise ConfigError(f"{self.label} takes no parameters, got {params}")
            return None
        if isinstance(params, config_class):
            return params
        return structure(params or {}, config_class)

    def provenance(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What results record of it: JSON-able."""
        return {
            "id": self.id,
            "kind": self.kind,
            "version": self.version,
            "revision": self.record.revision,
            "params": dict(params or {}),
        }

    def _resolve(self, reference: Any) -> Any:
        if not isinstance(reference, str):
            return reference
        module, _, attribute = reference.partition(":")
        try:
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except Exception as error:
            raise PluginError(
                f"{self.label} (from {self.plugin}) points at {reference!r}, which cannot be imported: "
                f"{reason(error)}"
            ) from error
        return found


@frozen(kw_only=True)
class PluginRow:
    """What became of one plugin.

    Attributes:
        name: name of its entry point.
        dist: normalised name of its distribution.
        version: the distribution's version.
        status: `ok`, `blocked` (by the environment), `incompatible` (hook version) or `failed`.
        stage: where it failed, None otherwise.
        reason: why it is not `ok`, or what will become a problem; empty if all is well.
        contributions: what it brings; empty unless it is `ok`.
    """

    name: str
    dist: str
    version: str
    status: Status
    stage: Stage | None = None
    reason: str = ""
    contributions: tuple[Entry, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        stage = f" at {self.stage}" if self.stage else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.id} ({self.version}) {self.status}{stage}{reason}"

    @property
    def id(self) -> str:
        """`dist:entry point`."""
        return f"{self.dist}:{self.name}"


def singular(kind: str) -> str:
    """A kind as one thing: `layout`, `table model`."""
    return kind.removesuffix("s").replace("_", " ")


def reason(error: BaseException) -> str:
    """What an error says, with its type: one line of some length, whatever a plugin wrote into it."""
    try:
        message = str(error.args[0] if isinstance(error, ValueError | TypeError) and error.args else error)
    except Exception:  # the error's own `__str__` is a plugin's code too
        message = "what it says cannot be read"
    words = one_line(message)
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def one_line(text: str) -> str:
    """A text from anywhere, fit to be shown: no breaks, no controls, and cut where it is long.

    Example:
        >>> one_line(chr(27) + "[2Jcleared" + chr(10) + "and broken") == chr(92) + "x1b[2Jcleared and broken"
        True
    """
    start = " ".join(text[: 2 * _LONGEST].split())
    shown = "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in start
    )
    whole = len(text) <= 2 * _LONGEST and len(shown) <= _LONGEST
    return shown if whole else f"{shown[: _LONGEST - 3]}..."


def closest(name: str, known: Iterable[str]) -> str:
    """The end of a message that names the closest of the known names, where one is close."""
    match = difflib.get_close_matches(name, known, n=1)
    return f"; closest: {match[0]}" if match else ""


def normalized(dist: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", dist).lower()
