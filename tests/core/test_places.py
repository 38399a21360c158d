"""Places that work goes to: one process at a time, and no drafts of dead ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from plurel.errors import RequestError
from plurel.places import clear, draft, expanded, flaw, held, refuse_inside, refuse_taken, settle

pytest.importorskip("fcntl", reason="locks of directories are POSIX")


HOLD = """
import sys
from pathlib import Path
from plurel.places import draft, held
with {what}:
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(what: str) -> subprocess.Popen[bytes]:
    """Another process that holds a place until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(what=what)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_a_path_that_nothing_can_lie_at_is_refused(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a"] * 2000)
    with pytest.raises(RequestError, match=r"databases cannot go there: the path has 2,0\d\d folders"):
        held(deep, "databases").__enter__()
    with pytest.raises(RequestError, match="the path holds a null character"):
        draft(tmp_path / "a\0b").__enter__()
    assert not list(tmp_path.iterdir())
    assert flaw("a" * 255) is None
    assert flaw("a" * 256) is not None


@pytest.mark.parametrize(
    ("what", "signs"), [("database", ["manifest.yaml", "db/t"]), ("store", ["store.json"])]
)
def test_a_place_in_a_database_or_a_store_is_refused(tmp_path: Path, what: str, signs: list[str]) -> None:
    folder = tmp_path / "folder"
    for sign in signs:
        (folder / sign).parent.mkdir(parents=True, exist_ok=True)
        (folder / sign).touch()
    (tmp_path / "link").symlink_to(folder)
    for inside in (folder, folder / "deep" / "er", tmp_path / "link" / "deep"):
        with pytest.raises(RequestError, match=f"lies in the {what} {folder}, .* only; choose another$"):
            refuse_inside(inside, "choose another")
    refuse_inside(tmp_path / "beside", "choose another")
    with pytest.raises(RequestError, match="the path holds a null character"):
        refuse_inside(tmp_path / "a\0b", "choose another")


def test_a_draft_of_the_longest_name_can_be_made(tmp_path: Path) -> None:
    with draft(tmp_path / ("é" * 127)) as path:
        assert path.is_dir()


def test_a_place_is_held_by_one_process_at_a_time_and_free_when_that_is_dead(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    other = holding(f"held(Path({str(out)!r}), 'databases')")
    with (
        pytest.raises(RequestError, match=f"another process is writing databases to {out}"),
        held(out, "databases"),
    ):
        pass
    kill(other)
    with held(out, "databases"):
        assert list(out.iterdir()) == []


def test_drafts_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    other = holding(f"draft(Path({str(tmp_path)!r}, 'shop'))")
    (left,) = tmp_path.iterdir()
    (left / "file").touch()
    clear(tmp_path)
    assert (left / "file").exists()
    kill(other)
    (tmp_path / ".mine").mkdir()
    with draft(tmp_path / "school") as mine:
        assert {path.name for path in tmp_path.iterdir()} == {".mine", mine.name}
    assert [path.name for path in tmp_path.iterdir()] == [".mine"]


def test_a_draft_becomes_the_target_by_its_name_alone(tmp_path: Path) -> None:
    with draft(tmp_path / "shop") as path:
        (path / "file").touch()
        path.rename(tmp_path / "shop")
    assert [path.name for path in tmp_path.rglob("*")] == ["shop", "file"]


def test_a_place_that_cannot_be_is_a_wrong_request(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="expected a directory"), held(tmp_path / "file" / "x", "stores"):
        pass


def test_a_place_that_is_taken_or_leads_nowhere_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(RequestError, match="file is already there; remove it or choose another directory"):
        refuse_taken(tmp_path / "file")
    with pytest.raises(RequestError, match="link is a link to nothing; remove it"):
        refuse_taken(tmp_path / "link")
    with pytest.raises(
        RequestError, match=r"file/out cannot go to .*file: File exists; expected a directory"
    ):
        draft(tmp_path / "file" / "out").__enter__()
    with pytest.raises(RequestError, match="link is a link to nothing"):
        settle(tmp_path, tmp_path / "link")
    refuse_taken(tmp_path / "free")


def test_the_home_of_nobody_is_refused() -> None:
    with pytest.raises(RequestError, match="~no-such-user/out begins with the home of a user who is not"):
        expanded("~no-such-user/out")
    assert expanded("~") == Path.home()
