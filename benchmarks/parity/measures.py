"""What is measured of a database, as values of its parts: tables, keys, columns, pairs of columns.

`measure` gives every statistic as a list of numbers, one a part. Measures of a column's shape are robust
(quantiles and ranks), because the prior's floats have no moments worth estimating. Rows beyond `ROWS` are
sampled. Not here: scores of models (`signal`) and tests (`compare`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from parity.mended import mended_finished, mended_raw
from parity.record import DatabaseRecord, TableRecord, gather
from scipy.stats import rankdata

ROWS = 1000
"""Rows of a table that correlations are measured on."""

ITEMS = 400
"""Values of a statistic that are kept of a database; of more, a sample."""

BEYOND = 1e9
"""Stands for a ratio to a width of nothing."""

DAY = 24 * 3600 * 1e6

Items = dict[str, list[float]]


def measure(record: DatabaseRecord) -> dict[str, np.ndarray]:
    """Every statistic of a database by name, `[parts]` f64; parts that lack it are left out."""
    generator = np.random.default_rng(record.seed)
    items: Items = {}
    sampled = {table.name: np.sort(generator.permutation(table.rows)[:ROWS]) for table in record.tables}
    sizes = {table.name: table.rows for table in record.tables}
    stages = {table.name: features_by_stage(table) for table in record.tables}
    extend(items, schema(record))
    for table in record.tables:
        rows = sampled[table.name]
        for part in (links(table, sizes), columns(table), causes(table)):
            extend(items, part)
        for title, features in stages[table.name].items():
            numbers = [features[column.name] for column in table.planned if column.kind == "number"]
            for values in numbers:
                extend(items, {f"{what}, {title}": [shown] for what, shown in shape(values)})
        for title, features in stages[table.name].items():
            extend(items, {f"correlation in a table, {title}": correlations_inside(features, rows)})
            extend(items, along_rows(features, title))
            for key, parent in table.parents.items():
                above = {
                    name: gather(values, table.links[key]) for name, values in stages[parent][title].items()
                }
                found = correlations_across(features, above, rows)
                extend(items, {f"correlation across a key, {title}": found})
    return {name: thinned(np.array(values), generator) for name, values in items.items()}


def features_by_stage(table: TableRecord) -> dict[str, Mapping[str, np.ndarray]]:
    """The features of a table as the causal model left them, as they ended, and the latter mended."""
    return {"raw": mended_raw(table), "finished": table.columns, "finished, mended": mended_finished(table)}


def extend(items: Items, more: Mapping[str, list[float]]) -> None:
    """Append statistics of a further part."""
    for name, values in more.items():
        items.setdefault(name, []).extend(values)


def thinned(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The values, or a sample of `ITEMS` of them."""
    return values if len(values) <= ITEMS else generator.choice(values, ITEMS, replace=False)


def schema(record: DatabaseRecord) -> Items:
    """Tables, their degrees, sizes and the period."""
    children = {table.name: 0 for table in record.tables}
    for table in record.tables:
        for parent in table.parents.values():
            children[parent] += 1
    timed = [table.times for table in record.tables if table.times is not None]
    start, stop = min(times.min() for times in timed), max(times.max() for times in timed)
    activity = [children[table.name] == 0 for table in record.tables]
    rows = [float(table.rows) for table in record.tables]
    return {
        "tables": [float(len(record.tables))],
        "share of activity tables": [float(np.mean(activity))],
        "foreign keys of a table": [float(len(table.parents)) for table in record.tables],
        "child tables of a table": [float(count) for count in children.values()],
        "longest chain of keys": [float(max(generations(record).values()))],
        "rows, entity tables": [count for count, last in zip(rows, activity, strict=True) if not last],
        "rows, activity tables": [count for count, last in zip(rows, activity, strict=True) if last],
        "days of the period": [float((stop - start) / DAY)],
        "first day of the period": [float(start / DAY)],
        "share of the period before validation": [float((record.val - start) / (stop - start))],
        "share of the period before test": [float((record.test - start) / (stop - start))],
        "planned columns of a table": [float(len(table.planned)) for table in record.tables],
        "share of lazy tables": [float(np.mean([table.mode == "lazy" for table in record.tables]))],
    }


