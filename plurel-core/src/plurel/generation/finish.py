"""What happens to columns once all tables exist: transforms, missing cells, booleans, dropped constants.

Children never see any of it: they read the values before. A `Finish` is fitted once and can be applied again,
so an intervention finishes its table with the facts of the untouched one. Not here: keys and times.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from attrs import field, frozen

from plurel.generation.blame import blaming
from plurel.generation.facts import ColumnSummary
from plurel.generation.structure import blocks
from plurel.generation.surface import Surface, SurfaceRules, draw_surface
from plurel.schema import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from plurel.plugins.protocols import FittedTransform
    from plurel.plugins.requests import ColumnFacts, Parts, PlannedColumn
    from plurel.seeding import Stream


@frozen(kw_only=True, eq=False)
class FinishedColumn:
    """How one planned column ends.

    Attributes:
        planned: the column as the table model made it.
        surface: how it shows its node.
        dropped: whether it is left out for being constant; numbers never are.
        transform: id of its transform (`distribution:name`), None for categories.
        facts: the facts that the transform was fitted to, None for categories.
        fitted: the transform that knows the column.
        missing: rows of its missing cells, ascending, `[cells] int64`.
        nullable: whether a cell is missing, be it one of those or one that the table model left open.
    """

    planned: PlannedColumn
    surface: Surface
    dropped: bool = False
    transform: str | None = None
    facts: ColumnFacts | None = None
    fitted: FittedTransform | None = None
    missing: NDArray[np.int64] = field(factory=lambda: np.empty(0, dtype=np.int64))
    nullable: bool = False

    def apply(self, values: NDArray[Any]) -> NDArray[Any] | pd.api.extensions.ExtensionArray:
        """The finished column, `[rows]`: f64 with NaN where missing, bool, labels, or as its type says."""
        if self.fitted is None:
            return self.surface.show(values)
        cells = values.astype(np.float64)
        gone = ~np.isfinite(cells)  # missing too: no reader of databases takes an infinity
        cells[gone] = 0
        gone[self.missing] = True
        with blaming(f"the transform {self.transform}", f"the column {self.planned.name}"):
            shown = self.fitted.apply(cells)
        return _blank(self.surface.show(shown), gone)


@frozen(kw_only=True, eq=False)
class Finish:
    """How the columns of one table end.

    Attributes:
        columns: one for each planned column, in order, dropped ones included.
        missing_rate: the table's share of missing cells in a column of numbers.
    """

    columns: tuple[FinishedColumn, ...]
    missing_rate: float

    def apply(self, values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """The finished columns that are kept, in order."""
        return {
            column.planned.name: column.apply(values[column.planned.name])
            for column in self.columns
            if not column.dropped
        }

    def schema_columns(self) -> list[Column]:
        """The kept columns as the finished schema names them."""
        return [
            Column(
                name=column.planned.name,
                kind=column.surface.kind,
                categories=column.planned.categories if column.surface.kind == "category" else None,
                nullable=column.nullable,
            )
            for column in self.columns
            if not column.dropped
        ]


def fit_finish(
    planned: Sequence[PlannedColumn],
    values: Mapping[str, NDArray[Any]],
    rules: SurfaceRules,
    parts: Parts,
    stream: Stream,
) -> Finish:
    """Draw and fit how the columns of a table end.

    Args:
        planned: the columns as the table model made them.
        values: their values, `[rows]` f32 or int64 labels.
        rules: what the config says of surfaces.
        parts: the run's choices.
        stream: the table's own stream.
    """
    rate = float(parts.draw("column_nan_perc_choices", stream / "missing_rate"))
    columns = tuple(
        _fit_column(column, values[column.name], rate, rules, parts, stream / "column" / column.name)
        for column in planned
    )
    return Finish(columns=columns, missing_rate=rate)


def _fit_column(
    column: PlannedColumn,
    values: NDArray[Any],
    rate: float,
    rules: SurfaceRules,
    parts: Parts,
    stream: Stream,
) -> FinishedColumn:
    surface = draw_surface(column, rules, parts, stream)
    if column.kind == "category":
        shown = surface.show(values)
        return FinishedColumn(planned=column, surface=surface, dropped=bool((shown == shown[0]).all()))
    entry, transform = parts.draw_entry("col_transform_choices", stream / "transform")
    ordered = "sorted_values" in transform.needs
    rows = len(values)
    summaries = [
        ColumnSummary.of(values[start:stop].astype(np.float64), ordered=ordered)
        for _, start, stop in blocks(rows)
    ]
    facts = reduce(ColumnSummary.merge, summaries).facts()
    with blaming(f"the transform {entry.id}", f"the column {column.name}"):
        fitted = transform.fit(facts)
    cells = (stream / "missing").generator().choice(rows, size=int(rate * rows), replace=False)
    return FinishedColumn(
        planned=column,
        surface=surface,
        transform=entry.id,
        facts=facts,
        fitted=fitted,
        missing=np.sort(cells),
        nullable=len(cells) > 0 or facts.count < rows,
    )


def _blank(shown: NDArray[Any], gone: NDArray[np.bool_]) -> NDArray[Any] | pd.api.extensions.ExtensionArray:
    """The column with missing cells, in the narrowest dtype that can hold them."""
    if shown.dtype.kind == "f":
        shown[gone] = np.nan
        return shown
    if not gone.any():
        return shown
    blanked: pd.api.extensions.ExtensionArray = pd.array(shown)
    blanked[gone] = pd.NA
    return blanked
