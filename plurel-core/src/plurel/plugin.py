"""What plurel-core itself contributes, through the same hooks as everybody. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from plurel.plugins import hookimpl, records

HOOK_VERSION = 1


@hookimpl
def plurel_column_types() -> Iterable[records.ColumnType]:
    """A type for each of the store's encodings."""
    yield records.ColumnType(
        name="number",
        summary="Integers and floats",
        encoding="number",
        factory="plurel.columns:Number",
    )
    yield records.ColumnType(
        name="boolean",
        summary="True or false",
        encoding="boolean",
        factory="plurel.columns:Boolean",
    )
    yield records.ColumnType(
        name="category",
        summary="A few labels: dictionaries, and short strings that repeat",
        encoding="category",
        factory="plurel.columns:Category",
        config="plurel.columns:CategoryParams",
    )
    yield records.ColumnType(
        name="datetime",
        summary="Moments and days",
        encoding="datetime",
        factory="plurel.columns:Datetime",
    )
    yield records.ColumnType(
        name="text",
        summary="Strings of many kinds",
        encoding="text",
        factory="plurel.columns:Text",
    )


@hookimpl
def plurel_tasks() -> Iterable[records.TaskProposer]:
    """Tasks on columns."""
    yield records.TaskProposer(
        name="autocomplete",
        summary="Predict a column of a timed table's row",
        factory="plurel.tasks_autocomplete:Autocomplete",
        config="plurel.tasks_autocomplete:AutocompleteParams",
    )


@hookimpl
def plurel_importers() -> Iterable[records.Importer]:
    """Real databases."""
    yield records.Importer(
        name="nycflights13",
        summary="Flights that left New York in 2013, with planes, airlines, airports and weather",
        factory="plurel.importers.nycflights13:NycFlights13",
        config="plurel.importers.nycflights13:NycFlights13Params",
    )


@hookimpl
def plurel_executors() -> Iterable[records.Executor]:
    """Where databases are made."""
    yield records.Executor(
        name="processes",
        summary="Processes of this machine",
        factory="plurel.generation.executor:Processes",
        config="plurel.generation.executor:ProcessesParams",
    )


@hookimpl
def plurel_artefacts() -> Iterable[records.Artefact]:
    """Databases."""
    yield records.Artefact(
        name="database",
        summary="A database with its tasks, as RelBench reads it",
        signs=("manifest.yaml",),
        factory="plurel.artefacts.database:DatabaseArtefact",
    )


@hookimpl
def plurel_commands() -> Iterable[records.Command]:
    """The commands that core brings."""
    yield records.Command(
        name="generate",
        summary="Generate relational databases from a config and seeds",
        factory="plurel.generation.command:app",
    )
    yield records.Command(
        name="import",
        summary="Make a RelBench directory of a real source",
        factory="plurel.importers.command:app",
    )
    yield records.Command(
        name="inspect",
        summary="Show what a database, a store or a checkpoint holds",
        factory="plurel.artefacts.command:app",
    )
    yield records.Command(
        name="validate",
        summary="Check a database, a store or a checkpoint; list every breach",
        factory="plurel.validate.command:app",
    )
    yield records.Command(
        name="plugins",
        summary="List installed plugins and what they contribute",
        factory="plurel.cli.plugins:app",
    )
    yield records.Command(
        name="config",
        summary="Show and check configs, list presets, print the JSON Schema",
        factory="plurel.cli.config:app",
    )
