"""Cells of generated databases per CPU second: plurel 1.1.0 and this repository, alternating, same seeds.

Both run their default configuration on one thread, in a process of their own, without saving; imports are not
counted. The default preset here is eager only, the peer's is half lazy: the work is alike, not the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys

OURS = """
import json, sys, time
from plurel import Config, SyntheticDataset
from plurel.generation import database
config = Config()
cells = 0
start = None
for seed in map(int, sys.argv[1].split(",")):
    dataset = SyntheticDataset(seed=seed, config=config)
    start = time.process_time() if start is None else start
    made = dataset.make_db()
    cells += sum(table.df.size for table in made.table_dict.values())
print(json.dumps([cells, time.process_time() - start]))
"""
PEER = """
import json, sys, time
from plurel import Config, SyntheticDataset
config = Config()
cells = 0
start = time.process_time()
for seed in map(int, sys.argv[1].split(",")):
    made = SyntheticDataset(seed=seed, config=config).make_db()
    cells += sum(table.df.size for table in made.table_dict.values())
print(json.dumps([cells, time.process_time() - start]))
"""


def cells_per_second(python: str, code: str, seeds: str) -> float:
    """Run one side in its own process and give its cells per CPU second."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [python, "-c", code, seeds], capture_output=True, text=True, check=True, env={**os.environ, **threads}
    )
    cells, seconds = json.loads(done.stdout.splitlines()[-1])
    return float(cells / seconds)


def main() -> None:
    """Print each pair and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="a Python that has plurel==1.1.0 and its dependencies")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=4, help="databases of each run")
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}; cells per CPU second, one thread")
    ratios = []
    for pair in range(options.pairs):
        seeds = ",".join(str(pair * options.seeds + number) for number in range(options.seeds))
        peer = cells_per_second(options.peer, PEER, seeds)
        ours = cells_per_second(sys.executable, OURS, seeds)
        ratios.append(ours / peer)
        print(f"seeds {seeds}: peer {peer:,.0f}, ours {ours:,.0f}, ratio {ratios[-1]:.2f}")
    print(f"median ratio of {options.pairs} pairs: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
