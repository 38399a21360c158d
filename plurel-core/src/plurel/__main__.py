"""`python -m plurel` is `plurel`."""

from __future__ import annotations

import sys

from plurel.cli import main

if __name__ == "__main__":
    sys.exit(main())
