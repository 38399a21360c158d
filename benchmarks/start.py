"""How long a person waits for `plurel --help` and for `import plurel`: wall time, median of 10."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time


def median_seconds(command: list[str], runs: int = 10) -> float:
    """The median wall time of a command after one unmeasured run."""
    subprocess.run(command, check=True, capture_output=True)
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print a line for each command."""
    plurel = shutil.which("plurel")
    if plurel is None:
        sys.exit("plurel is not on the PATH; activate an environment that has it")
    for name, command in {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import plurel": [sys.executable, "-c", "import plurel"],
        "plurel --help": [plurel, "--help"],
    }.items():
        print(f"{name:<16} {median_seconds(command):.3f} s")


if __name__ == "__main__":
    main()
