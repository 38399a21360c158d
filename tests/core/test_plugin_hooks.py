"""Hooks: one a kind, each with an example that works as a plugin, and each in the documentation."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pluggy
import pytest

from plurel.plugins import HOOK_VERSION, PluginRow, hookimpl, hookspecs, protocols
from plurel.plugins import records as records_module
from plurel.plugins.loading import check_records, register
from plurel.plugins.records import KINDS, RECORDS
from plurel.plugins.requests import ArtefactRequest, ExportRequest, ImportRequest
from plurel.seeding import Stream
from plurel.validate import validate_directory

PAGE = Path(__file__).parents[2] / "docs" / "plugin-hooks.md"


def hook(kind: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(hookspecs, f"plurel_{kind}")
    return found


def example(function: Callable[..., Any]) -> str:
    """The plugin module in a hook's docstring: its examples up to the first blank line after the hook."""
    module, _, _ = inspect.cleandoc(function.__doc__ or "").partition("Example:\n")[2].partition("\n\n")
    lines = [one.source for one in doctest.DocTestParser().get_examples(module)]
    text = "".join(f"\n\n{line}" if re.match(r"class|@|def", line) else line for line in lines)
    return text.replace("HOOK_VERSION", "\nHOOK_VERSION", 1)


def sections() -> dict[str, str]:
    """The page's section of each hook, by the hook's name."""
    parts = re.split(r"^### `(\w+)`\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_there_is_one_hook_a_kind() -> None:
    specified = [
        name for name in vars(hookspecs) if name.startswith("plurel_") and callable(getattr(hookspecs, name))
    ]
    assert specified == [f"plurel_{kind}" for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_takes_nothing_and_gives_records_of_its_kind(kind: str) -> None:
    signature = inspect.signature(hook(kind))
    assert not signature.parameters
    assert signature.return_annotation == f"Iterable[records.{RECORDS[kind].__name__}]"
    assert RECORDS[kind].kind == kind
    assert RECORDS[kind] is getattr(records_module, RECORDS[kind].__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_hook_runs(kind: str) -> None:
    found = doctest.DocTestFinder(recurse=False).find(hook(kind), f"plurel_{kind}", globs={})
    (test,) = [one for one in found if one.examples]
    said: list[str] = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert result.failed == 0, "".join(said)
    assert result.attempted >= 5


@pytest.fixture
def example_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """The example of a kind's hook, as the module that its author would write."""

    def load(kind: str) -> ModuleType:
        module = ModuleType(f"example_of_{kind}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(example(hook(kind)), module.__name__, "exec"), module.__dict__)  # noqa: S102
        return module

    return load


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_hook_is_a_whole_plugin(
    kind: str, example_module: Callable[[str], ModuleType]
) -> None:
    module = example_module(kind)
    assert module.HOOK_VERSION == HOOK_VERSION
    manager = pluggy.PluginManager("plurel")
    manager.add_hookspecs(hookspecs)
    row = PluginRow(name="example", dist="example", version="1.0", status="ok")
    implementations = register(module, row, manager)
    assert [name for name, _ in implementations] == [f"plurel_{kind}"]
    records = [record for name, call in implementations for record in check_records(name, list(call()))]
    assert records


def test_the_example_of_an_importer_makes_a_directory_without_breach(
    example_module: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    [record] = example_module("importers").plurel_importers()
    out = tmp_path / "rel-letters"
    assert record.factory().run(ImportRequest(out=out)) == out
    assert validate_directory(out) == []


def test_the_page_lists_every_hook_in_order() -> None:
    assert list(sections()) == [f"plurel_{kind}" for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_says_what_the_docstring_says(kind: str) -> None:
    section = sections()[f"plurel_{kind}"]
    assert section.startswith(f"\n{(hook(kind).__doc__ or '').splitlines()[0]}\n")
    assert f"`records.{RECORDS[kind].__name__}`" in section
    assert f"```python\n{example(hook(kind))}```" in section


def test_the_page_names_protocols_and_fields_that_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for protocol in re.findall(r"factory makes: `([A-Z]\w+)", text):
        if protocol not in ("Config",):
            assert hasattr(protocols, protocol), protocol
    params = importlib.import_module("plurel.config.params")
    fields = "".join(str(getattr(params, name).__doc__) for name in ("DatabaseParams", "SCMParams"))
    for choice in re.findall(r"`(?:database|scm)_params\.(\w+)`", text):
        assert f" {choice}: " in fields, choice


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_is_implemented_in_some_test(kind: str) -> None:
    own = re.compile(rf"\bplurel_{kind}\b")
    assert any(own.search(text) for text in every_test_file().values())


@cache
def every_test_file() -> dict[str, str]:
    tests = Path(__file__).parents[1]
    return {str(file): file.read_text(encoding="utf-8") for file in tests.rglob("*.py")}


def test_the_example_of_an_exporter_writes_every_table(
    example_module: Callable[[str], ModuleType], kept_shop: Path, tmp_path: Path
) -> None:
    [record] = example_module("exporters").plurel_exporters()
    record.factory().run(ExportRequest(database=kept_shop, destination=str(tmp_path)))
    lines = (tmp_path / "customers.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in lines] == list("abcdef")


def test_the_example_of_a_value_generator_gives_each_label_a_surface(
    example_module: Callable[[str], ModuleType],
) -> None:
    [record] = example_module("value_generators").plurel_value_generators()
    assert record.factory().generate(np.array([0, 5, 6]), Stream(0)) == ["A", "F", "A"]


def test_the_example_of_an_artefact_is_recognised_and_read(
    example_module: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    [record] = example_module("artefacts").plurel_artefacts()
    assert record.signs == ("notebook.json",)
    (tmp_path / "1.page").write_text("words")
    contents = record.factory().inspect(ArtefactRequest(path=tmp_path))
    assert (contents.summary, contents.facts) == ("1 pages", {"pages": ["1.page"]})


def test_a_plugins_author_needs_two_names() -> None:
    @hookimpl
    def plurel_layouts() -> list[records_module.Layout]:
        return [records_module.Layout(name="chain", summary="One path", factory=list)]

    assert plurel_layouts()[0].name == "chain"
