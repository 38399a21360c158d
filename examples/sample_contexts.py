"""One's own tables packed into a store, and a context read back: nothing in it was unknown at its cutoff."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from plurel_sampler import ContextConfig, HashedEmbedder, Sampler, Table, Target, build_store

customers = pa.table({"id": [10, 20, 30], "name": ["Ada", "Ben", "Cleo"], "age": [36.0, None, 52.0]})
orders = pa.table(
    {
        "customer": [10, 20, 10, 30, 10],
        "placed_at": np.arange("2024-01-01", "2024-01-06", dtype="datetime64[D]").astype("datetime64[us]"),
        "amount": [12.5, 80.0, 9.9, 41.0, 15.0],
    }
)
with tempfile.TemporaryDirectory() as folder:
    embedder = HashedEmbedder()
    store = build_store(
        Path(folder) / "shop",
        [
            Table("customers", customers, primary_key="id"),
            Table("orders", orders, time_column="placed_at", foreign_keys={"customer": "customers"}),
        ],
        embedder=embedder,
    )
    print(store)
    sampler = Sampler(
        [store],
        [Target(0, "column", "orders.amount")],
        ContextConfig(length=32),
        embedder=embedder.name,
        shuffle=False,
    )
    batch = sampler.batch(np.array([2]))
    cutoff = np.datetime64(int(batch.cutoff[0]), "us")
    print(f"predict an order's amount as of {cutoff}: {batch.is_target.sum()} target cell,")
    print(f"{(batch.column >= 0).sum()} cells of {batch.row.max() + 1} rows in the context")
