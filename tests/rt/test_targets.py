"""Which cells a run masks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from plurel.errors import ConfigError
from plurel_rt.targets import choose_targets
from plurel_sampler import HashedEmbedder, Store, Table, Task, build_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two tasks about shops: one whose training labels are all True, and one of both kinds."""
    shops = pa.table({"id": range(6), "size": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "floors": [1.0] * 6})

    def task(name: str, labels: list[bool]) -> Task:
        rows = {"train": slice(0, 4), "test": slice(4, 6)}
        return Task(
            name, "shops", "shop", None, "label", "binary_classification",
            {
                split: pa.table({"shop": list(range(6))[part], "label": labels[part]})
                for split, part in rows.items()
            },
        )  # fmt: skip

    tasks = [task("open", [True] * 5 + [False]), task("busy", [True, False] * 3)]
    out = tmp_path_factory.mktemp("stores") / "shops"
    return build_store(out, [Table("shops", shops, primary_key="id")], tasks, embedder=HashedEmbedder(8))


def test_what_is_constant_in_training_is_masked_only_by_name(store: Store) -> None:
    def names(*words: str) -> list[str]:
        return [target.name for target in choose_targets([store], words, ("number",))]

    assert names("columns", "tasks") == ["shops.size", "busy"]
    assert names("open", "shops.floors") == ["open", "shops.floors"]


def test_a_word_may_come_twice_and_its_targets_once(store: Store) -> None:
    targets = choose_targets([store, store], ("busy", "tasks", "busy"), ())
    assert [(target.store, target.name) for target in targets] == [(0, "busy"), (1, "busy")]


def test_no_columns_of_the_encodings_is_an_error(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"hold nothing.*columns of \['datetime'\].*@ \$\.targets"):
        choose_targets([store], ("columns",), ("datetime",))
