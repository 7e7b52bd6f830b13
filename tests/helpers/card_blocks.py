"""The python blocks of a card, run as they are written: each by itself, in the folder that the card names."""

import os
import re
import subprocess
import sys
from pathlib import Path

_RUN = """
import sys
from pathlib import Path
for number, block in enumerate(sys.argv[1:], start=1):
    exec(compile(Path(block).read_text(), f"block {number}", "exec"), {"__name__": "__main__"})
"""


def blocks_of(card: Path) -> list[str]:
    """The code of every fenced python block."""
    return re.findall(r"^```python\n(.*?)^```", card.read_text("utf-8"), re.S | re.M)


def run_blocks(blocks: list[str], folder: Path, home: Path) -> str:
    """Runs them in one process, in ``folder``, without a network; what they print.

    Args:
        home: of the libraries' caches.
    """
    home.mkdir(exist_ok=True)
    files = []
    for number, block in enumerate(blocks):
        files.append(home / f"block{number}.py")
        files[-1].write_text(block, "utf-8")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *map(str, files)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
