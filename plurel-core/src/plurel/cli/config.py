"""`plurel config`: what a config stands for, whether a file is one, the JSON Schema, the presets."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from plurel.cli.output import reporter
from plurel.config import Config, resolve
from plurel.config.assign import put
from plurel.config.config import PARTS
from plurel.config.files import in_file, read
from plurel.config.params import kinds_of
from plurel.config.problems import each, joined
from plurel.errors import AmbiguousNameError, ConfigError, RequestError, UnknownNameError
from plurel.plugins.ledger import get_ledger

app = App(name="config", help="Show and check configs, list presets, print the JSON Schema.")

_Assignments = Annotated[
    tuple[str, ...], Parameter(name="--set", negative=(), show_default=False, consume_multiple=False)
]
_Flag = Annotated[bool, Parameter(negative=())]


@app.command
def show(
    config: Path | None = None,
    /,
    *,
    preset: str | None = None,
    assign: _Assignments = (),
    format: Literal["yaml", "toml", "json"] = "yaml",  # noqa: A002 - the option's name
    json: _Flag = False,
) -> None:
    """Print a config with every choice in full: canonical names, all parameters.

    Args:
        config: A config file; the default config without one.
        preset: Start from this preset instead of a file.
        assign: Replace a value, as in --set database_params.num_tables_choices=3; may be given again.
        format: The form to print it in.
        json: Print one JSON document with the provenance of every contribution.
    """
    resolved = resolve(load(config, preset, assign), get_ledger())
    write = {"yaml": Config.to_yaml, "toml": Config.to_toml, "json": Config.to_json}[format]
    say = reporter(json=json)
    say.emit({"config": resolved.to_dict(), "contributions": resolved.provenance})
    say.text(write(resolved.config))


@app.command
def check(config: Path, /, *, assign: _Assignments = (), json: _Flag = False) -> int:
    """Check a config file against what is installed; list every error with its place.

    Args:
        config: The file.
        assign: Replace a value first, as in --set val_split=0.7; may be given again.
        json: Print one JSON document.
    """
    say = reporter(json=json)
    contributions, problems = 0, tuple[tuple[str | None, str], ...]()
    try:
        chosen = load(config, None, assign)
    except ConfigError as error:
        problems = tuple(map(_told, (*each(error), *_names_beside(config, assign))))
    else:
        try:
            contributions = len(resolve(chosen, get_ledger()).provenance)
        except (ConfigError, UnknownNameError, AmbiguousNameError) as error:
            problems = tuple(map(_told, each(error)))
    say.emit(
        {
            "config": str(config),
            "valid": not problems,
            "errors": [{"path": path, "message": words} for path, words in problems],
            "contributions": contributions,
        }
    )
    for path, words in problems:
        say.result(words if path is None else f"{path}: {words}")
    if problems:
        say.result(f"{config}: {len(problems)} error{'s' if len(problems) > 1 else ''}")
        return RequestError.exit_code
    say.result(f"{config}: a valid config of {contributions} contributions")
    return 0


@app.command
def schema(*, json: _Flag = False) -> None:
    """Print the JSON Schema of configs, with the names and parameters of all that is installed.

    Args:
        json: The same; it is a JSON document either way.
    """
    document = Config.json_schema(get_ledger())
    say = reporter(json=json)
    say.emit(document)
    say.text(json_module.dumps(document, indent=2))


@app.command
def presets(*, json: _Flag = False) -> None:
    """List the presets that are installed.

    Args:
        json: Print one JSON document.
    """
    entries = get_ledger().entries("presets")
    say = reporter(json=json)
    say.emit(
        [
            {
                "name": entry.name,
                "id": entry.id,
                "dist": entry.dist,
                "version": entry.version,
                "revision": entry.record.revision,
                "summary": entry.record.summary,
            }
            for entry in entries
        ]
    )
    say.table(
        "Presets",
        ["name", "distribution", "version", "revision", "summary"],
        [
            (entry.name, entry.dist, entry.version, entry.record.revision, entry.record.summary)
            for entry in entries
        ],
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
    assignments = tuple(assignments)
    if config is not None:
        try:
            start = Config.from_file(config)
        except ConfigError:
            if not assignments:
                raise
            return _mended(config, assignments)
    elif preset is not None:
        start = Config.preset(preset)
    else:
        start = Config()
    return start.with_set(assignments)


def _mended(file: Path, assignments: tuple[str, ...]) -> Config:
    """The config of a file that is wrong as it stands, after values are replaced in it.

    Raises:
        ConfigError: for what is wrong with the assignments, and with the file after them.
    """
    data, problems = _replaced(file, assignments)
    try:
        config = Config.from_dict(data)
    except ConfigError as error:
        problems += [one for one in each(error) if isinstance(one, ConfigError)]
    if problems:
        raise in_file(file, joined(problems))
    return config


def _replaced(file: Path, assignments: tuple[str, ...]) -> tuple[Any, list[ConfigError]]:
    """A file's plain data with values replaced, and what is wrong with the assignments."""
    data, whole, problems = read(file), Config().to_dict(), []
    for assignment in assignments:
        try:
            put(data, assignment, whole)
        except ConfigError as error:
            problems.append(error)
    return data, problems


def _names_beside(file: Path, assignments: tuple[str, ...]) -> tuple[RequestError, ...]:
    """What is wrong with the contributions that a file chooses, where something else in it is wrong too."""
    try:
        data, _ = _replaced(file, assignments)
    except RequestError:
        return ()
    chosen: dict[str, dict[str, Any]] = {}
    for part, params in PARTS.items():
        given: Any = data.get(part) if isinstance(data, Mapping) else None
        for name in kinds_of(params) if isinstance(given, Mapping) else ():
            if name in given and _fits({part: {name: given[name]}}):
                chosen.setdefault(part, {})[name] = given[name]
    try:
        resolve(Config.from_dict(chosen), get_ledger())
    except (ConfigError, UnknownNameError, AmbiguousNameError) as error:
        written = [f"$.{part}.{name}" for part, names in chosen.items() for name in names]
        return tuple(one for one in each(error) if any(place in str(one) for place in written))
    return ()


def _fits(data: Mapping[str, Any]) -> bool:
    try:
        Config.from_dict(data)
    except ConfigError:
        return False
    return True


def _told(problem: RequestError) -> tuple[str | None, str]:
    """An error's path, None where it has none, and what it says."""
    if isinstance(problem, ConfigError):
        return None if problem.path is None else f"${problem.path}", problem.message
    said, note = (
        (problem.message, problem.note) if isinstance(problem, UnknownNameError) else (str(problem), "")
    )
    words, at, path = said.rpartition(" @ $")
    words = f"{words or path}; {note}" if note else words or path
    return f"${path}" if at else None, words
