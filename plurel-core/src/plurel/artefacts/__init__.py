"""What lies on disk: which form it has, what it holds, and which contributions made it.

The forms themselves (database, store, checkpoint) are contributions: whoever writes one says how it is
recognised, read and checked. Not here: the rules of the RelBench contract (`plurel.validate`).
"""

from __future__ import annotations

from plurel.artefacts.contents import Contents, Listing
from plurel.artefacts.origins import Origin, contributions_in, trace
from plurel.artefacts.recognise import recognise

__all__ = ["Contents", "Listing", "Origin", "contributions_in", "recognise", "trace"]
