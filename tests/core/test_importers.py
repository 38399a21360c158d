"""Running an importer: its directory appears whole, with who made it, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plurel.errors import PluginError, RequestError
from plurel.importers.run import run_importer
from plurel.plugins import Entry
from plurel.plugins.records import Importer
from plurel.plugins.requests import ImportRequest
from plurel.relbench_io import read_origin


def importer(run: Callable[[Path], Path]) -> Entry:
    """The contribution of an importer that does what a function does with the place it is given."""

    class Made:
        def run(self, request: ImportRequest) -> Path:
            return run(request.out)

    record = Importer(name="market", summary="A shop", factory=Made)
    return Entry(record=record, dist="acme", version="1.2", plugin="acme:main")


def test_the_directory_names_its_importer_and_stands_alone(kept_shop: Path, tmp_path: Path) -> None:
    entry = importer(lambda out: shutil.copytree(kept_shop, out))
    out = tmp_path / "deep" / "market"
    assert run_importer(entry, ImportRequest(out=out)) == out
    said = read_origin(out)
    assert said is not None
    assert [(one["id"], one["version"]) for one in said["contributions"]] == [("acme:market", "1.2")]
    assert said["from"] == "a test"
    assert list(out.parent.iterdir()) == [out]
    assert not list(out.rglob(".*"))


def test_what_an_importer_writes_has_checksums_whoever_wrote_it(kept_shop: Path, tmp_path: Path) -> None:
    def copy(out: Path) -> Path:
        return Path(shutil.copytree(kept_shop, out, ignore=shutil.ignore_patterns("plurel.json")))

    out = run_importer(importer(copy), ImportRequest(out=tmp_path / "market"))
    written, known = read_origin(out), read_origin(kept_shop)
    assert written is not None
    assert known is not None
    assert written["sha256"] == known["sha256"]


def test_an_importer_that_fails_half_way_leaves_nothing(kept_shop: Path, tmp_path: Path) -> None:
    def fail(out: Path) -> Path:
        shutil.copytree(kept_shop, out)
        raise ValueError("the source has ended")

    with pytest.raises(PluginError, match=r"acme:market failed at the directory .*: the source has ended"):
        run_importer(importer(fail), ImportRequest(out=tmp_path / "market"))
    assert list(tmp_path.iterdir()) == []


def test_an_importer_that_writes_elsewhere_is_told(kept_shop: Path, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=f"acme:market made {kept_shop}; it was asked for"):
        run_importer(importer(lambda _: kept_shop), ImportRequest(out=tmp_path / "market"))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_was_taken_meanwhile_stays_as_it_is(kept_shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "market"

    def late(place: Path) -> Path:
        (out / "mine").mkdir(parents=True)
        return Path(shutil.copytree(kept_shop, place))

    with pytest.raises(RequestError, match="market is already there"):
        run_importer(importer(late), ImportRequest(out=out))
    assert [path.name for path in tmp_path.rglob("*")] == ["market", "mine"]


def test_a_link_to_nothing_is_refused_before_the_importer_runs(tmp_path: Path) -> None:
    (tmp_path / "market").symlink_to(tmp_path / "nothing")
    with pytest.raises(RequestError, match="market is a link to nothing"):
        run_importer(importer(pytest.fail), ImportRequest(out=tmp_path / "market"))
