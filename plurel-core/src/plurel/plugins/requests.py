"""What the world tells a contribution: one frozen request record for each hook that sees it.

Requests grow by fields with defaults, so a plugin written against an older one keeps working.
Not here: what a contribution gives back (`plurel.plugins.protocols`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attrs import field, frozen

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from plurel.schema import ForeignKey, Table
    from plurel.seeding import Stream

BLOCK_ROWS = 4096
"""Rows of a block. Part of the definition of every generated value: changing it changes databases."""


@frozen(kw_only=True)
class LayoutRequest:
    """A graph is wanted.

    Attributes:
        nodes: how many nodes, at least 1.
    """

    nodes: int


@frozen(kw_only=True)
class LinkRequest:
    """The parent rows of one foreign key are wanted.

    Attributes:
        foreign_key: the key.
        child: the table that holds it.
        parent: the table it points at.
        child_times: event times of the child's rows, `[rows] int64` microseconds since 1970, or None.
        parent_times: the same for the parent.
        stream: this foreign key's own stream.
    """

    foreign_key: ForeignKey
    child: Table
    parent: Table
    stream: Stream
    child_times: NDArray[np.int64] | None = None
    parent_times: NDArray[np.int64] | None = None


@frozen(kw_only=True)
class TimelineRequest:
    """The event times of a table are wanted.

    Attributes:
        table: the table.
        start: first moment of the period, microseconds since 1970.
        stop: last moment of the period (included), microseconds since 1970.
        stream: this table's own stream.
    """

    table: Table
    start: int
    stop: int
    stream: Stream


@frozen(kw_only=True)
class PlannedColumn:
    """A column as the table model makes it, before transforms and missing cells.

    Attributes:
        name: the column's name.
        kind: `number` (float values) or `category` (labels 0..categories-1).
        categories: number of labels of a category, None for numbers.
        node: the causal node that it is read from.
    """

    name: str
    kind: Literal["number", "category"]
    categories: int | None = None
    node: int | None = None


@frozen(kw_only=True)
class ParentTable:
    """A parent of the table that is being made, as its children see it: fitted, before transforms.

    Attributes:
        foreign_key: the key through which it is seen.
        table: its schema.
        columns: its planned columns, those that a later stage drops included.
        values: for each column name the whole column, read only, `[parent rows] f32` or `int64` labels
            (memory-mapped); empty while only a plan is wanted.
        mode: what the parent's table model says of how its columns are to be read (`eager`, `lazy`, ...).
        sample: by column, values that show where the column lies about, `[any] f32` or `int64` labels. They
            come from the parent's plan, so that no intervention changes them. None of a table model that has
            no such sample.
    """

    foreign_key: ForeignKey
    table: Table
    columns: tuple[PlannedColumn, ...]
    values: Mapping[str, NDArray[Any]]
    mode: str = "eager"
    sample: Callable[[], Mapping[str, NDArray[Any]]] | None = None


class Parts(Protocol):
    """The contributions that a run has chosen, drawn by kind.

    Made by core from the resolved config; a contribution never touches the ledger itself.
    """

    def draw(self, choice: str, stream: Stream) -> Any:
        """Draw one of a config's choices, for instance `activation_choices`.

        A choice of contributions gives the built contribution, any other choice its value.
        """
        ...

    def draw_many(self, choice: str, count: int, stream: Stream) -> Sequence[Any]:
        """The same, `count` independent draws from one generator of the stream: a node's layers at a time."""
        ...

    def draw_entry(self, choice: str, stream: Stream) -> tuple[Any, Any]:
        """Draw a contribution: its ledger entry (`entry.id`) and the built object."""
        ...

    def every(self, choice: str) -> Sequence[tuple[Any, Any]]:
        """Every contribution of a choice, each as its ledger entry and the built object."""
        ...


@frozen(kw_only=True)
class TableRequest:
    """The values of one table are wanted.

    Attributes:
        table: its schema. The plan has exactly `table.columns`, in their order: numbers for `number` and
            `datetime`, two labels for `boolean`, the column's `categories` for `category` and `text`.
        parents: its parents, one a foreign key, in the schema's order.
        times: event times of its rows, `[rows] int64` microseconds, or None.
        parts: the run's choices.
        stream: this table's own stream.
    """

    table: Table
    parents: tuple[ParentTable, ...]
    parts: Parts
    stream: Stream
    times: NDArray[np.int64] | None = None


@frozen(kw_only=True)
class BlockRequest:
    """The values of a block of rows are wanted.

    Attributes:
        index: number of the block.
        start: its first row.
        stop: the row after its last.
        parent_rows: for each foreign key column, read only, the parent's row of every row of the block,
            `[rows] int64`, -1 where the key is null.
        do: columns held at a value by an intervention, by name (a category at a label).
    """

    index: int
    start: int
    stop: int
    parent_rows: Mapping[str, NDArray[np.int64]]
    do: Mapping[str, float] = field(factory=dict)

    @property
    def rows(self) -> int:
        """Number of rows in the block."""
        return self.stop - self.start


