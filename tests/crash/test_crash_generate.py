"""`plurel generate`, killed at any moment: finished databases stay, the end is that of an undisturbed run."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path

import pytest
from killing import plurel, survive

pytestmark = pytest.mark.skipif(find_spec("plurel_scm") is None, reason="needs the default prior")

TINY = (
    *("--set", "database_params.num_tables_choices=2"),
    *("--set", "database_params.num_cols_choices=3"),
    *("--set", "database_params.num_rows_activity_table_choices=60"),
)


def test_generate_survives(tmp_path: Path, kills: int) -> None:
    processes = itertools.cycle((1, 2))

    def command(_: Path) -> list[str]:
        return plurel("generate", "--out", "out", "--num-dbs", 2, "--num-proc", next(processes), *TINY)

    report = survive(command, work=tmp_path, kills=kills, units=["rel-synthetic-*"])
    assert report.kills >= kills, report
