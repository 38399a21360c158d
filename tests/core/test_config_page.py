"""docs/configuration.md says what the classes say: tables of fields, refusals, one config in every form.

`python tests/core/test_config_page.py` prints the tables of fields as the page has to hold them.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from plurel.config import Choices, Config, DAGParams, DatabaseParams, SCMParams
from plurel.config.bounds import Chooses, Day, Draws, DrawsWords, OneOf, Only, Place, Within, single
from plurel.config.choices import KINDS
from plurel.config.schema import field_words
from plurel.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
CLASSES: dict[str, Any] = {
    "`database_params`": DatabaseParams,
    "`scm_params`": SCMParams,
    "`dag_params`": DAGParams,
    "The config itself": Config,
}
MANY = 8


def code(*values: object) -> str:
    return ", ".join(f"`{value}`" for value in values)


def default_cell(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return "its defaults"
    if not isinstance(default, Choices):
        return code(default)
    if default.kind != "set":
        return f"{default.kind} {code(*default.value)}"
    if len(default.value) == 1:
        return code(*default.value)
    return f"set {code(*default.value)}" if len(default.value) <= MANY else f"set of {len(default.value)}"


def holds_cell(item: attrs.Attribute[Any]) -> str:
    for check in single(item.validator):
        words = {
            Draws: lambda check: f"choice of {check.words('integers' if check.integers else 'numbers')}",
            Within: lambda check: check.words("integer" if check.integers else "number"),
            DrawsWords: lambda check: f"choice of {code(*check.words)}",
            OneOf: lambda check: f"one of {code(*check.words)}",
            Chooses: lambda check: f"choice of {check.contributions}",
            Day: lambda check: "day",
            Place: lambda check: "path",
            Only: lambda check: code(check.version),
        }.get(type(check))
        if words is not None:
            return words(check) + (" or none" if item.default is None else "")
    return "name, dist, revision, or none" if item.default is None else "mapping"


def table(params: Any) -> str:
    words = field_words(params)
    rows = [
        (f"`{item.alias}`", holds_cell(item), default_cell(item.default), words[item.alias].rstrip("."))
        for item in attrs.fields(params)
    ]
    lines = [f"| {' | '.join(row)} |" for row in (("field", "holds", "default", "meaning"), *rows)]
    return "\n".join([lines[0], "|---|---|---|---|", *lines[1:]])


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("heading", CLASSES)
def test_the_page_lists_every_field_as_its_class_has_it(heading: str) -> None:
    assert f"### {heading}\n\n{table(CLASSES[heading])}\n" in page()


def test_the_page_describes_every_kind_of_choice() -> None:
    _, _, section = page().partition("\n## Choices\n")
    assert re.findall(r"(?m)^\| `(\w+)` \|", section.partition("\n## ")[0]) == list(KINDS)


REFUSALS = re.findall(r"(?m)^\| `(\w[\w.]*: .+?)` \| (.+?) \|$", page())


def test_the_page_shows_refusals() -> None:
    assert len(REFUSALS) >= 10


@pytest.mark.parametrize(("written", "words"), REFUSALS)
def test_a_refusal_on_the_page_is_what_happens(written: str, words: str) -> None:
    path, _, value = written.partition(": ")
    data: Any = yaml.safe_load(value)
    for key in reversed(path.split(".")):
        data = {key: data}
    with pytest.raises(ConfigError) as caught:
        Config.from_dict(data)
    assert str(caught.value) == words.strip("`")


FORMS = re.findall(r"(?s)```(yaml|toml|json)\n(.*?)```", page())


def test_the_page_shows_one_config_in_every_form() -> None:
    read = {"yaml": Config.from_yaml, "toml": Config.from_toml, "json": Config.from_json}
    assert {form for form, _ in FORMS} == set(read)
    first = Config.from_yaml(FORMS[0][1])
    assert first != Config()
    assert all(read[form](text) == first for form, text in FORMS)
    (program,) = re.findall(r"(?s)```python\n(.*?)```", page())
    made: dict[str, Any] = {}
    exec(program.partition("database = ")[0], made)  # noqa: S102 - the page's own example, but for generating
    assert made["config"] == first


if __name__ == "__main__":
    for heading, params in CLASSES.items():
        sys.stdout.write(f"### {heading}\n\n{table(params)}\n\n")
