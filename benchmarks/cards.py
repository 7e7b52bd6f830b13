"""Runs the lines of every card where a user runs them: in a fresh environment with the extra of the kind of data.

    python -m benchmarks.cards --modality cxr --modality dialogue --modality speech --out docs/results/loading.json
    python -m benchmarks.cards --table docs/results/loading.json

For each kind of data: a new virtual environment, ``pip install -c constraints.txt '.[EXTRA]'``, a small run of the demo
in every format, and then every python block of the release's card and of the model's, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
HELPERS: Final = ROOT / "tests" / "helpers"
SETTINGS: Final = {"cxr": "tiny.yaml", "dialogue": "tiny_dialogue.yaml", "speech": "tiny_speech.yaml"}
FORMATS: Final = {"cxr": ("--format", "dicom")}
_PACKAGES: Final = ("datasets", "torch", "transformers", "diffusers", "pydicom", "soundfile", "torchcodec")


@dataclass(frozen=True)
class Block:
    """One python block of a card and how it went; ``error`` is the last line of what it said, where it failed."""

    modality: str
    card: str
    uses: str
    runs: bool
    seconds: float
    error: str = ""


def run(command: list[str | Path], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A command in ``folder``, without this environment's packages and, as it is about local files, without the hub."""
    left = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    environment = {**left, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **more}
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def checked(command: list[str | Path], folder: Path, *allowed: int, **more: str) -> None:
    """The same; raises RuntimeError with the end of what was said where its status is not ``allowed``."""
    done = run(command, folder, **more)
    if done.returncode not in (0, *allowed):
        raise RuntimeError(f"{command[0]}: {done.stderr[-2000:]}")


def measure(modality: str, folder: Path) -> list[Block]:
    """Installs, runs the small demo, and runs the cards' blocks."""
    python = folder / "venv" / "bin" / "python"
    checked([sys.executable, "-m", "venv", folder / "venv"], folder)
    checked([python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{ROOT}[{modality}]"], folder)
    state = str(folder / "state")
    settings = HELPERS / SETTINGS[modality]
    asked = [python, "-m", "synthgen", "generate", "--modality", modality, "--config", settings]
    checked([*asked, *FORMATS.get(modality, ())], folder, 3, SYNTHGEN_STATE=state)
    if not (
        folder / "release"
    ).exists():  # so small a run has no power to pass; its card is the same but for the verdict
        (folder / "work" / "quarantine").rename(folder / "release")
    (folder / "work" / "model").rename(folder / "model")
    if modality == "dialogue":
        code = f"import sys; sys.path.insert(0, {str(HELPERS)!r}); from pathlib import Path\n"
        checked(
            [python, "-c", code + "from tiny_chat import save_tiny_chat; save_tiny_chat(Path('chat-model'))"], folder
        )
    cards = [folder / name / "README.md" for name in ("release", "model")]
    return [block for card in cards if card.is_file() for block in blocks(modality, card, python)]


def blocks(modality: str, card: Path, python: Path) -> list[Block]:
    """Every python block of a card, run in the folder that holds the card's own."""
    found = []
    place = card.parent.parent
    for code in re.findall(r"^```python\n(.*?)^```", card.read_text("utf-8"), re.S | re.M):
        begun = time.monotonic()
        done = run([python, "-c", code], place, HF_HOME=str(place / "home"))
        last = (done.stderr.strip().splitlines() or [""])[-1]
        used = [name for name in _PACKAGES if re.search(rf"^(?:from|import) {name}\b", code, re.M)]
        error = "" if done.returncode == 0 else last
        seconds = round(time.monotonic() - begun, 1)
        found.append(Block(modality, card.parent.name, ", ".join(used), done.returncode == 0, seconds, error))
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| kind of data | card of the | block uses | runs | seconds |", "| --- | --- | --- | --- | ---: |"]
    for row in rows:
        told = "yes" if row["runs"] else f"no: {row['error']}"
        lines.append(f"| {row['modality']} | {row['card']} | {row['uses']} | {told} | {row['seconds']:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modality", action="append", choices=list(SETTINGS))
    parser.add_argument("--out", type=Path, help="JSON; what it holds of other kinds of data stays")
    parser.add_argument("--table", type=Path, help="prints the table of such a file")
    told = parser.parse_args()
    if told.table:
        print(table(json.loads(told.table.read_text("utf-8"))), end="")
        return
    known = json.loads(told.out.read_text("utf-8")) if told.out and told.out.is_file() else []
    for modality in told.modality or list(SETTINGS):
        with tempfile.TemporaryDirectory(prefix="synthgen-cards-") as name:
            rows = [asdict(block) for block in measure(modality, Path(name))]
        known = [row for row in known if row["modality"] != modality] + rows
        print(table(rows))
        if told.out:
            told.out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