def generations(record: DatabaseRecord) -> dict[str, int]:
    """The number of keys on the longest way up from each table."""
    above = {table.name: set(table.parents.values()) for table in record.tables}
    found: dict[str, int] = {}
    while len(found) < len(above):
        ready = [name for name in above if name not in found and above[name] <= found.keys()]
        found |= {name: 1 + max((found[parent] for parent in above[name]), default=-1) for name in ready}
    return found


def links(table: TableRecord, rows: Mapping[str, int]) -> Items:
    """How the rows of a table spread over the rows of its parents."""
    found: Items = {}
    for key, parent in table.parents.items():
        pointed = table.links[key]
        counts = np.bincount(pointed[pointed >= 0], minlength=rows[parent])
        position = np.arange(table.rows)
        extend(
            found,
            {
                "children of a parent row, mean": [float(counts.mean())],
                "children of a parent row, Gini": [gini(counts)],
                "children of a parent row, most over mean": [float(counts.max() / counts.mean())],
                "parent rows without children": [float((counts == 0).mean())],
                "parent row against child row": [abs(spearman(pointed, position))],
            },
        )
    pairs = [abs(spearman(a, b)) for a, b in combinations(table.links.values(), 2)]
    return found | {"parent row against other key's parent row": pairs}


def gini(counts: np.ndarray) -> float:
    """Gini's coefficient of counts; 0 where all are equal, near 1 where one has everything.

    >>> gini(np.array([1, 1, 1, 1])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)
    """
    ordered = np.sort(counts).astype(np.float64)
    share = np.cumsum(ordered) / ordered.sum()
    return float(1 - 2 * (share.mean() - 1 / (2 * len(ordered))))


def columns(table: TableRecord) -> Items:
    """Kinds, labels, base rates, shapes and missing cells of the columns of a table."""
    categories = [column.name for column in table.planned if column.kind == "category"]
    numbers = [column.name for column in table.planned if column.kind == "number"]
    booleans = [values for values in table.columns.values() if values.dtype == bool]
    labels = [table.raw.get(name, np.zeros(1, dtype=np.int16)) for name in categories]
    return {
        "planned columns that are categories": [len(categories) / len(table.planned)],
        "planned categories that were kept": [float(name in table.columns) for name in categories],
        "planned numbers that were kept": [float(name in table.columns) for name in numbers],
        "missing share of a number": [
            1 - float(np.isfinite(table.columns[name]).mean()) for name in numbers if name in table.columns
        ],
        "kept columns of a table": [float(len(table.columns))],
        "base rate of a boolean": [float(values.mean()) for values in booleans],
        "labels of a category": [float(len(np.unique(values))) for values in labels],
        "entropy of a category, bits": [entropy(values) for values in labels],
        "most frequent label's share": [float(np.bincount(values).max() / len(values)) for values in labels],
    }


def entropy(labels: np.ndarray) -> float:
    """Entropy of labels in bits.

    >>> entropy(np.array([0, 1, 1, 0]))
    1.0
    """
    shares = np.bincount(labels) / len(labels)
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def shape(values: np.ndarray) -> Iterator[tuple[str, float]]:
    """What is measured of a column of numbers; missing cells are left out, shapes of a constant too."""
    cells = values[np.isfinite(values)].astype(np.float64)
    if not len(cells):
        return
    low, first, middle, third, high = np.quantile(cells, (0.01, 0.25, 0.5, 0.75, 0.99))
    yield "numbers that are constant", float(cells.min() == cells.max())
    yield "distinct share of a number's cells", len(np.unique(cells)) / len(cells)
    yield "middle of a number, signed log10", signed_log(middle)
    if cells.min() == cells.max():
        return
    yield "width of a number (1 % to 99 %), log10", float(np.log10(max(high - low, 1 / BEYOND)))
    yield "skewness of a number (1 %, 50 %, 99 %)", ratio(high + low - 2 * middle, high - low)
    yield "skewness of a number (quartiles)", ratio(third + first - 2 * middle, third - first)
    yield (
        "tails of a number (1 % to 99 % over quartiles), log10",
        float(np.log10(min(max(ratio(high - low, third - first), 1 / BEYOND), BEYOND))),
    )


