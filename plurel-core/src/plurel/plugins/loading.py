"""Loading plugins: each is imported, registered, collected and validated by itself, and gets its row.

A bad plugin costs itself alone: whatever it raises becomes the reason in its row. Not here: finding
contributions by name (`plurel.plugins.ledger`).
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import metadata
from types import ModuleType
from typing import Any

import attrs
import pluggy

from plurel.errors import RequestError
from plurel.plugins import hookspecs
from plurel.plugins.entries import (
    Entry,
    PluginRow,
    Stage,
    Status,
    closest,
    normalized,
    one_line,
    reason,
    singular,
)
from plurel.plugins.records import RECORDS, Contribution

GROUP = "plurel"
CORE = "plurel-core"


def load_plugins() -> list[PluginRow]:
    """A row for every plugin that is installed, loaded as the environment allows.

    Raises:
        RequestError: where `PLUREL_NO_PLUGINS` is neither 1 nor 0.
    """
    none = is_on("PLUREL_NO_PLUGINS")
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    rows = []
    with redirect_stdout(sys.stderr):  # stdout is a command's: what a plugin prints must not stand in it
        for name, dist in sorted(_distributions().items()):
            blank = PluginRow(name="", dist=name, version=dist.version or "", status="ok")
            try:
                points = [point for point in dist.entry_points if point.group == GROUP]
            except Exception as error:
                words = f"its entry points cannot be read: {reason(error)}"
                rows.append(attrs.evolve(blank, status="failed", stage="import", reason=words))
                continue
            for point in sorted(points, key=lambda point: (point.name, point.value)):
                rows.append(_load(attrs.evolve(blank, name=point.name), point, manager, none=none))
    return _refuse_repeats(rows)


def _distributions() -> dict[str, metadata.Distribution]:
    """The distributions that name plugins, by normalised name.

    They are enumerated here because pluggy skips a second entry point of the same name. A distribution that
    stands twice on the path counts where imports find it, which is the first time.
    """
    found: dict[str, metadata.Distribution] = {}
    for dist in metadata.distributions():
        try:
            names_plugins = f"[{GROUP}]" in (dist.read_text("entry_points.txt") or "")
        except (OSError, UnicodeError):  # nobody's plugin: a file that is not even text
            continue
        if names_plugins:
            found.setdefault(normalized(dist.name or "unknown"), dist)
    return found


def _load(
    row: PluginRow, point: metadata.EntryPoint, manager: pluggy.PluginManager, *, none: bool
) -> PluginRow:
    """The row filled in; nothing that the plugin raises gets out, and a blocked one is not imported."""
    blocked = _blocked(row, none=none)
    if blocked:
        return attrs.evolve(row, status="blocked", reason=blocked)
    if not re.fullmatch(r"\s*\w+(\.\w+)*\s*(:.*|\[.*)?", point.value):
        words = f"the entry point's value {point.value!r} is no package.module"
        return attrs.evolve(row, status="failed", stage="import", reason=one_line(words))
    with warnings.catch_warnings():  # what a plugin's modules do to the filters concerns itself alone
        return _filled(row, point, manager)


def _filled(row: PluginRow, point: metadata.EntryPoint, manager: pluggy.PluginManager) -> PluginRow:
    """The row of a plugin that may be imported, and what it contributes."""
    stage: Stage = "import"
    try:
        module = point.load()
        status, remark = _check_version(module)
        if status != "ok":
            return attrs.evolve(row, status=status, reason=remark)
        stage = "register"
        implementations = register(module, row, manager)
        stage = "collect"
        collected = [(hook, list(call())) for hook, call in implementations]
        stage = "validate"
        records = [record for hook, items in collected for record in check_records(hook, items)]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and the panics of Rust extensions included
        if stage == "collect" and _raised_by_record(error):
            stage = "validate"
        return attrs.evolve(row, status="failed", stage=stage, reason=reason(error))
    entries = (Entry(record=record, dist=row.dist, version=row.version, plugin=row.id) for record in records)
    return attrs.evolve(row, reason=remark, contributions=tuple(entries))


def _blocked(row: PluginRow, *, none: bool) -> str:
    """Why the environment blocks a plugin, empty if it does not."""
    if row.dist == CORE:
        return ""
    ids = {row.dist, row.id}
    if none:
        return "PLUREL_NO_PLUGINS is set"
    if ids & _listed("PLUREL_DISABLE_PLUGINS"):
        return "listed in PLUREL_DISABLE_PLUGINS"
    if os.environ.get("PLUREL_PLUGINS", "").strip() and not ids & _listed("PLUREL_PLUGINS"):
        return "not listed in PLUREL_PLUGINS"
    return ""


def is_on(variable: str) -> bool:
    """Whether the environment sets a switch.

    Raises:
        RequestError: for a value that is none of a switch.
    """
    value = os.environ.get(variable, "").strip()
    if value not in ("", "0", "1"):
        raise RequestError(f"{variable} is 1 (on) or 0 (off) in the environment, got {value!r}")
    return value == "1"


def _listed(variable: str) -> set[str]:
    names = (name.strip() for name in os.environ.get(variable, "").split(","))
    split = (name.partition(":") for name in names if name)
    return {f"{normalized(dist)}{colon}{point}" for dist, colon, point in split}


def _check_version(module: object) -> tuple[Status, str]:
    """Whether a module's HOOK_VERSION is supported, and what is to be said of it."""
    current = hookspecs.HOOK_VERSION
    if not isinstance(module, ModuleType):
        raise TypeError(f"a plugin is a module, the entry point leads to {module!r}")
    version = getattr(module, "HOOK_VERSION", None)
    if type(version) is not int:
        return "incompatible", f"declares no HOOK_VERSION; this plurel-core has {current}"
    if version == current:
        return "ok", ""
    if version == current - 1 and version > 0:
        return (
            "ok",
            f"has HOOK_VERSION {version}, which only this plurel-core still supports; it has {current}",
        )
    mend = (
        "a newer plurel-core may support it" if version > current else "a newer release of it may work here"
    )
    return "incompatible", f"has HOOK_VERSION {version}; this plurel-core supports {current}; {mend}"


def register(
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
            raise ValueError(f"there is no hook {caller.name!r}{closest(caller.name, _hooks())}")
        if any(implementation.wrapper or implementation.hookwrapper for implementation in own):
            manager.unregister(module)
            raise ValueError(
                f"hook {caller.name!r} is a wrapper; plugins cannot change what others contribute"
            )
        if any(_is_async(implementation.function) for implementation in own):
            manager.unregister(module)
            raise ValueError(f"hook {caller.name!r} is async; a hook is a plain function")
        found += [(caller.name, implementation.function) for implementation in own]
    return found


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _hooks() -> list[str]:
    return [f"plurel_{kind}" for kind in RECORDS]


def check_records(hook: str, items: list[object]) -> list[Contribution]:
    """The records of one hook, each of the hook's own class."""
    expected = RECORDS[hook.removeprefix("plurel_")]
    records = []
    for item in items:
        if type(item) is not expected:  # a class made of one may hold what neither JSON nor a table can show
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


def _raised_by_record(error: BaseException) -> bool:
    """Whether an error came out of the making of a record, and not from the plugin's own code."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(isinstance(frame.f_locals.get("self"), Contribution) for frame, _ in frames)
