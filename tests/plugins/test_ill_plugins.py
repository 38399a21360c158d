"""Ill plugins, installed as folders on the path: what the person sees, and that everything else goes on.

A plugin that hangs while it is imported is not handled: nothing of Python's stops an import safely. The page
says how to find it and how to switch it off before it is imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

SHAPES = "plurel-test-shapes"
PAGE = Path(__file__).parents[2] / "docs" / "plugin-hooks.md"
TINY = (
    "--num-proc=1",
    "--set=database_params.num_tables_choices=3",
    "--set=database_params.num_cols_choices=3",
    "--set=database_params.num_rows_entity_table_choices=60",
    "--set=database_params.num_rows_activity_table_choices=120",
)

HEAD = """
from plurel.plugins import hookimpl, records

HOOK_VERSION = {version}

class Relu:
    def draw(self, stream):
        return abs

@hookimpl
def plurel_activations():
"""

YIELD = """\
    yield records.Activation(name="{name}", summary="an ill one", factory=Relu, revision={revision})
"""


def source(body: str | None = None, *, version: int = 1, name: str = "ill", revision: int = 1) -> str:
    made = YIELD.format(name=name, revision=revision) if body is None else body
    return HEAD.format(version=version) + made


ILL: dict[str, tuple[str, str, str]] = {
    "raises-in-a-hook": (
        source('    raise RuntimeError("no licence on this machine")\n'),
        "failed at collect",
        "RuntimeError: no licence on this machine",
    ),
    "raises-while-consumed": (
        source(YIELD.format(name="half", revision=1) + '    raise KeyError("the other half")\n'),
        "failed at collect",
        "KeyError: 'the other half'",
    ),
    "older-hooks": (
        source(version=0),
        "incompatible",
        "has HOOK_VERSION 0; this plurel-core supports 1; a newer release of it may work here",
    ),
    "newer-hooks": (
        source(version=2),
        "incompatible",
        "has HOOK_VERSION 2; this plurel-core supports 1; a newer plurel-core may support it",
    ),
    "lacks-a-library": (
        "import shapely_of_another_world\n" + source(),
        "failed at import",
        "ModuleNotFoundError: No module named 'shapely_of_another_world'",
    ),
    "ends-the-process": ("import sys\nsys.exit(3)\n", "failed at import", "SystemExit: 3"),
}
SHADOW = source(name="relu")

Run = Callable[..., CompletedProcess[str]]
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Put a distribution of one plugin into a folder, as an installer leaves it there."""

    def write(dist: str, plugin: str, version: str = "1.0") -> Path:
        folder = tmp_path_factory.mktemp(dist)
        module = f"{dist.replace('-', '_')}_plugin"
        (folder / f"{module}.py").write_text(plugin)
        info = folder / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[plurel]\nmain = {module}\n")
        return folder

    return write


@pytest.fixture(scope="module")
def everybody(write: Write) -> list[Path]:
    """All of them at once, with one that shadows a built-in's name."""
    ill = [write(dist, plugin) for dist, (plugin, _, _) in ILL.items()]
    return [*ill, write("shadows-a-name", SHADOW)]


@pytest.mark.parametrize("dist", ILL)
def test_an_ill_plugin_costs_itself_alone(plurel: Run, write: Write, dist: str) -> None:
    plugin, status, reason = ILL[dist]
    run = plurel("plugins", "list", "--json", plugins=(write(dist, plugin), SHAPES))
    assert run.returncode == 0
    rows = {row["plugin"]: row for row in json.loads(run.stdout)["plugins"]}
    row = rows.pop(f"{dist}:main")
    assert (row["reason"], row["contributions"]) == (reason, 0)
    assert all(other["status"] == "ok" for other in rows.values())
    assert run.stderr == f"warning: plugin {dist}:main (1.0) {status}: {reason}\n"


def test_help_is_as_ever_with_all_of_them(plurel: Run, everybody: list[Path]) -> None:
    run, alone = plurel("--help", plugins=everybody), plurel("--help")
    assert (run.returncode, run.stdout) == (0, alone.stdout)
    assert len(run.stderr.splitlines()) == len(ILL)
    assert plurel("--help", plugins=everybody, RANK="1").stderr == ""


def test_a_run_that_names_none_of_them_is_as_ever(plurel: Run, everybody: list[Path], tmp_path: Path) -> None:
    made: list[dict[str, bytes]] = []
    for name, plugins in (("alone", []), ("beside", everybody)):
        run = plurel("generate", "--out", tmp_path / name, *TINY, plugins=plugins)
        assert run.returncode == 0, run.stderr
        root = tmp_path / name / "rel-synthetic-0"
        made.append({path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()})
    assert made[0] == made[1]


def test_check_lists_what_is_wrong_with_each(plurel: Run, everybody: list[Path]) -> None:
    run = plurel("plugins", "check", "--json", plugins=everybody)
    assert run.returncode == 1
    found = {one["about"]: one["words"] for one in json.loads(run.stdout)["findings"]}
    shadowed = found.pop("activations/shadows-a-name:relu")
    assert shadowed.startswith("activation 'relu' is contributed by plurel-scm")
    assert found.pop("activations/plurel-scm:relu")
    assert found == {f"{dist}:main": f"{status}: {reason}" for dist, (_, status, reason) in ILL.items()}


def test_a_shadowed_name_is_an_error_only_where_somebody_chooses_it(plurel: Run, write: Write) -> None:
    shadow = write("shadows-a-name", SHADOW)
    chosen = plurel("config", "show", "--set=scm_params.activation_choices=relu", plugins=(shadow,))
    assert (chosen.returncode, chosen.stdout) == (2, "")
    assert "activation 'relu' is contributed by several distributions: plurel-scm:relu" in chosen.stderr
    assert "shadows-a-name:relu (shadows-a-name 1.0)" in chosen.stderr
    named = plurel("plugins", "show", "relu", plugins=(shadow,))
    assert named.returncode == 2
    assert "activations/plurel-scm:relu (" in named.stderr
    assert "activations/shadows-a-name:relu (1.0); write one of these" in named.stderr
    default = plurel("config", "show", plugins=(shadow,))
    assert default.returncode == 0
    assert "plurel-scm:relu" in default.stdout


def test_databases_are_not_gone_on_with_under_another_revision(
    plurel: Run, write: Write, tmp_path: Path
) -> None:
    choose = ("generate", "--out", tmp_path / "out", *TINY, "--set=scm_params.activation_choices=changing")

    def generate(version: str, revision: int, *more: str) -> CompletedProcess[str]:
        plugin = source(name="changing", revision=revision)
        return plurel(*choose, *more, plugins=(write("changes-its-mind", plugin, version),))

    assert generate("1.0", 1).returncode == 0
    again = generate("1.1", 1, "--json")
    assert (again.returncode, json.loads(again.stdout)["databases"][0]["reused"]) == (0, True)
    changed = generate("2.0", 2, "--num-dbs=2")
    assert (changed.returncode, changed.stdout) == (2, "")
    assert (
        "was generated with changes-its-mind:changing (activations) of changes-its-mind 1.0, then revision "
        "1; the installed changes-its-mind 2.0 has another revision, which gives other values; choose "
        "another --out, remove it to make it anew, or install changes-its-mind 1.0 again"
    ) in changed.stderr
    assert not (tmp_path / "out" / "rel-synthetic-1").exists()


def test_a_plugin_that_hangs_is_documented_as_not_handled() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert "A plugin that hangs while it is imported is not handled" in text
