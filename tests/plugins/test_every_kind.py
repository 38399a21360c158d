"""One outside distribution extends plurel everywhere, and one run uses all of it by name.

Generate -> import -> preprocess -> pretrain in two processes -> evaluate, as commands in processes of their
own; then each artefact names what made it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import attrs
import pytest

DIST = "plurel-test-every-kind"
RECIPE = """
name: every-kind
stores: [{stores}/*]
targets: [columns, tasks]
embedder: letters
model: {{name: pooled, dim: 16}}
context: {{length: 48, width: 8}}
batch_size: 8
steps: 4
save_every: 2
threads: 1
out: {out}
"""

Run = Callable[..., CompletedProcess[str]]


@attrs.frozen
class Place:
    """Where the run lies, and what its commands printed as JSON."""

    root: Path
    said: dict[str, Any]

    def document(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / name).read_text())
        return found


@pytest.fixture(scope="module")
def run(plurel: Run, launch: Run, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The whole chain, once."""
    root = tmp_path_factory.mktemp("every-kind")
    databases, stores, out = root / "databases", root / "stores", root / "run"
    recipe = root / "recipe.yaml"
    recipe.write_text(RECIPE.format(stores=stores, out=out))
    orchard = databases / "rel-orchard"
    commands: dict[str, tuple[Run, tuple[object, ...]]] = {
        "generate": (plurel, ("--preset=every_kind", "--out", databases, "--executor=in_turn", "--json")),
        "import": (plurel, ("orchard", "--out", orchard, "--json")),
        "census": (plurel, (orchard, "--json")),
        "preprocess": (
            plurel,
            (databases / "rel-synthetic-0", orchard, "--out", stores, "--embedder=letters", "--json"),
        ),
        "pretrain": (launch, (recipe, "--json")),
        "evaluate": (plurel, ("--checkpoint", out, "--store", stores / "rel-orchard", "--json")),
    }
    said = {}
    for name, (command, arguments) in commands.items():
        done = command(name, *arguments, plugins=(DIST,))
        assert done.returncode == 0, f"{name}: {done.stderr}"
        said[name] = json.loads(done.stdout)
        if name == "pretrain":
            assert "2 ranks" in done.stderr
    return Place(root, said)


def named(contributions: Iterable[dict[str, Any]], *, mine: bool = True) -> dict[tuple[str, str], int]:
    """Revision by kind and bare name, of this distribution or of the others."""
    found = {}
    for one in contributions:
        dist, _, name = one["id"].partition(":")
        assert isinstance(one["version"], str)
        if (dist == DIST) == mine:
            assert not mine or one["version"] == "2.1"
            found[one["kind"], name] = one["revision"]
    return found


def test_the_command_runs(run: Place) -> None:
    assert run.said["census"] == {"rows": {"trees": 8, "harvests": 120}}


def test_the_database_names_what_made_it(run: Place) -> None:
    manifest = run.document("databases/rel-synthetic-0/plurel.json")
    assert named(manifest["contributions"]) == {
        ("activations", "bump"): 1,
        ("aggregations", "mean"): 1,
        ("column_types", "rating"): 1,
        ("initializers", "rademacher"): 1,
        ("layouts", "chain"): 1,
        ("links", "popular"): 1,
        ("mechanisms", "linear"): 2,
        ("noises", "laplace"): 1,
        ("sources", "sawtooth"): 1,
        ("table_models", "mixture"): 1,
        ("tasks", "last_number"): 1,
        ("timelines", "uniform"): 1,
        ("transforms", "arctan"): 1,
    }
    tables = manifest["columns"].values()
    assert {table["table_model"] for table in tables} == {"plurel-scm:scm", f"{DIST}:mixture"}
    columns = [column for table in tables for column in table["columns"].values()]
    assert {f"{DIST}:rating"} <= {name for column in columns for name in column["surface"]}


def test_the_run_goes_through_every_store_and_saves(run: Place) -> None:
    assert run.said["pretrain"]["steps"] == 4
    assert run.said["pretrain"]["targets"] > 10
    (score,) = run.said["evaluate"]["scores"]
    assert (score["task"], score["metric"]) == ("harvest-kilograms", "nMAE")
    assert score["model"] > 0
