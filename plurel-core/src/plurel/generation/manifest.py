"""What `plurel.json` says of a generated database: where it came from, what caused it, how its columns ended.

The document is JSON-able and depends on seed, config, the contributions that were used and the versions that
computed with them alone: no time of day, no machine, no plugin that had no part in it. Not here: the RelBench
manifests.
"""

from __future__ import annotations

from collections.abc import Container
from importlib import metadata
from typing import TYPE_CHECKING, Any

import attrs

from plurel.plugins.requests import BLOCK_ROWS

if TYPE_CHECKING:
    from plurel.config import ResolvedConfig
    from plurel.generation.database import Generated, TableRecord
    from plurel.generation.finish import FinishedColumn

FORMAT_VERSION = 1


def database_manifest(generated: Generated, resolved: ResolvedConfig) -> dict[str, Any]:
    """The document.

    Args:
        generated: the database.
        resolved: the config that it came from.
    """
    return {
        "format_version": FORMAT_VERSION,
        "seed": generated.seed,
        **config_identity(resolved, but=("cache_dir",)),
        "computed_by": computed_by(),
        "block_rows": BLOCK_ROWS,
        "period": attrs.asdict(generated.period),
        "schema": [attrs.asdict(table) for table in generated.schema],
        "causal_graph": generated.graph.to_dict(),
        "columns": {name: _table(record) for name, record in generated.records.items()},
    }


def config_identity(
    resolved: ResolvedConfig, but: Container[str] = ("cache_dir", "preset")
) -> dict[str, Any]:
    """The part of the document that two runs share when their seeds give the same databases.

    Args:
        resolved: the config of a run.
        but: what is no part of it: where a run caches databases, which preset its values started from.
    """
    config = {name: value for name, value in resolved.to_dict().items() if name not in but}
    return {"config": config, "contributions": resolved.provenance}


def computed_by() -> dict[str, str]:
    """What the values went through, with versions: numpy's last bits are equal for equal versions only."""
    return {name: metadata.version(name) for name in ("plurel-core", "numpy", "pandas", "pyarrow")}


def _table(record: TableRecord) -> dict[str, Any]:
    return {
        "table_model": record.model,
        "mode": record.mode,
        **({} if record.computed is None else {"computed": dict(record.computed)}),
        "missing_rate": record.finish.missing_rate,
        "columns": {column.planned.name: _column(column) for column in record.finish.columns},
    }


def _column(column: FinishedColumn) -> dict[str, Any]:
    planned = column.planned
    said: dict[str, Any] = {
        "node": planned.node,
        "planned": planned.kind if planned.categories is None else f"{planned.kind}[{planned.categories}]",
        "kind": None if column.dropped else column.surface.kind,
    }
    if column.surface.contributions:
        said["surface"] = list(column.surface.contributions)
    if column.facts is not None and column.missing is not None:
        said |= {
            "transform": column.transform,
            "missing_cells": column.missing.cells,
            "before_transform": {
                name: getattr(column.facts, name) for name in ("count", "mean", "std", "minimum", "maximum")
            },
        }
    return said
