"""The native part meets numpy where no request to stop can disturb it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

ASKED = """
import signal
def stop(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, stop)
from plurel_sampler import _native
class Interrupting:
    def __init__(self, width):
        pass
    def embed(self, texts):
        signal.raise_signal(signal.SIGTERM)
        print("met", flush=True)
_native.HashedEmbedder = Interrupting
try:
    import plurel_sampler._ready
except KeyboardInterrupt:
    print("stopped")
print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot wait there")
def test_a_request_to_stop_waits_until_numpy_is_met() -> None:
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["met", "stopped", "[]"]
