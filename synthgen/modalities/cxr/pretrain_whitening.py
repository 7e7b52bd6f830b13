"""Makes the public whitening of the local copy filters, from phantoms, who are nobody.

    python -m synthgen.modalities.cxr.pretrain_whitening --work work/whitening --out privacy_filters/cxr/base

The defaults are those of the whitening that ships: two minutes of one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from rich.console import Console

from synthgen.errors import SynthgenError
from synthgen.generators.cxr.config import DemoCohortConfig
from synthgen.generators.cxr.phantom_pool import rendered
from synthgen.privacy_filters.cxr.regions import SIDES, whitening_of
from synthgen.privacy_filters.cxr.whitening import FOLDER, write
from synthgen.progress import bars

_PORTION = 200
_MODULE = "synthgen.modalities.cxr.pretrain_whitening"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phantoms", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--work", type=Path, required=True, help="the phantoms; a killed run continues")
    parser.add_argument("--out", type=Path, default=FOLDER, help="the folder of the bases")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    console, size = Console(stderr=True), max(SIDES)
    try:
        with bars(console) as progress:
            people = DemoCohortConfig(size=size)
            pool = rendered(arguments.work, arguments.phantoms, size, people, arguments.seed, progress)
    except SynthgenError as error:
        console.print(f"error: {error}", style="red", markup=False)
        return error.exit_code
    portions = [list(pool.images[start : start + _PORTION]) for start in range(0, len(pool), _PORTION)]
    made_by = {"module": _MODULE, "phantoms": arguments.phantoms, "seed": arguments.seed, "torch": torch.__version__}
    write(whitening_of(portions), made_by, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
