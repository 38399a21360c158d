"""Generated databases against plurel 1.1.0: the default prior, more rows, more columns, processes, memory.

Both sides draw the same config on one thread, each in a process of its own, alternating, without saving;
imports and one tiny database before are not counted. Times are CPU seconds, since the machine may be shared;
those of several processes are wall time, and say little on a machine that is. The peer's rows x100 and 100
columns take half an hour, so they are run with `--long` alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TABLES, COLUMNS = 4, 6
ENTITY_ROWS, ACTIVITY_ROWS = 750, 3500
"""The middle of the prior's sizes: what x1 is."""

RUN = """
import json, resource, sys, time
from plurel import Choices, Config, DatabaseParams, SyntheticDataset

def config(params):
    ranges = {name: Choices(kind="range", value=value) for name, value in params.items()}
    return Config(database_params=DatabaseParams(**ranges))

def count(seed, made):
    database = SyntheticDataset(seed=seed, config=made).make_db()
    return sum(table.df.size for table in database.table_dict.values())

asked = json.loads(sys.argv[1])
count(0, config({"num_tables_choices": [3, 3], "num_cols_choices": [3, 3],
                 "num_rows_entity_table_choices": [50, 50], "num_rows_activity_table_choices": [50, 50]}))
made = config(asked["params"])
if asked["numpy"]:
    made = made.with_set(["database_params.table_model_choices={name: scm, backend: numpy}"])
start = time.process_time()
cells = sum(count(seed, made) for seed in asked["seeds"])
print()
print(json.dumps([cells, time.process_time() - start]))
"""

SAVE = """
import json, resource, sys
import pandas, pyarrow.parquet
from plurel import Config, SyntheticDataset
import plurel.generation.database, plurel.relbench_io

SyntheticDataset(0, Config().with_set(["database_params.num_tables_choices=2"])).save(sys.argv[1] + "/small")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before = peak()
sizes = {"num_tables": 2, "num_rows_activity_table": sys.argv[2], "num_cols": sys.argv[3]}
config = Config().with_set([f"database_params.{name}_choices={size}" for name, size in sizes.items()])
SyntheticDataset(1, config).save(sys.argv[1] + "/large")
print(json.dumps([before, peak()]))
"""


def default(options: argparse.Namespace) -> None:
    """The default prior: cells a CPU second and the ratio to the peer, in pairs."""
    print("\ndefault prior, cells a CPU second")
    ratios: dict[str, list[float]] = {"kernel": [], "numpy": []}
    for pair in range(options.pairs):
        seeds = list(range(pair * options.seeds, (pair + 1) * options.seeds))
        peer = _rate(options.peer, {}, seeds) if options.peer else None
        said = [f"seeds {seeds[0]}..{seeds[-1]}:", f"peer {peer:,.0f}" if peer else ""]
        for backend, found in ratios.items():
            rate = _rate(sys.executable, {}, seeds, numpy=backend == "numpy")
            said.append(f"{backend} {rate:,.0f}")
            if peer:
                found.append(rate / peer)
                said.append(f"({found[-1]:.1f}x)")
        print(" ".join(said), flush=True)
    for backend, found in ratios.items():
        if found:
            print(f"median ratio of {len(found)} pairs, {backend}: {statistics.median(found):.2f}")


def rows(options: argparse.Namespace) -> None:
    """Growth with rows."""
    cases = {f"x{factor}": _sized(factor, COLUMNS) for factor in (1, 10, 100)}
    _growth(f"{TABLES} tables of {COLUMNS} columns, rows", cases, options, peer_runs=("x1", "x10"))


def columns(options: argparse.Namespace) -> None:
    """Growth with columns."""
    cases = {str(count): _sized(1, count) for count in (3, 10, 40, 100)}
    _growth(f"{TABLES} tables, columns", cases, options, peer_runs=("3", "10", "40"))


