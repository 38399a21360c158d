"""What plurel-scm contributes through plurel's plugins, and what importing its plugin module costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from plurel.config import Config
from plurel.plugins import Ledger
from plurel.plugins.requests import BlockRequest
from plurel.schema import Column
from plurel_scm.presets import plurel_1_1
from plurel_scm.table_model import Scm

NAMES = {
    "table_models": {"scm"},
    "mechanisms": {"mlp", "linear", "trees"},
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
    "presets": {"default", "plurel-1.1", "plurel-paper"},
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


def test_the_published_preset_is_the_config_of_no_arguments():
    assert plurel_1_1() == Config()


def test_the_plugin_module_imports_nothing_heavy():
    script = (
        "import sys, plurel_scm.plugin as plugin\n"
        "hooks = [getattr(plugin, name) for name in dir(plugin) if name.startswith('plurel_')]\n"
        "assert sum(len(hook()) for hook in hooks) > 50\n"
        "print([m for m in ('numpy', 'scipy', 'pandas', 'cattrs', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_mechanism_of_the_readme_runs(request_of, parts):
    readme = Path(__file__).parents[2] / "plurel-scm" / "README.md"
    names: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)[1], names)  # noqa: S102
    only = parts.only(col_stype_choices="numerical", mechanism_choices="mlp")
    only.built["mechanism_choices", "mlp"] = names["Linear"]()
    request = request_of(parts=only, rows=40, columns=0)
    columns = [Column(name=f"feature_{place}", kind="number") for place in range(6)]
    plan = Scm().plan(evolve(request, table=evolve(request.table, columns=columns)))
    raw = plan.raw(BlockRequest(index=0, start=0, stop=40, parent_rows={}))
    assert {values.dtype.name for values in raw.values()} == {"float32"}
    assert all(np.isfinite(values).all() for values in raw.values())
