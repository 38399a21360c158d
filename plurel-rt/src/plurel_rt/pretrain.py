"""`python -m plurel_rt.pretrain RECIPE.yaml`: what `accelerate launch` runs in every process.

The same command as `plurel pretrain`, with the same options, exit codes and errors.
"""

from __future__ import annotations

import sys

from plurel.cli import main

if __name__ == "__main__":
    sys.exit(main(["pretrain", *sys.argv[1:]]))
