"""What a person sees on a terminal: bars that end full, tables and lines that fit its width."""

from __future__ import annotations

import io
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.cli.output import Progress, column_widths, reporter


class Screen(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What was written, without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue()).replace("\r", "\n").splitlines()


@pytest.mark.parametrize(("total", "count"), [(None, ""), (3, "3/3")])
def test_a_bar_on_a_terminal_ends_full(
    monkeypatch: pytest.MonkeyPatch, total: int | None, count: str
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    with Progress("importing", total) as bar:
        bar.note("importing airports")
    last = [line for line in screen.lines() if line.strip()][-1]
    assert last.startswith("importing ")
    assert count in last
    assert "?" not in last


def test_a_note_is_no_line_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("importing") as bar:
        bar.note("importing airports")
    assert capsys.readouterr().err == "importing ...\nimporting: done\n"


def test_lines_and_tables_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    say = reporter()
    say.result("a sentence of words that is longer than forty characters are")
    say.table("scores", ["task", "rows the trees learned from"], [["flights-arr-delay", "50,000"]])
    lines = screen.lines()
    assert lines[:2] == ["a sentence of words that is longer than", "forty characters are"]
    assert max(map(len, lines)) <= 40
    assert any(line.split() == ["flights-arr-delay", "50,000"] for line in lines)


@given(
    rows=st.lists(st.lists(st.text("ab ", max_size=9), min_size=3, max_size=3), max_size=4),
    available=st.integers(3, 40),
)
def test_columns_fit_the_room_and_leave_none_of_it_unused(rows: list[list[str]], available: int) -> None:
    columns = ["one", "two words", "three"]
    natural = [max(map(len, (column, *(row[at] for row in rows)))) for at, column in enumerate(columns)]
    widths = column_widths(columns, rows, available)
    assert sum(widths) == min(sum(natural), available)
    assert all(1 <= width <= wanted for width, wanted in zip(widths, natural, strict=True))
