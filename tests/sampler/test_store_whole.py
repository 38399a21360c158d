"""A store is whole or not there: builds and added vectors that end early, and damage that is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from plurel_sampler import (
    BuildError,
    ContextConfig,
    ContextError,
    HashedEmbedder,
    Sampler,
    Store,
    StoreExistsError,
    StoreFormatError,
    StoreIOError,
    StoreMissingError,
    Table,
    Target,
    build_store,
    verify_store,
)

MakeShop = Callable[..., Store]


def test_nothing_is_overwritten_unless_it_is_a_store_and_one_asks(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    make_shop()
    with pytest.raises(StoreExistsError, match="overwrite"):
        make_shop()
    assert make_shop(overwrite=True).num_rows == 55
    (tmp_path / "shop" / "notes.txt").touch()
    with pytest.raises(StoreExistsError, match=r"holds notes\.txt, which is none of a store's files"):
        make_shop(overwrite=True)
    (tmp_path / "shop" / "notes.txt").unlink()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").touch()
    with pytest.raises(StoreExistsError, match="no store"):
        make_shop("other", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "shop"]


def test_an_error_of_the_caller_comes_back_as_it_was(make_shop: MakeShop, tmp_path: Path) -> None:
    def stop(words: str, share: float) -> None:
        assert 0 <= share < 1
        if words.startswith("packing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_shop(progress=stop)

    class Broken:
        name, width, fingerprint = "broken", 4, "1"

        def embed(self, texts: list[str]) -> Any:
            raise RuntimeError("out of words")

    with pytest.raises(RuntimeError, match="out of words"):
        make_shop(embedder=Broken())
    assert list(tmp_path.iterdir()) == []


def test_vectors_can_be_added_later(make_shop: MakeShop) -> None:
    store = make_shop(embedder=None)
    with pytest.raises(ContextError, match="it has those of: none"):
        Sampler([store], [Target(0, "task", "again")], embedder="hashed")
    cells = (store.path / "cells.bin").stat().st_mtime_ns
    richer = store.with_embeddings(HashedEmbedder(8))
    assert (store.path / "cells.bin").stat().st_mtime_ns == cells
    assert Store.open(store.path, "checksums").info["embeddings"]["hashed"]["width"] == 8
    same = make_shop("other", embedder=HashedEmbedder(8))
    found, expected = (
        each.info["files"][each.info["embeddings"]["hashed"]["file"]] for each in (richer, same)
    )
    assert found == expected
    assert {file.name for file in store.path.iterdir()} == {*richer.info["files"], "store.json"}
    assert len(Sampler([richer], [Target(0, "task", "again")], embedder="hashed")) == 8


def test_vectors_are_those_of_the_store_that_lies_there_now(make_shop: MakeShop) -> None:
    store = make_shop()
    strings = store.strings
    longer = Table("longer", pa.table({"note": [f"note {row}" for row in range(99)]}))
    late = Store.open(store.path)
    now = build_store(store.path, [longer], overwrite=True)
    with pytest.raises(StoreFormatError, match="another store lies there by now"):
        _ = late.strings
    richer = store.with_embeddings(HashedEmbedder(8))
    assert len(richer.strings) == len(now.strings) > len(strings)
    assert verify_store(store.path) == []


@pytest.mark.parametrize("killed", ["before the new description", "after it"])
def test_whoever_is_killed_while_replacing_vectors_leaves_a_whole_store(
    make_shop: MakeShop, killed: str
) -> None:
    store = make_shop()
    before = {file.name: file.read_bytes() for file in store.path.iterdir()}
    store.with_embeddings(HashedEmbedder(8))
    after = {file.name: file.read_bytes() for file in store.path.iterdir()}
    vectors = {name for name in {*before, *after} if name.startswith("embeddings.")}
    assert len(vectors) == 2
    for name, content in (before | after if killed == "after it" else after | before).items():
        (store.path / name).write_bytes(content)
    width = 8 if killed == "after it" else 16
    assert Store.open(store.path, "checksums").info["embeddings"]["hashed"]["width"] == width
    again = store.with_embeddings(HashedEmbedder(8))
    assert {file.name for file in store.path.iterdir()} == {*again.info["files"], "store.json"}
    assert verify_store(store.path) == []


@pytest.mark.parametrize("room", [100, 2000])
def test_a_full_disk_leaves_a_store_as_it_was(make_shop: MakeShop, room: int) -> None:
    resource = pytest.importorskip("resource")
    store = make_shop()
    before = {file: file.read_bytes() for file in store.path.parent.rglob("*") if file.is_file()}
    vectors = 64 + 2 * len(store.strings)
    assert 100 < vectors < 2000 < (store.path / "store.json").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(StoreIOError, match="cannot write"):
            store.with_embeddings(HashedEmbedder(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {file: file.read_bytes() for file in store.path.parent.rglob("*") if file.is_file()} == before


def test_vectors_of_the_wrong_shape_are_refused(make_shop: MakeShop) -> None:
    class Wide:
        name, width, fingerprint = "wide", 4, "1"

        def embed(self, texts: list[str]) -> Any:
            return np.zeros((len(texts), 5), np.float32)

    with pytest.raises(BuildError, match=r"\[\d+, 5\] where \[\d+, 4\] was expected"):
        make_shop(embedder=Wide())

    class Flat(Wide):
        def embed(self, texts: list[str]) -> Any:
            return [0.0] * len(texts)

    with pytest.raises(BuildError, match=r"embedder wide gave .*list.* where \[\d+, 4\] was expected"):
        make_shop(embedder=Flat())


def test_names_of_embedders_never_share_a_file(make_shop: MakeShop) -> None:
    class Named(HashedEmbedder):
        name = "a--b"

    with pytest.raises(BuildError, match="single - only"):
        make_shop(embedder=Named(4))


def test_what_could_not_be_read_again_is_never_published(tmp_path: Path) -> None:
    nested: dict[str, Any] = {}
    for _ in range(126):
        nested = {"in": nested}
    with pytest.raises(BuildError, match="recursion"):
        build_store(tmp_path / "store", [Table("t", pa.table({"x": [1.0]}))], provenance=nested)
    assert list(tmp_path.iterdir()) == []


class Other(HashedEmbedder):
    name = "other"


def use(path: Path) -> None:
    """Opens a store and makes every context of it."""
    store = Store.open(path)
    for targets in (
        [Target(0, "task", "again")],
        [Target(0, "column", "orders.note"), Target(0, "column", "users.age")],
    ):
        sampler = Sampler(
            [store], targets, ContextConfig(64, 8), embedder="hashed", shuffle=False, num_threads=1
        )
        sampler.batch(np.arange(len(sampler)))
    store.with_embeddings(Other(4))
    store.strings.to_pylist()


def complaint(path: Path) -> str | None:
    """The file that using a damaged store complains of, or None; nothing but a typed error may come."""
    try:
        use(path)
    except StoreFormatError as error:
        return error.file
    return None


FILES = [
    "store.json",
    "cells.bin",
    "parents.bin",
    "times.bin",
    "children.offsets",
    "children.bin",
    "text.arrow",
    "embeddings.hashed.bin",
]


@pytest.mark.parametrize("file", FILES)
def test_flipped_bytes_are_typed_errors_and_checksums_find_them(make_shop: MakeShop, file: str) -> None:
    store = make_shop()
    path, description = store.path / file, store.path / "store.json"
    whole, described = path.read_bytes(), description.read_bytes()
    for position in np.linspace(0, len(whole) - 1, 40).astype(int):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(StoreFormatError):
            Store.open(store.path, "checksums")
        assert complaint(store.path) in (None, str(path))
        description.write_bytes(described)
        path.write_bytes(whole)
        for added in store.path.glob("embeddings.other*.bin"):
            added.unlink()
        Store.open(store.path, "checksums")


@pytest.mark.parametrize("file", FILES)
def test_cut_files_do_not_open(make_shop: MakeShop, file: str) -> None:
    store = make_shop()
    path = store.path / file
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 12).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreFormatError):
            Store.open(store.path)
    path.unlink()
    with pytest.raises(StoreMissingError if file == "store.json" else StoreFormatError):
        Store.open(store.path)


def test_a_newer_format_says_so(make_shop: MakeShop) -> None:
    path = make_shop().path
    description = path / "store.json"
    description.write_text(description.read_text().replace('"version": 1', '"version": 2', 1))
    with pytest.raises(StoreFormatError, match="store format 2 where this version of plurel_sampler reads 1"):
        Store.open(path)
