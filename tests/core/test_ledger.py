"""The ledger: every plugin gets its row, a bad one costs itself alone, names never depend on who came first.

Distributions are written as files on the import path here; `tests/plugins` installs real ones.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plurel.errors import (
    AmbiguousNameError,
    NotInstalledError,
    PluginError,
    PluginWarning,
    RequestError,
    UnknownNameError,
)
from plurel.plugins import Ledger, PluginRow, hookspecs

GOOD = """
from plurel.plugins import hookimpl, records
HOOK_VERSION = 1

class Made:
    def __init__(self, params=None):
        self.params = params

@hookimpl
def plurel_activations():
    yield records.Activation(name={name!r}, summary="a function", factory=Made, aliases={aliases!r})
"""


def good(name: str = "bump", *aliases: str) -> str:
    return GOOD.format(name=name, aliases=aliases)


Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Write a distribution onto the import path; only those and core are let in."""
    monkeypatch.syspath_prepend(tmp_path)
    allowed: list[str] = []
    modules: list[str] = []

    def write(dist: str, source: str, *, point: str = "main", version: str = "1.0", extra: str = "") -> None:
        module = f"{dist.replace('-', '_')}_{point}_plugin".lower()
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        points = info / "entry_points.txt"
        before = points.read_text() if points.exists() else "[plurel]\n"
        points.write_text(before + f"{point} = {module}\n" + extra)
        allowed.append(dist)
        modules.append(module)
        monkeypatch.setenv("PLUREL_PLUGINS", ",".join(allowed))
        importlib.invalidate_caches()

    yield write
    for module in modules:
        sys.modules.pop(module, None)