@frozen(kw_only=True)
class NodeInput:
    """One input of a causal node.

    Attributes:
        kind: `number` or `category`.
        categories: number of labels of a category, else None.
        weight: the edge's weight.
        name: the node's number, or `<foreign key>.<column>` for a parent row's column.
    """

    kind: Literal["number", "category"]
    weight: float = 1.0
    categories: int | None = None
    name: str = ""


@frozen(kw_only=True)
class RowSample:
    """Values that show where a node's inputs lie about: from the table's plan, not from its rows.

    Attributes:
        inputs: of each input, `[rows]` f32 or int64 labels of the same rows; empty where no sample is known.
        foreign: of each of the parent rows' columns, `[any]` f32 or int64 labels, in no common order.
    """

    inputs: tuple[NDArray[Any], ...] = ()
    foreign: tuple[NDArray[Any], ...] = ()


@frozen(kw_only=True)
class MechanismRequest:
    """A causal node's function is wanted.

    Attributes:
        inputs: its inputs inside the table, in the order in which `compute` gets them; at least one.
        foreign: the parent rows' columns, in the order in which `ForeignRows` counts them; every node of
            the table has the same ones.
        output: `number` or `category`.
        categories: number of labels where the output is a category.
        dim: width of an encoding.
        parts: the run's choices (activations, initialisers, aggregations, ...).
        stream: this node's own stream.
        sample: makes the sample of its inputs when a function has to be scaled to them; no intervention
            changes it.
    """

    inputs: tuple[NodeInput, ...]
    output: Literal["number", "category"]
    dim: int
    parts: Parts
    stream: Stream
    foreign: tuple[NodeInput, ...] = ()
    categories: int | None = None
    sample: Callable[[], RowSample] = RowSample


@frozen(kw_only=True)
class SourceRequest:
    """A causal node without inputs is wanted.

    Attributes:
        output: `number` or `category`.
        categories: number of labels where the output is a category.
        rows: rows of the whole table.
        role: role of the table, `entity` or `activity`.
        parts: the run's choices.
        stream: this node's own stream.
    """

    output: Literal["number", "category"]
    rows: int
    role: Literal["entity", "activity"]
    parts: Parts
    stream: Stream
    categories: int | None = None


@frozen(kw_only=True)
class ColumnFacts:
    """Facts of a whole column, of its cells that are finite.

    Attributes:
        count: number of cells.
        mean: their mean.
        std: their population standard deviation.
        minimum: the smallest.
        maximum: the largest.
        sorted_values: all of them in ascending order, `[count] f64`; a sketch above a million rows.
    """

    count: int
    mean: float
    std: float
    minimum: float
    maximum: float
    sorted_values: NDArray[np.float64]


@frozen(kw_only=True)
class TaskRequest:
    """Tasks are wanted for a finished database.

    Attributes:
        tables: the finished rows of each table by name, keys and times included: pandas frames, or the
            `plurel.pieces.Pieces` of tables that are too large for one; of both, `tables[name][columns]` is a
            frame of some columns, and `Pieces.of(tables[name])` reads any in pieces.
        schema: its schema, after finishing.
        val_timestamp: start of validation, microseconds since 1970.
        test_timestamp: start of test, microseconds since 1970.
        stream: the stream of this database's tasks.
    """

    tables: Mapping[str, Any]
    schema: Sequence[Table]
    val_timestamp: int
    test_timestamp: int
    stream: Stream


@frozen(kw_only=True)
class ImportRequest:
    """A RelBench directory of a real source is wanted.

    Attributes:
        out: the directory to make; it does not exist yet.
        source: where the source lies, None for the importer's own place.
    """

    out: Path
    source: Path | None = None


@frozen(kw_only=True)
class ExportRequest:
    """A database directory is wanted in another form.

    Attributes:
        database: the RelBench directory.
        destination: a path or a database URL.
    """

    database: Path
    destination: str


@frozen(kw_only=True)
class ArtefactRequest:
    """What an artefact holds is wanted, or what is wrong with it.

    Attributes:
        path: its directory.
    """

    path: Path


@frozen(kw_only=True)
class InferRequest:
    """The type of a column is wanted.

    Attributes:
        name: the column's name.
        table: the table's name.
        arrow_type: the Arrow type as `str(type)` prints it (`int64`, `timestamp[us]`, `string`).
        count: number of cells looked at.
        nulls: how many of them are null.
        distinct: number of distinct values among them.
        minimum: smallest value, None where there is no order or no cell.
        maximum: largest value.
        mean_length: mean length of strings in characters, None for other types.
    """

    name: str
    table: str
    arrow_type: str
    count: int
    nulls: int
    distinct: int
    minimum: Any = None
    maximum: Any = None
    mean_length: float | None = None
