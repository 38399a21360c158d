"""What the object that a contribution's factory makes must be able to do, one protocol a kind.

Arrays are numpy; a `stream` is a `plurel.seeding.Stream`. Every random number comes from the stream that was
handed in. Not here: the records that name contributions (`plurel.plugins.records`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from plurel.artefacts import Contents
    from plurel.graph import CausalGraph, Dag
    from plurel.plugins.requests import (
        ArtefactRequest,
        BlockRequest,
        ColumnFacts,
        ExportRequest,
        ImportRequest,
        InferRequest,
        LayoutRequest,
        LinkRequest,
        MechanismRequest,
        PlannedColumn,
        SourceRequest,
        TableRequest,
        TaskRequest,
        TimelineRequest,
    )
    from plurel.seeding import Stream
    from plurel.tasks import TaskDefinition
    from plurel.validate import Breach

    F32 = NDArray[np.float32]
    I64 = NDArray[np.int64]

J = TypeVar("J")
R = TypeVar("R")


class Layout(Protocol):
    """Draws graphs."""

    def draw(self, request: LayoutRequest, stream: Stream) -> Dag:
        """A connected acyclic graph with exactly the nodes that were asked for."""
        ...


class LinkPlan(Protocol):
    """The links of one foreign key, a pure function of the block's number."""

    def block(self, index: int) -> I64:
        """Parent row of every row of a block, `[rows] int64`, -1 where the key is null."""
        ...


class Links(Protocol):
    """Plans links."""

    def plan(self, request: LinkRequest) -> LinkPlan:
        """Draw what the whole foreign key has in common."""
        ...


class Timeline(Protocol):
    """Draws event times."""

    def draw(self, request: TimelineRequest) -> I64:
        """Ascending event times, `[rows] int64` microseconds since 1970."""
        ...


@runtime_checkable
class BlockTimeline(Timeline, Protocol):
    """A timeline that tells some rows' times without the others', so that no table is too long for it."""

    def block(self, request: TimelineRequest, start: int, stop: int) -> I64:
        """The times of the rows start..stop-1 of what `draw` gives, `[rows] int64`."""
        ...


class TablePlan(Protocol):
    """The plan of one table: everything drawn, no row made yet.

    A plan may tell in `computed: Mapping[str, int]` how many nodes what computed; `plurel.json` says it too.

    A run goes: `raw` and `summarize` for each block, `merge` in block order, `fit`, then `apply` for each
    block. Blocks come in any order and on several threads at once: what is asked of one must not depend on
    what was asked of another. A plan may also have a method `sample`, for `ParentTable.sample` of its
    children.
    """

    @property
    def columns(self) -> tuple[PlannedColumn, ...]:
        """The columns it makes, in the table's order."""
        ...

    @property
    def mode(self) -> str:
        """How children are to read its columns; stands in `ParentTable.mode`."""
        ...

    @property
    def graph(self) -> CausalGraph:
        """What causes what inside the table and from its parents."""
        ...

    def raw(self, request: BlockRequest) -> Mapping[str, NDArray[Any]]:
        """Values of a block before whole-column facts: by column, `[rows] f32` or `int64`.

        It may hold more under names that no column has: `summarize` sees that, `apply` does not. A fitted
        plan gives the same as before; under an intervention plans are fitted first.
        """
        ...

    def summarize(self, raw: Mapping[str, NDArray[Any]]) -> Any:
        """What a block tells of whole columns."""
        ...

    def merge(self, left: Any, right: Any) -> Any:
        """The summary of two runs of blocks, `left` before `right`."""
        ...

    def fit(self, summary: Any) -> TablePlan:
        """This plan with the facts of its whole columns."""
        ...

    def apply(self, raw: Mapping[str, NDArray[Any]], request: BlockRequest) -> Mapping[str, NDArray[Any]]:
        """Values of a block as children see them: `[rows] f32`, or `int64` labels."""
        ...


class TableModel(Protocol):
    """Plans the values of tables."""

    def plan(self, request: TableRequest) -> TablePlan:
        """Draw everything that the table's rows have in common."""
        ...


class ForeignRows(Protocol):
    """The parent rows of a block's rows, as its causal nodes see them.

    Columns are counted as in `MechanismRequest.foreign`. A row whose key is null has no parent.
    """

    def values(self, index: int) -> NDArray[Any]:
        """A parent column, `[rows]` f32 (NaN without parent) or int64 labels (-1 without parent)."""
        ...

    def encodings(self) -> F32:
        """Every column as a vector, shared by all nodes: `[columns, rows, dim]`; zeros without parent."""
        ...

    def joined(self, aggregation: Aggregation) -> Sequence[F32]:
        """What is to stand beside a node's own encodings in `aggregation`'s stack, each `[rows, dim]`.

        One array a foreign key where the aggregation is associative (joined over parent rows once, then
        gathered), one a column otherwise. Read only: the arrays belong to all nodes of the block.
        """
        ...


