"""The exact index of shared runs at the size of a large archive: seconds and memory to build and to search.

    python benchmarks/run_index.py --words 100000000

Words are drawn from Zipf's law over 50,000 words, a thousand to a dialogue, one dialogue to a patient. Searched are new
dialogues of the same law, half of them with forty words in a row of somebody: each must be found at its length.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from synthgen.privacy_filters.dialogue.runs import RunIndex

_VOCABULARY, _LENGTH, _COPIED = 50_000, 1_000, 40


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--words", type=int, default=1_000_000)
    arguments.add_argument("--searched", type=int, default=100, help="dialogues")
    given = arguments.parse_args()
    rng = np.random.default_rng(0)
    spoken = np.array([f"w{i}" for i in range(_VOCABULARY)], dtype=object)
    chances = 1.0 / np.arange(1, _VOCABULARY + 1)
    steps = np.cumsum(chances / chances.sum())

    def dialogue() -> list[str]:
        return list(spoken[np.searchsorted(steps, rng.random(_LENGTH)).clip(max=_VOCABULARY - 1)])

    records = [dialogue() for _ in range(given.words // _LENGTH)]
    before, cpu = _mebibytes(), time.process_time()
    index = RunIndex.over(records, [f"p{i}" for i in range(len(records))])
    built = time.process_time() - cpu
    kept = index.text.nbytes + index.suffixes.nbytes
    print(
        f"{len(index.text):,} words: built in {built:.0f} s of CPU; keeps {kept / 2**20:,.0f} MiB of words, suffixes; "
        f"peak {_mebibytes():,.0f} MiB, {before:,.0f} MiB of them the dialogues themselves"
    )
    asked = [dialogue() for _ in range(given.searched)]
    owners = rng.integers(len(records), size=given.searched // 2)
    for own, owner in zip(asked, owners, strict=False):
        own[100 : 100 + _COPIED] = records[owner][500 : 500 + _COPIED]
    cpu = time.process_time()
    runs = index.longest(asked)
    seconds = time.process_time() - cpu
    found = sum(run.length >= _COPIED for run in runs[: len(owners)])
    chance = max(run.length for run in runs[len(owners) :])
    print(
        f"{seconds / given.searched * 1000:.0f} ms of CPU per dialogue of {_LENGTH} words; {found} of {len(owners)} "
        f"copied passages found at their length; the longest run by chance has {chance} words"
    )


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
