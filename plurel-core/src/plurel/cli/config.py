"""`plurel config`: what a config stands for, whether a file is one, and which presets there are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from plurel.cli.output import reporter
from plurel.config import Config, resolve
from plurel.errors import RequestError
from plurel.plugins.ledger import get_ledger

app = App(name="config", help="Show, check and list configs.")

_Assignments = Annotated[list[str] | None, Parameter(name="--set", negative=(), consume_multiple=False)]


@app.command
def show(
    config: Path | None = None, *, preset: str | None = None, assign: _Assignments = None, json: bool = False
) -> None:
    """Print a config with every choice in full: canonical names, all parameters.

    Args:
        config: A config file; the default config without one.
        preset: Start from this preset instead of a file.
        assign: Replace a value, as in --set database_params.num_tables_choices=3; may be given again.
        json: Print one JSON document with the provenance of every contribution.
    """
    resolved = resolve(load(config, preset, assign or []), get_ledger())
    say = reporter(json=json)
    say.emit({"config": resolved.to_dict(), "contributions": resolved.provenance})
    say.result(resolved.to_yaml().rstrip())


@app.command
def check(config: Path, *, json: bool = False) -> None:
    """Check a config file against what is installed.

    Args:
        config: The file.
        json: Print one JSON document.
    """
    resolved = resolve(Config.from_file(config), get_ledger())
    say = reporter(json=json)
    say.emit({"config": str(config), "valid": True, "contributions": len(resolved.provenance)})
    say.result(f"{config}: a valid config of {len(resolved.provenance)} contributions")


@app.command
def presets(*, json: bool = False) -> None:
    """List the presets that are installed.

    Args:
        json: Print one JSON document.
    """
    entries = get_ledger().entries("presets")
    say = reporter(json=json)
    say.emit(
        [{"id": entry.id, "version": entry.version, "summary": entry.record.summary} for entry in entries]
    )
    say.table(
        "Presets",
        ["name", "distribution", "summary"],
        [(entry.name, entry.dist, entry.record.summary) for entry in entries],
    )


def load(config: Path | None, preset: str | None, assignments: Iterable[str]) -> Config:
    """The config that a command's options ask for.

    Args:
        config: a config file, or None.
        preset: a preset's name, or None.
        assignments: `path=value` each.

    Raises:
        RequestError: where both a file and a preset are given, or either is wrong.
    """
    if config is not None and preset is not None:
        raise RequestError(f"a config comes from a file or a preset, got both {config} and {preset}")
    if config is not None:
        start = Config.from_file(config)
    elif preset is not None:
        start = Config.preset(preset)
    else:
        start = Config()
    return start.with_set(assignments)