class NodePlan(Protocol):
    """One causal node's function. It holds no array of rows and it pickles."""

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the exogenous noise of a row; `()` for a scalar, `(0,)` for none."""
        ...

    def compute(
        self, inputs: Sequence[NDArray[Any]], foreign: ForeignRows | None, noise: F32
    ) -> NDArray[Any]:
        """Values of a block; a row's value depends on that row's inputs and noise only.

        Args:
            inputs: values of the inputs, each `[rows]` f32 or int64 labels, in order; read only.
            foreign: the parent rows, None in a table without parents.
            noise: `[rows, *noise_shape]`.

        Returns:
            `[rows]` f32, or int64 labels where the node is a category.
        """
        ...


class Mechanism(Protocol):
    """Plans nodes."""

    def plan(self, request: MechanismRequest) -> NodePlan:
        """Draw the node's function."""
        ...


class Activation(Protocol):
    """Draws elementwise functions."""

    def draw(self, stream: Stream) -> Callable[[F32], F32]:
        """The function, f32 in and out, NaN to NaN; it may write into its argument, and it pickles."""
        ...


class Aggregation(Protocol):
    """Joins encodings. Subclass it to take the defaults."""

    associative: bool = False
    """Whether joining joined parts equals joining all: such parts are joined over parent rows once."""

    neutral: float = 0.0
    """What stands for an absent part, such as the parent of a null key: 0 in a sum, 1 in a product."""

    def foreign_weight(self, columns: int) -> float:  # noqa: ARG002
        """Weight of each encoding of a parent row that has `columns` of them."""
        return 1.0

    def __call__(self, stack: F32) -> F32:
        """`[edges, rows, dim] -> [rows, dim]`; it may write into the stack and return a part of it."""
        ...


class Initializer(Protocol):
    """Draws weights."""

    def draw(self, shape: tuple[int, ...], stream: Stream) -> F32:
        """Independent matrices: `shape` ends in (inputs, outputs), axes before them are a stack."""
        ...


class NoisePlan(Protocol):
    """One node's noise."""

    def block(self, index: int, shape: tuple[int, ...]) -> F32:
        """The noise of a block, `shape` with its rows first."""
        ...


class Noise(Protocol):
    """Plans noise."""

    def plan(self, stream: Stream) -> NoisePlan:
        """Draw the node's parameters of the noise."""
        ...


class SourcePlan(Protocol):
    """One source node's series."""

    def block(self, index: int, start: int, stop: int) -> NDArray[Any]:
        """Values of the rows of a block, `[rows]` f32, or int64 labels."""
        ...


class Source(Protocol):
    """Plans sources."""

    def plan(self, request: SourceRequest) -> SourcePlan:
        """Draw the series' parameters."""
        ...


class ColumnType(Protocol):
    """The two active sides of a column type; its encoding stands in the record."""

    def infer(self, request: InferRequest) -> float:
        """How sure it is that the column is of this type, 0 to 1."""
        ...

    def decode(self, values: NDArray[Any]) -> NDArray[Any]:
        """From a causal node's values to the column's."""
        ...


class ValueGenerator(Protocol):
    """Surface values."""

    def generate(self, values: NDArray[Any], stream: Stream) -> Sequence[Any]:
        """One surface value for each number or label."""
        ...


class FittedTransform(Protocol):
    """A transform that knows its column."""

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[rows]` to `[rows]`; NaN stays NaN."""
        ...


class Transform(Protocol):
    """What happens to a column after generation."""

    @property
    def needs(self) -> frozenset[str]:
        """Whole-column facts that it needs: names of fields of `ColumnFacts`."""
        ...

    def fit(self, facts: ColumnFacts) -> FittedTransform:
        """The transform of a column with these facts (fields that it does not need may be empty)."""
        ...


class TaskProposer(Protocol):
    """Proposes tasks."""

    def propose(self, request: TaskRequest) -> Sequence[TaskDefinition]:
        """Tasks that hold at least one row in every split."""
        ...


class Importer(Protocol):
    """Makes a RelBench directory of a real source."""

    def run(self, request: ImportRequest) -> Path:
        """Write the directory and return its path."""
        ...


class Exporter(Protocol):
    """Writes a database in another form."""

    def run(self, request: ExportRequest) -> None:
        """Write it to the destination."""
        ...


class Embedder(Protocol):
    """Vectors for texts."""

    @property
    def name(self) -> str:
        """The name that the file of vectors carries."""
        ...

    @property
    def width(self) -> int:
        """Length of a vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would get another vector."""
        ...

    def embed(self, texts: Sequence[str]) -> F32:
        """`[texts, width] f32`."""
        ...


class Executor(Protocol):
    """Runs independent jobs."""

    def map(self, function: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        """Results as they come; a job that raises raises here."""
        ...


class Artefact(Protocol):
    """Reads and checks what lies on disk in one form."""

    def inspect(self, request: ArtefactRequest) -> Contents:
        """What it holds, without the plugins that made it."""
        ...

    def validate(self, request: ArtefactRequest) -> Sequence[Breach]:
        """Everything that is wrong with it, by file and place; nothing where it is whole."""
        ...
