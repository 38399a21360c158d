"""A whole database from a seed and a resolved config; and the same one again under an intervention.

Schema and period, times and links, values, then the finish of every table. Not here: any of the steps
(the modules beside this one) or files (`plurel.relbench_io`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from attrs import frozen
from threadpoolctl import threadpool_limits

from plurel.errors import RequestError
from plurel.generation.blame import blaming
from plurel.generation.finish import Finish, fit_finish
from plurel.generation.rows import finished_rows
from plurel.generation.schema import Period, draw_period, draw_schema
from plurel.generation.structure import Structure, draw_structure
from plurel.generation.surface import SurfaceRules
from plurel.generation.values import TableValues, make_values
from plurel.graph import CausalGraph
from plurel.pieces import in_order
from plurel.plugins.requests import TaskRequest
from plurel.schema import Schema
from plurel.seeding import Stream

if TYPE_CHECKING:
    import pandas as pd

    from plurel.config import Config
    from plurel.pieces import Pieces, Work
    from plurel.plugins.requests import Parts
    from plurel.tasks import TaskDefinition


_NUMBERS: tuple[type[Any], ...] = (int, float, np.integer, np.floating, np.bool_)

LARGEST = float(np.finfo(np.float32).max)
"""Largest number that a column of the values holds."""


@frozen(kw_only=True, eq=False)
class TableRecord:
    """What a generation remembers of a table beside its rows, enough to make them again.

    Attributes:
        model: id of the table model.
        mode: how children read its columns.
        computed: how many causal nodes what computed, where the table model tells.
        summary: the whole-column facts that the model was fitted to.
        finish: how its columns ended.
    """

    model: str
    mode: str
    computed: Mapping[str, int] | None
    summary: Any
    finish: Finish


@frozen(kw_only=True, eq=False)
class Generated:
    """A generated database.

    Attributes:
        seed: the seed it came from.
        period: the time it covers.
        planned: its schema as drawn, with the columns that were dropped later.
        schema: its schema as it stands.
        structure: its keys and times.
        tables: its rows by table: keys, features, then the time; made in pieces when somebody asks.
        graph: what caused what.
        records: what else is known of each table.
    """

    seed: int
    period: Period
    planned: Schema
    schema: Schema
    structure: Structure
    tables: Mapping[str, Pieces]
    graph: CausalGraph
    records: Mapping[str, TableRecord]

    @cached_property
    def frames(self) -> Mapping[str, pd.DataFrame]:
        """Its rows by table, whole and in memory."""
        return {name: table.frame() for name, table in self.tables.items()}


def generate(
    seed: int,
    config: Config,
    parts: Parts,
    *,
    order: Sequence[str] | None = None,
    progress: Callable[[str, int], None] = lambda *_: None,
    work: Work = in_order,
) -> Generated:
    """Generate a database.

    Args:
        seed: names the database; every draw is addressed from it.
        config: its plain numbers (period, splits, collapse of categories).
        parts: its choices, resolved.
        order: names of the tables in the order in which to make them, parents first; changes nothing but
            the order of work.
        progress: told a table's name and how many more of its rows are made, perhaps on several threads.
        work: what does the blocks of a table; changes nothing but the time it takes.

    Raises:
        GenerationError: where a contribution breaks its contract or the config leaves nothing to draw.
    """
    stream = Stream(seed)
    params = config.database_params
    period = period_of(seed, config)
    rules = SurfaceRules(
        collapse=params.category_collapse,
        typed=params.column_type_choices is not None,
        generated=params.value_generator_choices is not None,
    )
    planned = draw_schema(parts, stream, typed=rules.typed)
    structure = draw_structure(planned, period, parts, stream, _scratch(), work)
    with threadpool_limits(1, user_api="blas"):
        values = make_values(
            planned, structure, parts, stream, _scratch(), order=order, progress=progress, work=work
        )
        records = {
            table.name: _record(values[table.name], rules, parts, stream / "table" / table.name, work)
            for table in planned
        }
    return Generated(
        seed=seed,
        period=period,
        planned=planned,
        schema=Schema(
            tables=[
                attrs.evolve(table, columns=records[table.name].finish.schema_columns()) for table in planned
            ]
        ),
        structure=structure,
        tables=_tables(planned, structure, values, records, work),
        graph=CausalGraph.union(values[table.name].plan.graph for table in planned),
        records=records,
    )


def period_of(seed: int, config: Config) -> Period:
    """The period of the database of a seed and a config.

    Raises:
        GenerationError: where the config leaves no two days to draw.
    """
    return draw_period(
        config.database_params.min_timestamp,
        config.database_params.max_timestamp,
        val_split=config.val_split,
        test_split=config.test_split,
        stream=Stream(seed) / "period",
    )


def intervene(generated: Generated, parts: Parts, column: str, value: float) -> dict[str, pd.DataFrame]:
    """The rows of a database under do(column = value): other values, same noise, same mechanisms.

    The value is that of the column's causal node, before the column's transform; a category is held at a
    label.

    Args:
        generated: the untouched database.
        parts: the choices that it was generated with.
        column: `<table>.<column>`.
        value: what the column is held at.

    Raises:
        RequestError: where the database has no such column, the column no such label, or the value is no
            number that single precision holds.
    """
    held = _held(generated, column, value)
    table, _, name = column.rpartition(".")
    with threadpool_limits(1, user_api="blas"):
        values = make_values(
            generated.planned,
            generated.structure,
            parts,
            Stream(generated.seed),
            _scratch(),
            do={table: {name: held}},
            summaries={own: record.summary for own, record in generated.records.items()},
        )
    tables = _tables(generated.planned, generated.structure, values, generated.records)
    return {name: table.frame() for name, table in tables.items()}


def _held(generated: Generated, column: str, value: Any) -> float:
    """The value that a column is held at, an integer where it is a label."""
    known = {
        f"{table}.{finished.planned.name}": finished.planned.categories
        for table, record in generated.records.items()
        for finished in record.finish.columns
    }
    if column not in known:
        table = str(column).partition(".")[0]
        beside = [name for name in known if name.startswith(f"{table}.")]
        raise RequestError(
            f"there is no feature column {column!r} to hold; "
            f"{'columns' if beside else 'tables'}: {', '.join(beside or generated.records)}"
        )
    categories = known[column]
    if categories is not None:
        if not isinstance(value, _NUMBERS) or value not in range(categories):
            raise RequestError(f"{column} is held at one of its labels, 0..{categories - 1}; got {value!r}")
        return int(value)
    if not isinstance(value, _NUMBERS) or not abs(value) <= LARGEST:
        raise RequestError(f"{column} is held at a finite number, in single precision; got {value!r}")
    return float(value)


def propose_tasks(generated: Generated, parts: Parts) -> list[TaskDefinition]:
    """The prediction tasks of a generated database, from every proposer of its config."""
    tasks: list[TaskDefinition] = []
    for entry, proposer in parts.every("task_choices"):
        request = TaskRequest(
            tables=generated.tables,
            schema=generated.schema.tables,
            val_timestamp=generated.period.val,
            test_timestamp=generated.period.test,
            stream=Stream(generated.seed) / "tasks" / entry.id,
        )
        with blaming(
            f"the task proposer {entry.id}", f"the tasks of a database of {len(generated.tables)} tables"
        ):
            tasks += proposer.propose(request)
    return tasks


def _scratch() -> Path:
    """Where columns in the making lie."""
    return Path(tempfile.gettempdir())


def _record(made: TableValues, rules: SurfaceRules, parts: Parts, stream: Stream, work: Work) -> TableRecord:
    finish = fit_finish(made.plan.columns, made.table.name, made.values, rules, parts, stream, work)
    return TableRecord(
        model=made.model,
        mode=made.plan.mode,
        computed=getattr(made.plan, "computed", None),
        summary=made.summary,
        finish=finish,
    )


def _tables(
    schema: Schema,
    structure: Structure,
    values: Mapping[str, TableValues],
    records: Mapping[str, TableRecord],
    work: Work = in_order,
) -> dict[str, Pieces]:
    return {
        table.name: finished_rows(
            table, structure, values[table.name].values, records[table.name].finish, work
        )
        for table in schema
    }
