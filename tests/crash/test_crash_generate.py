"""Generations killed at any moment: finished databases stay, the end is that of an undisturbed run."""

from __future__ import annotations

import itertools
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from killing import plurel, script, survive

pytestmark = pytest.mark.skipif(find_spec("plurel_scm") is None, reason="needs the default prior")

TINY = (
    *("--set", "database_params.num_tables_choices=2"),
    *("--set", "database_params.num_cols_choices=3"),
    *("--set", "database_params.num_rows_activity_table_choices=60"),
)
CACHED = """
from plurel import Config, SyntheticDataset
config = Config(cache_dir="out").with_set([
    "database_params.num_tables_choices=2",
    "database_params.num_cols_choices=3",
    "database_params.num_rows_activity_table_choices=60",
])
for seed in range(3):
    assert len(SyntheticDataset(seed, config).make_db().table_dict) == 2
"""
LONG = 3
"""Kills above which a test is meant to take its time."""


def test_generate_survives(tmp_path: Path, kills: int) -> None:
    processes = itertools.cycle((1, 2))

    def command(_: Path) -> list[str]:
        return plurel("generate", "--out", "out", "--num-dbs", 2, "--num-proc", next(processes), *TINY)

    report = survive(command, work=tmp_path, kills=kills, units=["rel-synthetic-*"])
    assert report.kills >= kills, report


def test_many_databases_survive_kills(tmp_path: Path, kills: int) -> None:
    """Each run is killed three times before it may end: all databases are those of the run that was not."""
    databases = 50 if kills > LONG else 12
    command = plurel("generate", "--out", "out", "--num-dbs", databases, "--num-proc", 2, *TINY)
    report = survive(
        command, work=tmp_path, kills=3, units=["rel-synthetic-*"], signals=[signal.SIGKILL], seed=kills
    )
    assert report.kills >= 3, report


def test_a_cache_survives(tmp_path: Path, kills: int) -> None:
    few = max(1, kills // 3)  # reading a database back takes RelBench, and RelBench takes seconds to import
    report = survive(script(CACHED, tmp_path), work=tmp_path, kills=few, units=["rel-synthetic-*"])
    assert report.kills >= few, report
