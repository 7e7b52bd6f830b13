"""Speaker vectors, and the scores of pairs of them: mated (one voice) and non-mated (two voices).

Voices are the unit: a resample of voices gives a mated pair its voice's count, and a non-mated pair the product of the
counts of its two (Owen 2007, the pigeonhole bootstrap, which errs on the wide side). A voice's mated pairs together
weigh as much as one, so that many recordings of a voice narrow nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from synthgen.estimates import Floats, Indices, NotMeasurableError, patient_counts
from synthgen.eval.attacks import unit
from synthgen.eval.speech.records import SpeakerTrack, Voices
from synthgen.payloads.speech import Track
from synthgen.progress import Progress

VoiceVectors = Callable[[Track], Floats | None]
"""Unit vectors [W, D] of windows of what a track says, in order of time; None where nobody is heard."""

LEAST = 4
_MOST_MATED = 6
_MOST_NON_MATED = 6000


@dataclass(frozen=True)
class Prints:
    """Parts with their speaker vectors; parts in which nobody is heard are left out.

    Attributes:
        rows: the mean vector of each part, unit norm, [N, D].
        windows: the vectors of its windows, [W, D] each, unit norm.
    """

    parts: tuple[SpeakerTrack, ...]
    rows: Floats
    windows: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def voices(self) -> list[str]:
        return [part.voice for part in self.parts]

    @property
    def patients(self) -> list[str]:
        return [part.patient for part in self.parts]

    def take(self, rows: Indices | Sequence[int]) -> Prints:
        return Prints(
            tuple(self.parts[i] for i in rows), self.rows[np.asarray(rows, int)], tuple(self.windows[i] for i in rows)
        )


def prints(found: Voices, vectors: VoiceVectors, progress: Progress, name: str) -> Prints:
    """Listens to every part."""
    parts: list[SpeakerTrack] = []
    windows: list[Floats] = []
    task = progress.task(f"listen to {name}", len(found.parts), "recording")
    for part in found.parts:
        heard = vectors(part.track)
        if heard is not None and len(heard):
            parts.append(part)
            windows.append(unit(np.asarray(heard, dtype=np.float64)))
        task.advance()
    rows = unit(np.stack([w.mean(axis=0) for w in windows])) if windows else np.zeros((0, 1))
    return Prints(tuple(parts), rows, tuple(windows))


@dataclass(frozen=True)
class Scores:
    """Cosine similarities of pairs.

    Attributes:
        mated, non_mated: shapes [P] and [Q].
        mated_voice: number of each mated pair's voice, [P].
        left, right: numbers of each non-mated pair's voices, [Q] each.
        count: voices, V; not all need have a mated pair.
    """

    mated: Floats
    non_mated: Floats
    mated_voice: Indices
    left: Indices
    right: Indices
    count: int
    note: str

    def weights(self, counts: Floats) -> tuple[Floats, Floats]:
        """Weights of the mated [R, P] and of the non-mated pairs [R, Q] in resamples of voices [R, V]."""
        own = np.bincount(self.mated_voice, minlength=self.count)
        return (
            counts[:, self.mated_voice] / own[self.mated_voice],
            counts[:, self.left] * counts[:, self.right],
        )

    def resampled(self, seed: int, resamples: int) -> tuple[Floats, Floats]:
        """Weights as they are in row 0, and in resamples of the voices below it."""
        return self.weights(np.concatenate([np.ones((1, self.count)), patient_counts(self.count, seed, resamples)]))

    @property
    def mated_voices(self) -> int:
        return len(np.unique(self.mated_voice))


def compares_recordings(found: Prints) -> bool:
    """Whether enough voices have two recordings."""
    recordings: dict[str, set[int]] = defaultdict(set)
    for part in found.parts:
        recordings[part.voice].add(part.recording)
    return sum(len(own) > 1 for own in recordings.values()) >= LEAST


def pair_scores(found: Prints, seed: int, *, halves: bool = False) -> Scores:
    """Pairs of recordings: mated of different recordings of a voice, non-mated of one recording each of two voices.

    Where fewer than four voices have two recordings, halves of one recording are compared instead, which is said in
    the note: part of what makes them alike is the recording.

    Args:
        halves: compare halves in any case, as another set has to whose threshold is to hold here.

    Raises:
        NotMeasurableError: fewer than four voices with a mated pair.
    """
    by_voice: dict[str, list[int]] = defaultdict(list)
    for row, voice in enumerate(found.voices):
        by_voice[voice].append(row)
    vectors = found.rows
    note = "mated: two recordings of a voice"
    if halves or not compares_recordings(found):
        halved = [i for i, w in enumerate(found.windows) if len(w) > 1]
        vectors = unit(np.stack([h.mean(axis=0) for i in halved for h in np.array_split(found.windows[i], 2)] or [[0]]))
        parts = [found.parts[i] for i in halved]
        first: dict[str, int] = {}
        for i, part in enumerate(parts):
            first.setdefault(part.voice, i)
        by_voice = {voice: [2 * i, 2 * i + 1] for voice, i in first.items()}
        note = "mated: the halves of a recording, for want of voices with two recordings"
        recording = {row: row for rows in by_voice.values() for row in rows}
    else:
        recording = {row: part.recording for row, part in enumerate(found.parts)}
    rng = np.random.default_rng(seed)
    names = sorted(by_voice)
    mated: list[tuple[int, int]] = []
    owner: list[int] = []
    for number, name in enumerate(names):
        own = [pair for pair in combinations(by_voice[name], 2) if recording[pair[0]] != recording[pair[1]]]
        chosen = [own[i] for i in rng.permutation(len(own))[:_MOST_MATED]]
        mated += chosen
        owner += [number] * len(chosen)
    if len(set(owner)) < LEAST:
        raise NotMeasurableError(f"pairs of voices need {LEAST} voices with two recordings, or longer ones")
    left, right = np.triu_indices(len(names), k=1)
    if len(left) > _MOST_NON_MATED:
        kept = np.sort(rng.choice(len(left), _MOST_NON_MATED, replace=False))
        left, right = left[kept], right[kept]
    one = np.array([by_voice[name][int(rng.integers(len(by_voice[name])))] for name in names])
    two = np.array([by_voice[name][int(rng.integers(len(by_voice[name])))] for name in names])
    a, b = (np.array(side, dtype=np.intp) for side in zip(*mated, strict=True))
    return Scores(
        mated=np.asarray((vectors[a] * vectors[b]).sum(axis=1), dtype=np.float64),
        non_mated=np.asarray((vectors[one[left]] * vectors[two[right]]).sum(axis=1), dtype=np.float64),
        mated_voice=np.array(owner, dtype=np.intp),
        left=np.asarray(left, dtype=np.intp),
        right=np.asarray(right, dtype=np.intp),
        count=len(names),
        note=note,
    )