def quiet() -> Ledger:
    """Discover without minding the warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)
        return Ledger.discover()


def row(ledger: Ledger, plugin: str) -> PluginRow:
    return next(row for row in ledger.plugins if row.id == plugin)


def outcome(ledger: Ledger, plugin: str) -> tuple[str, str | None]:
    found = row(ledger, plugin)
    return found.status, found.stage


def test_a_good_plugin_has_a_row_and_its_contributions(install: Install) -> None:
    install("alpha", good("bump", "Gaussian"), version="2.5")
    ledger = Ledger.discover()
    assert outcome(ledger, "alpha:main") == ("ok", None)
    for name in ("bump", "alpha:bump", "Gaussian", "alpha:Gaussian"):
        entry = ledger.find("activations", name)
        assert (entry.id, entry.version, entry.plugin) == ("alpha:bump", "2.5", "alpha:main")
    assert type(entry.build()).__name__ == "Made"


def test_core_comes_in_through_the_same_hooks(install: Install) -> None:
    install("alpha", good())
    core = row(Ledger.discover(), "plurel-core:core")
    assert core.status == "ok"
    assert {entry.kind for entry in core.contributions} >= {"commands", "column_types", "tasks"}


BAD = {
    "raises what cannot be told": (
        "class Mute(Exception):\n    def __str__(self): raise RuntimeError('no words')\nraise Mute",
        "import",
        "Mute: what it says cannot be read",
    ),
    "tells it over the screen": (
        "raise ValueError('\\x1b[2Jgone\\n\\n' + 300 * 'x')",
        "import",
        "ValueError: \\x1b[2Jgone " + 285 * "x" + "...",
    ),
    "is asynchronous": (
        good().replace("\ndef plurel_activations", "\nasync def plurel_activations"),
        "register",
        "ValueError: hook 'plurel_activations' is async; a hook is a plain function",
    ),
    "makes a kind of its own": (
        good().replace("yield records.Activation", "yield type('Own', (records.Activation,), {})"),
        "validate",
        "TypeError: plurel_activations gave a Own, it must give records.Activation",
    ),
    "raises at import": ("raise RuntimeError('no such library')", "import", "RuntimeError: no such library"),
    "exits at import": ("raise SystemExit(3)", "import", "SystemExit: 3"),
    "panics at import": ("class Panic(BaseException): pass\nraise Panic('rust')", "import", "Panic: rust"),
    "broken syntax": ("def", "import", "SyntaxError"),
    "unknown hook": (
        good().replace("plurel_activations", "plurel_activation"),
        "register",
        "there is no hook 'plurel_activation'; closest: plurel_activations",
    ),
    "hook with an argument": (
        good().replace("plurel_activations()", "plurel_activations(config)"),
        "register",
        "config",
    ),
    "wrapper": (
        good().replace("@hookimpl\n", "@hookimpl(wrapper=True)\n"),
        "register",
        "cannot change what others contribute",
    ),
    "raises in a generator": (
        good() + "    raise RuntimeError('half way')\n",
        "collect",
        "RuntimeError: half way",
    ),
    "raises at once": (
        good().replace("yield records.Activation(", "raise KeyError('gone')\n    print("),
        "collect",
        "KeyError: 'gone'",
    ),
    "gives nothing": (
        good().replace("yield records.Activation(", "dict("),
        "collect",
        "NoneType",
    ),
    "bad name": (good("Bad Name"), "validate", "name must match"),
    "bad summary": (good().replace('"a function"', '"two\\nlines"'), "validate", "summary must be one line"),
    "bad alias": (
        good("bump", "a:b"),
        "validate",
        "an alias is a word without colon that can be printed, got 'a:b'",
    ),
    "bad factory": (
        good().replace("factory=Made", "factory='nowhere'"),
        "validate",
        "factory must be a callable",
    ),
    "bad config": (
        good().replace("factory=Made", "factory=Made, config=int"),
        "validate",
        "config of 'bump' must be an attrs class, got int",
    ),
    "record of another kind": (
        good().replace("records.Activation", "records.Noise"),
        "validate",
        "plurel_activations gave a Noise, it must give records.Activation",
    ),
    "no record": (good().replace("records.Activation(name=", "dict(name="), "validate", "gave a dict"),
    "one name twice": (
        good() + '    yield records.Activation(name="bump", summary="again", factory=Made)\n',
        "validate",
        "alpha contributes activation 'bump' more than once",
    ),
}


@pytest.mark.parametrize(("source", "stage", "reason"), BAD.values(), ids=BAD)
def test_a_bad_plugin_costs_itself_alone(install: Install, source: str, stage: str, reason: str) -> None:
    install("alpha", source)
    install("zeta", good("other"))
    with pytest.warns(PluginWarning) as warned:
        ledger = Ledger.discover()
    assert len(warned) == 1
    found = row(ledger, "alpha:main")
    assert (found.status, found.stage) == ("failed", stage)
    assert reason in found.reason
    assert found.contributions == ()
    assert outcome(ledger, "zeta:main") == ("ok", None)
    assert ledger.find("activations", "other").dist == "zeta"
    with pytest.raises(UnknownNameError, match=rf"did not load: alpha:main \(1.0\) failed at {stage}: "):
        ledger.find("activations", "bump")


@pytest.mark.parametrize(("source", "stage", "reason"), BAD.values(), ids=BAD)
def test_strict_plugins_raise(
    install: Install, monkeypatch: pytest.MonkeyPatch, source: str, stage: str, reason: str
) -> None:
    install("alpha", source)
    monkeypatch.setenv("PLUREL_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError) as caught:
        Ledger.discover()
    assert f"alpha:main (1.0) failed at {stage}" in str(caught.value)
    assert reason in str(caught.value)


def test_an_interrupt_is_not_a_failing_plugin(install: Install) -> None:
    install("alpha", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Ledger.discover()


def test_what_a_plugin_prints_does_not_reach_stdout(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("alpha", "print('hello')\n" + good())
    Ledger.discover()
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("HOOK_VERSION = 99", "has HOOK_VERSION 99; this plurel-core supports 1"),
        ("HOOK_VERSION = 0", "has HOOK_VERSION 0; this plurel-core supports 1"),
        ("HOOK_VERSION = '1'", "declares no HOOK_VERSION; this plurel-core has 1"),
        ("HOOK_VERSION = True", "declares no HOOK_VERSION"),
        ("", "declares no HOOK_VERSION"),
    ],
)
def test_an_unknown_hook_version_is_incompatible(install: Install, version: str, reason: str) -> None:
    install("alpha", good().replace("HOOK_VERSION = 1", version))
    with pytest.warns(PluginWarning, match="incompatible"):
        ledger = Ledger.discover()
    assert outcome(ledger, "alpha:main") == ("incompatible", None)
    assert reason in row(ledger, "alpha:main").reason


def test_the_previous_hook_version_works_with_a_warning(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("alpha", good())
    install("beta", good("newer").replace("HOOK_VERSION = 1", "HOOK_VERSION = 2"))
    monkeypatch.setattr(hookspecs, "HOOK_VERSION", 2)
    with pytest.warns(PluginWarning) as warned:
        ledger = Ledger.discover()
    assert any("alpha:main (1.0) ok: has HOOK_VERSION 1, which only" in str(one.message) for one in warned)
    assert not any("beta:main" in str(one.message) for one in warned)
    assert outcome(ledger, "alpha:main") == ("ok", None)
    assert ledger.find("activations", "bump").dist == "alpha"


def test_two_entry_points_of_one_name_are_two_plugins(install: Install) -> None:
    install("alpha", good("first"), point="same")
    install("beta", good("second"), point="same")
    ledger = Ledger.discover()
    assert outcome(ledger, "alpha:same") == ("ok", None)
    assert outcome(ledger, "beta:same") == ("ok", None)
    assert ledger.find("activations", "first").dist == "alpha"
    assert ledger.find("activations", "second").dist == "beta"


def test_a_distribution_may_have_several_plugins(install: Install) -> None:
    install("alpha", good("first"), point="a")
    install("alpha", "raise RuntimeError", point="b")
    ledger = quiet()
    assert outcome(ledger, "alpha:a") == ("ok", None)
    assert outcome(ledger, "alpha:b") == ("failed", "import")


def test_a_distribution_that_gives_a_name_twice_has_neither(install: Install) -> None:
    install("alpha", good("bump"), point="a")
    install("alpha", good("other", "bump"), point="b")
    ledger = quiet()
    assert outcome(ledger, "alpha:a") == ("failed", "validate")
    assert outcome(ledger, "alpha:b") == ("failed", "validate")


def test_one_module_under_two_entry_points_registers_once(install: Install) -> None:
    install("alpha", good(), extra="again = alpha_main_plugin\n")
    ledger = quiet()
    assert sorted([outcome(ledger, "alpha:main"), outcome(ledger, "alpha:again")], key=str) == [
        ("failed", "register"),
        ("ok", None),
    ]


def test_entry_points_that_cannot_be_read_cost_their_distribution_alone(install: Install) -> None:
    install("alpha", good(), extra="this is no entry point\n")
    install("beta", good("other"))
    ledger = quiet()
    assert outcome(ledger, "alpha:") == ("failed", "import")
    assert "its entry points cannot be read" in row(ledger, "alpha:").reason
    assert outcome(ledger, "beta:main") == ("ok", None)


@pytest.mark.parametrize("value", ["::::", "", "a b", '"quoted'])
def test_an_entry_point_that_names_no_module_is_told_in_words(install: Install, value: str) -> None:
    install("alpha", good(), extra=f"again = {value}\n")
    ledger = quiet()
    assert outcome(ledger, "alpha:again") == ("failed", "import")
    words = f"the entry point's value {value!r} is no package.module"
    assert row(ledger, "alpha:again").reason == words
    assert outcome(ledger, "alpha:main") == ("ok", None)


def test_what_a_plugin_does_to_the_warning_filters_concerns_itself_alone(install: Install) -> None:
    install("alpha", "import warnings\nwarnings.simplefilter('error')\nraise RuntimeError('ill')")
    install("beta", "import warnings\nwarnings.warn('old', DeprecationWarning)\n" + good())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ledger = Ledger.discover()
    assert outcome(ledger, "alpha:main") == ("failed", "import")
    assert outcome(ledger, "beta:main") == ("ok", None)


def test_entry_points_of_others_do_not_matter(install: Install, tmp_path: Path) -> None:
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "entry_points.txt").write_text("[console_scripts]\nthis is no entry point\n")
    (tmp_path / "binary-1.0.dist-info").mkdir()
    (tmp_path / "binary-1.0.dist-info" / "entry_points.txt").write_bytes(b"[plurel]\xff\xfe")
    install("alpha", good())
    assert outcome(Ledger.discover(), "alpha:main") == ("ok", None)


def test_a_bare_name_that_two_distributions_have_is_an_error_that_names_both(install: Install) -> None:
    install("alpha", good("bump"), version="1.2")
    install("beta", good("other", "bump"), version="3.4")
    ledger = Ledger.discover()
    with pytest.raises(AmbiguousNameError) as caught:
        ledger.find("activations", "bump")
    words = str(caught.value)
    assert "alpha:bump (alpha 1.2), beta:other (beta 3.4)" in words
    assert "PLUREL_DISABLE_PLUGINS=beta" in words
    assert ledger.find("activations", "alpha:bump").dist == "alpha"
    assert ledger.find("activations", "beta:bump").dist == "beta"
    assert ledger.find("activations", "other").dist == "beta"


def test_distribution_names_are_normalised(install: Install) -> None:
    install("Alpha_beta", good())
    ledger = Ledger.discover()
    assert ledger.find("activations", "ALPHA.beta:bump").id == "alpha-beta:bump"


@pytest.mark.parametrize(
    ("variable", "value", "blocked"),
    [
        ("PLUREL_NO_PLUGINS", "1", {"alpha:a", "alpha:b", "beta:main"}),
        ("PLUREL_NO_PLUGINS", "0", set()),
        ("PLUREL_DISABLE_PLUGINS", "alpha", {"alpha:a", "alpha:b"}),
        ("PLUREL_DISABLE_PLUGINS", " Alpha , beta ", {"alpha:a", "alpha:b", "beta:main"}),
        ("PLUREL_DISABLE_PLUGINS", "alpha:b", {"alpha:b"}),
        ("PLUREL_PLUGINS", "beta", {"alpha:a", "alpha:b"}),
        ("PLUREL_PLUGINS", "alpha:a,beta", {"alpha:b"}),
    ],
)
def test_a_blocked_plugin_is_never_imported(
    install: Install, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, blocked: set[str]
) -> None:
    install("alpha", good("a"), point="a")
    install("alpha", good("b"), point="b")
    install("beta", good("c"))
    monkeypatch.setenv(variable, value)
    ledger = Ledger.discover()
    ours = {plugin.id: plugin for plugin in ledger.plugins if plugin.dist in ("alpha", "beta")}
    assert {name for name, plugin in ours.items() if plugin.status == "blocked"} == blocked
    for name, plugin in ours.items():
        module = f"{name.replace(':', '_')}_plugin"
        assert (module in sys.modules) == (name not in blocked)
        assert (variable in plugin.reason) == (name in blocked)
    assert row(ledger, "plurel-core:core").status == "ok"


@pytest.mark.parametrize("variable", ["PLUREL_NO_PLUGINS", "PLUREL_STRICT_PLUGINS"])
def test_a_switch_that_is_neither_on_nor_off_is_a_wrong_request(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "nonsense")
    with pytest.raises(RequestError, match=rf"{variable} is 1 \(on\) or 0 \(off\) .*, got 'nonsense'"):
        Ledger.discover()


def test_an_unknown_name_lists_the_known_ones_and_the_closest(install: Install) -> None:
    install("alpha", good("bump"))
    with pytest.raises(UnknownNameError, match="unknown activation 'bumb'; known: bump; closest: bump"):
        Ledger.discover().find("activations", "bumb")
    with pytest.raises(
        UnknownNameError, match=r"unknown kind 'activation'; known: layouts, .*; closest: activations"
    ):
        Ledger.discover().find("activation", "bump")


def test_plugins_that_somebody_switched_off_are_counted_and_not_blamed(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("alpha", good("bump"))
    install("beta", "raise OSError('gone')")
    install("gamma", good("other"))
    monkeypatch.setenv("PLUREL_DISABLE_PLUGINS", "alpha")
    monkeypatch.setenv("PLUREL_PLUGINS", "alpha,beta,gamma")
    ledger = quiet()
    off = sum(plugin.status == "blocked" for plugin in ledger.plugins)
    with pytest.raises(UnknownNameError) as caught:
        ledger.find("activations", "bump")
    assert caught.value.message.startswith("unknown activation 'bump'; known: other")
    plugins = "1 plugin is" if off == 1 else f"{off} plugins are"
    assert caught.value.note == (
        "plugins that did not load: beta:main (1.0) failed at import: OSError: gone; "
        f"{plugins} switched off (plurel plugins list shows which)"
    )


@pytest.mark.parametrize(
    "error",
    [UnknownNameError("unknown 'a'", "b failed"), NotInstalledError("c needs", "plurel-rt", note="d failed")],
)
def test_errors_about_names_travel_between_processes(error: UnknownNameError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_a_kind_whose_sibling_is_missing_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plurel._siblings.is_installed", lambda name: False)
    with pytest.raises(
        NotInstalledError, match=r"plurel-layouts.*python -m pip install \S*/plurel-layouts"
    ) as caught:
        Ledger(()).find("layouts", "layered")
    assert caught.value.distributions == ("plurel-layouts",)
