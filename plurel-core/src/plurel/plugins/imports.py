"""What importing a plugin's module costs, measured in a process of its own. Not here: judging it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata

from attrs import frozen

from plurel.errors import PluginError

HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "cattrs", "networkx", "relbench", "sklearn", "torch")
"""Libraries that a plugin module must not bring along: it is imported whenever plurel starts."""

_PROGRAM = """
import importlib, json, sys, time
sys.path[:] = {path!r}
import plurel.plugins
began = time.perf_counter()
importlib.import_module({module!r})
print(json.dumps([time.perf_counter() - began, list(sys.modules)]))
"""


@frozen(kw_only=True)
class ImportCost:
    """What importing a module costs.

    Attributes:
        seconds: beyond `plurel.plugins`, which is there already.
        heavy: the heavy libraries that it brings.
    """

    seconds: float
    heavy: tuple[str, ...]


def module_of(plugin: str) -> str | None:
    """The module of a plugin, `dist:entry point`; None where its distribution is not installed."""
    dist, _, name = plugin.partition(":")
    try:
        points = metadata.distribution(dist).entry_points
    except metadata.PackageNotFoundError:
        return None
    return next((point.module for point in points if point.group == "plurel" and point.name == name), None)


def import_cost(module: str) -> ImportCost:
    """Import a module in a fresh process that finds what this one finds.

    Raises:
        PluginError: where it cannot be imported.
    """
    program = _PROGRAM.format(path=sys.path, module=module)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise PluginError(f"{module} cannot be imported: {lines[-1] if lines else 'its process died'}")
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    return ImportCost(seconds=seconds, heavy=tuple(name for name in HEAVY if name in modules))
