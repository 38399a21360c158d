"""What plurel-scm contributes through plurel's plugins, and what importing its plugin module costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from plurel.config import Config
from plurel.plugins import Ledger
from plurel_scm.presets import default

NAMES = {
    "table_models": {"scm"},
    "mechanisms": {"mlp"},
    "aggregations": {"sum", "max", "product", "logsumexp"},
    "initializers": {
        "kaiming_normal",
        "kaiming_uniform",
        "xavier_normal",
        "xavier_uniform",
        "truncated_normal",
        "sparse",
    },
    "noises": {"beta"},
    "sources": {"ts", "uniform", "gaussian", "beta", "mixed"},
    "links": {"hierarchical_blocks"},
    "timelines": {"even"},
    "transforms": {"identity", "rank_uniform", "log", "sqrt", "standardize"},
    "presets": {"default"},
}


@pytest.fixture(scope="module")
def own():
    return [entry for entry in Ledger.discover().entries() if entry.dist == "plurel-scm"]


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_the_ledger_holds_its_contributions(own, kind):
    assert {entry.name for entry in own if entry.kind == kind} == NAMES[kind]


def test_there_is_nothing_else_but_activations(own):
    assert {entry.kind for entry in own} == {*NAMES, "activations"}


def test_every_contribution_builds_at_its_defaults(own):
    for entry in own:
        assert entry.build() is not None


def test_the_published_name_of_the_smooth_maximum_works():
    assert Ledger.discover().find("aggregations", "logexp").name == "logsumexp"


def test_preset_default_is_the_config_of_no_arguments():
    assert default() == Config()


def test_the_plugin_module_imports_nothing_heavy():
    script = (
        "import sys, plurel_scm.plugin as plugin\n"
        "hooks = [getattr(plugin, name) for name in dir(plugin) if name.startswith('plurel_')]\n"
        "assert sum(len(hook()) for hook in hooks) > 50\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'cattrs', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
