"""`plurel preprocess`, killed at any moment: finished stores stay, the end is that of an undisturbed run."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from killing import plurel, survive

from plurel.cli import main

pytestmark = pytest.mark.skipif(
    any(find_spec(module) is None for module in ("plurel_scm", "plurel_sampler")),
    reason="needs the default prior and the sampler",
)

SIZES = (
    *("--set", "database_params.num_tables_choices=3"),
    *("--set", "database_params.num_rows_activity_table_choices=20000"),
)


@pytest.fixture
def databases(tmp_path: Path) -> list[str]:
    """Two databases, large enough to be met while they are packed."""
    place = tmp_path / "databases"
    assert main(["generate", "--out", str(place), "--num-dbs", "2", "--num-proc", "1", *SIZES]) == 0
    return [str(path.relative_to(tmp_path)) for path in sorted(place.glob("rel-synthetic-*"))]


def test_preprocess_survives(tmp_path: Path, kills: int, databases: list[str]) -> None:
    command = plurel("preprocess", *databases, "--out", "out")
    report = survive(command, work=tmp_path, kills=kills, units=["rel-synthetic-*"])
    assert report.kills >= kills, report


def test_a_store_that_is_being_replaced_is_there_at_every_moment(
    tmp_path: Path, kills: int, databases: list[str]
) -> None:
    from plurel_sampler import Store

    def command(place: Path) -> list[str]:
        undisturbed = tmp_path / "out-undisturbed"
        if undisturbed.exists():
            if not place.exists():
                shutil.copytree(undisturbed, place)
            for store in undisturbed.iterdir():
                Store.open(place / store.name, "checksums")
        return plurel("preprocess", *databases, "--out", "out", "--overwrite")

    report = survive(command, work=tmp_path, kills=(kills + 2) // 3, seed=1, timed=0.2)
    assert report.kills >= kills // 3, report
