"""`plurel pretrain`, killed at any moment: checkpoints stay, the end is an undisturbed run's to the bit."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from killing import plurel, survive

pytest.importorskip("torch", reason="needs plurel-rt")

SETTINGS = {
    "stores": "[store]",
    "out": "out",
    "steps": 9,
    "save_every": 2,
    "keep": 99,
    "eval_every": 4,
    "batch_size": 4,
    "accumulate": 2,
    "threads": 1,
    "log_targets": "true",
    "model.dim": 8,
    "model.ff": 8,
    "context.length": 16,
}


def a_store(path: Path) -> None:
    from plurel_sampler import HashedEmbedder, Table, build_store

    days = [dt.datetime(2020, 1, 1) + dt.timedelta(days=day) for day in range(50)]  # noqa: DTZ001
    rows = pa.table({"id": range(50), "at": days, "x": [float(day % 7) for day in range(50)]})
    build_store(
        path,
        [Table("days", rows, primary_key="id", time_column="at")],
        val_timestamp=days[40],
        test_timestamp=days[45],
        embedder=HashedEmbedder(8),
    )


def test_pretrain_survives(tmp_path: Path, kills: int) -> None:
    """Nine steps of eight over an epoch of about forty; saved at every second one and the last.

    At a stop a run is saved too, at an odd step perhaps; those checkpoints are no units.
    """
    a_store(tmp_path / "store")
    first = plurel("pretrain", "tiny", *(f"--set={name}={value}" for name, value in SETTINGS.items()))
    again = plurel("pretrain", "--resume", "out")
    report = survive(
        lambda out: again if (out / "recipe.yaml").exists() else first,
        work=tmp_path,
        kills=kills,
        units=["checkpoints/step-*[02468]", "checkpoints/step-00000009"],
        env={"OMP_NUM_THREADS": "1"},
    )
    assert report.kills >= kills
