"""What happens to columns once all tables exist: transforms, missing cells, booleans, dropped constants.

Children never see any of it: they read the values before. A `Finish` is fitted once, to facts of whole
columns, and then applied to any run of rows; an intervention finishes its table with the facts of the
untouched one. Not here: keys and times.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import frozen

from plurel.errors import GenerationError
from plurel.generation.blame import blaming
from plurel.generation.facts import ColumnSummary
from plurel.generation.missing import MissingCells, draw_missing
from plurel.generation.scratch import rest
from plurel.generation.surface import Surface, SurfaceRules, draw_surface
from plurel.pieces import in_order, spans
from plurel.schema import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from plurel.pieces import Work
    from plurel.plugins.protocols import FittedTransform
    from plurel.plugins.requests import ColumnFacts, Parts, PlannedColumn
    from plurel.seeding import Stream


@frozen(kw_only=True, eq=False)
class FinishedColumn:
    """How one planned column ends.

    Attributes:
        planned: the column as the table model made it.
        where: what errors call it: `<table>.<column>`.
        surface: how it shows its node.
        dropped: whether it is left out for being constant; numbers never are.
        transform: id of its transform (`distribution:name`), None for categories, as the next three.
        facts: the facts that the transform was fitted to.
        fitted: the transform that knows the column.
        missing: its missing cells.
        nullable: whether a cell is missing, be it one of those or one that the table model left open.
    """

    planned: PlannedColumn
    where: str
    surface: Surface
    dropped: bool = False
    transform: str | None = None
    facts: ColumnFacts | None = None
    fitted: FittedTransform | None = None
    missing: MissingCells | None = None
    nullable: bool = False

    def apply(self, values: NDArray[Any], start: int = 0) -> NDArray[Any] | pd.api.extensions.ExtensionArray:
        """The finished cells of a run of rows: f64 with NaN where missing, bool, labels, or as its type says.

        The dtype is that of the whole column: it has room for missing cells wherever the column has any.

        Args:
            values: the values of the rows, as the table model made them.
            start: number of the first row.

        Raises:
            GenerationError: where the transform or the column type breaks its contract.
        """
        if self.fitted is None or self.missing is None:
            return self.surface.show(values)
        cells = values.astype(np.float64)
        gone = ~np.isfinite(cells)  # missing too: no reader of databases takes an infinity
        cells[gone] = 0
        gone |= self.missing.among(start, start + len(values))
        with blaming(f"the transform {self.transform}", f"the column {self.where}"):
            shown = np.asarray(self.fitted.apply(cells))
        self._check(shown, start, len(values))
        shown = self.surface.show(shown)
        if shown.dtype.kind == "f":
            shown[gone] = np.nan
            return shown
        if not self.nullable:
            return shown
        blanked: pd.api.extensions.ExtensionArray = pd.array(shown)
        blanked[gone] = pd.NA
        return blanked

    def _check(self, shown: NDArray[Any], start: int, rows: int) -> None:
        who = f"the transform {self.transform} broke its contract for {self.where}"
        if shown.shape != (rows,) or shown.dtype.kind != "f":
            raise GenerationError(f"{who}: expected {rows} floats, got shape {shown.shape} of {shown.dtype}")
        wrong = ~np.isfinite(shown)
        if wrong.any():
            row = int(wrong.argmax())
            raise GenerationError(f"{who}: expected finite values, got {shown[row]} in row {start + row}")


@frozen(kw_only=True, eq=False)
class Finish:
    """How the columns of one table end.

    Attributes:
        columns: one for each planned column, in order, dropped ones included.
        missing_rate: the table's share of missing cells in a column of numbers.
    """

    columns: tuple[FinishedColumn, ...]
    missing_rate: float

    @property
    def kept(self) -> dict[str, FinishedColumn]:
        """The columns that are not left out, by name, in order."""
        return {column.planned.name: column for column in self.columns if not column.dropped}

    def apply(self, values: Mapping[str, NDArray[Any]], start: int = 0) -> dict[str, Any]:
        """The finished cells of a run of rows, of every column that is kept, in order.

        Args:
            values: the values of the rows by column, as the table model made them.
            start: number of the first row.
        """
        return {name: column.apply(values[name], start) for name, column in self.kept.items()}

    def schema_columns(self) -> list[Column]:
        """The kept columns as the finished schema names them."""
        return [
            Column(
                name=name,
                kind=column.surface.kind,
                categories=column.planned.categories if column.surface.kind == "category" else None,
                nullable=column.nullable,
            )
            for name, column in self.kept.items()
        ]


def fit_finish(
    planned: Sequence[PlannedColumn],
    table: str,
    values: Mapping[str, NDArray[Any]],
    rules: SurfaceRules,
    parts: Parts,
    stream: Stream,
    work: Work = in_order,
) -> Finish:
    """Draw and fit how the columns of a table end.

    Args:
        planned: the columns as the table model made them.
        table: the table's name.
        values: their values, `[rows]` f32 or int64 labels.
        rules: what the config says of surfaces.
        parts: the run's choices.
        stream: the table's own stream.
        work: what does the pieces of a column.
    """
    rate = float(parts.draw("column_nan_perc_choices", stream / "missing_rate"))
    columns = tuple(
        _fit_column(
            column,
            f"{table}.{column.name}",
            values[column.name],
            rate,
            rules,
            parts,
            stream / "column" / column.name,
            work,
        )
        for column in planned
    )
    return Finish(columns=columns, missing_rate=rate)


def _fit_column(
    column: PlannedColumn,
    where: str,
    values: NDArray[Any],
    rate: float,
    rules: SurfaceRules,
    parts: Parts,
    stream: Stream,
    work: Work,
) -> FinishedColumn:
    surface = draw_surface(column, where, rules, parts, stream)
    if column.kind == "category":
        constant = _is_constant(values, surface)
        return FinishedColumn(planned=column, where=where, surface=surface, dropped=constant)
    rows = len(values)
    entry, transform = parts.draw_entry("col_transform_choices", stream / "transform")
    ordered = "sorted_values" in transform.needs
    told = work(partial(_summary, values, ordered), spans(rows))
    facts = reduce(ColumnSummary.merge, told).facts()
    with blaming(f"the transform {entry.id}", f"the column {where}"):
        fitted = transform.fit(facts)
    missing = draw_missing(rows, int(rate * rows), stream / "missing", work)
    return FinishedColumn(
        planned=column,
        where=where,
        surface=surface,
        transform=entry.id,
        facts=facts,
        fitted=fitted,
        missing=missing,
        nullable=missing.cells > 0 or facts.count < rows,
    )


def _summary(values: NDArray[Any], ordered: bool, span: tuple[int, int]) -> ColumnSummary:
    summary = ColumnSummary.of(values[slice(*span)].astype(np.float64), ordered=ordered)
    rest([values])
    return summary


def _is_constant(values: NDArray[Any], surface: Surface) -> bool:
    """Whether all labels look alike; the first piece that tells is the last one that is looked at."""
    first = surface.show(values[:1])
    return all(bool((surface.show(values[start:stop]) == first).all()) for start, stop in spans(len(values)))
