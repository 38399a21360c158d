"""One outside distribution extends plurel everywhere, and one run uses all of it by name.

Generate -> import -> preprocess -> pretrain in two processes -> evaluate, as commands in processes of their
own; then each artefact names what made it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import attrs
import pytest

from plurel.plugins.records import KINDS

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
        ("mechanisms", "weighted"): 2,
        ("noises", "laplace"): 1,
        ("sources", "sawtooth"): 1,
        ("table_models", "mixture"): 1,
        ("tasks", "last_number"): 1,
        ("timelines", "uniform"): 1,
        ("transforms", "arctan"): 1,
    }
    assert manifest["config"]["preset"] == {"name": "every_kind", "dist": DIST, "revision": 4}
    mechanisms = {node["mechanism"] for node in manifest["causal_graph"]["nodes"]}
    assert mechanisms == {"plurel-scm:mlp", f"{DIST}:weighted", f"{DIST}:sawtooth", f"{DIST}:mixture"}
    tables = manifest["columns"].values()
    assert {table["table_model"] for table in tables} == {"plurel-scm:scm", f"{DIST}:mixture"}
    columns = [column for table in tables for column in table["columns"].values()]
    assert {f"{DIST}:rating"} <= {name for column in columns for name in column["surface"]}


def test_the_stores_name_what_made_them(run: Place) -> None:
    stores = {name: run.document(f"stores/{name}/store.json") for name in ("rel-orchard", "rel-synthetic-0")}
    provenance = {name: store["provenance"] for name, store in stores.items()}
    assert (
        named(provenance["rel-synthetic-0"]["contributions"]).items() >= {("embedders", "letters"): 3}.items()
    )
    orchard = provenance["rel-orchard"]["contributions"]
    assert named(orchard) == {("embedders", "letters"): 3, ("column_types", "rating"): 1}
    assert named(orchard, mine=False) == {
        ("column_types", "category"): 1,
        ("column_types", "datetime"): 1,
        ("column_types", "number"): 1,
    }
    made = run.document("databases/rel-synthetic-0/plurel.json")
    assert provenance["rel-synthetic-0"]["source"]["contributions"] == made["contributions"]


def test_the_imported_database_names_its_importer(run: Place) -> None:
    said = run.document("databases/rel-orchard/plurel.json")
    assert named(said["contributions"]) == {("importers", "orchard"): 1}
    assert said["source"] == "made up"


def test_the_checkpoint_names_what_made_it(run: Place) -> None:
    checkpoint = run.document("run/checkpoints/step-00000004/config.json")
    assert named(checkpoint["provenance"]) == {
        ("models", "pooled"): 1,
        ("heads", "absolute"): 1,
        ("embedders", "letters"): 3,
    }
    assert named(checkpoint["provenance"], mine=False) == {("heads", "boolean"): 1, ("heads", "text"): 1}


def test_the_run_goes_through_every_store_and_saves(run: Place) -> None:
    assert run.said["pretrain"]["steps"] == 4
    assert run.said["pretrain"]["targets"] > 10
    (score,) = run.said["evaluate"]["scores"]
    assert (score["task"], score["metric"]) == ("harvest-kilograms", "nMAE")
    assert score["model"] > 0


def test_everything_that_the_distribution_contributes_is_used(run: Place, plurel: Run) -> None:
    listed = json.loads(plurel("plugins", "list", "--json", plugins=(DIST,)).stdout)["contributions"]
    contributed = {(one["kind"], one["name"]) for one in listed if one["dist"] == DIST}
    recorded = set()
    for document, key in (
        (run.document("databases/rel-synthetic-0/plurel.json"), "contributions"),
        (run.document("databases/rel-orchard/plurel.json"), "contributions"),
        (run.document("run/checkpoints/step-00000004/config.json"), "provenance"),
    ):
        recorded |= set(named(document[key]))
    leave_no_trace = {("commands", "census"), ("executors", "in_turn"), ("presets", "every_kind")}
    assert contributed == recorded | leave_no_trace
    made_here = set(KINDS) - {"value_generators", "exporters", "artefacts"}
    assert {kind for kind, _ in contributed} == made_here


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "generate",
            ("unknown preset 'every_kind'",),
        ),
        (
            "evaluate",
            (f"was made with {DIST}:", f"revision 1) of {DIST} 2.1; no installed plugin"),
        ),
        ("inspect", (f"missing: {DIST}:chain (layouts) of {DIST} 2.1, which is not installed",)),
    ],
)
def test_without_the_plugin_its_version_is_named(
    run: Place, plurel: Run, command: str, words: tuple[str, ...]
) -> None:
    arguments = {
        "generate": ("--preset=every_kind", "--out", run.root / "databases"),
        "evaluate": ("--checkpoint", run.root / "run", "--store", run.root / "stores" / "rel-orchard"),
        "inspect": (run.root / "databases" / "rel-synthetic-0",),
    }
    done = plurel(command, *arguments[command])
    assert done.returncode == (0 if command == "inspect" else 2)
    said = done.stdout if command == "inspect" else done.stderr
    for one in words:
        assert one in said


def test_databases_that_a_missing_plugin_made_say_its_version(
    run: Place, plurel: Run, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    made = run.document("databases/rel-synthetic-0/plurel.json")["config"]
    config.write_text(json.dumps(made))
    done = plurel("generate", config, "--out", run.root / "databases")
    assert done.returncode == 2
    assert f"unknown layout '{DIST}:chain'" in done.stderr
    assert f"rel-synthetic-0 was generated with {DIST}:arctan (transforms) of {DIST} 2.1" in done.stderr


def test_a_run_is_not_gone_on_with_under_another_revision(
    plurel: Run, installed: Callable[[str], Path], run: Place, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(installed(DIST), tmp_path / "changed"))
    plugin = changed / "plurel_test_every_kind" / "plugin.py"
    text = plugin.read_text()
    assert text.count('name="pooled",') == 1
    plugin.write_text(text.replace('name="pooled",', 'name="pooled",\n        revision=2,'))
    done = plurel("pretrain", "--resume", run.root / "run", "--set=steps=6", plugins=(changed,))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"was made with {DIST}:pooled (models, revision 1) of {DIST} 2.1" in done.stderr
    assert "has another revision" in done.stderr
