"""Labels of a table that is typed lazily: numbers first, cut into labels once the whole column is known.

The boundaries of a column of K labels are K-1 of its own values, drawn with replacement; a value's label is
the number of boundaries strictly below it, then perhaps permuted, then perhaps reversed. Which rows give the
boundaries is drawn before any value is made, so blocks tell their part in any number of pieces. Not here:
which tables are typed so (`plurel_scm.table_model`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from plurel.errors import GenerationError

if TYPE_CHECKING:
    from plurel.plugins.requests import Parts
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]
I64: TypeAlias = NDArray[np.int64]


@frozen(kw_only=True, eq=False)
class CutFacts:
    """What a run of blocks tells of a column that will be cut.

    Attributes:
        picked: values of the rows in it that give boundaries, `[rows] f32`, in no order.
        greatest: its greatest value, -infinity where there is none.
    """

    picked: F32
    greatest: float

    def merge(self, other: CutFacts) -> CutFacts:
        """The facts of both runs."""
        return CutFacts(
            picked=np.concatenate([self.picked, other.picked]), greatest=max(self.greatest, other.greatest)
        )


@frozen(kw_only=True, eq=False)
class Cut:
    """How the numbers of one column become labels.

    Attributes:
        rows: the rows whose values are the boundaries, `[labels - 1] int64`.
        names: the label of a value by the number of boundaries below it, `[labels] int64`.
        boundaries: the boundaries in ascending order, without missing ones; None before the column is known.
        greatest: the column's greatest value.
    """

    rows: I64
    names: I64
    boundaries: F32 | None = None
    greatest: float = -np.inf

    def facts(self, values: F32, start: int) -> CutFacts:
        """What a block tells.

        Args:
            values: the block's numbers, `[rows] f32`.
            start: number of its first row.
        """
        inside = self.rows[(start <= self.rows) & (self.rows < start + len(values))]
        known = values[~np.isnan(values)]
        return CutFacts(picked=values[inside - start], greatest=float(known.max(initial=-np.inf)))

    def fit(self, facts: CutFacts) -> Cut:
        """The cut of a column with these facts; nothing lies above a missing boundary."""
        boundaries = np.sort(facts.picked[~np.isnan(facts.picked)])
        return evolve(self, boundaries=boundaries, greatest=facts.greatest)

    def labels(self, values: F32) -> I64:
        """The labels of numbers, `[rows] f32` to `[rows] int64`; a missing number lies above no boundary.

        Raises:
            GenerationError: before the column is known.
        """
        below = np.searchsorted(self._known(), values, side="left")
        return self.names[np.where(np.isnan(values), 0, below)]

    def number(self, label: int) -> float:
        """A value of the column that has a label, or the next boundary if none has; NaN without values.

        Raises:
            GenerationError: before the column is known.
        """
        boundaries = self._known()
        below = int(np.flatnonzero(self.names == label)[0])
        if below < len(boundaries):
            return float(boundaries[below])
        return self.greatest if self.greatest > -np.inf else np.nan

    def _known(self) -> F32:
        if self.boundaries is None:
            raise GenerationError("a column that is cut into labels has none before its plan is fitted")
        return self.boundaries


def draw_cut(labels: int, rows: int, parts: Parts, stream: Stream) -> Cut:
    """Draw how a column of a table will be cut.

    Args:
        labels: number of labels.
        rows: rows of the table.
        parts: the run's choices.
        stream: the stream of this column's cut.
    """
    chosen = (stream / "rows").generator().random(labels - 1) * rows
    names = np.arange(labels, dtype=np.int64)
    if _happens("cat_label_permute_prob_choices", parts, stream / "permute"):
        names = np.argsort((stream / "order").generator().random(labels), kind="stable").astype(np.int64)
    if _happens("cat_label_reverse_prob_choices", parts, stream / "reverse"):
        names = labels - 1 - names
    return Cut(rows=np.minimum(chosen.astype(np.int64), rows - 1), names=names)


def _happens(choice: str, parts: Parts, stream: Stream) -> bool:
    """Whether something happens whose probability is a choice of the run."""
    probability = float(parts.draw(choice, stream / "probability"))
    return bool((stream / "happens").generator().random() < probability)
