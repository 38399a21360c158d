"""`plurel generate`: databases from a config, one a seed; running it again goes on where it stopped.

Not here: making them (`generation.batch`).
"""

from __future__ import annotations

import contextlib
import io
import json as json_module
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, validators

from plurel.cli.config import load
from plurel.cli.frame import find_command
from plurel.cli.numbers import whole
from plurel.cli.output import Progress, reporter
from plurel.errors import PlurelError
from plurel.generation.batch import (
    Failed,
    Job,
    Made,
    finished,
    make,
    make_or_tell,
    plan,
    resolve_for,
    with_threads,
)
from plurel.generation.executor import Processes, available_cores
from plurel.generation.record import RECORD, read_earlier, write_record
from plurel.places import held, refuse_inside
from plurel.plugins import get_ledger

if TYPE_CHECKING:
    from plurel.config import ResolvedConfig
    from plurel.plugins.protocols import Executor

app = App(name="generate", help="Generate relational databases from a config and seeds.")

_MOST = 1_000_000
_FARTHEST = 9 * 10**18
"""Seeds up to here, so that with the databases that follow they have 64 bits."""
_Count = Annotated[int, Parameter(converter=whole, validator=validators.Number(gte=1, lte=_MOST))]


@app.default
def generate(
    config: Path | None = None,
    /,
    *,
    out: Path,
    preset: str | None = None,
    assignments: Annotated[tuple[str, ...], Parameter(name="--set", negative="", show_default=False)] = (),
    seed_offset: Annotated[
        int, Parameter(converter=whole, validator=validators.Number(gte=-_FARTHEST, lte=_FARTHEST))
    ] = 0,
    num_dbs: _Count = 1,
    num_proc: _Count | None = None,
    executor: str = "processes",
    preprocess: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Generate relational databases from a config and seeds.

    Each becomes a RelBench directory OUT/rel-synthetic-SEED. Databases that an earlier run of the same config
    has finished stay as they are. One that fails does not stop the others.

    Args:
        config: A config as YAML, TOML or JSON; the preset "default" without it.
        out: The directory for the databases.
        preset: A named config in place of a file.
        assignments: A value of the config to replace: path=value, as in database_params.num_tables_choices=3.
        seed_offset: Seed of the first database.
        num_dbs: How many databases; their seeds follow one another.
        num_proc: How many processes, or threads where there are fewer databases; all cores by default.
        executor: What runs them, as plurel plugins list --kind executors shows.
        preprocess: Pack each database into a store OUT/stores/NAME afterwards.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    ledger = get_ledger()
    packer = find_command(ledger, "preprocess").target() if preprocess else None
    params = {} if num_proc is None else {"num_proc": num_proc}
    runner = ledger.find("executors", executor).build(params)
    chosen = load(config, preset, assignments)
    seeds = range(seed_offset, seed_offset + num_dbs)
    refuse_inside(out, "choose another --out")
    resolved = resolve_for(out, chosen, seeds)  # a config that is wrong makes no directory
    failed: list[Failed] = []
    with held(out, "databases"):
        jobs, made = plan(out, chosen, seeds)
        read_earlier(out, resolved)  # a directory of another config is refused before any work
        if made:
            say.say(f"{len(made)} of {num_dbs} databases are there already")
        if jobs:
            jobs = with_threads(jobs, num_proc or available_cores())
            with (
                _recording(out, resolved, jobs, made, failed),
                say.progress("generating databases", len(jobs)) as bar,
            ):
                started, rows = time.monotonic(), 0
                for ended in _run(runner, jobs, bar, alone=num_dbs == 1):
                    if isinstance(ended, Failed):
                        failed.append(ended)
                        bar.advance(words=f"failed: {ended.path.name}, seed {ended.seed}: {ended.reason}")
                        continue
                    made.append(ended)
                    rows += ended.rows
                    rate = _rate(rows, started)
                    bar.advance(words=f"generated {ended.path.name}, {ended.rows:,} rows, {rate} overall")
        made.sort(key=lambda database: database.seed)
        failed.sort(key=lambda database: database.seed)
        write_record(out, resolved, made, failed)
        stores = None if packer is None else _pack(packer, made, out / "stores")
    document: dict[str, Any] = {
        "databases": [_document(database) for database in made],
        "stores": stores,
        "record": str(out / RECORD),
    }
    if failed:
        document["failed"] = [
            {"name": one.path.name, "seed": one.seed, "error": one.reason} for one in failed
        ]
    say.emit(document)
    say.table(
        f"databases in {out}",
        ["name", "tables", "rows", "tasks", ""],
        [
            (
                each.path.name,
                each.tables,
                f"{each.rows:,}",
                len(each.tasks),
                "as it was" if each.reused else "",
            )
            for each in made
        ],
    )
    if failed:
        say.say(_failures(failed, num_dbs))
    return 1 if failed else 0


def _run(runner: Executor, jobs: list[Job], bar: Progress, *, alone: bool) -> Iterator[Made | Failed]:
    """The databases as they come; the failure of one that was asked for alone is raised as it is."""
    work = make if alone else make_or_tell
    if len(jobs) == 1 and isinstance(
        runner, Processes
    ):  # which would do it in this process, and tell nothing
        yield work(jobs[0], _Rows(bar, jobs[0].path.name).made)
    else:
        yield from runner.map(work, jobs)


@contextlib.contextmanager
def _recording(
    out: Path, resolved: ResolvedConfig, jobs: list[Job], there: list[Made], failed: list[Failed]
) -> Iterator[None]:
    """Whatever ends the work early, the databases that are finished by then are on record."""
    there = list(there)
    try:
        yield
    except BaseException:
        with contextlib.suppress(PlurelError, OSError):  # the reason for the end is what a person must read
            made = there + finished(jobs, resolved)
            if made or failed:
                write_record(out, resolved, made, failed)
        raise


def _rate(rows: int, started: float) -> str:
    return f"{rows / max(time.monotonic() - started, 1e-3):,.0f} a second"


class _Rows:
    """Tells a bar how many rows of a database are made."""

    def __init__(self, bar: Progress, name: str) -> None:
        self.bar, self.name = bar, name
        self.rows, self.started = 0, time.monotonic()

    def made(self, table: str, rows: int) -> None:
        """Some more rows of a table are made; threads that tell so at once may lose a count."""
        self.rows += rows
        rate = _rate(self.rows, self.started)
        self.bar.note(f"generating {self.name}: {table}, {self.rows:,} rows, {rate}")


def _failures(failed: list[Failed], of: int) -> str:
    """Which databases failed, in a line."""
    named = [f"{one.path.name} (seed {one.seed}: {one.reason})" for one in failed[:3]]
    more = f", and {len(failed) - 3} more" if len(failed) > 3 else ""
    return (
        f"error: {len(failed)} of {of} databases failed: {', '.join(named)}{more}; "
        "the same command again makes them alone"
    )


def _pack(packer: App, made: list[Made], stores: Path) -> Any:
    """Pack databases through the command that does so and leaves alone what is packed: what it says."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        packer(
            [*(str(database.path) for database in made), "--out", str(stores), "--json"],
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    return json_module.loads(said.getvalue())["stores"]


def _document(database: Made) -> dict[str, Any]:
    return {
        "name": database.path.name,
        "seed": database.seed,
        "path": str(database.path),
        "tables": database.tables,
        "rows": database.rows,
        "tasks": list(database.tasks),
        "reused": database.reused,
    }
