"""Third parties' distributions, built into wheels and installed into folders of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest

DISTRIBUTIONS = Path(__file__).parent / "distributions"
collect_ignore = ["distributions"]  # their own tests run where they are installed

Python = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Install a distribution as `pip install --no-build-isolation --target FOLDER` does, offline."""
    folders: dict[str, Path] = {}

    def install(name: str) -> Path:
        if name not in folders:
            wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp(name)
            build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
            subprocess.run(build, cwd=DISTRIBUTIONS / name, check=True, capture_output=True)
            (wheel,) = wheels.glob("*.whl")
            zipfile.ZipFile(wheel).extractall(target)
            folders[name] = target
        return folders[name]

    return install


@pytest.fixture(scope="session")
def python(installed: Callable[[str], Path]) -> Python:
    """Run Python in a process of its own, with some third-party distributions installed."""

    def run(
        *arguments: object, plugins: Iterable[str | Path] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PLUREL_")}
        folders = [str(installed(one) if isinstance(one, str) else one) for one in plugins]
        before = [inherited["PYTHONPATH"]] if inherited.get("PYTHONPATH") else []
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**inherited, "PYTHONPATH": os.pathsep.join([*folders, *before]), **environment},
        )

    return run


@pytest.fixture(scope="session")
def plurel(python: Python) -> Python:
    """Run a command of plurel."""
    return partial(python, "-m", "plurel")


@pytest.fixture(scope="session")
def launch(python: Python) -> Python:
    """Run a command of plurel-rt in two processes, as a launcher starts them."""

    def run(
        command: str, *arguments: object, plugins: Iterable[str | Path] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        launcher = [
            "-m",
            "accelerate.commands.launch",
            "--multi_gpu",
            "--num_processes",
            2,
            "--main_process_port=0",
        ]
        return python(
            *launcher,
            "-m",
            f"plurel_rt.{command}",
            *arguments,
            plugins=plugins,
            ACCELERATE_USE_CPU="true",
            OMP_NUM_THREADS="1",
            **environment,
        )

    return run
