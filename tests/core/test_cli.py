"""The command's frame: help, finding commands, exit codes, one paragraph an error, one JSON document."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from cyclopts import App

from plurel import _siblings
from plurel.cli import frame, main, output
from plurel.cli.errors import Terminated, report
from plurel.cli.output import Progress, reporter
from plurel.errors import ConfigError, DatabaseError, NotInstalledError, PluginError, UnknownNameError
from plurel.plugins import Entry, Ledger, PluginRow, get_ledger, records


@pytest.fixture(autouse=True)
def core_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every command here sees core's own plugin and no other."""
    monkeypatch.setenv("PLUREL_NO_PLUGINS", "1")
    get_ledger.cache_clear()
    yield
    get_ledger.cache_clear()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def with_command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Add a command `work` whose function is given."""

    ledgers = [get_ledger()]

    def add(function: Callable[..., Any], name: str = "work", dist: str = "third") -> None:
        app = App(name=name)
        app.default(function)
        record = records.Command(name=name, summary="Work.", factory=app)
        entry = Entry(record=record, dist=dist, version="1.0", plugin=f"{dist}:main")
        row = PluginRow(name="main", dist=dist, version="1.0", status="ok", contributions=(entry,))
        ledger = Ledger([*ledgers[-1].plugins, row])
        ledgers.append(ledger)
        monkeypatch.setattr(frame, "get_ledger", lambda: ledger)

    return add


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands_that_are_there(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for entry in get_ledger().entries("commands"):
        assert f"  {entry.name} " in out
        assert entry.record.summary in out


def test_help_is_in_one_style_and_fits_eighty_columns(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: name == "plurel-core")
    _, out, _ = run("--help")
    lines = [line for line in out.splitlines() if not line.startswith("Not installed")]
    assert max(map(len, lines)) <= 80
    summaries = [line[14:] for line in lines if line.startswith("  ") and line[2].islower()]
    assert len(summaries) == len(get_ledger().entries("commands")) + len(_siblings.COMMANDS)
    for summary in summaries:
        assert summary[0].isupper(), summary
        assert not summary.endswith("."), summary


def test_help_shows_what_is_not_installed_with_the_line_that_installs_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: name == "plurel-core")
    _, out, _ = run("--help")
    assert "Not installed (python -m pip install " in out
    for line, command in (("/plurel-rt):", "pretrain"), ("install /", "preprocess")):
        assert out.index(line) < out.index(f"  {command} ")
    (rt,) = [line for line in out.splitlines() if line.endswith("/plurel-rt):")]
    assert "/plurel-sampler-rs " in rt
    code, out, err = run("pretrain", "recipe.yaml")
    assert (code, out) == (2, "")
    assert err.startswith(
        "error: plurel pretrain comes with plurel-rt, which is not installed: python -m pip "
    )
    assert "pip install plurel-rt" not in err


def test_generate_says_what_packs_its_databases_before_any_work(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: name == "plurel-core")
    code, out, err = run("generate", "--out", str(tmp_path / "out"), "--preprocess")
    assert (code, out) == (2, "")
    assert err.startswith("error: plurel preprocess comes with plurel-sampler-rs, which is not installed: ")
    assert not (tmp_path / "out").exists()


def test_without_the_clone_the_line_says_where_to_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_siblings, "_clone", lambda: None)
    line = _siblings.install_line("plurel-layouts", "plurel-scm")
    assert (
        line == "python -m pip install ./plurel-layouts ./plurel-scm   (in a clone of the plurel repository)"
    )


def test_an_unknown_command_names_the_closest(run: Run) -> None:
    code, out, err = run("plugin", "list")
    assert (code, out) == (2, "")
    assert err.startswith(
        "error: unknown command 'plugin'; closest: plugins; plurel --help lists the commands"
    )
    assert run("--verbose")[2].startswith("error: unknown option '--verbose'")


def test_a_command_that_is_missing_because_its_plugin_failed_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = PluginRow(
        name="rt", dist="plurel-rt", version="1.0", status="failed", stage="import", reason="no torch"
    )
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: True)
    monkeypatch.setattr(frame, "get_ledger", lambda: Ledger([failed]))
    code, _, err = run("pretrain")
    assert code == 2
    assert "plurel-rt:rt (1.0) failed at import: no torch" in err


def test_a_command_of_two_distributions_needs_its_full_name(
    run: Run, with_command: Callable[..., None]
) -> None:
    with_command(lambda: 0, dist="third")
    with_command(lambda: 0, dist="fourth")
    assert "  third:work " in run("--help")[1]
    assert run("work")[0] == 2
    assert "third:work (third 1.0)" in run("work")[2]
    assert run("third:work")[0] == 0


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (True, 0), ("text", 0)])
def test_what_a_command_returns_is_the_exit_code(
    run: Run, with_command: Callable[..., None], returned: object, code: int
) -> None:
    with_command(lambda: returned)
    assert run("work")[0] == code


class StoreError(Exception):
    """An error of the sampler's family: no relative of ours, places as attributes."""

    def __init__(self, message: str, **places: object) -> None:
        super().__init__(message)
        self.file = places.get("file")
        self.table = places.get("table")
        self.column = places.get("column")
        self.row = places.get("row")


