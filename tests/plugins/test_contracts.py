"""Contracts of the author kit: each rule is broken by an implementation that breaks it alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from plurel.plugins import Ledger
from plurel.testing import LayoutContract, MechanismContract
from plurel.testing.layouts import LayoutRules
from plurel.testing.mechanisms import MechanismRules, MechanismSubject
from plurel.testing.rules import Rules, Subject, elsewhere

BAD = "plurel-test-bad-contracts"
EVERY_KIND = "plurel-test-every-kind"

BREAKS = {
    ("layouts", "forgetful"): ("test_same_stream_same_graph", "must give the same graph"),
    ("layouts", "meddling"): ("test_global_randomness_is_untouched", "numpy's global random state"),
    ("layouts", "crowded"): ("test_graph_has_the_nodes_asked_for", "17 nodes were asked for, .* has 18"),
    ("layouts", "islands"): ("test_graph_is_connected", "falls into 2 parts"),
    ("layouts", "greedy"): ("test_few_nodes_are_enough", "a path has two ends"),
    ("layouts", "fixed"): ("test_layout_pickles", "must pickle"),
    ("layouts", "restless"): ("test_parameters_round_trip", r"width=2.0\) came back as .*width=4.0"),
    ("layouts", "heavy"): ("test_plugin_module_is_light", "it brings numpy;"),
    ("mechanisms", "forgetful"): ("test_same_stream_same_function", "must give the same function"),
    ("mechanisms", "meddling"): ("test_global_randomness_is_untouched", "numpy's global random state"),
    ("mechanisms", "wide"): ("test_values_have_shape_and_dtype", r"float32 of shape \(48,\), got float64"),
    ("mechanisms", "out_of_range"): ("test_labels_are_in_range", "has the labels 0 to 2, got 1 to 3"),
    ("mechanisms", "infinite"): ("test_values_are_finite", "values that are not finite"),
    ("mechanisms", "nosy"): ("test_rows_do_not_see_each_other", "that row's inputs and noise only"),
    ("mechanisms", "overwriting"): ("test_inputs_are_left_as_they_are", "must not write into its inputs"),
    ("mechanisms", "greedy"): ("test_few_rows_are_enough", "one row has no neighbour"),
    ("mechanisms", "fixed"): ("test_function_pickles", "must pickle"),
}


@pytest.fixture
def broken(
    installed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], dict[str, str]]:
    """The rules that one of the bad distribution's contributions breaks."""
    monkeypatch.syspath_prepend(installed(BAD))
    ledger = Ledger.discover()

    def find(kind: str, name: str) -> dict[str, str]:
        entry = ledger.find(kind, name)
        if kind == "layouts":
            return LayoutRules().broken(Subject(entry=entry))
        return MechanismRules().broken(MechanismSubject(entry=entry))

    return find


@pytest.mark.parametrize(("kind", "name"), BREAKS)
def test_a_bad_contribution_breaks_its_rule_and_no_other(
    broken: Callable[[str, str], dict[str, str]], kind: str, name: str
) -> None:
    rule, words = BREAKS[kind, name]
    found = broken(kind, name)
    assert list(found) == [rule]
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(found[rule])


@pytest.mark.parametrize("kind", ["layouts", "mechanisms"])
def test_a_good_contribution_breaks_none(broken: Callable[[str, str], dict[str, str]], kind: str) -> None:
    assert broken(kind, "good") == {}


@pytest.mark.parametrize(("kind", "rules"), [("layouts", LayoutRules), ("mechanisms", MechanismRules)])
def test_every_rule_is_broken_by_somebody(kind: str, rules: type[Rules]) -> None:
    general = {"test_parameters_round_trip", "test_plugin_module_is_light"}
    proved = {rule for (own, _), (rule, _) in BREAKS.items() if own == kind}
    assert set(rules.names()) == proved | general
    assert general <= {rule for rule, _ in BREAKS.values()}


def test_a_rule_is_left_out_for_a_written_reason_only() -> None:
    class Chain(LayoutContract):
        exempt = {"test_graph_is_connected": "a forest is what this is for"}  # noqa: RUF012

    assert Chain.exempt
    with pytest.raises(TypeError, match="without a reason in words, got ''"):
        type("Chain", (LayoutContract,), {"exempt": {"test_graph_is_connected": ""}})
    with pytest.raises(
        TypeError, match="exempt from 'test_no_such', which is no rule of it; rules: test_few"
    ):
        type("Chain", (LayoutContract,), {"exempt": {"test_no_such": "because of something else"}})
    with pytest.raises(TypeError, match="replaces the rule test_graph_is_connected"):
        type("Chain", (LayoutContract,), {"test_graph_is_connected": None})
    type("Chain", (MechanismContract,), {"test_of_its_own": lambda self: None})


TESTS = """
import pytest
from plurel.testing import LayoutContract

class TestIslands(LayoutContract):
    exempt = {"test_graph_is_connected": "this one is a forest by design"}

    @pytest.fixture
    def contribution(self):
        return "islands"

class TestGreedy(LayoutContract):
    @pytest.fixture
    def contribution(self):
        return "plurel-test-bad-contracts:greedy"

class TestNothing(LayoutContract):
    pass
"""


def test_a_contract_is_a_test_class(
    python: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    file = tmp_path / "test_bad.py"
    file.write_text(TESTS)
    done = python("-m", "pytest", "-q", "-rsf", "-p", "no:cacheprovider", file, plugins=(BAD,))
    rules = len(LayoutRules.names())
    assert f"1 failed, {2 * rules - 2} passed, 1 skipped, {rules} errors" in done.stdout, done.stdout
    assert "exempt: this one is a forest by design" in done.stdout
    assert "TestGreedy::test_few_nodes_are_enough" in done.stdout
    assert "TestNothing does not say what it tests" in done.stdout


def test_the_outside_distribution_keeps_its_contracts(
    python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    tests = Path(__file__).parent / "distributions" / EVERY_KIND / "tests"
    done = python("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, plugins=(EVERY_KIND,))
    assert done.returncode == 0, done.stdout
    assert f"{len(LayoutRules.names()) + len(MechanismRules.names())} passed" in done.stdout


def test_what_fails_elsewhere_is_said() -> None:
    with pytest.raises(AssertionError, match="failed in a process of its own: TypeError"):
        elsewhere(list, 1)
