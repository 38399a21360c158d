"""What the repository promises about itself: commands, examples, links and the direction of imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*.py"))
NOTEBOOKS = sorted(ROOT.glob("examples/*.ipynb"))
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md")]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs_and_stand_in_the_list(notebook: Path) -> None:
    said = json.loads(notebook.read_text())
    assert (said["nbformat"], said["nbformat_minor"]) == (4, 5)
    for cell in said["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    assert f"]({notebook.name})" in notebook.with_name("README.md").read_text()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    assert command in (ROOT / "README.md").read_text().splitlines()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    broken = [
        link
        for link in links
        if "://" not in link and not link.startswith("mailto:") and not (page.parent / link).exists()
    ]
    assert not broken


def test_import_plurel_brings_no_torch_pandas_or_numpy() -> None:
    heavy = "{'torch', 'pandas', 'numpy', 'pyarrow', 'relbench'}"
    assert run_python(f"import sys, plurel; print(sorted({heavy} & set(sys.modules)))") == "[]"


def test_plugins_load_without_heavy_modules() -> None:
    code = (
        "import sys\n"
        "from plurel.plugins import get_ledger\n"
        "rows = get_ledger().plugins\n"
        "heavy = {'torch', 'pandas', 'numpy', 'pyarrow', 'cattrs', 'relbench'} & set(sys.modules)\n"
        "print(sorted(row.dist for row in rows if row.status == 'ok'), sorted(heavy))"
    )
    family = ["plurel-core", "plurel-layouts", "plurel-rt", "plurel-sampler-rs", "plurel-scm"]
    assert run_python(code) == f"{family} []"


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("plurel", {"plurel_layouts", "plurel_scm", "plurel_sampler", "plurel_rt", "torch"}),
        ("plurel_layouts", {"plurel_scm", "plurel_sampler", "plurel_rt", "torch"}),
        ("plurel_scm", {"plurel_layouts", "plurel_sampler", "plurel_rt", "torch"}),
        ("plurel_sampler", {"plurel_layouts", "plurel_scm", "plurel_rt", "torch"}),
        ("plurel_rt", set()),
    ],
)
def test_nothing_imports_what_stands_on_its_right(package: str, forbidden: set[str]) -> None:
    [source] = [path for path in ROOT.glob(f"plurel-*/*/{package}") if (path / "py.typed").exists()]
    pattern = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)
    imported = {
        (name, str(module.relative_to(ROOT)))
        for module in source.rglob("*.py")
        for name in pattern.findall(module.read_text())
        if name in forbidden
    }
    assert not imported
