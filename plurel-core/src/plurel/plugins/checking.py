"""What is wrong with an installed plugin, found without using it for anything: `plurel plugins check`.

Its records, its names among everybody's, what its module imports, whether its references lead somewhere, its
parameters round-trip and its objects can do what their kind asks. Not here: whether they do it well; that is
what contracts test (`plurel.testing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
from attrs import frozen

from plurel.errors import ConfigError, PluginError, RequestError
from plurel.plugins import protocols
from plurel.plugins.entries import Entry, PluginRow, normalized, reason, singular
from plurel.plugins.imports import import_cost, module_of
from plurel.plugins.ledger import Ledger
from plurel.plugins.parameters import lost_on_the_way

_NOT_MADE = ("commands", "models", "heads")
"""Kinds of which nothing is made to look at: apps stand as they are, torch modules are large."""


@frozen(kw_only=True)
class Finding:
    """Something that is wrong.

    Attributes:
        about: a contribution as `kind/dist:name`, or a plugin as `dist:entry point`.
        rule: `record`, `import`, `name`, `reference`, `parameters` or `protocol`.
        words: what is wrong and what would be right.
    """

    about: str
    rule: str
    words: str


@frozen(kw_only=True)
class Check:
    """What was found of one plugin.

    Attributes:
        row: the plugin.
        seconds: how long its module takes to import; None where that was not tried.
        heavy: the heavy libraries that this brings.
        findings: what is wrong.
    """

    row: PluginRow
    seconds: float | None
    heavy: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_plugin(row: PluginRow, ledger: Ledger) -> Check:
    """Check one plugin that the ledger has loaded, or tried to; one that is switched off is not touched."""
    if row.status == "blocked":
        return Check(row=row, seconds=None, heavy=(), findings=())
    findings = []
    if row.reason:
        stage = f" at {row.stage}" if row.stage else ""
        findings.append(Finding(about=row.id, rule="record", words=f"{row.status}{stage}: {row.reason}"))
    seconds: float | None = None
    heavy: tuple[str, ...] = ()
    module = None if row.stage == "import" else module_of(row.id)
    if module is not None:
        try:
            cost = import_cost(module)
        except PluginError as error:
            findings.append(Finding(about=row.id, rule="import", words=str(error)))
        else:
            seconds, heavy = cost.seconds, cost.heavy
    if heavy:
        words = (
            f"importing {module} brings {', '.join(heavy)}, and it is imported whenever plurel starts; "
            "import them in the modules that its records refer to"
        )
        findings.append(Finding(about=row.id, rule="import", words=words))
    for entry in row.contributions:
        findings += _findings(entry, ledger)
    return Check(row=row, seconds=seconds, heavy=heavy, findings=tuple(findings))


def _findings(entry: Entry, ledger: Ledger) -> Iterator[Finding]:
    about = f"{entry.kind}/{entry.id}"
    for rule, find in _RULES.items():
        try:
            words = find(entry, ledger)
        except Exception as error:
            words = [reason(error)]
        for one in words:
            yield Finding(about=about, rule=rule, words=one)
        if words and rule == "reference":
            return  # what it refers to cannot be looked at


def _names(entry: Entry, ledger: Ledger) -> list[str]:
    """Names that others contribute too."""
    found = []
    for name in (entry.name, *entry.record.aliases):
        others = [other for other in ledger.providers(entry.kind, name) if other.dist != entry.dist]
        if others:
            listed = ", ".join(f"{other.dist} {other.version}" for other in others)
            found.append(
                f"{singular(entry.kind)} {name!r} is contributed by {listed} too, so that the bare name "
                f"works for nobody while both are installed; only {normalized(entry.dist)}:{name} does"
            )
    return found


def _references(entry: Entry, _: Ledger) -> list[str]:
    """References that lead nowhere, or to something else."""
    target = entry.target()
    entry.config_class()
    if not callable(target):
        return [f"factory must be callable, it is a {type(target).__name__}"]
    if entry.kind == "commands":
        from cyclopts import App

        if not isinstance(target, App):
            return [f"the factory of a command is a cyclopts App, it is a {type(target).__name__}"]
    return []


def _parameters(entry: Entry, _: Ledger) -> list[str]:
    """Parameters that do not survive a config file."""
    config_class = entry.config_class()
    if config_class is None:
        return []
    if any(item.alias == "name" for item in attrs.fields(config_class)):
        return ["no parameter is called name: that is how a config names the contribution; rename it"]
    needed = [item.alias for item in attrs.fields(config_class) if item.default is attrs.NOTHING]
    if needed:
        return [f"{', '.join(needed)}: every parameter has a default, so that the name alone works"]
    lost = lost_on_the_way(entry)
    return [] if lost is None else [lost]


def _protocol(entry: Entry, _: Ledger) -> list[str]:
    """What the made object lacks of its kind's protocol; one that must be told something is not made."""
    if entry.kind in _NOT_MADE:
        return []
    try:
        made = entry.build()
    except ConfigError:  # told of its parameters
        return []
    except PluginError as error:
        if isinstance(error.__cause__, RequestError):
            return []
        raise
    if entry.kind == "presets":
        from plurel.config import Config

        good = isinstance(made, Config)
        return [] if good else [f"a preset gives a plurel.Config, this one gave a {type(made).__name__}"]
    wanted = _asked_for(entry)
    has = set(dir(made))  # by name: a property may want parameters that nobody has given
    missing = [name for name in wanted if name not in has]
    if not missing:
        return []
    return [f"what it makes lacks {', '.join(missing)}; a {singular(entry.kind)} has {', '.join(wanted)}"]


def _asked_for(entry: Entry) -> tuple[str, ...]:
    """The attributes of a kind's protocol."""
    protocol: Any = getattr(protocols, type(entry.record).__name__)
    own = {*vars(protocol), *getattr(protocol, "__annotations__", {})}
    return tuple(sorted(name for name in own if not name.startswith("_") or name == "__call__"))


_RULES: dict[str, Callable[[Entry, Ledger], list[str]]] = {
    "name": _names,
    "reference": _references,
    "parameters": _parameters,
    "protocol": _protocol,
}
