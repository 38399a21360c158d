"""`plurel generate`: databases from a config, one a seed; running it again goes on where it stopped.

Not here: making them (`generation.batch`).
"""

from __future__ import annotations

import contextlib
import io
import json as json_module
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter, validators

from plurel.cli.config import load
from plurel.cli.numbers import whole
from plurel.cli.output import reporter
from plurel.generation.batch import Made, make, plan, resolve_for
from plurel.places import held
from plurel.plugins import get_ledger

app = App(name="generate", help="Generate relational databases from a config and seeds.")

_MOST = 1_000_000
_Count = Annotated[int, Parameter(converter=whole, validator=validators.Number(gte=1, lte=_MOST))]


@app.default
def generate(
    config: Path | None = None,
    /,
    *,
    out: Path,
    preset: str | None = None,
    assignments: Annotated[tuple[str, ...], Parameter(name="--set", negative="", show_default=False)] = (),
    seed_offset: Annotated[int, Parameter(converter=whole)] = 0,
    num_dbs: _Count = 1,
    num_proc: _Count | None = None,
    executor: str = "processes",
    preprocess: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Generate relational databases from a config and seeds.

    Each becomes a RelBench directory OUT/rel-synthetic-SEED. Databases that an earlier run of the same config
    has finished stay as they are.

    Args:
        config: A config as YAML, TOML or JSON; the preset "default" without it.
        out: The directory for the databases.
        preset: A named config in place of a file.
        assignments: A value of the config to replace: path=value, as in database_params.num_tables_choices=3.
        seed_offset: Seed of the first database.
        num_dbs: How many databases; their seeds follow one another.
        num_proc: How many processes; all cores by default.
        executor: What runs them, as plurel plugins list --kind executors shows.
        preprocess: Pack each database into a store OUT/stores/NAME afterwards.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    ledger = get_ledger()
    packer = ledger.find("commands", "preprocess").target() if preprocess else None
    params = {} if num_proc is None else {"num_proc": num_proc}
    runner = ledger.find("executors", executor).build(params)
    chosen = load(config, preset, assignments)
    seeds = range(seed_offset, seed_offset + num_dbs)
    resolve_for(out, chosen, seeds)  # a config that is wrong makes no directory
    with held(out, "databases"):
        jobs, made = plan(out, chosen, seeds)
        if made:
            say.say(f"{len(made)} of {num_dbs} databases are there already")
        if jobs:
            with say.progress("generating databases", len(jobs)) as bar:
                for database in runner.map(make, jobs):
                    made.append(database)
                    bar.advance(words=f"generated {database.path.name}")
        made.sort(key=lambda database: database.seed)
        stores = None if packer is None else _pack(packer, made, out / "stores")
    say.emit({"databases": [_document(database) for database in made], "stores": stores})
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
