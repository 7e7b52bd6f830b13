"""Whether two commits make the same release of the same seed, file by file.

    python benchmarks/same_release.py 28ac2c5 7fd874f --modality cxr --set modality.demo.patients=160 --work W

Each commit is exported, and generates in this environment, with a state and a key of its own copied to both. Files that
differ are named; a file may differ by the words in it, so what holds the data is what to look at.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commits", nargs=2, metavar="COMMIT")
    parser.add_argument("--modality", required=True)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--work", type=Path, required=True, help="a folder for the sources, the works and the releases")
    options = parser.parse_args()
    folder = options.work.resolve()
    key = secrets.token_bytes(32)
    first, second = (_made(commit, options.modality, options.settings, folder, key) for commit in options.commits)
    differ = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    same = len(first.keys() & second.keys()) - len([name for name in differ if name in first and name in second])
    print(f"{same} files are the same, {len(differ)} differ" + "".join(f"\n  {name}" for name in differ))


def _made(commit: str, modality: str, settings: Sequence[str], folder: Path, key: bytes) -> dict[str, str]:
    """Digests of what the commit released, or put into quarantine, by name."""
    source, work, release, state = (folder / commit / part for part in ("source", "work", "release", "state"))
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
    state.mkdir(mode=0o700)
    (state / "key").write_bytes(key)
    command = [sys.executable, "-m", "synthgen", "generate", "--modality", modality, "--seed", "0"]
    command += ["--out", str(release), "--work", str(work), *(f"--set={setting}" for setting in settings)]
    environment = {**os.environ, "PYTHONPATH": str(source), "SYNTHGEN_STATE": str(state), "OMP_NUM_THREADS": "1"}
    code = subprocess.run(command, cwd=source, env=environment).returncode
    if code not in (0, 3):
        raise SystemExit(f"{commit}: exit status {code}")
    made = release if code == 0 else work / "quarantine"
    files = sorted(path for path in made.rglob("*") if path.is_file())
    return {str(path.relative_to(made)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    main()
