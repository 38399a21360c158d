"""Configs resolved against a ledger: every chosen name becomes a canonical name with all its parameters.

A resolved config is a config again, so it is stored, read back and resolved like any other, and resolving
it once more changes nothing. Not here: drawing from it (`plurel.config.parts`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
from attrs import field, frozen

from plurel._siblings import KINDS, install_line
from plurel.config.choices import Choices, unstructure
from plurel.config.config import DEFAULT_PRESET, PARTS, Config, PresetOrigin
from plurel.config.flat import FLAT
from plurel.config.params import kinds_of
from plurel.config.problems import each, shown, words_of
from plurel.errors import AmbiguousNameError, ConfigError, NotInstalledError, RequestError, UnknownNameError
from plurel.plugins.entries import Entry
from plurel.plugins.ledger import Ledger, provenance, used

if TYPE_CHECKING:
    from plurel.config.parts import Parts


@frozen(kw_only=True)
class ResolvedConfig:
    """A config whose every choice is canonical and complete.

    Attributes:
        config: the same config with canonical names and full parameters.
        provenance: `id`, `kind`, `version`, `revision` and `params` of every contribution it may use.
    """

    config: Config
    provenance: list[dict[str, Any]] = field(eq=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data of the config, as results store it."""
        return self.config.to_dict()

    def to_yaml(self) -> str:
        """The config as YAML."""
        return self.config.to_yaml()

    def parts(self, ledger: Ledger) -> Parts:
        """What generation draws from.

        Args:
            ledger: that of this process; contributions are built when they are first drawn.
        """
        from plurel.config.parts import Parts

        return Parts(self.config, ledger)


def resolve(config: Config, ledger: Ledger) -> ResolvedConfig:
    """Replace every chosen contribution by its canonical name and full parameters.

    Args:
        config: any config.
        ledger: what is installed.

    Raises:
        ConfigError: for what is no config, parameters that a contribution refuses, or a choice that this
            version lacks.
        UnknownNameError: for names that nobody contributes.
        NotInstalledError: where those names come with a distribution of the family that is not installed.
        AmbiguousNameError: for a bare name that several distributions contribute.
    """
    if not isinstance(config, Config):
        raise ConfigError(
            f"this is a plurel.Config, got {shown(config)}; Config.from_dict reads plain data, Config.preset "
            "names a preset"
        )
    if not isinstance(ledger, Ledger):
        raise RequestError(f"a ledger is what plurel.plugins.get_ledger gives, got {shown(ledger)}")
    problems = list(_unbuilt(config))
    if config.scm_params.propagate_batch_size is not None:
        warnings.warn("propagate_batch_size is ignored: rows are made in blocks of one size", stacklevel=2)
    flat = _flat_values(config)
    entries: list[tuple[Entry, Mapping[str, Any]]] = []
    resolved = {}
    for part in PARTS:
        params = getattr(config, part)
        changes = {}
        for name, kind in kinds_of(type(params)).items():
            choices = getattr(params, name)
            if choices is None:
                continue
            untouched = choices == attrs.fields_dict(type(params))[name].default
            values = []
            for place, item in enumerate(choices.value):
                path = f".{part}.{name}" + (f".value[{place}]" if len(choices.value) > 1 else "")
                try:
                    entry, full = _resolve_item(kind, item, flat, ledger, family=untouched)
                except RequestError as error:
                    problems += [_placed(one, path) for one in each(error)]
                    continue
                entries += used(entry, full, ledger)
                values.append({"name": entry.id, **full})
            if len(values) == len(choices.value):
                try:
                    changes[name] = Choices("set", values, choices.weights)
                except ConfigError as error:  # a default that no config file could hold
                    problems.append(error.within(f".{part}.{name}"))
        resolved[part] = attrs.evolve(params, **changes)
    resolved["scm_params"] = attrs.evolve(resolved["scm_params"], propagate_batch_size=None)
    if problems:
        raise _joined(problems)
    origin = config.from_preset or _default_preset(ledger)
    return ResolvedConfig(
        config=attrs.evolve(config, preset=origin, **resolved), provenance=_distinct(entries)
    )


