"""Many databases into one directory: what is there already stays, what is missing is made.

Not here: one database (`plurel.dataset`) and the command line (`generation.command`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from attrs import evolve, frozen

from plurel.artefacts import Origin, contributions_in, trace
from plurel.cli.errors import paragraph
from plurel.config import Config, ResolvedConfig, resolve
from plurel.errors import DatabaseError, GenerationError, RequestError, UnknownNameError
from plurel.generation.identity import config_difference
from plurel.generation.manifest import FORMAT_VERSION, computed_by
from plurel.places import refuse_taken
from plurel.plugins import get_ledger

RowsMade: TypeAlias = Callable[[str, int], None]
"""Is told a table's name and how many more of its rows are made, perhaps on several threads."""


def _untold(table: str, rows: int) -> None:
    """Nobody is told."""


@frozen(kw_only=True)
class Job:
    """One database to make; it travels to the process that makes it.

    Attributes:
        seed: its seed.
        config: how it is drawn, resolved already, so that nobody is warned of it again.
        path: the directory to make.
        threads: how many threads work on its blocks of rows.
    """

    seed: int
    config: Config
    path: Path
    threads: int = 1


@frozen(kw_only=True)
class Made:
    """A database that is there.

    Attributes:
        seed: its seed.
        path: its directory.
        tables: number of tables.
        rows: number of rows in all tables.
        tasks: names of its tasks.
        computed_by: what its values went through, with versions.
        reused: whether an earlier run had made it.
    """

    seed: int
    path: Path
    tables: int
    rows: int
    tasks: tuple[str, ...]
    computed_by: Mapping[str, str]
    reused: bool = False


@frozen(kw_only=True)
class Failed:
    """A database that could not be made.

    Attributes:
        seed: its seed.
        path: the directory that is not there.
        reason: why, in a paragraph.
    """

    seed: int
    path: Path
    reason: str


def plan(out: Path, config: Config, seeds: Sequence[int]) -> tuple[list[Job], list[Made]]:
    """What is to be made, and what an earlier run of the same config has made already.

    Args:
        out: the directory of databases.
        config: how they are drawn.
        seeds: one database each.

    Raises:
        RequestError: where a directory of that name holds anything else.
    """
    resolved = resolve_for(out, config, seeds)
    jobs: list[Job] = []
    made: list[Made] = []
    for seed in seeds:
        path = out / f"rel-synthetic-{seed}"
        if path.exists():
            made.append(take_over(path, seed, resolved))
        else:
            refuse_taken(path, another="--out")
            jobs.append(Job(seed=seed, config=resolved.config, path=path))
    return jobs, made


def finished(jobs: Sequence[Job], resolved: ResolvedConfig) -> list[Made]:
    """The databases of some jobs that are there, whole, whoever was told of it."""
    return [take_over(job.path, job.seed, resolved) for job in jobs if job.path.exists()]


