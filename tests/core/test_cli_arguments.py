"""Command lines that a command cannot take: each is told in one sentence with what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import pytest
from cyclopts import App, Parameter, validators

from plurel.cli import main
from plurel.cli.arguments import explain
from plurel.cli.numbers import whole

frame = App(name="plurel", version_flags=[])
work = App(name="work")
tools = App(name="tools")
frame.command(work)
frame.command(tools)


@work.default
def _work(
    config: Path | None = None,
    /,
    *,
    out: Path,
    count: Annotated[int, Parameter(converter=whole, validator=validators.Number(gte=1, lte=9))] = 1,
    scale: float = 1.0,
    split: Literal["train", "val"] | None = None,
    words: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    json: bool = False,
) -> None:
    """Work."""


@tools.command
def show(name: str, *, kind: str | None = None) -> None:
    """Show."""


@tools.command
def copy(*, source: str, into: str) -> None:
    """Copy."""


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("work", "plurel work needs --out; plurel work --help shows what it takes"),
        ("work --out", "plurel work: --out needs a value: a path"),
        ("work --out a --count", "plurel work: --count needs a value: a whole number"),
        ("work --out a --words", "plurel work: --words needs a value: a word"),
        ("work --out a --count x", "plurel work: --count: expected a whole number, got 'x'"),
        ("work --out a --count 1.5", "plurel work: --count: expected a whole number, got '1.5'"),
        ("work --out a --count 0", "plurel work: --count: must be >= 1, got '0'"),
        ("work --out a --count=10", "plurel work: --count: must be <= 9, got '10'"),
        ("work --out a --scale x", "plurel work: --scale: expected a number, got 'x'"),
        ("work --out a --split vall",
         "plurel work: --split: expected one of train, val, got 'vall'; closest: val"),
        ("work --out a --split x", "plurel work: --split: expected one of train, val, got 'x'"),
        ("work --out a --json=maybe", "plurel work: --json: expected true or false, got 'maybe'"),
        ("work --out a --out b", "plurel work: --out stands twice; it is given once"),
        ("work --ouput a", "plurel work has no option --ouput; closest: --out"),
        ("tools copy --sorce a", "plurel tools copy has no option --sorce; closest: --source"),
        ("tools copy", "plurel tools copy needs --source; plurel tools copy --help shows what it takes"),
        ("work --out a -x", "plurel work has no option -x; plurel work --help shows its options"),
        ("work --out a b c", "plurel work cannot take 'c' as well; plurel work --help shows what it takes"),
        ("tools shw x", "plurel tools has no command 'shw'; known: show, copy; closest: show"),
        ("tools --nope", "plurel tools has no option '--nope'; known: show, copy"),
        ("tools show", "plurel tools show needs NAME; plurel tools show --help shows what it takes"),
        ("tools show a --kinds b", "plurel tools show has no option --kinds; closest: --kind"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_says_what_is_wrong_and_what_is_right(line: str, words: str) -> None:
    with pytest.raises(cyclopts.CycloptsError) as caught:
        frame(line.split(), exit_on_error=False, print_error=False, result_action="return_value")
    assert explain(caught.value) == words


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "names no folder and no file: it is empty (. is the current folder)"),
        ("bad\udcff", "is not UTF-8, as names are here: 'bad\\udcff'"),
        ("a/" * 2000, "has 2,000 folders one below the other, at most 255 may be: "),
        ("a" * 256, "holds a name of 256 bytes, at most 255 may be: "),
        (f"{'a' * 254}/" * 17, "is 4,335 bytes long, at most 4,095 may be: "),
    ],
    ids=["empty", "not UTF-8", "deep", "long name", "long"],
)
@pytest.mark.parametrize(
    ("line", "place"),
    [("import nycflights13 --out", "--out"), ("inspect", "PATH"), ("config check", "CONFIG"),
     ("generate --out", "--out")],
    ids=["import", "inspect", "config", "generate"],
)  # fmt: skip
def test_a_path_that_nothing_can_lie_at_is_refused_before_any_work(
    line: str,
    place: str,
    path: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    command = line.partition(" nyc")[0].partition(" --")[0]
    assert main([*line.split(), path]) == 2
    out, err = capsys.readouterr()
    assert (out, list(tmp_path.iterdir())) == ("", [])
    assert err.startswith(f"error: plurel {command}: the path {place} {reason}")
    assert len(err) < 300


def test_what_has_no_words_of_ours_keeps_cyclopts_own_in_one_line() -> None:
    error = cyclopts.CycloptsError(msg="something\n  else", command_chain=("work",))
    assert explain(error) == "something else (plurel work --help shows what it takes)"


def test_an_import_into_a_place_that_is_taken_ends_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "nycflights13", "--out", str(tmp_path)]) == 2
    assert (
        capsys.readouterr().err == f"error: {tmp_path} is already there; remove it or choose another --out\n"
    )


def test_an_import_into_a_database_ends_before_any_work(
    kept_shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "nycflights13", "--out", str(kept_shop / "flights")]) == 2
    said = capsys.readouterr().err
    assert f"lies in the database {kept_shop}, which holds its own files only; choose another --out" in said
    assert not (kept_shop / "flights").exists()
