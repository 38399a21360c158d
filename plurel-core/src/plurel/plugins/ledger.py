"""The ledger: one row for every plugin that is installed, one entry for everything that it contributes.

Plugins are modules named by entry points of the group `plurel`. Each is imported, registered, collected and
validated by itself, so that a bad one costs itself alone and says why. Names: `dist:name` always works, a
bare name or alias while one distribution alone has it. Not here: choosing and drawing (`plurel.config`).
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from functools import cache
from importlib import import_module, metadata
from types import ModuleType
from typing import Any, Literal

import attrs
import pluggy
from attrs import field, frozen

from plurel import _siblings
from plurel.errors import AmbiguousNameError, NotInstalledError, PluginError, PluginWarning, UnknownNameError
from plurel.plugins import hookspecs
from plurel.plugins.records import RECORDS, Contribution

GROUP = "plurel"
CORE = "plurel-core"

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
                f"{_label(self)}: config must be an attrs class, got {config!r} (from {self.plugin})"
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
                f"{_label(self)} (from {self.plugin}) could not be made: {_reason(error)}"
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
                raise ConfigError(f"{_label(self)} takes no parameters, got {params}")
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
                f"{_label(self)} (from {self.plugin}) points at {reference!r}, which cannot be imported: "
                f"{_reason(error)}"
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
        reason: why it is not `ok`, empty if it is.
        contributions: what it brings; empty unless it is `ok`.
    """

    name: str
    dist: str
    version: str
    status: Status
    stage: Stage | None = None
    reason: str = ""
    contributions: tuple[Entry, ...] = ()

    def __str__(self) -> str:
        stage = f" at {self.stage}" if self.stage else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.id} ({self.version}) {self.status}{stage}{reason}"

    @property
    def id(self) -> str:
        """`dist:entry point`."""
        return f"{self.dist}:{self.name}"


def _sorted_rows(rows: Iterable[PluginRow]) -> tuple[PluginRow, ...]:
    return tuple(sorted(rows, key=lambda row: row.id))


@frozen
class Ledger:
    """Every plugin and everything contributed, in an order that no installation changes.

    Example:
        >>> ledger = get_ledger()
        >>> ledger.find("commands", "plugins").id
        'plurel-core:plugins'
    """

    plugins: tuple[PluginRow, ...] = field(converter=_sorted_rows)
    _names: dict[str, dict[str, list[Entry]]] = field(init=False, repr=False, eq=False)

    @_names.default
    def _index(self) -> dict[str, dict[str, list[Entry]]]:
        index: dict[str, dict[str, list[Entry]]] = {kind: {} for kind in RECORDS}
        for row in self.plugins:
            for entry in row.contributions:
                names = index[entry.kind]
                for name in {entry.name, *entry.record.aliases}:
                    names.setdefault(name, []).append(entry)
                    names.setdefault(f"{entry.dist}:{name}", []).append(entry)
        return index

    @classmethod
    def discover(cls) -> Ledger:
        """Load what is installed, as the environment allows.

        Warns once for each plugin that does not work. `PLUREL_DISABLE_PLUGINS=a,b` blocks plugins,
        `PLUREL_PLUGINS=a,b` blocks all others, `PLUREL_NO_PLUGINS=1` blocks all; each by the distribution's
        name or by `dist:entry point`, before anything of them is imported. Core's own plugin always loads.

        Raises:
            PluginError: under `PLUREL_STRICT_PLUGINS=1` for the first plugin that does not work.
        """
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(hookspecs)
        with redirect_stdout(sys.stderr):  # stdout is a command's: what a plugin prints must not stand in it
            rows = [_load(origin, point, manager) for origin, point in _entry_points()]
        rows = _refuse_repeats(rows)
        for row in rows:
            if row.status in ("failed", "incompatible"):
                _complain(row)
        return cls(rows)

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """Contributions sorted by kind, name and distribution.

        Args:
            kind: this kind only.

        Raises:
            UnknownNameError: if there is no such kind.
        """
        if kind is not None and kind not in RECORDS:
            raise UnknownNameError(
                f"unknown kind {kind!r}; known: {', '.join(RECORDS)}{_closest(kind, RECORDS)}"
            )
        found = [entry for row in self.plugins for entry in row.contributions if kind in (None, entry.kind)]
        order = {name: place for place, name in enumerate(RECORDS)}
        return tuple(sorted(found, key=lambda entry: (order[entry.kind], entry.name, entry.dist)))

    def find(self, kind: str, name: str) -> Entry:
        """The contribution of a name: bare, canonical (`dist:name`) or an alias.

        Raises:
            UnknownNameError: if nobody contributes it; says what is known, what is closest, and what failed.
            AmbiguousNameError: if several distributions do; says who, and how to disable one.
        """
        dist, colon, bare = name.rpartition(":")
        wanted = f"{_normal(dist)}:{bare}" if colon else name
        entries = self.entries(kind)
        providers = self._names[kind].get(wanted, [])
        if len(providers) == 1:
            return providers[0]
        if not providers:
            raise self._unknown(kind, name, entries)
        listed = ", ".join(f"{entry.id} ({entry.dist} {entry.version})" for entry in providers)
        raise AmbiguousNameError(
            f"{singular(kind)} {name!r} is contributed by several distributions: {listed}; write the full "
            f"name, or disable one with PLUREL_DISABLE_PLUGINS={providers[-1].dist}"
        )

    @property
    def troubled(self) -> tuple[PluginRow, ...]:
        """The plugins that did not load, whatever the reason."""
        return tuple(row for row in self.plugins if row.status != "ok")

    def _unknown(self, kind: str, name: str, entries: tuple[Entry, ...]) -> UnknownNameError:
        known = sorted({entry.name for entry in entries})
        words = f"unknown {singular(kind)} {name!r}; known: {', '.join(known) or 'none'}"
        words += _closest(name, self._names[kind])
        if self.troubled:
            words += "; plugins that did not load: " + "; ".join(map(str, self.troubled))
        sibling = _siblings.KINDS.get(kind)
        if sibling is None or _siblings.is_installed(sibling):
            return UnknownNameError(words)
        return NotInstalledError(
            f"{words}; those of {sibling} are missing because it is not installed: "
            f"{_siblings.install_line(sibling)}",
            sibling,
        )


