"""Third parties' distributions, built into wheels and installed into folders of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

DISTRIBUTIONS = Path(__file__).parent / "distributions"

Plurel = Callable[..., subprocess.CompletedProcess[str]]


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
def plurel(installed: Callable[[str], Path]) -> Plurel:
    """Run plurel in a process of its own, with some third-party distributions installed."""

    def run(
        *arguments: object, plugins: tuple[str, ...] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PLUREL_")}
        before = [inherited["PYTHONPATH"]] if inherited.get("PYTHONPATH") else []
        path = os.pathsep.join([*(str(installed(name)) for name in plugins), *before])
        return subprocess.run(
            [sys.executable, "-m", "plurel", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            env={**inherited, "PYTHONPATH": path, **environment},
        )

    return run
