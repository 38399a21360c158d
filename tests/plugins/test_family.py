"""The family's own plugins: light, complete, and true to what configs expect of them."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from plurel import _siblings
from plurel.config import Config, resolve
from plurel.plugins import Entry, get_ledger

HEAVY = ("numpy", "pandas", "cattrs", "torch", "pyarrow", "scipy", "networkx", "relbench", "sklearn")
FAMILY = ("plurel-core", "plurel-layouts", "plurel-scm", "plurel-sampler-rs", "plurel-rt")
PLUGINS = (
    "plurel.plugin",
    "plurel_layouts.plugin",
    "plurel_scm.plugin",
    "plurel_sampler.plugin",
    "plurel_rt.plugin",
)


def entries() -> list[Entry]:
    return [entry for entry in get_ledger().entries() if entry.dist in FAMILY]


def test_every_plugin_of_the_family_loads() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = {row.dist: row for row in get_ledger().plugins if row.dist in FAMILY}
    assert {dist: (row.status, row.reason) for dist, row in rows.items()} == dict.fromkeys(FAMILY, ("ok", ""))


@pytest.mark.parametrize("plugin", [*PLUGINS, "plurel.plugins.hookspecs"])
def test_a_plugin_module_imports_nothing_heavy(plugin: str) -> None:
    program = f"import sys, {plugin}; print(' '.join(sorted(set({HEAVY}) & set(sys.modules))))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from plurel.cli import main; main(['--help']);"
        f"sys.stderr.write(' '.join(sorted(set({(*HEAVY, 'cyclopts', 'rich')}) & set(sys.modules))))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stderr == ""


def test_every_reference_leads_somewhere() -> None:
    for entry in entries():
        assert callable(entry.target()), entry.id
        entry.config_class()


def test_every_contribution_is_made_from_its_defaults() -> None:
    makes_nothing_by_itself = ("commands", "models", "heads")
    for entry in entries():
        if entry.kind not in makes_nothing_by_itself:
            assert entry.build() is not None, entry.id


def test_parameters_round_trip() -> None:
    from plurel.config.convert import unstructure

    for entry in entries():
        parameters = entry.parameters()
        assert entry.parameters(unstructure(parameters)) == parameters, entry.id


def test_the_default_config_is_the_preset_default_and_resolves() -> None:
    assert Config.preset("default") == Config()
    ledger = get_ledger()
    resolved = resolve(Config(), ledger)
    assert resolve(resolved.config, ledger) == resolved
    parts = resolved.parts(ledger)
    for choice in ("activation_choices", "scm_layout_choices", "source_gen_type_choices", "task_choices"):
        assert all(built is not None for _, built in parts.every(choice))


def test_the_references_names_are_aliases() -> None:
    ledger = get_ledger()
    for alias, name in {
        "ErdosRenyi": "erdos_renyi",
        "BarabasiAlbert": "barabasi_albert",
        "RandomTree": "random_tree",
        "ReverseRandomTree": "reverse_random_tree",
        "WattsStrogatz": "watts_strogatz",
        "Layered": "layered",
        "RandomCauchy": "random_cauchy",
    }.items():
        assert ledger.find("layouts", alias).name == name
    assert ledger.find("aggregations", "logexp").name == "logsumexp"


def test_hints_about_siblings_are_true() -> None:
    ledger = get_ledger()
    for command, (owner, _) in _siblings.COMMANDS.items():
        assert ledger.find("commands", command).dist == owner
    for kind, owner in _siblings.KINDS.items():
        assert any(entry.dist == owner for entry in ledger.entries(kind)), kind


@pytest.mark.parametrize(
    "name", ["build_store", "Store", "Sampler", "ContextConfig", "RelationalTransformer"]
)
def test_names_of_siblings_are_where_the_hint_says(name: str) -> None:
    from importlib import import_module

    assert hasattr(import_module(_siblings.NAMES[name][1]), name)