def processes(options: argparse.Namespace) -> None:  # noqa: ARG001 - all parts take the options
    """Databases by several processes, and one large database by several threads, saved."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(f"\nsaved databases by 1 and {count} processes, wall seconds (load {os.getloadavg()[0]:.1f})")
    long = [f"num_rows_activity_table_choices={ACTIVITY_ROWS * 200}", "num_tables_choices=2"]
    for words, databases, sets in (
        (f"{16 * count} databases", 16 * count, []),
        ("1 large database", 1, long),
    ):
        (alone, cpu), (together, cpu_together) = (_generate(number, databases, sets) for number in (1, count))
        print(
            f"{words}: {alone:.1f} s, {together:.1f} s, {alone / together:.2f} times as fast, "
            f"{alone / together / count:.2f} of {count}; CPU {cpu:.1f} s, {cpu_together:.1f} s",
            flush=True,
        )


def memory(options: argparse.Namespace) -> None:  # noqa: ARG001 - all parts take the options
    """Peak memory of one saved table by its rows."""
    print(f"\npeak RSS of saving a table of {COLUMNS} columns, above what a small database took, MB")
    for count in (50_000, 500_000, 5_000_000):
        with tempfile.TemporaryDirectory() as folder:
            words = _python(sys.executable, SAVE, folder, str(count), str(COLUMNS))
            before, after = json.loads(words.splitlines()[-1])
        print(f"{count:>9,} rows: {after - before} above {before}", flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "default": default,
    "rows": rows,
    "columns": columns,
    "processes": processes,
    "memory": memory,
}


def _sized(factor: int, count: int) -> dict[str, list[int]]:
    sizes = {
        "num_tables_choices": TABLES,
        "num_cols_choices": count,
        "num_rows_entity_table_choices": ENTITY_ROWS * factor,
        "num_rows_activity_table_choices": ACTIVITY_ROWS * factor,
    }
    return {name: [size, size] for name, size in sizes.items()}


def _growth(
    title: str,
    cases: Mapping[str, dict[str, list[int]]],
    options: argparse.Namespace,
    peer_runs: Sequence[str],
) -> None:
    """CPU seconds a database for each case, beside the first one's and the peer's; medians over seeds."""
    print(f"\n{title}: CPU seconds a database, times those of the first, cells a second")
    sides = {"ours": sys.executable} | ({"peer": options.peer} if options.peer else {})
    first: dict[str, float] = {}
    for case, params in cases.items():
        said, seconds = [], {}
        for side, python in sides.items():
            if side == "peer" and case not in peer_runs and not options.long:
                continue
            seeds = range(1 if side == "peer" and case != peer_runs[0] else options.repeats)
            runs = [_cpu(python, params, [seed]) for seed in seeds]
            seconds[side] = statistics.median(cpu for _, cpu in runs)
            rate = statistics.median(cells / cpu for cells, cpu in runs)
            first.setdefault(side, seconds[side])
            said.append(f"{side} {seconds[side]:.2f} s, {seconds[side] / first[side]:.1f} times, {rate:,.0f}")
        if len(seconds) == len(sides) == 2:
            said.append(f"ratio {seconds['peer'] / seconds['ours']:.1f}")
        print(f"{case:>5}: {'; '.join(said)}", flush=True)


def _rate(python: str, params: dict[str, list[int]], seeds: list[int], *, numpy: bool = False) -> float:
    cells, seconds = _cpu(python, params, seeds, numpy=numpy)
    return cells / seconds


def _cpu(
    python: str, params: dict[str, list[int]], seeds: list[int], *, numpy: bool = False
) -> tuple[int, float]:
    """Cells and CPU seconds of one side in a process of its own."""
    asked = json.dumps({"params": params, "seeds": seeds, "numpy": numpy})
    cells, seconds = json.loads(_python(python, RUN, asked).splitlines()[-1])
    return int(cells), float(seconds)


def _generate(number: int, databases: int, sets: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of `plurel generate` by so many processes."""
    folder = tempfile.mkdtemp()
    code = "import sys; from plurel.cli import main; sys.exit(main())"
    words = ["generate", "--out", f"{folder}/out", "--num-dbs", str(databases), "--num-proc", str(number)]
    words += [word for each in sets for word in ("--set", f"database_params.{each}")]
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    _python(sys.executable, code, *words)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(folder)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(python: str, code: str, *arguments: str) -> str:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [python, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **threads},
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def main() -> None:
    """Run the parts that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="a Python that has plurel==1.1.0; ours alone without it")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="all of them by default")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of the default prior")
    parser.add_argument("--seeds", type=int, default=4, help="databases of each run of the default prior")
    parser.add_argument("--repeats", type=int, default=3, help="databases of each size")
    parser.add_argument("--long", action="store_true", help="the peer's longest runs too")
    options: Any = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}")
    for part in options.part or PARTS:
        PARTS[part](options)


if __name__ == "__main__":
    main()
