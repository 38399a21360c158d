"""What a person says of contexts and targets is checked where it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from plurel_sampler import (
    ContextConfig,
    ContextError,
    Target,
)

# As a caller without a type checker knows them.
UNTYPED: list[Any] = [ContextConfig, Target]
config, target = UNTYPED


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: config(length=0), "ContextConfig.length is 0; expected 1 to"),
        (lambda: config(length=2**40), "ContextConfig.length is 1099511627776; expected 1 to"),
        (lambda: config(length=1.5), "ContextConfig.length is 1.5; expected int"),
        (lambda: config(length=True), "ContextConfig.length is True; expected int"),
        (lambda: config(width=-1), "ContextConfig.width is -1"),
        (lambda: config(seed=2**64), "ContextConfig.seed is 18446744073709551616"),
        (lambda: config(mode="walk"), "ContextConfig.mode is 'walk'; expected bfs"),
        (lambda: config(children="all"), "expected sampled, recent"),
        (lambda: config(labels=None), "expected apart, beside"),
        (lambda: target(-1, "task", "again"), "Target.store is -1"),
        (lambda: target("0", "task", "again"), "Target.store is '0'; expected int"),
        (lambda: target(0, "row", "again"), "Target.kind is 'row'; expected task, column"),
        (lambda: target(0, "task", None), "Target.name is None; expected str"),
    ],
)
def test_records_refuse_what_they_cannot_mean(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ContextError, match=message):
        make()


def test_numbers_and_words_of_numpy_become_pythons() -> None:
    given = config(length=np.int64(8), seed=np.uint64(3), children=np.str_("recent"))
    assert given == ContextConfig(length=8, seed=3, children="recent")
    assert {type(value) for value in (given.length, given.seed, given.children)} == {int, str}
    assert type(target(np.int32(0), "task", "again").store) is int