def signed_log(value: float) -> float:
    """log10 of the magnitude from 1e-6 on, with the sign.

    >>> signed_log(-100.0), signed_log(0.0)
    (-8.0, 0.0)
    """
    return float(np.sign(value) * max(np.log10(abs(value) + 1e-300) + 6, 0))


def ratio(above: float, below: float) -> float:
    """A quotient; nothing over nothing is 0, something over nothing `BEYOND`."""
    if below > 0:
        return float(above / below)
    return 0.0 if above == 0 else float(np.sign(above) * BEYOND)


def centred_ranks(values: np.ndarray) -> np.ndarray | None:
    """Ranks of a column (ties share theirs), mean 0 and length 1, 0 where missing; None for a constant."""
    known = np.isfinite(values)
    ranks = np.zeros(len(values))
    if known.any():
        ranks[known] = rankdata(values[known])
        ranks[known] -= ranks[known].mean()
    length = np.sqrt(np.square(ranks).sum())
    return ranks / length if length > 0 else None


def rank_matrix(features: Mapping[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Ranks of the columns that vary on some rows, `[columns, rows]`."""
    ranks = [centred_ranks(values[rows]) for values in features.values()]
    return np.array([found for found in ranks if found is not None]).reshape(-1, len(rows))


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's correlation of two columns, 0 where one does not vary.

    >>> spearman(np.array([1, 2, 3]), np.array([3, 2, 1]))
    -1.0
    """
    ranks = [centred_ranks(values.astype(np.float64)) for values in (one, other)]
    if ranks[0] is None or ranks[1] is None:
        return 0.0
    return round(float(ranks[0] @ ranks[1]), 12)


def correlations_inside(features: Mapping[str, np.ndarray], rows: np.ndarray) -> list[float]:
    """Absolute Spearman correlation of every pair of columns."""
    ranks = rank_matrix(features, rows)
    return list(np.abs((ranks @ ranks.T)[np.triu_indices(len(ranks), 1)]))


def correlations_across(
    features: Mapping[str, np.ndarray], above: Mapping[str, np.ndarray], rows: np.ndarray
) -> list[float]:
    """Absolute Spearman correlation of every column with every column of the parent row."""
    return list(np.abs(rank_matrix(features, rows) @ rank_matrix(above, rows).T).ravel())


def along_rows(features: Mapping[str, np.ndarray], title: str) -> Items:
    """How the columns that vary follow the order of the rows."""
    found: Items = {}
    for values in features.values():
        ranks = centred_ranks(values.astype(np.float64))
        if ranks is not None:
            follows = abs(spearman(values, np.arange(len(values))))
            extend(
                found,
                {
                    f"autocorrelation at lag 1, {title}": [float(ranks[1:] @ ranks[:-1])],
                    f"autocorrelation at lag 20, {title}": [float(ranks[20:] @ ranks[:-20])],
                    f"correlation with the row number, {title}": [follows],
                },
            )
    return found


def causes(table: TableRecord) -> Items:
    """Where the columns stand in the causal graph of their table."""
    above: dict[int, list[int]] = {}
    for source, target in table.edges.tolist():
        above.setdefault(target, []).append(source)
    depth: dict[int, int] = {}
    ancestors: dict[int, frozenset[int]] = {}

    def visit(node: int) -> None:
        for parent in above.get(node, ()):
            if parent not in depth:
                visit(parent)
        causing = above.get(node, ())
        depth[node] = 1 + max((depth[parent] for parent in causing), default=-1)
        ancestors[node] = frozenset(causing).union(*(ancestors[parent] for parent in causing))

    nodes = [column.node for column in table.planned]
    for node in nodes:
        visit(node)
    shown = set(nodes)
    return {
        "columns that are sources": [float(depth[node] == 0) for node in nodes],
        "causal depth of a column": [float(depth[node]) for node in nodes],
        "direct causes of a column": [float(len(above.get(node, ()))) for node in nodes],
        "ancestors of a column": [float(len(ancestors[node])) for node in nodes],
        "shown ancestors of a column": [float(len(ancestors[node] & shown)) for node in nodes],
    }
