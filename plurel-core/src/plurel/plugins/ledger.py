"""The ledger: one row for every plugin that is installed, one entry for everything that it contributes.

Names: `dist:name` always works, a bare name or alias while one distribution alone has it. Not here: how
plugins are loaded (`plurel.plugins.loading`), choosing and drawing (`plurel.config`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import attrs
from attrs import field, frozen

from plurel import _siblings
from plurel.errors import AmbiguousNameError, NotInstalledError, PluginError, PluginWarning, UnknownNameError
from plurel.plugins.entries import CHOOSES, Entry, PluginRow, closest, normalized, singular
from plurel.plugins.loading import CORE, is_on, load_plugins
from plurel.plugins.records import RECORDS


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
            RequestError: where such a switch is neither 1 nor 0.
        """
        strict = is_on("PLUREL_STRICT_PLUGINS")
        rows = load_plugins()
        for row in rows:
            if strict and row.status in ("failed", "incompatible"):
                raise PluginError(f"plugin {row}")
            if row.reason and row.status != "blocked":
                warnings.warn(f"plugin {row}", PluginWarning, stacklevel=2)
        return cls(rows)

    def entries(self, kind: str | None = None) -> tuple[Entry, ...]:
        """Contributions sorted by kind, name and distribution.

        Args:
            kind: this kind only.

        Raises:
            UnknownNameError: if there is no such kind.
        """
        if kind is not None:
            _check_kind(kind)
        found = [entry for row in self.plugins for entry in row.contributions if kind in (None, entry.kind)]
        order = {name: place for place, name in enumerate(RECORDS)}
        return tuple(sorted(found, key=lambda entry: (order[entry.kind], entry.name, entry.dist)))

    def find(self, kind: str, name: str) -> Entry:
        """The contribution of a name: bare, canonical (`dist:name`) or an alias.

        Raises:
            UnknownNameError: if nobody contributes it; says what is known, what is closest, and what failed.
            AmbiguousNameError: if several distributions do; says who, and how to disable one.
        """
        _check_kind(kind)
        if not isinstance(name, str):
            raise UnknownNameError(f"the name of a {singular(kind)} is a text, got {name!r}")
        providers = self.providers(kind, name)
        if len(providers) == 1:
            return providers[0]
        if not providers:
            raise self._unknown(kind, name)
        listed = ", ".join(f"{entry.id} ({entry.dist} {entry.version})" for entry in providers)
        raise AmbiguousNameError(
            f"{singular(kind)} {name!r} is contributed by several distributions: {listed}; write the full "
            f"name, or disable one with PLUREL_DISABLE_PLUGINS={_newcomer(kind, providers).dist}"
        )

    def providers(self, kind: str, name: str) -> tuple[Entry, ...]:
        """Every contribution of a kind that has a name: bare, canonical (`dist:name`) or an alias."""
        dist, colon, bare = name.rpartition(":")
        wanted = f"{normalized(dist)}:{bare}" if colon else name
        return tuple(self._names[kind].get(wanted, ()))

    @property
    def troubled(self) -> tuple[PluginRow, ...]:
        """The plugins that did not load and were meant to: those that somebody switched off are none."""
        return tuple(row for row in self.plugins if row.status in ("failed", "incompatible"))

    @property
    def absences(self) -> str:
        """Why a name may be missing: the plugins that failed, and how many are off; empty if neither."""
        words = []
        if self.troubled:
            words.append("plugins that did not load: " + "; ".join(map(str, self.troubled)))
        off = sum(row.status == "blocked" for row in self.plugins)
        if off:
            plugins = "1 plugin is" if off == 1 else f"{off} plugins are"
            words.append(f"{plugins} switched off (plurel plugins list shows which)")
        return "; ".join(words)

    def _unknown(self, kind: str, name: str) -> UnknownNameError:
        known = sorted({entry.name for entry in self.entries(kind)})
        words = f"unknown {singular(kind)} {name!r}; known: {', '.join(known) or 'none'}"
        words += closest(name, self._names[kind])
        sibling = _siblings.KINDS.get(kind)
        if sibling is None or _siblings.is_installed(sibling):
            return UnknownNameError(words, self.absences)
        return NotInstalledError(
            f"{words}; those of {sibling} are missing because it is not installed: "
            f"{_siblings.install_line(sibling)}",
            sibling,
            note=self.absences,
        )


def _check_kind(kind: str) -> None:
    """Refuse a kind that there is not."""
    if kind not in RECORDS:
        raise UnknownNameError(f"unknown kind {kind!r}; known: {', '.join(RECORDS)}{closest(kind, RECORDS)}")


def _newcomer(kind: str, providers: tuple[Entry, ...]) -> Entry:
    """The last of several that is not the family's: whoever came with the built-ins stays."""
    family = (CORE, _siblings.KINDS.get(kind))
    return next((entry for entry in reversed(providers) if entry.dist not in family), providers[-1])


@cache
def get_ledger() -> Ledger:
    """The ledger of this process, discovered on first use."""
    return Ledger.discover()


def used(entry: Entry, params: Mapping[str, Any], ledger: Ledger) -> list[tuple[Entry, Mapping[str, Any]]]:
    """A contribution and those that its parameters choose, each with its parameters, for `provenance`.

    A parameter chooses contributions where its field says so: `field(metadata={CHOOSES: "heads"})`.

    Args:
        entry: the contribution.
        params: its parameters as plain data.
        ledger: where the chosen names are found.

    Raises:
        UnknownNameError: for a name that nobody contributes.
    """
    found = [(entry, params)]
    for parameter, kind in _choosing(entry):
        for name, own in _choices(params.get(parameter)):
            found += used(ledger.find(kind, name), own, ledger)
    return found


def canonical(entry: Entry, params: Mapping[str, Any], ledger: Ledger) -> dict[str, Any]:
    """A contribution's parameters with the names that they choose in full, for what outlives an installation.

    Args:
        entry: the contribution.
        params: its parameters as plain data.
        ledger: where the chosen names are found.

    Raises:
        UnknownNameError: for a name that nobody contributes.
    """
    full = dict(params)
    for parameter, kind in _choosing(entry):
        if parameter in full:
            full[parameter] = _in_full(kind, full[parameter], ledger)
    return full


def _choosing(entry: Entry) -> Iterator[tuple[str, str]]:
    """The parameters of a contribution that choose others, and the kind of those."""
    config_class = entry.config_class()
    for item in attrs.fields(config_class) if config_class else ():
        if CHOOSES in item.metadata:
            yield item.name, item.metadata[CHOOSES]


def _choices(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names with parameters in a parameter's plain data: one, a list, or a set of choices."""
    if isinstance(value, str):
        yield value, {}
    elif isinstance(value, Mapping) and "name" in value:
        yield value["name"], {name: own for name, own in value.items() if name != "name"}
    elif isinstance(value, Mapping):
        yield from _choices(value.get("value"))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _choices(item)


def _in_full(kind: str, value: Any, ledger: Ledger) -> Any:
    """What `_choices` reads names from, with these in full."""
    if isinstance(value, str):
        return ledger.find(kind, value).id
    if isinstance(value, Mapping) and "name" in value:
        entry = ledger.find(kind, value["name"])
        own = {name: each for name, each in value.items() if name != "name"}
        return {"name": entry.id, **canonical(entry, own, ledger)}
    if isinstance(value, Mapping):
        return {**value, "value": _in_full(kind, value.get("value"), ledger)}
    return [_in_full(kind, item, ledger) for item in value] if isinstance(value, list | tuple) else value


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
