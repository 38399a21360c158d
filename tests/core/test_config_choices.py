"""Choices: what they accept, and that draws stay inside and follow their distribution."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plurel.config import Choices
from plurel.config.choices import as_choices
from plurel.config.convert import structure, unstructure
from plurel.errors import ConfigError
from plurel.seeding import Stream

finite = st.floats(-1e9, 1e9)
positive = st.floats(1e-6, 1e6)


def ordered(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(numbers, min_size=2, max_size=2).map(sorted)


values = st.one_of(st.text(min_size=1, max_size=5), st.integers(-9, 9), finite, st.booleans())
choices = st.one_of(
    st.lists(values, min_size=1, max_size=4).map(lambda items: Choices("set", items)),
    st.lists(st.tuples(values, st.floats(0.1, 9)), min_size=1, max_size=4).map(
        lambda pairs: Choices("set", [item for item, _ in pairs], [weight for _, weight in pairs])
    ),
    ordered(st.integers(-99, 99)).map(lambda bounds: Choices("range", bounds)),
    ordered(finite).map(lambda bounds: Choices("range", bounds)),
    ordered(st.integers(1, 10**6)).map(lambda bounds: Choices("log_range", bounds)),
    ordered(positive).map(lambda bounds: Choices("log_range", bounds)),
    ordered(st.integers(1, 60)).map(lambda bounds: Choices("zipf_range", bounds)),
    st.tuples(finite, positive).map(lambda pair: Choices("normal", pair)),
    st.tuples(st.floats(-3, 3), st.floats(0, 2)).map(lambda pair: Choices("lognormal", pair)),
    st.tuples(st.floats(0.1, 9), st.floats(0.1, 9)).map(lambda pair: Choices("beta", pair)),
)


@given(choice=choices, seed=st.integers(0, 2**32))
def test_a_draw_is_a_function_of_the_stream(choice: Choices, seed: int) -> None:
    assert choice.draw(Stream(seed) / "a") == choice.draw(Stream(seed) / "a")
    assert choice.draw_many(1, Stream(seed)) == [choice.draw(Stream(seed))]


@given(choice=choices, seed=st.integers(0, 2**32))
def test_a_draw_stays_inside_and_keeps_its_type(choice: Choices, seed: int) -> None:
    for drawn in choice.draw_many(20, Stream(seed)):
        if choice.kind == "set":
            assert drawn in choice.value
        elif choice.kind.endswith("range"):
            low, high = choice.value
            assert low <= drawn <= high
            assert type(drawn) is (int if isinstance(low, int) and isinstance(high, int) else float)
        elif choice.kind == "beta":
            assert 0 <= drawn <= 1
        else:
            assert math.isfinite(drawn)


@given(choice=choices)
def test_a_choice_survives_plain_data_and_pickling(choice: Choices) -> None:
    assert as_choices(unstructure(choice)) == choice
    assert structure(unstructure(choice), Choices) == choice
    assert pickle.loads(pickle.dumps(choice)) == choice


@given(value=values)
def test_a_plain_value_is_a_constant(value: Any) -> None:
    choice = as_choices(value)
    assert choice == Choices.constant(value)
    assert choice.draw(Stream(0)) == value


def test_numpys_numbers_become_pythons() -> None:
    choice = Choices("range", [np.int64(2), np.int64(5)])
    assert [type(bound) for bound in choice.value] == [int, int]
    assert type(Choices("set", [np.float32(0.5)]).value[0]) is float


def frequencies(choice: Choices, count: int = 20000) -> dict[Any, float]:
    counted = Counter(choice.draw_many(count, Stream(1)))
    return {value: times / count for value, times in sorted(counted.items())}


def test_an_integer_range_is_uniform_with_both_ends() -> None:
    assert frequencies(Choices("range", [1, 4])) == pytest.approx(dict.fromkeys(range(1, 5), 0.25), abs=0.015)


def test_a_set_follows_its_weights() -> None:
    choice = Choices("set", ["a", "b", "c"], weights=[1, 3, 0])
    assert frequencies(choice) == pytest.approx({"a": 0.25, "b": 0.75}, abs=0.015)


def test_a_zipf_range_is_inversely_proportional() -> None:
    total = sum(1 / k for k in range(3, 8))
    expected = {k: 1 / k / total for k in range(3, 8)}
    assert frequencies(Choices("zipf_range", [3, 7])) == pytest.approx(expected, abs=0.015)


def test_a_log_range_has_as_much_in_every_octave() -> None:
    drawn = Choices("log_range", [1.0, 16.0]).draw_many(20000, Stream(2))
    octaves = Counter(int(math.log2(value)) for value in drawn)
    assert [octaves[octave] / 20000 for octave in range(4)] == pytest.approx([0.25] * 4, abs=0.015)


def test_distributions_have_their_moments() -> None:
    normal = Choices("normal", [3.0, 2.0]).draw_many(20000, Stream(3))
    assert np.mean(normal) == pytest.approx(3, abs=0.05)
    assert np.std(normal) == pytest.approx(2, abs=0.05)
    logs = np.log(Choices("lognormal", [1.0, 0.5]).draw_many(20000, Stream(4)))
    assert (np.mean(logs), np.std(logs)) == pytest.approx((1, 0.5), abs=0.02)
    assert np.mean(Choices("beta", [2, 6]).draw_many(20000, Stream(5))) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "rang", "value": [1, 2]}, r"unknown kind of choice 'rang'; known: set, .* @ \$.kind"),
        ({"kind": "range", "value": 3}, r"the value of a choice is a list, got 3 @ \$.value"),
        ({"kind": "range", "value": [1, 2, 3]}, r"a range has two numbers, got \[1, 2, 3\] @ \$.value"),
        ({"kind": "range", "value": ["a", "b"]}, "two numbers"),
        ({"kind": "range", "value": [0, math.inf]}, "two numbers"),
        ({"kind": "range", "value": [2, 1]}, "smaller bound first"),
        ({"kind": "log_range", "value": [0, 1]}, "above 0"),
        ({"kind": "zipf_range", "value": [1.0, 2.0]}, "integers"),
        ({"kind": "normal", "value": [0, -1]}, r"not below 0, got -1 @ \$.value\[1\]"),
        ({"kind": "beta", "value": [0, 1]}, "above 0"),
        ({"kind": "set", "value": []}, "at least one value"),
        ({"kind": "set", "value": [None]}, r"a name, a number .* got None @ \$.value\[0\]"),
        ({"kind": "set", "value": [1, math.nan]}, r"finite, got nan @ \$.value\[1\]"),
        ({"kind": "set", "value": [{"depth": 3}]}, r"has a name, got .* @ \$.value\[0\]"),
        (
            {"kind": "set", "value": [1, 2], "weights": [1]},
            r"2 values need as many weights, got 1 @ \$.weights",
        ),
        ({"kind": "set", "value": [1, 2], "weights": [0, 0]}, "not all 0"),
        ({"kind": "set", "value": [1, 2], "weights": [1, -1]}, "from 0 upwards"),
        ({"kind": "range", "value": [1, 2], "weights": [1, 1]}, "only a set has weights, this is a range"),
    ],
)
def test_a_choice_says_what_is_wrong_and_where(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Choices(**arguments)


def test_a_callable_is_an_error_that_says_how_to_register_it() -> None:
    def my_activation(x: float) -> float:
        return x

    with pytest.raises(ConfigError, match=r"register my_activation as a plugin.* @ \$.value\[1\]"):
        Choices("set", ["relu", my_activation])
    with pytest.raises(ConfigError, match="register my_activation as a plugin"):
        as_choices(my_activation)


@pytest.mark.parametrize("value", [["relu", "tanh"], ("relu",), {"relu"}])
def test_a_bare_list_is_an_error_that_says_how_to_write_it(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"written \{kind: set, value: \[\.\.\.\]\}"):
        as_choices(value)


def test_a_mapping_that_is_neither_choice_nor_contribution_is_an_error() -> None:
    with pytest.raises(ConfigError, match="the keys kind and value"):
        as_choices({"kind": "set"})
    with pytest.raises(ConfigError, match="unknown key 'wieghts'; closest: weights"):
        as_choices({"kind": "set", "value": [1], "wieghts": [1]})
    assert as_choices({"name": "layered", "depth": 3}).value == ({"name": "layered", "depth": 3},)


def test_parameters_are_copied_as_plain_data() -> None:
    parameters: dict[str, Any] = {"name": "layered", "depth": Choices("range", [2, 4])}
    choice = Choices.constant(parameters)
    parameters["depth"] = 9
    assert choice.value == ({"name": "layered", "depth": {"kind": "range", "value": [2, 4]}},)