UNFORESEEN = "this was not foreseen; the same command with --traceback shows where it happened"
ERRORS = [
    (DatabaseError("no table t"), 1, "error: no table t"),
    (PluginError("bad plugin"), 1, "error: bad plugin"),
    (ConfigError("a share, got 2", ".val_split"), 2, "error: a share, got 2 @ $.val_split"),
    (UnknownNameError("unknown x"), 2, "error: unknown x"),
    (NotInstalledError("install it", "plurel-rt"), 2, "error: install it"),
    (StoreError("an infinite value", table="t", column="c", row=0), 1,
     "error: an infinite value (table t, column c, row 0)"),
    (StoreError("table t lacks a key", table="t"), 1, "error: table t lacks a key"),
    (PermissionError(13, "Permission denied", "/locked/x"), 1, "error: Permission denied: /locked/x"),
    (OSError(36, "File name too long", "a" * 999), 2,
     f"error: the path holds a name of 999 bytes, at most 255 may be: '{'a' * 80}'..."),
    (KeyboardInterrupt(), 130, "interrupted"),
    (Terminated(), 143, "terminated"),
    (ZeroDivisionError("by zero"), 1, f"error: ZeroDivisionError: by zero ({UNFORESEEN})"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "code", "words"), ERRORS, ids=lambda value: type(value).__name__)
def test_an_error_is_one_paragraph_and_an_exit_code(
    run: Run, with_command: Callable[..., None], error: BaseException, code: int, words: str
) -> None:
    def fail() -> None:
        raise error

    with_command(fail)
    assert run("work") == (code, "", words + "\n")
    code_again, out, err = run("work", "--traceback")
    assert (code_again, out) == (code, "")
    assert "Traceback (most recent call last)" in err
    assert err.endswith(words + "\n")


def test_under_json_a_failure_is_a_document_too(run: Run, with_command: Callable[..., None]) -> None:
    def fail(*, json: bool = False) -> None:
        raise ConfigError("a share, got 2", ".val_split")

    with_command(fail)
    code, out, err = run("work", "--json")
    assert (code, err) == (2, "error: a share, got 2 @ $.val_split\n")
    assert json.loads(out) == {"error": "a share, got 2 @ $.val_split", "exit_code": 2}
    document = json.loads(run("plugins", "lst", "--json")[1])
    assert document["exit_code"] == 2
    assert document["error"].startswith("plurel plugins has no command 'lst'")


def test_a_wrong_option_is_a_wrong_request(run: Run) -> None:
    code, out, err = run("plugins", "list", "--kinds", "layouts")
    assert (code, out) == (2, "")
    assert err == "error: plurel plugins list has no option --kinds; closest: --kind\n"


def test_both_spellings_of_options_are_accepted(run: Run, with_command: Callable[..., None]) -> None:
    seen = []

    def work(*, num_proc: int, seed_offset: int = 0, word: str = "") -> None:
        seen.append((num_proc, seed_offset, word))

    with_command(work)
    assert run("work", "--num_proc", "2", "--seed_offset=3", "--word", "a_b")[0] == 0
    assert run("work", "--num-proc", "2", "--seed-offset=3", "--word=a_b")[0] == 0
    assert seen == [(2, 3, "a_b"), (2, 3, "a_b")]


def test_what_stands_after_two_hyphens_is_left_alone(run: Run, with_command: Callable[..., None]) -> None:
    seen: list[str] = []
    with_command(lambda *words: seen.extend(words))
    assert run("work", "--", "--a_b", "--traceback")[0] == 0
    assert seen == ["--a_b", "--traceback"]


