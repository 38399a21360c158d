"""Columns without two defects of the reference that would hide everything else.

`rank_uniform` numbers tied cells in the order of rows, so a constant column becomes a straight line along the
rows. And the last one to three rows of a table (the remainder by four) differ from the others in their last
bit, since a matrix product sums them in another order, so a constant column is not quite constant. Here tied
cells get their average rank, and a column that varies by rounding only is constant, on either side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from parity.record import TableRecord
from scipy.stats import rankdata

FAR = 0.02
"""How far from a whole number a rank may lie after it was written in single precision."""

ROUNDING = 2e-6
"""Range over magnitude up to which a column varies by rounding only; single precision has 1.2e-7."""


def mended_raw(table: TableRecord) -> Mapping[str, np.ndarray]:
    """The features as the causal model left them, constant where they vary by rounding only."""
    return {
        name: np.full_like(values, values[0]) if nearly_constant(values) else values
        for name, values in table.raw.items()
    }


def mended_finished(table: TableRecord) -> Mapping[str, np.ndarray]:
    """The finished features with average ranks and without what transforms make of rounding."""
    return {name: mended(values, table.raw.get(name)) for name, values in table.columns.items()}


def mended(values: np.ndarray, raw: np.ndarray | None) -> np.ndarray:
    """A finished column of numbers mended, any other as it is."""
    if values.dtype == bool or raw is None:
        return values
    known = np.isfinite(values)
    if nearly_constant(raw) and known.any():
        return np.where(known, 0.5 if numbered(values) else values[known.argmax()], np.nan)
    return averaged(values, raw.astype(np.float64)) if numbered(values) else values


def nearly_constant(values: np.ndarray) -> bool:
    """Whether a column of numbers varies by rounding only.

    >>> nearly_constant(np.float32([3, 3.000001])), nearly_constant(np.float32([3, 3.0001]))
    (True, False)
    """
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        return False
    cells = values.astype(np.float64)
    return bool(cells.max() - cells.min() <= ROUNDING * np.abs(cells).max())


def numbered(values: np.ndarray) -> bool:
    """Whether a column holds distinct ranks over one more than the number of rows.

    >>> numbered(np.array([0.5, 0.25, np.nan])), numbered(np.array([0.5, 0.5, 0.5]))
    (True, False)
    """
    cells = values[np.isfinite(values)].astype(np.float64)
    if len(cells) < 2:
        return False
    ranks = cells * (len(values) + 1)
    whole = np.round(ranks)
    return bool(
        np.abs(ranks - whole).max() < FAR
        and whole.min() >= 1
        and whole.max() <= len(values)
        and len(np.unique(whole)) == len(whole)
    )


def averaged(values: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Average ranks of the raw values over one more than their number, missing where the column is."""
    known = np.isfinite(raw)
    ranks = np.full(len(raw), np.nan)
    ranks[known] = rankdata(raw[known]) / (known.sum() + 1)
    return np.where(np.isfinite(values), ranks, np.nan)
