"""Contributions that break their contracts in whole databases: a right result, or an error with names."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from plurel.config import Config, resolve
from plurel.errors import GenerationError, PluginError, PlurelError
from plurel.generation.database import Generated, generate
from plurel.plugins import get_ledger

SMALL = Config().with_set(
    [
        "database_params.num_tables_choices=3",
        "database_params.num_rows_entity_table_choices=30",
        "database_params.num_rows_activity_table_choices=50",
        "database_params.num_cols_choices=5",
        "scm_params.propagation_mode_choices=type_eager",
    ]
)
COLUMN = r"table_\d\.feature_\d"
NODE = rf"({COLUMN}|the hidden node \d+ of table_\d|what table_\d sees of its parents)"


class Replaced:
    """The choices of a run with one of them made by `spoil` of what is there."""

    def __init__(self, choice: str, spoil: Callable[[Any], Any]) -> None:
        self.inner = resolve(SMALL, get_ledger()).parts(get_ledger())
        self.choice = choice
        self.built = spoil(self.inner.every(choice)[0][1])

    def _one(self) -> tuple[Any, Any]:
        return SimpleNamespace(id="other:spoilt", name="spoilt"), self.built

    def draw(self, choice: str, stream: Any) -> Any:
        return self.built if choice == self.choice else self.inner.draw(choice, stream)

    def draw_many(self, choice: str, count: int, stream: Any) -> Any:
        return [self.built] * count if choice == self.choice else self.inner.draw_many(choice, count, stream)

    def draw_entry(self, choice: str, stream: Any) -> tuple[Any, Any]:
        return self._one() if choice == self.choice else self.inner.draw_entry(choice, stream)

    def every(self, choice: str) -> Any:
        return [self._one()] if choice == self.choice else self.inner.every(choice)


class Wrapped:
    """Something whose method gives what `spoil` makes of its answer; a method that may be missing is."""

    def __init__(self, inner: Any, method: str, spoil: Callable[[Any], Any]) -> None:
        self._inner, self._method, self._spoil = inner, method, spoil

    def __getattr__(self, name: str) -> Any:
        if (self._method, name) == ("draw", "block"):
            raise AttributeError(name)
        if name != self._method:
            return getattr(self._inner, name)
        return lambda *arguments: self._spoil(getattr(self._inner, name)(*arguments))


def at(*methods: str, spoil: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Spoil what the last of these methods gives, each asked of what the one before gave."""
    method, *rest = methods
    return lambda inner: Wrapped(inner, method, at(*rest, spoil=spoil) if rest else spoil)


def raising(_: Any) -> Any:
    raise KeyError("amount")


def longer(values: Any) -> Any:
    return np.concatenate([values, values[:1]])


def wider(values: Any) -> Any:
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int32)


def texts(values: Any) -> Any:
    return values.astype(str)


def holed(values: Any) -> Any:
    values = values.copy()
    values[::2] = np.nan
    return values


