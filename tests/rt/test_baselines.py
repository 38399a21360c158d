"""The baselines see what a context may see, and no more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from plurel_rt import baselines
from plurel_sampler import Store


@pytest.fixture(scope="module")
def store(shop_store: Path) -> Store:
    return Store.open(shop_store)


def features(store: Store, rows: np.ndarray) -> dict[str, np.ndarray]:
    found = baselines.entity_features(store, "visits-sales", rows)
    return dict(zip(found.names, found.values.T, strict=True))


def test_features_are_the_cells_of_the_row_and_its_parents(store: Store) -> None:
    rows = np.arange(50, dtype=np.int64)
    cells = features(store, rows)
    assert list(cells) == ["at", "sales", "sunny", "echo", "told", "shop.size", "shop.kind"]
    shop = store.parent_ids("visits", "shop")[rows]
    np.testing.assert_array_equal(cells["shop.size"], store.column_values("shops", "size")[shop])
    np.testing.assert_array_equal(cells["shop.kind"], store.column_ids("shops", "kind")[shop])


def test_hidden_columns_and_cells_known_later_are_not_there(store: Store) -> None:
    cells = features(store, np.arange(50, dtype=np.int64))
    for name in ("sales", "echo", "told"):  # the answer, its echo of next month, and when that comes
        assert np.isnan(cells[name]).all(), name
    assert not np.isnan(cells["sunny"]).any()


def test_a_column_known_later_does_not_help_the_trees(store: Store) -> None:
    """With the echo the error would be about 0.1; its noise alone has sd 1, a mean absolute error of 0.8."""
    first, last = store.tasks["visits-sales"].splits["test"]
    rows = np.arange(first, last, dtype=np.int64)
    trees = baselines.trees(store, "visits-sales", rows)
    truth = baselines.labels(store, "visits-sales")[rows]
    error = mean_absolute_error(truth, trees.predicted)
    assert 0.6 < error < 2.0  # better than the shops' spread, no better than the noise allows
    assert trees.train_rows == 144


def test_the_trees_learn_from_the_latest_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    plain = baselines.entity_features

    def spy(opened: Store, task: str, rows: np.ndarray) -> baselines.Features:
        seen.append(rows)
        return plain(opened, task, rows)

    monkeypatch.setattr(baselines, "entity_features", spy)
    monkeypatch.setattr(baselines, "TREE_ROWS", 20)
    assert baselines.trees(store, "visits-good", np.arange(150, 160)).train_rows == 20
    assert sorted(seen[0]) == list(range(124, 144))


def test_trivial_predictions_minimise_what_is_measured() -> None:
    assert baselines.trivial(np.array([0.0, 0.0, 1.0, 1.0, 1.0]), True, 2).tolist() == [0.6, 0.6]
    assert baselines.trivial(np.array([1.0, 2.0, 90.0]), False, 3).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("binary", [True, False])
def test_trees_without_anything_to_learn_say_the_trivial_thing(binary: bool) -> None:
    labels = np.array([0.0, 1.0, 1.0])
    nothing = np.full((3, 2), np.nan)
    expected = baselines.trivial(labels, binary, 1)
    np.testing.assert_array_equal(baselines.fit_trees(nothing, labels, np.ones((1, 2)), binary), expected)
    constant = np.ones(3)
    known = np.arange(3.0)[:, None]
    np.testing.assert_array_equal(baselines.fit_trees(known, constant, np.ones((1, 1)), binary), [1.0])