def test_a_command_that_is_no_app_is_blamed_on_its_plugin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = get_ledger().find("commands", "plugins")
    wrong = evolve(entry, record=evolve(entry.record, factory=list))
    row = PluginRow(name="main", dist="third", version="1.0", status="ok", contributions=(wrong,))
    monkeypatch.setattr(frame, "get_ledger", lambda: Ledger([row]))
    code, _, err = run("plugins")
    assert code == 1
    assert "factory must be a cyclopts App, got a type" in err


def test_every_command_of_core_leads_to_an_app() -> None:
    for entry in get_ledger().entries("commands"):
        assert isinstance(entry.target(), App), entry.id


def test_every_contribution_of_core_can_be_made() -> None:
    for entry in get_ledger().entries():
        if entry.kind != "commands":
            assert entry.build() is not None


def test_plugins_list_prints_one_json_document(run: Run) -> None:
    code, out, err = run("plugins", "list", "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    core = next(plugin for plugin in document["plugins"] if plugin["plugin"] == "plurel-core:core")
    assert (core["status"], core["stage"], core["reason"]) == ("ok", None, "")
    assert core["contributions"] == len(document["contributions"])
    assert {"id": "plurel-core:autocomplete", "kind": "tasks"}.items() <= next(
        one for one in document["contributions"] if one["name"] == "autocomplete"
    ).items()


def test_plugins_list_can_keep_to_a_kind(run: Run) -> None:
    document = json.loads(run("plugins", "list", "--kind", "column_types", "--json")[1])
    assert {one["kind"] for one in document["contributions"]} == {"column_types"}
    out = run("plugins", "list", "--kind", "column_types")[1]
    assert "boolean" in out
    assert "autocomplete" not in out
    code, _, err = run("plugins", "list", "--kind", "column_type")
    assert code == 2
    assert "closest: column_types" in err


def test_plugins_show_gives_the_parameters_and_their_defaults(run: Run) -> None:
    document = json.loads(run("plugins", "show", "autocomplete", "--json")[1])
    assert (document["id"], document["kind"], document["plugin"]) == (
        "plurel-core:autocomplete",
        "tasks",
        "plurel-core:core",
    )
    assert document["parameters"] == [
        {"name": name, "type": "int", "default": default, "about": about, "required": False}
        for name, default, about in (
            ("max_tasks", 3, "most tasks of a database."),
            ("min_rows", 10, "fewest labels of a split."),
        )
    ]
    said = run("plugins", "show", "autocomplete")[1]
    for name in ("plurel-core:autocomplete", "tasks/autocomplete", "tasks/plurel-core:autocomplete"):
        assert run("plugins", "show", name)[1] == said
    assert run("plugins", "show", "plurel-core:autocomplete", "--kind", "tasks")[1] == said
    assert json.loads(run("plugins", "show", "column_types/text", "--json")[1])["encoding"] == "text"


def test_plugins_show_names_what_there_is(run: Run) -> None:
    assert run("plugins", "show", "nothing")[:2] == (2, "")
    assert "unknown task 'nothing'" in run("plugins", "show", "nothing", "--kind", "tasks")[2]
    assert "closest: autocomplete" in run("plugins", "show", "autocomplet")[2]
    code, out, err = run("plugins", "show", "processes/x")
    assert (code, out) == (2, "")
    assert "unknown kind 'processes'" in err


def test_plugins_check_finds_nothing_wrong_with_core(run: Run) -> None:
    code, out, _ = run("plugins", "check", "plurel_core", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["findings"] == []
    (plugin,) = document["plugins"]
    assert (plugin["plugin"], plugin["heavy_imports"]) == ("plurel-core:core", [])
    assert plugin["import_seconds"] > 0
    code, out, err = run("plugins", "check", "plurel-cor")
    assert (code, out) == (2, "")
    assert "no installed distribution 'plurel-cor' names plugins" in err
    assert "closest: plurel-core" in err


def test_a_reporter_keeps_words_from_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    say = reporter(json=True)
    with say.progress("packing", total=2) as bar:
        bar.advance(words="packing table t")
    say.say("a word")
    say.result("a result")
    say.table("title", ["a"], [[1]])
    say.emit({"a": 1})
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    assert err == "packing ...\npacking table t (1 of 2)\npacking: done\na word\n"


def test_a_reporter_prints_plain_tables_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say = reporter()
    say.table("scores", ["task", "score"], [["late", 0.75], ["[b]delay", None]])
    say.emit({"a": 1})
    assert capsys.readouterr() == ("scores\ntask      score\nlate      0.75\n[b]delay\n", "")


def test_a_document_holds_no_numbers_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        reporter(json=True).emit({"a": float("nan")})


def test_a_quiet_progress_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("packing", 1, quiet=True) as bar:
        bar.advance()
    assert capsys.readouterr() == ("", "")


def test_progress_that_fails_is_not_called_done(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with Progress("packing"):
            raise ValueError("no such table")

    with pytest.raises(ValueError, match="no such table"):
        fail()
    assert "done" not in capsys.readouterr().err


def test_an_unknown_error_code_is_never_zero() -> None:
    assert report(RuntimeError()) == 1


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PLUREL_NO_PLUGINS": "1", **environment},
    )


HEAVY = ("numpy", "pandas", "cattrs", "torch", "pyarrow", "relbench", "networkx")


@pytest.mark.parametrize(
    "program", ["import plurel", "import plurel.plugin", "from plurel.cli import main; main(['--help'])"]
)
def test_nothing_heavy_is_imported_before_it_is_used(program: str) -> None:
    probe = f"import sys; {program}; sys.stderr.write(' '.join(set({HEAVY}) & set(sys.modules)))"
    run = python(probe)
    assert (run.returncode, run.stderr) == (0, "")


def test_little_is_imported_before_an_interrupt_is_met() -> None:
    run = python("import sys, plurel.cli; print({'importlib.metadata', 'json', 'email'} & set(sys.modules))")
    assert (run.returncode, run.stdout) == (0, "set()\n")


def test_public_names_are_there_and_others_say_who_owns_them() -> None:
    import plurel

    for name in plurel.__all__:
        assert getattr(plurel, name).__name__ == name
        assert name in dir(plurel)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        plurel.nothing  # noqa: B018
    with pytest.raises(ImportError):
        from plurel import nothing  # noqa: F401


def test_a_name_of_a_sibling_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: False)
    with pytest.raises(
        ImportError, match=r"plurel has no Store; it comes with plurel-sampler-rs, .*pip install"
    ):
        from plurel import Store
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: True)
    with pytest.raises(ImportError, match="from plurel_sampler import Store"):
        from plurel import Store  # noqa: F401