def with_threads(jobs: Sequence[Job], processes: int) -> list[Job]:
    """The same jobs, each with as many threads as processes would find no database to make."""
    threads = max(1, processes // max(1, len(jobs)))
    return [evolve(job, threads=threads) for job in jobs]


def make(job: Job, progress: RowsMade = _untold) -> Made:
    """Make one database and write its directory.

    Args:
        job: the database.
        progress: told of its rows.

    Raises:
        GenerationError: where a contribution breaks its contract, or the disk is full.
    """
    from plurel.dataset import SyntheticDataset

    dataset = SyntheticDataset(job.seed, job.config, threads=job.threads)
    try:
        dataset.generate(progress)
        path = dataset.save(job.path)
    except RequestError:
        if not job.path.exists():
            raise
        return take_over(job.path, job.seed, dataset.resolved)  # another run has made it meanwhile
    except OSError as error:
        # Arrow's own words are about bytes and files; the system's tell what is wrong.
        reason = os.strerror(error.errno) if error.errno else error
        raise GenerationError(
            f"{job.path.name} could not be written: {reason}; columns in the making lie in "
            f"{tempfile.gettempdir()}, the database goes to {job.path.parent}"
        ) from error
    return Made(
        seed=job.seed,
        path=path,
        tables=len(dataset.schema),
        rows=sum(table.rows for table in dataset.schema),
        tasks=tuple(task.name for task in dataset.tasks),
        computed_by=computed_by(),
    )


def make_or_tell(job: Job, progress: RowsMade = _untold) -> Made | Failed:
    """Make one database of many, as `make` does; a failure is this one's alone."""
    try:
        return make(job, progress=progress)
    except Exception as error:
        return Failed(seed=job.seed, path=job.path, reason=paragraph(error))


def take_over(path: Path, seed: int, resolved: ResolvedConfig, *, another: str = "--out") -> Made:
    """A database that is there already, where it is whole and the one that would be made.

    Args:
        path: its directory.
        seed: the seed that it must have.
        resolved: the config that it must come from; versions of contributions may differ, revisions not.
        another: what to choose another of, for errors.

    Raises:
        RequestError: where it is another database, or none.
        DatabaseError: where it is damaged.
    """
    from plurel.relbench_io import read_directory
    from plurel.relbench_io.footers import read_footer
    from plurel.relbench_io.origin import check_contents, check_origin

    said = _said(path, another)
    with _removable(path):
        directory = read_directory(path)
        check_origin(directory, said)
    _check_revisions(path, said, another)
    changed = config_difference(resolved, said, seed=seed, format_version=FORMAT_VERSION)
    if changed is not None:
        raise RequestError(
            f"{path} was generated from another config: {changed}; choose another {another}, or remove it to "
            "make it anew"
        )
    with _removable(path):
        rows = sum(read_footer(table.file).rows for table in directory.tables.values())
        check_contents(path, said)
    return Made(
        seed=seed,
        path=path,
        tables=len(directory.tables),
        rows=rows,
        tasks=tuple(directory.tasks),
        computed_by=said.get("computed_by", {}),
        reused=True,
    )


@contextmanager
def _removable(path: Path) -> Iterator[None]:
    """Tell whoever meets a damaged database how to get a whole one."""
    try:
        yield
    except DatabaseError as error:
        raise DatabaseError(f"{error}; remove {path} to make it anew") from error


def _check_revisions(path: Path, said: dict[str, Any], another: str) -> None:
    """Refuse a directory whose contributions draw other values by now."""
    changed = [origin for origin in _origins(path, said) if origin.state == "other revision"]
    if changed:
        one = changed[0]
        more = f" (and {len(changed) - 1} more like it)" if len(changed) > 1 else ""
        raise RequestError(
            f"{path} was generated with {one.words}{more}; choose another {another}, remove it to make it "
            f"anew, or install {one.dist} {one.version} again"
        )


def resolve_for(out: Path, config: Config, seeds: Sequence[int]) -> ResolvedConfig:
    """The config of a run, resolved.

    Raises:
        UnknownNameError: for a name that nobody contributes; where databases of the run are there already, it
            tells which version made them.
        RequestError: see `plurel.config.resolve`.
    """
    try:
        return resolve(config, get_ledger())
    except UnknownNameError as error:
        raise _with_versions(error, out, seeds) from None


def _with_versions(error: UnknownNameError, out: Path, seeds: Sequence[int]) -> UnknownNameError:
    """An error about a missing name that also tells which version made what is there already."""
    there = (path for path in (out / f"rel-synthetic-{seed}" for seed in seeds) if path.is_dir())
    path = next(there, None)
    gone = [] if path is None else [one for one in _origins(path, _said(path)) if one.state == "missing"]
    if not gone:
        return error
    notes = [error.note] if error.note else []
    notes.append(f"{path} was generated with {', '.join(sorted({one.words for one in gone})[:3])}")
    return UnknownNameError(error.message, "; ".join(notes))


def _origins(path: Path, said: dict[str, Any]) -> list[Origin]:
    return trace(contributions_in(said, path), get_ledger(), path / "plurel.json")


def _said(path: Path, another: str = "--out") -> dict[str, Any]:
    """What a generated database says of itself."""
    from plurel.relbench_io import read_origin

    with _removable(path):
        said = read_origin(path)
    if said is None:
        raise RequestError(
            f"{path} is there but holds no generated database; remove it or choose another {another}"
        )
    return said
