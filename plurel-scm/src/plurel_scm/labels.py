"""How many labels a category has: requests state it for categories only."""

from __future__ import annotations


def labels_of(categories: int | None) -> int:
    """The number of labels of a category.

    Raises:
        ValueError: where its request does not state it.
    """
    if categories is None or categories < 1:
        raise ValueError(f"a category has at least one label, got {categories!r}")
    return categories
