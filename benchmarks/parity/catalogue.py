"""The statistics in the order in which they are shown, and where the reference's defects show.

Not here: how they are computed (`measures`, `signal`).
"""

from __future__ import annotations

from collections.abc import Mapping

NUMBER = (
    "numbers that are constant",
    "distinct share of a number's cells",
    "middle of a number, signed log10",
    "width of a number (1 % to 99 %), log10",
    "skewness of a number (1 %, 50 %, 99 %)",
    "skewness of a number (quartiles)",
    "tails of a number (1 % to 99 % over quartiles), log10",
)
"""The shape of a column of numbers."""

DEPENDENCE = (
    "correlation in a table",
    "correlation across a key",
    "autocorrelation at lag 1",
    "autocorrelation at lag 20",
    "correlation with the row number",
)
"""How columns depend on each other and on the order of rows."""

SCORES = (
    "score from its row",
    "predictable from its row",
    "predictable with parents' rows",
    "parents' rows add to the score",
)
"""What models say of a column."""

RAW, FINISHED, MENDED = "raw", "finished", "finished, mended"

GROUPS: Mapping[str, tuple[str, ...]] = {
    "Schema": (
        "tables",
        "share of activity tables",
        "foreign keys of a table",
        "child tables of a table",
        "longest chain of keys",
        "rows, entity tables",
        "rows, activity tables",
        "planned columns of a table",
        "kept columns of a table",
        "share of lazy tables",
        "days of the period",
        "first day of the period",
        "share of the period before validation",
        "share of the period before test",
    ),
    "Links": (
        "children of a parent row, mean",
        "children of a parent row, Gini",
        "children of a parent row, most over mean",
        "parent rows without children",
        "parent row against child row",
        "parent row against other key's parent row",
    ),
    "Kinds and categories": (
        "planned columns that are categories",
        "planned categories that were kept",
        "planned numbers that were kept",
        "missing share of a number",
        "labels of a category",
        "entropy of a category, bits",
        "most frequent label's share",
        "base rate of a boolean",
    ),
    "Causes": (
        "columns that are sources",
        "causal depth of a column",
        "direct causes of a column",
        "ancestors of a column",
        "shown ancestors of a column",
    ),
    "Values as children read them": tuple(f"{name}, {RAW}" for name in (*NUMBER, *DEPENDENCE)),
    "Values as they end": tuple(f"{name}, {FINISHED}" for name in (*NUMBER, *DEPENDENCE)),
    "Values as they end, mended": tuple(f"{name}, {MENDED}" for name in (*NUMBER, *DEPENDENCE)),
    "What can be predicted": tuple(f"{name}, {kind}" for kind in ("boolean", "number") for name in SCORES),
}
"""Every statistic, by group."""

STATISTICS = tuple(name for names in GROUPS.values() for name in names)

TIES, ROUNDED = "the reference numbers tied cells by row", "the reference's last rows are rounded otherwise"

INTENDED: Mapping[str, str] = {
    f"{name}, {FINISHED}": reason
    for name, reason in (
        ("numbers that are constant", f"{TIES}; {ROUNDED}"),
        ("distinct share of a number's cells", TIES),
        ("skewness of a number (1 %, 50 %, 99 %)", f"{TIES}; {ROUNDED}"),
        ("autocorrelation at lag 1", TIES),
        ("autocorrelation at lag 20", TIES),
        ("correlation with the row number", TIES),
    )
}
"""Why a statistic may reject: the defects of the reference that it shows."""