def test_beside_the_unrelated_distribution_core_refuses_to_work(tmp_path: Path) -> None:
    info = tmp_path / "plurel-1.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plurel\nVersion: 1.1.0\n")
    run = python("import plurel", PYTHONPATH=str(tmp_path))
    assert run.returncode == 1
    said = run.stderr.splitlines()[-1]
    assert said.startswith(
        "ImportError: the distribution plurel 1.1.0 is installed beside plurel-core; it is "
    )
    assert "python -m pip uninstall -y plurel plurel-core" in said


def test_the_reader_may_leave_early() -> None:
    program = "import sys; from plurel.cli import main; sys.exit(main(['plugins', 'list', '--json']))"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PLUREL_NO_PLUGINS": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait() == 1
    assert said == ""


def test_a_python_warning_is_one_line(run: Run, with_command: Callable[..., None]) -> None:
    import warnings

    def work() -> None:
        for level in (1, 2):
            warnings.warn("look out", UserWarning, stacklevel=level)

    with_command(work)
    with pytest.MonkeyPatch.context():
        warnings.simplefilter("default", UserWarning)
        code, _, err = run("work")
    assert (code, err) == (0, "warning: look out\n")


def test_what_an_encoding_does_not_have_is_escaped() -> None:
    with io.TextIOWrapper(io.BytesIO(), encoding="ascii") as stream:
        output._write(stream, "caf\u00e9")
        stream.seek(0)
        assert stream.read() == "caf\\xe9\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
        (MemoryError(), "error: not enough memory for this work: none was left\n"),
        (
            UnicodeEncodeError("utf-8", "\udcff", 0, 1, "no"),
            "error: a path or a text is not UTF-8: '\\udcff'\n",
        ),
    ],
)
def test_what_the_system_refuses_is_told_in_a_line(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == 1
    assert capsys.readouterr().err == words
