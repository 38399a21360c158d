"""Databases that are cut, edited or gone while they are read, and places that nothing can be written to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from plurel.cli import main

pytestmark = pytest.mark.skipif(
    any(find_spec(module) is None for module in ("plurel_scm", "plurel_sampler")),
    reason="needs the default prior and the sampler",
)

SIZES = (
    *("--set", "database_params.num_tables_choices=2"),
    *("--set", "database_params.num_cols_choices=3"),
    *("--set", "database_params.num_rows_activity_table_choices=60"),
    *("--set", "database_params.task_choices=autocomplete"),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("databases")
    assert main(["generate", "--out", str(place), "--num-proc", "1", *SIZES]) == 0
    return place / "rel-synthetic-0"


def content(store: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in store.iterdir() if file.name != "store.json"}


def damages(whole: bytes) -> list[bytes]:
    """The bytes cut at several places, and one of them changed at several."""
    cuts = [whole[:0], whole[: len(whole) // 2], whole[:-1]]
    places = [len(whole) * part // 9 for part in range(9)]
    return cuts + [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in places]


def test_no_damage_is_taken_for_data(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = tmp_path / "stores"
    assert main(["preprocess", str(database), "--out", str(tmp_path / "whole")]) == 0
    expected = content(tmp_path / "whole" / "rel-synthetic-0")
    for file in [path.relative_to(database) for path in sorted(database.rglob("*")) if path.is_file()]:
        whole = (database / file).read_bytes()
        for damaged in damages(whole):
            place = tmp_path / "damaged"
            shutil.copytree(database, place)
            (place / file).write_bytes(damaged)
            capsys.readouterr()
            code = main(["preprocess", str(place), "--out", str(stores)])
            words = capsys.readouterr().err
            what = f"{file}, {len(damaged)} of {len(whole)} bytes: {code}, {words}"
            assert "not foreseen" not in words, what
            assert "Traceback" not in words, what
            if code:
                error = words.splitlines()[-1]
                assert error.startswith("error: "), what
                assert str(file) in error or str(place) in error, what
                assert not stores.exists() or not list(stores.iterdir()), what
            elif file.suffix == ".parquet":
                (store,) = stores.iterdir()
                assert content(store) == expected, what
            shutil.rmtree(place)
            shutil.rmtree(stores, ignore_errors=True)


def test_a_database_that_goes_while_it_is_read_is_named(database: Path, tmp_path: Path) -> None:
    from plurel.relbench_io import read_directory
    from plurel_sampler import BuildError
    from plurel_sampler.packing import pack

    place = tmp_path / "going"
    shutil.copytree(database, place)

    def go(words: str, _: float) -> None:
        if words.startswith("packing") and place.exists():
            shutil.rmtree(place)

    with pytest.raises(BuildError, match=r"no readable Parquet file: .*No such file") as caught:
        pack(read_directory(place), tmp_path / "store", progress=go)
    assert str(caught.value.file).startswith(str(place))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_file(database: Path, tmp_path: Path) -> None:
    call = f"preprocess '{database}' --out '{tmp_path / 'stores'}'"
    done = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -f 1; exec '{sys.executable}' -B -m plurel {call}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert "File too large" in error
    assert str(tmp_path / "stores") in error
    assert "not foreseen" not in error
    assert list((tmp_path / "stores").iterdir()) == []


def test_a_place_for_no_stores_is_a_wrong_request(
    database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["preprocess", str(database), "--out", str(tmp_path / "file" / "stores")]) == 2
    assert "stores cannot go to" in capsys.readouterr().err