def each(spoil: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Spoil every column of a block."""
    return lambda block: {name: spoil(values) for name, values in block.items()}


def numbers(spoil: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Spoil every column of numbers of a block."""
    return lambda block: {n: spoil(v) if v.dtype.kind == "f" else v for n, v in block.items()}


def labels(spoil: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Spoil every column of labels of a block."""
    return lambda block: {n: spoil(v) if v.dtype.kind == "i" else v for n, v in block.items()}


def made(choice: str, spoil: Callable[[Any], Any]) -> Generated:
    generated = generate(3, SMALL, Replaced(choice, spoil))
    for table in generated.schema:  # the last steps are taken when a table is looked at
        assert len(generated.frames[table.name]) == table.rows
    return generated


RAISED = "KeyError: 'amount'"
BROKEN: list[tuple[str, Any, type[PlurelError], str]] = [
    ("table_model_choices", raising, PluginError, rf"the table model .* at the values of table_\d: {RAISED}"),
    ("table_model_choices", each(longer), GenerationError, rf"for {COLUMN}: block 0 has \d+ rows, got shape"),
    ("table_model_choices", labels(lambda v: v + 20), GenerationError, rf"for {COLUMN}: expected labels 0"),
    ("col_transform_choices", raising, PluginError, rf"the transform .* failed at .*{COLUMN}: {RAISED}"),
    ("col_transform_choices", longer, GenerationError, rf"for {COLUMN}: expected \d+ floats, got shape"),
    ("col_transform_choices", texts, GenerationError, rf"for {COLUMN}: expected \d+ floats, got shape"),
    ("col_transform_choices", holed, GenerationError, rf"for {COLUMN}: expected finite values, got nan"),
    ("noise_choices", raising, PluginError, rf"the noise .* failed at {NODE}: {RAISED}"),
    ("noise_choices", longer, GenerationError, rf"the noise .* broke its contract for {NODE}: expected"),
    ("noise_choices", wider, GenerationError, rf"for {NODE}: expected .* of float32, got .* of float64"),
    ("source_gen_type_choices", raising, PluginError, rf"the source .* failed at {NODE}: {RAISED}"),
    (
        "source_gen_type_choices",
        longer,
        GenerationError,
        rf"the source .* broke its contract for {NODE}: exp",
    ),
    ("source_gen_type_choices", wider, GenerationError, rf"for {NODE}: expected shape .*, got shape"),
    ("mechanism_choices", raising, PluginError, rf"the mechanism .* failed at {NODE}: {RAISED}"),
    ("mechanism_choices", longer, GenerationError, rf"the mechanism .* broke its contract for {NODE}: exp"),
    ("mechanism_choices", wider, GenerationError, rf"for {NODE}: expected shape .*, got shape"),
    ("activation_choices", raising, PluginError, rf"the activation .* failed at {NODE}: {RAISED}"),
    ("activation_choices", longer, GenerationError, rf"the activation .* broke its contract for {NODE}: exp"),
    ("activation_choices", wider, GenerationError, rf"for {NODE}: expected shape .*, got shape"),
    ("propagation_agg_choices", raising, PluginError, rf"the aggregation .* failed at {NODE}: {RAISED}"),
    ("initialization_choices", raising, PluginError, rf"the initialiser .* failed at {NODE}: {RAISED}"),
    ("scm_layout_choices", raising, PluginError, rf"the layout .* at the causal nodes of table_\d: {RAISED}"),
    ("link_choices", raising, PluginError, rf"the links .* at .*table_\d.foreign_row_\d: {RAISED}"),
    ("timeline_choices", raising, PluginError, rf"the timeline .* at the times of table_\d: {RAISED}"),
]

METHODS = {
    "table_model_choices": ("plan", "raw"),
    "col_transform_choices": ("fit", "apply"),
    "noise_choices": ("plan", "block"),
    "source_gen_type_choices": ("plan", "block"),
    "mechanism_choices": ("plan", "compute"),
    "initialization_choices": ("draw",),
    "scm_layout_choices": ("draw",),
    "link_choices": ("plan", "block"),
    "timeline_choices": ("draw",),
}


def spoiling(choice: str, spoil: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if choice == "activation_choices":
        return lambda inner: SimpleNamespace(draw=lambda stream: lambda x: spoil(inner.draw(stream)(x)))
    if choice == "propagation_agg_choices":
        return lambda inner: type("Spoilt", (type(inner),), {"__call__": lambda self, stack: spoil(stack)})()
    return at(*METHODS[choice], spoil=spoil)


@pytest.mark.parametrize(("choice", "spoil", "error", "words"), BROKEN)
def test_a_broken_contribution_is_told_of_with_its_name_table_and_column(choice, spoil, error, words):
    with pytest.raises(error, match=words) as caught:
        made(choice, spoiling(choice, spoil))
    assert "other:spoilt" in str(caught.value)


@pytest.mark.parametrize("choice", ["table_model_choices", "noise_choices", "source_gen_type_choices"])
def test_a_number_that_a_contribution_leaves_out_is_a_missing_cell(choice):
    spoil = numbers(holed) if choice == "table_model_choices" else holed
    if choice == "source_gen_type_choices":
        spoil = lambda values: holed(values) if values.dtype.kind == "f" else values  # noqa: E731
    generated = made(choice, spoiling(choice, spoil))
    missing = []
    for table in generated.schema:
        for column in table.columns:
            cells = generated.frames[table.name][column.name]
            if column.kind == "number":
                assert not np.isinf(cells).any()
                missing.append(cells.isna().mean())
                assert column.nullable or not cells.isna().any()
            else:
                assert not cells.isna().any()
    assert max(missing) > 0.4


def test_a_series_of_missing_numbers_is_an_empty_column():
    nothing = spoiling("noise_choices", lambda values: np.full_like(values, np.nan))
    generated = made("noise_choices", nothing)
    shares = [
        generated.frames[table.name][column.name].isna().mean()
        for table in generated.schema
        for column in table.columns
        if column.kind == "number"
    ]
    assert 1.0 in shares
