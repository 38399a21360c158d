"""What plugins contribute: one frozen record class a kind.

A record names a contribution, says in a line what it is, which class holds its parameters and what makes
it. Records are data: they can be validated, attributed to a distribution, sorted and listed without
importing what they stand for. Not here: what the made objects must be able to do (`plurel.plugins.protocols`)
and the hooks that yield records (`plurel.plugins.hookspecs`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from attrs import Attribute, field, frozen, validators

NAME_PATTERN = re.compile(r"^[a-z][a-z0-9_.-]*$")
MOST_REVISIONS = 2**31 - 1
Encoding = Literal["number", "boolean", "category", "datetime", "text"]
ENCODINGS: tuple[Encoding, ...] = ("number", "boolean", "category", "datetime", "text")


def _check_name(_: object, attribute: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not NAME_PATTERN.fullmatch(value):
        raise ValueError(f"{attribute.name} must match {NAME_PATTERN.pattern}, got {value!r}")


def _check_reference(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None or callable(value):
        return
    if not isinstance(value, str) or not re.fullmatch(r"[\w.]+:[\w.]+", value):
        raise ValueError(f'{attribute.name} must be a callable or "package.module:attribute", got {value!r}')


def _check_alias(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[^\s:]+", value) or not value.isprintable():
        raise ValueError(f"an alias is a word without colon that can be printed, got {value!r}")


def _check_factory(_: object, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        raise ValueError('factory must be a callable or "package.module:attribute", got None')
    _check_reference(_, attribute, value)


def _check_summary(_: object, __: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(f"summary must be one line that is not empty and can be printed, got {value!r}")


def _check_revision(_: object, __: Attribute[int], value: object) -> None:
    if type(value) is not int or not 1 <= value <= MOST_REVISIONS:
        shown = repr(value) if type(value) is not int or abs(value) < 1 << 64 else "a larger one"
        raise ValueError(f"revision is a whole number from 1 to {MOST_REVISIONS}, got {shown}")


@frozen(kw_only=True)
class Contribution:
    """What every kind of contribution has.

    Attributes:
        name: the name that configs use.
        summary: one line, shown by `plurel plugins list`.
        config: attrs class of its parameters with JSON-able defaults, or `"package.module:Class"`, or None.
        factory: makes the working object: called with a `config` instance where `config` is given, without
            arguments otherwise; or `"package.module:attribute"`, resolved on first use.
        aliases: further names of the same contribution: any words without colon (`"BarabasiAlbert"`).
        revision: raise it when the same seed and config draw different values.
    """

    kind: ClassVar[str] = ""

    name: str = field(validator=_check_name)
    summary: str = field(validator=_check_summary)
    factory: Callable[..., Any] | str = field(validator=_check_factory)
    config: type | str | None = field(default=None, validator=_check_reference)
    aliases: tuple[str, ...] = field(
        default=(), validator=validators.deep_iterable(_check_alias, validators.instance_of(tuple))
    )
    revision: int = field(default=1, validator=_check_revision)


@frozen(kw_only=True)
class Layout(Contribution):
    """A random directed acyclic graph: of tables, or of the nodes of a causal model."""

    kind: ClassVar[str] = "layouts"


@frozen(kw_only=True)
class Links(Contribution):
    """Which parent row each child row points at, for one foreign key."""

    kind: ClassVar[str] = "links"


@frozen(kw_only=True)
class Timeline(Contribution):
    """Event times of a table's rows."""

    kind: ClassVar[str] = "timelines"


@frozen(kw_only=True)
class TableModel(Contribution):
    """The values of one table, in blocks of rows."""

    kind: ClassVar[str] = "table_models"


@frozen(kw_only=True)
class Mechanism(Contribution):
    """The function of one causal node given its inputs."""

    kind: ClassVar[str] = "mechanisms"


@frozen(kw_only=True)
class Activation(Contribution):
    """An elementwise function, with drawn parameters where it has any."""

    kind: ClassVar[str] = "activations"


@frozen(kw_only=True)
class Aggregation(Contribution):
    """What joins the encodings of a node's inputs: `[edges, rows, dim] -> [rows, dim]`."""

    kind: ClassVar[str] = "aggregations"


