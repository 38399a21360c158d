"""Packed stores of relational databases, and contexts from them that show nothing before it is known.

Public names are imported on first use: the package is also where a ledger finds `plurel_sampler.plugin`,
which must load without numpy or pyarrow.

>>> from plurel_sampler import ContextConfig, Sampler, Store, Table, Target, Task, build_store
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plurel_sampler.attention import ATTENTION_KINDS, AttentionPlan, plan_attention
    from plurel_sampler.building import build_store
    from plurel_sampler.embedders import HashedEmbedder
    from plurel_sampler.errors import (
        BuildError,
        CellValueError,
        ContextError,
        LimitError,
        SamplerError,
        StoreBusyError,
        StoreError,
        StoreExistsError,
        StoreFormatError,
        StoreIOError,
        StoreMissingError,
        UnresolvedKeyError,
    )
    from plurel_sampler.records import ENCODINGS, Column, ContextConfig, Embedder, Table, Target, Task
    from plurel_sampler.sampling import Batch, ColumnRef, Sampler, TableRef
    from plurel_sampler.stores import ALWAYS, NEVER, ColumnInfo, Store, TableInfo, TaskInfo
    from plurel_sampler.verifying import verify_store

__version__ = "0.1.0"

ABI: int = 3
"""Of stores and batches as other distributions use them; raised with every change that would break one."""

__all__ = [
    "ABI",
    "ALWAYS",
    "ATTENTION_KINDS",
    "ENCODINGS",
    "NEVER",
    "AttentionPlan",
    "Batch",
    "BuildError",
    "CellValueError",
    "Column",
    "ColumnInfo",
    "ColumnRef",
    "ContextConfig",
    "ContextError",
    "Embedder",
    "HashedEmbedder",
    "LimitError",
    "Sampler",
    "SamplerError",
    "Store",
    "StoreBusyError",
    "StoreError",
    "StoreExistsError",
    "StoreFormatError",
    "StoreIOError",
    "StoreMissingError",
    "Table",
    "TableInfo",
    "TableRef",
    "Target",
    "Task",
    "TaskInfo",
    "UnresolvedKeyError",
    "build_store",
    "plan_attention",
    "verify_store",
]

_MODULES = ("records", "errors", "embedders", "stores", "building", "attention", "sampling", "verifying")


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        for module in _MODULES:
            found = import_module(f"plurel_sampler.{module}")
            if hasattr(found, name):
                return getattr(found, name)
    raise AttributeError(f"module 'plurel_sampler' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
