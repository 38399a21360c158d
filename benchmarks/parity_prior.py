"""Whether a preset gives the distribution of the reference's databases: statistics, tests, table, picture.

The reference, plurel 1.1.0, runs in an environment of its own, twice as many databases as ours, so that one
half of it can be held against the other. Databases and their statistics are kept in a folder: interrupted and
run again, this makes what is missing. Ours are made anew when anything that the resolved config says of them
changes, the statistics when their code does. A database of the reference takes about 10 CPU seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from parity import measures, mended, ours, record, report, signal
from rich.progress import track

HERE = Path(__file__).parent
MEASURING = {
    "measures": (measures.measure, (record, mended, measures)),
    "scores": (signal.signals, (record, signal)),
}
"""What is measured of a database, and the code that its results depend on."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def key(text: str) -> str:
    """A short name of a text."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def generate(command: list[str], folder: Path, count: int) -> None:
    """Make the databases of one side that are missing, in a process of their own on one thread."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [str(seed) for seed in range(count) if not (folder / f"{seed}.npz").exists()]
    if missing:
        print(f"{len(missing)} databases to make in {folder}")
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "TQDM_DISABLE": "1"}
        subprocess.run([*command, str(folder.resolve()), *missing], cwd=HERE, env=environment, check=False)


def statistics(folder: Path, count: int) -> list[dict[str, np.ndarray]]:
    """The statistics of the databases that are there, by seed; missing ones are told and left out."""
    made = [path for path in (folder / f"{seed}.npz" for seed in range(count)) if path.exists()]
    if len(made) < count:
        print(f"{count - len(made)} of {count} seeds of {folder.name} are left out: they have no database")
    found: list[dict[str, np.ndarray]] = [{} for _ in made]
    for part, (measuring, modules) in MEASURING.items():
        code = "".join(Path(str(module.__file__)).read_text() for module in modules)
        kept = folder / f"{part}-{key(code)}"
        kept.mkdir(exist_ok=True)
        for path, items in track([*zip(made, found, strict=True)], f"{part} of {folder.name}"):
            if not (kept / path.name).exists():
                write(kept / path.name, measuring(record.read_record(path)))
            with np.load(kept / path.name) as file:
                items.update({name: file[name] for name in file.files})
    return found


def write(path: Path, items: Mapping[str, np.ndarray]) -> None:
    """Write statistics; an interrupted process leaves no half file under their name."""
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, **{name: values.astype(np.float32) for name, values in items.items()})
    part.replace(path)


def main() -> None:
    """Make what is missing, compare, write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--peer", help="a Python that has plurel==1.1.0; without it, kept databases are compared"
    )
    parser.add_argument("--preset", default="plurel-1.1", help="our preset")
    parser.add_argument("--databases", type=int, default=100, help="of ours; of the reference twice as many")
    parser.add_argument("--permutations", type=int, default=50_000)
    parser.add_argument("--kept", type=Path, default=Path("parity-kept"), help="where databases are kept")
    parser.add_argument("--page", type=Path, help="the page to write the table to: docs/parity.md")
    parser.add_argument("--picture", type=Path, help="the picture to draw: docs/images/parity.png")
    options = parser.parse_args()
    theirs = options.kept / "plurel-1.1.0"
    own = options.kept / f"{options.preset}-{key(ours.identity(options.preset))}"
    count = options.databases
    if options.peer:
        generate([options.peer, "-m", "parity.peer"], theirs, 2 * count)
    generate([sys.executable, "-m", "parity.ours", options.preset], own, count)
    reference, mine = statistics(theirs, 2 * count), statistics(own, count)
    half = len(reference) // 2
    compared = report.rows(reference[:half], reference[half:], mine, options.permutations)
    summary = report.summary(compared, half, len(reference) - half, len(mine))
    text = report.table(compared)
    print(f"{text}\n{summary}")
    if options.page:
        report.write_table(options.page, f"{summary}\n\n{text}")
    if options.picture:
        report.draw(options.picture, compared)


if __name__ == "__main__":
    main()