@frozen(kw_only=True)
class Initializer(Contribution):
    """Weights of a shape."""

    kind: ClassVar[str] = "initializers"


@frozen(kw_only=True)
class Noise(Contribution):
    """Exogenous noise of a shape."""

    kind: ClassVar[str] = "noises"


@frozen(kw_only=True)
class Source(Contribution):
    """Values of a node without inputs: a series along the rows of a block."""

    kind: ClassVar[str] = "sources"


@frozen(kw_only=True)
class ColumnType(Contribution):
    """A type of column with three sides: its encoding in a store, its inference and its decoding.

    Attributes:
        encoding: which of the store's five encodings its cells have.
    """

    kind: ClassVar[str] = "column_types"

    encoding: Encoding = field(validator=validators.in_(ENCODINGS))


@frozen(kw_only=True)
class ValueGenerator(Contribution):
    """Surface values of a column (names, e-mails, texts) from its numbers or labels."""

    kind: ClassVar[str] = "value_generators"


@frozen(kw_only=True)
class Transform(Contribution):
    """What happens to a column after generation."""

    kind: ClassVar[str] = "transforms"


@frozen(kw_only=True)
class TaskProposer(Contribution):
    """Prediction tasks proposed for a database."""

    kind: ClassVar[str] = "tasks"


@frozen(kw_only=True)
class Preset(Contribution):
    """A named config: `factory` takes no arguments and returns a `plurel.Config`."""

    kind: ClassVar[str] = "presets"


@frozen(kw_only=True)
class Importer(Contribution):
    """A source of real data that becomes a RelBench directory."""

    kind: ClassVar[str] = "importers"


@frozen(kw_only=True)
class Exporter(Contribution):
    """A database directory in another form."""

    kind: ClassVar[str] = "exporters"


@frozen(kw_only=True)
class Embedder(Contribution):
    """Vectors for texts."""

    kind: ClassVar[str] = "embedders"


@frozen(kw_only=True)
class Model(Contribution):
    """A configuration of the relational transformer, or another torch module over the same batch."""

    kind: ClassVar[str] = "models"


@frozen(kw_only=True)
class Head(Contribution):
    """A torch module with `loss` and `predict` for cells of one encoding or several.

    Attributes:
        encodings: the encodings of the target cells it serves.
    """

    kind: ClassVar[str] = "heads"

    encodings: tuple[Encoding, ...] = field(
        validator=validators.and_(
            validators.deep_iterable(validators.in_(ENCODINGS), validators.instance_of(tuple)),
            validators.min_len(1),
        )
    )


@frozen(kw_only=True)
class Executor(Contribution):
    """What runs independent jobs: local processes, or a cluster's."""

    kind: ClassVar[str] = "executors"


def _check_sign(_: object, __: Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value or value.startswith("/"):
        raise ValueError(f"a sign is a path inside the artefact, or a pattern of one, got {value!r}")


@frozen(kw_only=True)
class Artefact(Contribution):
    """A form in which results lie on disk, as a database or a store does.

    Attributes:
        signs: files inside it, or patterns of them; a directory in which any of them is found has this form.
    """

    kind: ClassVar[str] = "artefacts"

    signs: tuple[str, ...] = field(
        validator=validators.and_(
            validators.deep_iterable(_check_sign, validators.instance_of(tuple)), validators.min_len(1)
        )
    )


@frozen(kw_only=True)
class Command(Contribution):
    """A subcommand of `plurel`: `factory` is a cyclopts app (`"package.module:app"`), not called.

    `summary` is its line in `plurel --help`.
    """

    kind: ClassVar[str] = "commands"


RECORDS: Mapping[str, type[Contribution]] = {
    record.kind: record
    for record in (
        Layout,
        Links,
        Timeline,
        TableModel,
        Mechanism,
        Activation,
        Aggregation,
        Initializer,
        Noise,
        Source,
        ColumnType,
        ValueGenerator,
        Transform,
        TaskProposer,
        Preset,
        Importer,
        Exporter,
        Embedder,
        Model,
        Head,
        Executor,
        Artefact,
        Command,
    )
}
"""Record class of each kind, by the kind's plural name as it stands in configs and hook names."""

KINDS: tuple[str, ...] = tuple(RECORDS)
