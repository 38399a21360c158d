"""Run the table models: raw values in blocks, whole-column facts, fitted values that children read.

The order of tables is any in which parents come first, and changes nothing: a table's draws come from its own
stream. Not here: what the values are (table models) and what happens to them afterwards (`finish`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from plurel.errors import GenerationError
from plurel.generation.blame import blaming
from plurel.generation.scratch import ScratchColumns, read_only, rest
from plurel.generation.structure import RESTED, blocks
from plurel.pieces import in_order
from plurel.plugins.requests import BlockRequest, ParentTable, TableRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from plurel.generation.structure import Structure
    from plurel.pieces import Work
    from plurel.plugins.protocols import TablePlan
    from plurel.plugins.requests import Parts, PlannedColumn
    from plurel.schema import Column, Schema, Table
    from plurel.seeding import Stream

_DTYPES: dict[str, np.dtype[Any]] = {"number": np.dtype(np.float32), "category": np.dtype(np.int64)}


@frozen(kw_only=True)
class TableValues:
    """The values of a table as its children see them.

    Attributes:
        table: its schema.
        model: id of the table model (`distribution:name`).
        plan: the fitted plan.
        summary: what `plan` was fitted to; an intervention fits to it again.
        values: whole columns by name, `[rows] f32` or `int64` labels, memory-mapped.
    """

    table: Table
    model: str
    plan: TablePlan
    summary: Any
    values: Mapping[str, NDArray[Any]]


def make_values(
    schema: Schema,
    structure: Structure,
    parts: Parts,
    stream: Stream,
    scratch: Path,
    *,
    order: Sequence[str] | None = None,
    do: Mapping[str, Mapping[str, float]] | None = None,
    summaries: Mapping[str, Any] | None = None,
    progress: Callable[[str, int], None] = lambda *_: None,
    work: Work = in_order,
) -> dict[str, TableValues]:
    """Make the values of every table, parents first.

    Args:
        schema: the tables.
        structure: their keys and times.
        parts: the run's choices.
        stream: the database's stream.
        scratch: a directory for memory-mapped columns.
        order: names of the tables in any order that has parents first; the schema's own by default.
        do: columns held at a value, by table and column.
        summaries: by table, what to fit to instead of what the blocks tell: an intervention changes causes,
            never the facts that mechanisms were fitted to.
        progress: told a table's name and how many more of its rows are made, perhaps on several threads.
        work: what does the blocks of a table.

    Returns:
        By table, in the order in which they were made.

    Raises:
        GenerationError: where a table model breaks its contract.
    """
    made: dict[str, TableValues] = {}
    for name in order or [table.name for table in schema.parents_first()]:
        table = schema[name]
        entry, model = parts.draw_entry("table_model_choices", stream / "table" / name / "model")
        request = TableRequest(
            table=table,
            parents=_parents(table, made),
            times=structure.times.get(name),
            parts=parts,
            stream=stream / "table" / name / "values",
        )
        with blaming(f"the table model {entry.id}", f"the values of {name}"):
            plan = model.plan(request)
            _check_columns(entry.id, table, plan.columns)
            fitted, summary, values = _run(
                entry.id,
                table,
                plan,
                structure.links[name],
                scratch,
                do=(do or {}).get(name, {}),
                summary=None if summaries is None else summaries[name],
                work=work,
                progress=partial(progress, name),
            )
        made[name] = TableValues(table=table, model=entry.id, plan=fitted, summary=summary, values=values)
    return made


def _parents(table: Table, made: Mapping[str, TableValues]) -> tuple[ParentTable, ...]:
    """The parents with their values; a key to the table itself shows none, since they are being made."""
    return tuple(
        ParentTable(
            foreign_key=key,
            table=made[key.parent].table,
            columns=made[key.parent].plan.columns,
            values={name: read_only(column) for name, column in made[key.parent].values.items()},
            mode=made[key.parent].plan.mode,
            sample=getattr(made[key.parent].plan, "sample", None),
        )
        for key in table.foreign_keys
        if key.parent != table.name
    )


def _check_columns(model: str, table: Table, planned: Sequence[PlannedColumn]) -> None:
    wanted = [(column.name, *_node(column)) for column in table.columns]
    got = [(column.name, column.kind, column.categories) for column in planned]
    if wanted != got:
        raise GenerationError(
            f"the table model {model} planned other columns of {table.name} than its schema names: "
            f"expected {wanted}, got {got}"
        )


def _node(column: Column) -> tuple[str, int | None]:
    """Kind and number of labels of the causal node that a column shows."""
    if column.kind in ("number", "datetime"):
        return "number", None
    return "category", 2 if column.kind == "boolean" else column.categories


def _run(
    model: str,
    table: Table,
    plan: TablePlan,
    links: Mapping[str, NDArray[np.int64]],
    scratch: Path,
    *,
    do: Mapping[str, float],
    summary: Any,
    work: Work,
    progress: Callable[[int], None],
) -> tuple[TablePlan, Any, ScratchColumns]:
    """Raw values of all blocks, then the fit, then the values: (fitted plan, summary, values)."""

    def request(block: tuple[int, int, int]) -> BlockRequest:
        index, start, stop = block
        rows = {column: read_only(parents[start:stop]) for column, parents in links.items()}
        return BlockRequest(index=index, start=start, stop=stop, parent_rows=rows, do=do)

    every = blocks(table.rows)
    known = summary is not None
    if known:
        plan = plan.fit(summary)
    # The first block alone: it tells the dtypes, and a plan may keep what all blocks share.
    first = plan.raw(request(every[0]))
    _check_block(model, table, first, request(every[0]), {})
    raw_dtypes = {column.name: first[column.name].dtype for column in plan.columns}
    raw = ScratchColumns(scratch, table.rows, raw_dtypes)

    def make(block: tuple[int, int, int]) -> Any:
        asked = request(block)
        made = plan.raw(asked) if asked.index else first
        _check_block(model, table, made, asked, raw_dtypes)
        raw.write(asked.start, asked.stop, made)
        if asked.index % RESTED == 0:
            rest([*raw.values(), *links.values()])
        progress(asked.rows)
        return None if known else plan.summarize(made)

    told = work(make, every)
    summary = summary if known else reduce(plan.merge, told)
    for _ in told:
        pass
    fitted = plan.fit(summary)
    dtypes = {column.name: _DTYPES[column.kind] for column in plan.columns}
    values = ScratchColumns(scratch, table.rows, dtypes)

    def apply(block: tuple[int, int, int]) -> None:
        asked = request(block)
        made = fitted.apply(raw.read(asked.start, asked.stop), asked)
        _check_block(model, table, made, asked, dtypes)
        _check_labels(model, table, plan.columns, made)
        values.write(asked.start, asked.stop, made)
        if asked.index % RESTED == 0:
            rest([*raw.values(), *values.values()])

    for _ in work(apply, every):
        pass
    raw.discard()
    return fitted, summary, values


def _check_labels(
    model: str, table: Table, columns: Sequence[PlannedColumn], block: Mapping[str, NDArray[Any]]
) -> None:
    for column in columns:
        labels = block[column.name]
        if column.categories is not None and not 0 <= labels.min() <= labels.max() < column.categories:
            wrong = labels[(labels < 0) | (labels >= column.categories)][0]
            raise GenerationError(
                f"the table model {model} broke its contract for {table.name}.{column.name}: expected labels "
                f"0..{column.categories - 1}, got {wrong}"
            )


def _check_block(
    model: str,
    table: Table,
    block: Mapping[str, NDArray[Any]],
    request: BlockRequest,
    dtypes: Mapping[str, np.dtype[Any]],
) -> None:
    for column in table.columns:
        values = block.get(column.name)
        if values is None or values.shape != (request.rows,):
            got = "no values" if values is None else f"shape {values.shape}"
            raise GenerationError(
                f"the table model {model} broke its contract for {table.name}.{column.name}: block "
                f"{request.index} has {request.rows} rows, got {got}"
            )
        if values.dtype != dtypes.get(column.name, values.dtype):
            raise GenerationError(
                f"the table model {model} broke its contract for {table.name}.{column.name}: expected "
                f"{dtypes[column.name]}, got {values.dtype}"
            )