@cache
def get_ledger() -> Ledger:
    """The ledger of this process, discovered on first use."""
    return Ledger.discover()


def provenance(chosen: Iterable[Entry | tuple[Entry, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What results record of the contributions that made them.

    Args:
        chosen: entries, or entries with their parameters.

    Returns:
        For each `id`, `kind`, `version`, `revision` and `params`, sorted by kind and id.
    """
    records = [
        item.provenance() if isinstance(item, Entry) else item[0].provenance(item[1]) for item in chosen
    ]
    return sorted(records, key=lambda record: (record["kind"], record["id"], repr(record["params"])))


def singular(kind: str) -> str:
    """A kind as one thing: `layout`, `table model`."""
    return kind.removesuffix("s").replace("_", " ")


def _entry_points() -> list[tuple[metadata.Distribution, metadata.EntryPoint]]:
    """Every entry point of the group with its distribution, two of one name included, in an order of its own.

    A distribution that stands twice on the path counts where imports find it, which is the first time.
    """
    found: dict[str, metadata.Distribution] = {}
    for dist in metadata.distributions():
        if f"[{GROUP}]" in (dist.read_text("entry_points.txt") or ""):
            found.setdefault(_dist_name(dist), dist)
    pairs = [(dist, point) for dist in found.values() for point in dist.entry_points if point.group == GROUP]
    return sorted(pairs, key=lambda pair: (_dist_name(pair[0]), pair[1].name, pair[1].value))


def _load(
    origin: metadata.Distribution, point: metadata.EntryPoint, manager: pluggy.PluginManager
) -> PluginRow:
    """One plugin's row; nothing that it does or raises gets out, and a blocked one is not imported."""
    dist = _dist_name(origin)
    row = PluginRow(name=point.name, dist=dist, version=origin.version, status="ok")
    blocked = _blocked(row)
    if blocked:
        return attrs.evolve(row, status="blocked", reason=blocked)
    stage: Stage = "import"
    try:
        module = point.load()
        incompatible = _check_version(module, row)
        if incompatible:
            return attrs.evolve(row, status="incompatible", reason=incompatible)
        stage = "register"
        implementations = _register(module, row, manager)
        stage = "collect"
        collected = [(hook, list(call())) for hook, call in implementations]
        stage = "validate"
        records = [record for hook, items in collected for record in _check(hook, items)]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and the panics of Rust extensions included
        if stage == "collect" and _raised_by_record(error):
            stage = "validate"
        return attrs.evolve(row, status="failed", stage=stage, reason=_reason(error))
    entries = (Entry(record=record, dist=dist, version=row.version, plugin=row.id) for record in records)
    return attrs.evolve(row, contributions=tuple(entries))


def _blocked(row: PluginRow) -> str:
    """Why the environment blocks a plugin, empty if it does not."""
    if row.dist == CORE:
        return ""
    ids = {row.dist, row.id}
    if os.environ.get("PLUREL_NO_PLUGINS", "") not in ("", "0"):
        return "PLUREL_NO_PLUGINS is set"
    if ids & _listed("PLUREL_DISABLE_PLUGINS"):
        return "listed in PLUREL_DISABLE_PLUGINS"
    if os.environ.get("PLUREL_PLUGINS", "").strip() and not ids & _listed("PLUREL_PLUGINS"):
        return "not listed in PLUREL_PLUGINS"
    return ""


def _listed(variable: str) -> set[str]:
    names = (name.strip() for name in os.environ.get(variable, "").split(","))
    split = (name.partition(":") for name in names if name)
    return {f"{_normal(dist)}{colon}{point}" for dist, colon, point in split}


def _check_version(module: object, row: PluginRow) -> str:
    """Why a module's HOOK_VERSION is not supported, empty if it is; the previous one warns."""
    current = hookspecs.HOOK_VERSION
    if not isinstance(module, ModuleType):
        raise TypeError(f"a plugin is a module, the entry point leads to {module!r}")
    version = getattr(module, "HOOK_VERSION", None)
    if type(version) is not int:
        return f"declares no HOOK_VERSION; this plurel-core has {current}"
    if version == current:
        return ""
    if version == current - 1 and version > 0:
        warnings.warn(
            f"plugin {row.id} ({row.version}) has HOOK_VERSION {version}, which the next plurel-core will "
            f"not support; the current one is {current}",
            PluginWarning,
            stacklevel=2,
        )
        return ""
    return f"has HOOK_VERSION {version}; this plurel-core supports {current}"


def _register(
    module: ModuleType, row: PluginRow, manager: pluggy.PluginManager
) -> list[tuple[str, Callable[[], Any]]]:
    """The plugin's own hook implementations by hook, each to be called by itself.

    One that raises would abort a whole call of the hook, and a generator raises outside of it.
    """
    manager.register(module, name=row.id)
    found = []
    for caller in sorted(manager.get_hookcallers(module) or (), key=lambda caller: caller.name):
        own = [implementation for implementation in caller.get_hookimpls() if implementation.plugin is module]
        if caller.spec is None:
            manager.unregister(module)
            raise ValueError(f"there is no hook {caller.name!r}{_closest(caller.name, _hooks())}")
        if any(implementation.wrapper or implementation.hookwrapper for implementation in own):
            manager.unregister(module)
            raise ValueError(
                f"hook {caller.name!r} is a wrapper; plugins cannot change what others contribute"
            )
        found += [(caller.name, implementation.function) for implementation in own]
    return found


def _hooks() -> list[str]:
    return [f"plurel_{kind}" for kind in RECORDS]


def _check(hook: str, items: list[object]) -> list[Contribution]:
    """The records of one hook, each of the hook's own class."""
    expected = RECORDS[hook.removeprefix("plurel_")]
    records = []
    for item in items:
        if not isinstance(item, expected):
            raise TypeError(
                f"{hook} gave a {type(item).__name__}, it must give records.{expected.__name__}: {item!r}"
            )
        if isinstance(item.config, type) and not attrs.has(item.config):
            raise TypeError(f"config of {item.name!r} must be an attrs class, got {item.config.__name__}")
        records.append(item)
    return records


def _refuse_repeats(rows: list[PluginRow]) -> list[PluginRow]:
    """Fail the plugins of a distribution that give one name twice, whoever came first."""
    owners: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        for entry in row.contributions:
            for name in {entry.name, *entry.record.aliases}:
                owners.setdefault((row.dist, entry.kind, name), []).append(row.id)
    repeats: dict[str, str] = {}
    for (dist, kind, name), plugins in owners.items():
        if len(plugins) > 1:
            reason = f"{dist} contributes {singular(kind)} {name!r} more than once ({', '.join(plugins)})"
            repeats |= dict.fromkeys(plugins, reason)
    return [
        attrs.evolve(row, status="failed", stage="validate", reason=repeats[row.id], contributions=())
        if row.id in repeats
        else row
        for row in rows
    ]


def _complain(row: PluginRow) -> None:
    words = f"plugin {row}"
    if os.environ.get("PLUREL_STRICT_PLUGINS", "") not in ("", "0"):
        raise PluginError(words)
    warnings.warn(words, PluginWarning, stacklevel=3)


def _raised_by_record(error: BaseException) -> bool:
    """Whether an error came out of the making of a record, and not from the plugin's own code."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(isinstance(frame.f_locals.get("self"), Contribution) for frame, _ in frames)


def _reason(error: BaseException) -> str:
    message = str(error.args[0] if isinstance(error, ValueError | TypeError) and error.args else error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _closest(name: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1)
    return f"; closest: {match[0]}" if match else ""


def _label(entry: Entry) -> str:
    return f"{singular(entry.kind)} {entry.id}"


def _dist_name(dist: metadata.Distribution) -> str:
    return _normal(dist.name)


def _normal(dist: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", dist).lower()
