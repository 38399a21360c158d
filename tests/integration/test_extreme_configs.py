"""Configs at their ends: the smallest tables, every parameter at both ends, every choice alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from plurel.config import Choices, Config, resolve
from plurel.config.bounds import Bounds, Chooses, DrawsWords, single
from plurel.config.config import PARTS
from plurel.errors import ConfigError
from plurel.generation.database import Generated, generate
from plurel.plugins import get_ledger

TINY = [
    "database_params.num_tables_choices=3",
    "database_params.num_rows_entity_table_choices=12",
    "database_params.num_rows_activity_table_choices=20",
    "database_params.num_cols_choices=4",
]

DEAR = {
    "num_tables_choices": 40,
    "num_rows_entity_table_choices": 5000,
    "num_rows_activity_table_choices": 5000,
    "num_cols_choices": 60,
    "mlp_emb_dim": 128,
}
"""Instead of a greatest value that would take minutes or gigabytes, and is refused nowhere."""

GREAT = 1e300
"""Stands for the end where there is none."""


def made(*assignments: str) -> Generated:
    config = Config().with_set([*TINY, *assignments])
    ledger = get_ledger()
    return generate(1, config, resolve(config, ledger).parts(ledger))


def check(generated: Generated) -> None:
    """A whole database: every row there, keys inside, no infinity, times in order."""
    for table in generated.schema:
        frame = generated.frames[table.name]
        assert len(frame) == table.rows
        for key in table.foreign_keys:
            assert frame[key.column].between(0, generated.schema[key.parent].rows - 1).all()
        for column in frame.select_dtypes("float64"):
            assert not np.isinf(frame[column]).any()
        if table.time_column is not None:
            assert frame[table.time_column].is_monotonic_increasing


def ends(name: str, bounds: Bounds) -> Iterator[Any]:
    """The least and the greatest value within bounds."""
    for end, shut, inwards in ((bounds.low, bounds.above, math.inf), (bounds.high, bounds.below, -math.inf)):
        if end is None:
            yield 1_000 if bounds.integers else -math.copysign(GREAT, inwards)
        elif shut:
            yield math.nextafter(end, inwards)
        else:
            yield end if bounds.integers else float(end)
    if name in DEAR:
        yield DEAR[name]


def extremes() -> Iterator[str]:
    """Every parameter of a config at both of its ends, as assignments, but those that have one value only."""
    for part, params in PARTS.items():
        for item in attrs.fields(params):
            if item.name in ("mlp_in_dim", "mlp_out_dim", "propagate_batch_size"):
                continue
            for validator in single(item.validator):
                if isinstance(validator, Bounds):
                    low, high, *dear = ends(item.name, validator)
                    for value in (low, *(dear or [high])):
                        yield f"{part}.{item.name}={value!r}".replace("e+", ".0e+").replace("e-", ".0e-")
                elif isinstance(validator, Chooses | DrawsWords) and isinstance(item.default, Choices):
                    for word in item.default.value:
                        yield f"{part}.{item.name}={word}"


def together(assignment: str) -> list[str]:
    """An assignment with what it takes beside it."""
    beside = {
        "dag_params.ba_m": ["dag_params.ba_max_in_degree=1000"],
        "dag_params.ba_max_in_degree": ["dag_params.ba_m=1"],
    }
    return [*beside.get(assignment.partition("=")[0], []), assignment]


@pytest.mark.parametrize("assignment", list(extremes()))
def test_a_database_is_made_with_every_parameter_at_its_ends(assignment):
    check(made(*together(assignment)))


@pytest.mark.parametrize("rows", [1, 2])
@pytest.mark.parametrize("tables", [1, 2, 3])
@pytest.mark.parametrize("columns", [0, 1])
@pytest.mark.parametrize("mode", ["type_eager", "type_lazy"])
def test_the_smallest_databases_are_whole(rows, tables, columns, mode):
    check(
        made(
            f"database_params.num_tables_choices={tables}",
            f"database_params.num_rows_entity_table_choices={rows}",
            f"database_params.num_rows_activity_table_choices={rows}",
            f"database_params.num_cols_choices={columns}",
            f"scm_params.propagation_mode_choices={mode}",
        )
    )


@pytest.mark.parametrize("choice", ["num_rows_entity_table_choices", "num_rows_activity_table_choices"])
def test_a_table_without_rows_is_refused_by_its_parameter(choice):
    with pytest.raises(ConfigError, match=rf"integers from 1 to \d+, got 0 @ \$.database_params.{choice}"):
        made(f"database_params.{choice}=0")


def test_a_database_without_tables_is_refused_by_its_parameter():
    with pytest.raises(ConfigError, match=r"integers from 1 to \d+, got 0 @ .*num_tables_choices"):
        made("database_params.num_tables_choices=0")


@pytest.mark.parametrize(
    "parameters",
    ["log_scale: -80.0", "log_scale: 80.0", "clipped: false", "hidden: 1", "hidden: 64", "num_layers: 40"],
)
def test_parameters_of_networks_may_be_extreme_too(parameters):
    check(made(f"scm_params.mechanism_choices={{name: mlp, {parameters}}}"))


@pytest.mark.parametrize("terms", [1, 1000])
def test_sums_of_sines_may_have_few_and_many_terms(terms):
    check(made(f"scm_params.activation_choices={{name: random_sines, terms: {terms}}}"))
