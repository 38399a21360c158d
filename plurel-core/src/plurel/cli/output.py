"""What commands say: words and progress on stderr, results on stdout, rich on a terminal and plain elsewhere.

A command makes one `Reporter` and says everything through it. Not here: errors, which travel as exceptions
and become one paragraph in `plurel.cli.errors`.
"""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


def reporter(*, json: bool = False, quiet: bool = False) -> Reporter:
    """The reporter of a command.

    Args:
        json: the command was given `--json`: nothing but one JSON document goes to stdout.
        quiet: no words and no progress either.
    """
    return Reporter(json=json, quiet=quiet)


class Reporter:
    """Says what a command does and what came of it."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet

    def say(self, words: str) -> None:
        """One line on stderr about what is happening."""
        if not self.quiet:
            _write(sys.stderr, words)

    def result(self, words: str) -> None:
        """One line of the result for a person, on stdout, broken at spaces where a terminal is narrower.

        Nothing under `--json`.
        """
        if not self.json:
            _write(sys.stdout, _fitted(words) if sys.stdout.isatty() else words)

    def text(self, content: str) -> None:
        """A result that is a text with lines of its own, as a file has them; nothing under `--json`."""
        if not self.json:
            _write(sys.stdout, content.rstrip("\n"))

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of the result for a person, on stdout; nothing under `--json`.

        Args:
            title: stands above it.
            columns: the headings.
            rows: cells, one a column; written with `str`, None as nothing.
        """
        if self.json:
            return
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        if sys.stdout.isatty():
            _rich_table(title, columns, cells)
        else:
            _write(sys.stdout, plain_table(title, columns, cells))

    def emit(self, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """The result as one JSON document on stdout; nothing without `--json`."""
        if self.json:
            _write(sys.stdout, json_module.dumps(document, indent=2, allow_nan=False))

    def progress(self, words: str, total: int | None = None) -> Progress:
        """A bar on a terminal, a line at the start and at the end elsewhere; it ends full if the work did.

        Args:
            words: what is happening.
            total: how many steps there are, None if nobody knows.
        """
        return Progress(words, total, quiet=self.quiet)


class Progress:
    """Progress of one piece of work, as a context manager.

    Example:
        >>> with Progress("packing tables", total=2, quiet=True) as bar:
        ...     for _ in range(2):
        ...         bar.advance()
        >>> bar.done
        2
    """

    def __init__(self, words: str, total: int | None = None, *, quiet: bool = False) -> None:
        self.words = words
        self.total = total
        self.done = 0
        self._quiet = quiet
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._quiet:
            return self
        if sys.stderr.isatty():
            self._bar = _rich_progress(counts=self.total is not None)
            self._task = self._bar.add_task(self.words, total=self.total)
            self._bar.start()
        else:
            _write(sys.stderr, f"{self.words} ...")
        return self

    def advance(self, steps: int = 1, words: str | None = None) -> None:
        """Some steps are done.

        Args:
            steps: how many.
            words: what happens now, where that has changed.
        """
        self.done += steps
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=steps, description=words)
        elif words is not None and not self._quiet:
            of = "" if self.total is None else f" of {self.total}"
            _write(sys.stderr, f"{words} ({self.done}{of})")

    def note(self, words: str) -> None:
        """What happens now, beside a bar only: too fine for a line of its own where there is none."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=words)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None and self._task is not None:
            if kind is None:
                whole = max(self.done, self.total or 1)
                self._bar.update(self._task, description=self.words, total=whole, completed=whole)
            self._bar.stop()
        elif kind is None and not self._quiet:
            _write(sys.stderr, f"{self.words}: done")


def plain_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as lines of aligned text.

    Example:
        >>> print(plain_table("fruit", ["name", "count"], [["apple", "3"], ["fig", "12"]]))
        fruit
        name   count
        apple  3
        fig    12
    """
    grid = [list(columns), *(list(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*grid, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in grid]
    return "\n".join([title, *(line.rstrip() for line in lines)])


def _write(stream: TextIO, words: str) -> None:
    """One paragraph, with escapes for what the stream's encoding does not have."""
    try:
        stream.write(words + "\n")
    except UnicodeEncodeError as error:
        stream.write(words.encode(error.encoding, "backslashreplace").decode(error.encoding) + "\n")
    stream.flush()


def _fitted(words: str) -> str:
    """Words in lines that fit the terminal; paths and other long words stay whole."""
    import shutil
    import textwrap

    width = shutil.get_terminal_size().columns
    return textwrap.fill(words, width, break_long_words=False, break_on_hyphens=False)


def column_widths(columns: Sequence[str], rows: Sequence[Sequence[str]], available: int) -> list[int]:
    """Widths of a table's columns: as wide as what stands in them, or as narrow as the room wants.

    Headings are broken at spaces first, then cells, then words; the widest column gives way before others.

    Args:
        columns: the headings.
        rows: the cells.
        available: characters for all columns together.

    Example:
        >>> column_widths(["a long heading", "path"], [["1", "some/where"]], available=20)
        [10, 10]
    """
    cells = [[column, *(row[place] for row in rows)] for place, column in enumerate(columns)]
    widths = [max(map(len, column)) for column in cells]
    least = [max((len(word) for cell in column for word in cell.split()), default=0) for column in cells]
    bodies = [max((len(cell) for cell in column[1:]), default=0) for column in cells]
    for floor in ([max(pair) for pair in zip(least, bodies, strict=True)], least, [1] * len(columns)):
        while sum(widths) > available:
            room = [width - lowest for width, lowest in zip(widths, floor, strict=True)]
            if max(room, default=0) <= 0:
                break
            wide = max((place for place, free in enumerate(room) if free > 0), key=widths.__getitem__)
            widths[wide] -= 1
    return widths


def _rich_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    gap = 2
    table = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap - 1, 0, 0),
    )
    available = console.width - gap * (len(columns) - 1)
    for column, width in zip(columns, column_widths(columns, rows, available), strict=True):
        table.add_column(escape(column), overflow="fold", width=width)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def _rich_progress(*, counts: bool) -> RichProgress:
    from rich import progress
    from rich.console import Console

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        *([progress.MofNCompleteColumn()] if counts else []),
        progress.TimeElapsedColumn(),
        console=Console(stderr=True),
    )
