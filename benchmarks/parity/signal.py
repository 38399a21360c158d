"""How well a column can be told from its row, and from its row with its parents' rows.

Scores are those of extremely randomised trees (Geurts, Ernst and Wehenkel 2006), cross-validated on a sample
of rows: the explained share of the variance of a number's ranks, 2 AUROC - 1 of a boolean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from parity.record import DatabaseRecord, TableRecord, gather
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesRegressor

COLUMNS = 12
"""Columns of a database that are scored."""

ROWS, TREES, FOLDS = 600, 20, 2

RARE = 12
"""Cells of the rarer value that a boolean needs among the sampled rows."""

DETECTABLE = 0.1
"""A score from which a column counts as predictable; scores of noise on this many rows stay below."""

GAIN = 0.05
"""What parents' rows must add to a score to count."""


def signals(record: DatabaseRecord) -> dict[str, np.ndarray]:
    """Scores of a sample of the columns of a database that vary, by statistic, `[columns]` f64."""
    generator = np.random.default_rng([record.seed, COLUMNS])
    tables = {table.name: table for table in record.tables}
    everything = [(table, name) for table in record.tables for name in table.columns]
    items: dict[str, list[float]] = {}
    scored = 0
    for number in generator.permutation(len(everything)):
        table, name = everything[number]
        rows = np.sort(generator.permutation(table.rows)[:ROWS])
        target, rows = known(table.columns[name], rows)
        if not varies(target):
            continue
        kind = "boolean" if target.dtype == bool else "number"
        own = own_features(table, name, rows)
        above = parent_features(table, tables, rows)
        alone = score(own, target, int(number))
        more = score(np.hstack([own, above]), target, int(number)) if above.size else alone
        for title, shown in (
            (f"score from its row, {kind}", alone),
            (f"predictable from its row, {kind}", float(alone > DETECTABLE)),
            (f"predictable with parents' rows, {kind}", float(more > DETECTABLE)),
            (f"parents' rows add to the score, {kind}", float(more - alone > GAIN)),
        ):
            items.setdefault(title, []).append(shown)
        scored += 1
        if scored == COLUMNS:
            break
    return {name: np.array(values) for name, values in items.items()}


def known(values: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cells of some rows that are not missing, and their rows."""
    rows = rows[np.isfinite(values[rows])]
    return values[rows], rows


def varies(target: np.ndarray) -> bool:
    """Whether there is something to predict."""
    if target.dtype == bool:
        return bool(RARE <= target.sum() <= len(target) - RARE)
    return len(target) >= 10 * FOLDS and bool(target.min() < target.max())


def own_features(table: TableRecord, name: str, rows: np.ndarray) -> np.ndarray:
    """The other columns of the row, `[rows, columns]`."""
    others = {other: values[rows] for other, values in table.columns.items() if other != name}
    return matrix(others, len(rows))


def parent_features(table: TableRecord, tables: Mapping[str, TableRecord], rows: np.ndarray) -> np.ndarray:
    """The columns of the parents' rows, `[rows, columns]`."""
    found = {
        f"{key}/{name}": gather(values, table.links[key][rows])
        for key, parent in table.parents.items()
        for name, values in tables[parent].columns.items()
    }
    return matrix(found, len(rows))


def matrix(features: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """Ranks of features, missing cells in the middle, `[rows, features]` f32."""
    found = np.full((rows, len(features)), rows / 2, dtype=np.float32)
    for number, values in enumerate(features.values()):
        there = np.isfinite(values)
        found[there, number] = rankdata(values[there])
    return found


def score(features: np.ndarray, target: np.ndarray, seed: int) -> float:
    """The cross-validated score of a column."""
    if not features.size:
        return 0.0
    fold = np.random.default_rng(seed).permutation(len(target)) % FOLDS
    wanted = target.astype(np.float64) if target.dtype == bool else rankdata(target)
    told = np.empty(len(target))
    for held in range(FOLDS):
        trees = ExtraTreesRegressor(TREES, min_samples_leaf=3, max_features=0.5, random_state=seed)
        trees.fit(features[fold != held], wanted[fold != held])
        told[fold == held] = trees.predict(features[fold == held])
    if target.dtype == bool:
        return 2 * auroc(told, target) - 1
    return float(1 - np.square(wanted - told).sum() / np.square(wanted - wanted.mean()).sum())


def auroc(told: np.ndarray, target: np.ndarray) -> float:
    """The probability that a true cell ranks above a false one, ties counting half.

    >>> auroc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    true = int(target.sum())
    return float((rankdata(told)[target].sum() - true * (true + 1) / 2) / (true * (len(target) - true)))
