"""The whole config of a run, and the presets by name.

`Config()` is data: it needs no ledger. Not here: what its names stand for (`plurel.config.resolution`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs
from attrs import Attribute, field, frozen, validators

from plurel.config.bounds import Only, Place, Within
from plurel.config.choices import unstructure
from plurel.config.params import DAGParams, DatabaseParams, SCMParams
from plurel.config.problems import PairError, each, joined, known_keywords, shown
from plurel.errors import ConfigError

if TYPE_CHECKING:
    from plurel.plugins.ledger import Ledger

SCHEMA_VERSION = 1

DEFAULT_PRESET = "plurel-scm:default"
"""The preset that `Config()` is."""


@frozen(kw_only=True)
class PresetOrigin:
    """The preset that a config's values started from, for the record: nothing is looked up through it.

    Attributes:
        name: the preset's name.
        dist: the distribution that brings it.
        revision: its revision at that time.
    """

    name: str = field(validator=validators.instance_of(str))
    dist: str = field(validator=validators.instance_of(str))
    revision: int = field(validator=[validators.instance_of(int), validators.ge(1)])


def _share(default: float) -> Any:
    return field(default=default, converter=unstructure, validator=Within(0, 1, above=True, below=True))


def _path() -> Any:
    return field(default=None, converter=_as_path, validator=validators.optional(Place()))


def _check_part(_: object, attribute: Attribute[Any], value: Any) -> None:
    expected = PARTS[attribute.name]
    if not isinstance(value, expected):
        raise ConfigError(f"this is a {expected.__name__}, got {shown(value)}", f".{attribute.name}")


def _check_origin(_: object, __: Attribute[Any], value: Any) -> None:
    if not isinstance(value, PresetOrigin):
        raise _no_origin(value)


def _no_origin(value: object) -> ConfigError:
    return ConfigError(
        f"this records where values came from (name, dist, revision), got {shown(value)}; --preset NAME or "
        "Config.preset(NAME) starts from a preset",
        ".preset",
    )


def _as_path(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


PARTS: Mapping[str, type[attrs.AttrsInstance]] = {
    "database_params": DatabaseParams,
    "scm_params": SCMParams,
    "dag_params": DAGParams,
}
"""The parts of a config that hold its parameters."""


@known_keywords
@frozen(kw_only=True)
class Config:
    """What a database is drawn from, beside its seed.

    Attributes:
        schema_version: version of this form of config.
        database_params: tables, sizes, columns.
        scm_params: causal models of the tables.
        dag_params: parameters of the layouts.
        val_split: share of the period's days before validation.
        test_split: share before test; above `val_split`.
        cache_dir: where `SyntheticDataset` keeps databases, None for nowhere.
        schema_file: an SQL file with the schema, None for a drawn one.
        preset: for the record, the preset that the values started from; resolving fills it in. Two configs
            with equal values are equal whatever stands here.

    Example:
        >>> config = Config(database_params=DatabaseParams(num_tables_choices=3))
        >>> Config.from_yaml(config.to_yaml()) == config
        True
        >>> Config.from_dict({"scm_params": {"noise_choice": "beta"}})
        Traceback (most recent call last):
        ...
        plurel.errors.ConfigError: unknown key 'noise_choice'; closest: noise_choices @ $.scm_params
    """

    schema_version: int = field(default=SCHEMA_VERSION, validator=Only(SCHEMA_VERSION))
    database_params: DatabaseParams = field(factory=DatabaseParams, validator=_check_part)
    scm_params: SCMParams = field(factory=SCMParams, validator=_check_part)
    dag_params: DAGParams = field(factory=DAGParams, validator=_check_part)
    val_split: float = _share(0.8)
    test_split: float = _share(0.9)
    cache_dir: str | None = _path()
    schema_file: str | None = _path()

    from_preset: PresetOrigin | None = field(
        default=None, alias="preset", eq=False, validator=validators.optional(_check_origin)
    )

    @test_split.validator
    def _check_order(self, _: Attribute[float], value: float) -> None:
        if value <= self.val_split:
            raise PairError(f"this is above val_split {self.val_split}, got {shown(value)}", ".test_split")

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """A config from plain data; keys that are absent keep their defaults.

        Raises:
            ConfigError: naming every value that does not fit, each with its path.
        """
        from plurel.config.convert import structure

        if isinstance(data, Mapping) and isinstance(data.get("preset"), str):
            problems = [_no_origin(data["preset"])]
            try:
                structure({key: value for key, value in data.items() if key != "preset"}, cls)
            except ConfigError as error:
                problems += [other for other in each(error) if isinstance(other, ConfigError)]
            raise joined(problems)
        return structure({} if data is None else data, cls)

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """A config from a YAML text.

        Raises:
            ConfigError: as `from_dict`, or for a text that is no YAML.
        """
        from plurel.config.files import parse_yaml

        return cls.from_dict(parse_yaml(text))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """A config from a TOML text.

        Raises:
            ConfigError: as `from_dict`, or for a text that is no TOML.
        """
        from plurel.config.files import parse_toml

        return cls.from_dict(parse_toml(text))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """A config from a JSON text.

        Raises:
            ConfigError: as `from_dict`, or for a text that is no JSON.
        """
        from plurel.config.files import parse_json

        return cls.from_dict(parse_json(text))

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A config from a YAML, JSON or TOML file.

        Raises:
            RequestError: if there is no such file.
            ConfigError: as `from_dict`, with the file's name.
        """
        from plurel.config.files import in_file, read

        data = read(path)
        try:
            return cls.from_dict(data)
        except ConfigError as error:
            raise in_file(path, error) from None

    @classmethod
    def json_schema(cls, ledger: Ledger | None = None) -> dict[str, Any]:
        """The JSON Schema of configs (draft 2020-12), for editors and for checks without plurel.

        Args:
            ledger: what is installed: contributions then go by the names and parameters that it holds. Any
                name will do without it.

        Example:
            >>> Config.json_schema()["properties"]["val_split"]["exclusiveMaximum"]
            1
        """
        from plurel.config.schema import schema_of

        return schema_of(cls, ledger)

    @classmethod
    def preset(cls, name: str) -> Config:
        """The config of a preset that a plugin contributes.

        Raises:
            ConfigError: for a preset that gives no config.
            UnknownNameError: for a name that nobody contributes.
        """
        from plurel.plugins.ledger import get_ledger

        entry = get_ledger().find("presets", name)
        config = entry.build()
        if not isinstance(config, Config):
            raise ConfigError(
                f"preset {entry.id} gave a {type(config).__name__}, it must give a plurel.Config"
            )
        origin = PresetOrigin(name=entry.name, dist=entry.dist, revision=entry.record.revision)
        return attrs.evolve(config, preset=origin)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what `from_dict` reads back to an equal config."""
        data: dict[str, Any] = unstructure(self)
        return data

    def to_yaml(self) -> str:
        """YAML: what `from_yaml` reads back to an equal config."""
        from plurel.config.files import to_yaml

        return to_yaml(self.to_dict())

    def to_toml(self) -> str:
        """TOML: what `from_toml` reads back to an equal config.

        Raises:
            ConfigError: where a contribution's parameter is None, which TOML does not have.
        """
        from plurel.config.files import to_toml

        return to_toml(self.to_dict())

    def to_json(self) -> str:
        """JSON: what `from_json` reads back to an equal config."""
        from plurel.config.files import to_json

        return to_json(self.to_dict())

    def to_file(self, path: str | Path) -> None:
        """Write a YAML, JSON or TOML file, as its suffix says.

        Raises:
            RequestError: for another suffix, or where it cannot be written.
            ConfigError: as `to_toml`.
        """
        from plurel.config.files import write

        write(path, self.to_dict())

    def with_set(self, assignments: Iterable[str]) -> Self:
        """This config with some values replaced.

        Args:
            assignments: each `path=value`, the path with dots, the value in YAML, as in
                `database_params.num_tables_choices=3`.

        Raises:
            ConfigError: for an assignment without `=`, a path that leads nowhere, or a value that does
                not fit.

        Example:
            >>> Config().with_set(["val_split=0.7"]).val_split
            0.7
        """
        from plurel.config.assign import assign

        if isinstance(assignments, str) or not isinstance(assignments, Iterable):
            raise ConfigError(f"assignments are a list of path=value, got {shown(assignments)}")
        data = self.to_dict()
        for assignment in assignments:
            assign(data, assignment)
        return type(self).from_dict(data)
