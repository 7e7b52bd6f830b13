"""The benchmarks are no part of the package: they are run, and tested, from the repository's root."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # before the stray package of that name which Opacus installs