def _default_preset(ledger: Ledger) -> PresetOrigin | None:
    """Where the values of a config come from that names no preset; None where nobody brings that preset."""
    for entry in ledger.entries("presets"):
        if entry.id == DEFAULT_PRESET:
            return PresetOrigin(name=entry.name, dist=entry.dist, revision=entry.record.revision)
    return None


def split_item(item: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and parameters of a chosen contribution."""
    if isinstance(item, str):
        return item, {}
    params = dict(item)
    return params.pop("name"), params


def _resolve_item(
    kind: str, item: str | Mapping[str, Any], flat: Mapping[str, Any], ledger: Ledger, *, family: bool
) -> tuple[Entry, dict[str, Any]]:
    """The chosen contribution and its full parameters.

    Args:
        kind: its kind.
        item: its name, with parameters or without.
        flat: the flat parameters, by spelling.
        ledger: what is installed.
        family: the config did not choose, so a name means the family's own, whoever else has it.
    """
    name, given = split_item(item)
    try:
        entry = ledger.find(kind, name)
    except AmbiguousNameError:
        if not family:
            raise
        entry = ledger.find(kind, f"{KINDS.get(kind, 'plurel-core')}:{name}")
    defaults = {own: flat[spelling] for own, spelling in FLAT.get((kind, entry.id), {}).items()}
    full = unstructure(entry.parameters({**defaults, **given})) or {}
    if "name" in full:
        raise ConfigError(
            f"{entry.id} has a parameter called name, which a config cannot set; its author has to rename it"
        )
    return entry, full


def _flat_values(config: Config) -> dict[str, Any]:
    """Every flat parameter as plain data, by its spelling."""
    return {
        item.name: unstructure(getattr(getattr(config, part), item.name))
        for part in PARTS
        for item in attrs.fields(type(getattr(config, part)))
    }


def _unbuilt(config: Config) -> Iterator[RequestError]:
    """What the config asks for and this version does not have."""
    for name in ("mlp_in_dim", "mlp_out_dim"):
        value = getattr(config.scm_params, name)
        if value != 1:
            yield ConfigError(
                f"widths other than 1 are not built in this version, got {value}", f".scm_params.{name}"
            )
    if config.schema_file is not None:
        yield ConfigError("generation from an SQL schema is not built in this version", ".schema_file")


def _placed(error: RequestError, path: str) -> RequestError:
    if isinstance(error, ConfigError):
        return error.within(path)
    if isinstance(error, NotInstalledError):
        return NotInstalledError(f"{error} @ ${path}", *error.distributions)
    if isinstance(error, UnknownNameError):
        return UnknownNameError(f"{error.message} @ ${path}", error.note)
    return type(error)(f"{error} @ ${path}")


def _joined(problems: list[RequestError]) -> RequestError:
    """One error for all: as itself if it is alone, else the first few and how many more there are."""
    if len(problems) == 1:
        return problems[0]
    missing = {
        name: None for one in problems if isinstance(one, NotInstalledError) for name in one.distributions
    }
    if missing:
        error: RequestError = NotInstalledError(
            f"this config needs {' and '.join(missing)}, not installed here: {install_line(*missing)}",
            *missing,
        )
        error.problems = tuple(problems)
        return error
    kinds = {type(problem) for problem in problems}
    unknown = [problem for problem in problems if isinstance(problem, UnknownNameError)]
    words = words_of([one.message if isinstance(one, UnknownNameError) else one for one in problems])
    words += dict.fromkeys(problem.note for problem in unknown if problem.note)
    kind = kinds.pop() if len(kinds) == 1 else ConfigError
    error = kind("; ".join(words))
    error.problems = tuple(problems)
    return error


def _distinct(entries: list[tuple[Entry, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    records = provenance(entries)
    return [record for place, record in enumerate(records) if record not in records[:place]]
