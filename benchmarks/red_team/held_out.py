"""Kinds of copies that nobody was told of who worked on the gate: how far it generalises is read off these."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.red_team.images import Copy, as_bytes, cropped, resized, smooth_field
from benchmarks.red_team.kinds import Kind, Material
from synthgen.payloads.cxr import CxrImage
from synthgen.payloads.dialogue import Dialogue, Turn

# Images


def _inverted_mosaic(copy: Copy) -> CxrImage:
    """Two opposite quadrants as negatives."""
    half = copy.victim.shape[0] // 2
    image = copy.victim.copy()
    image[:half, :half] = 255 - image[:half, :half]
    image[half:, half:] = 255 - image[half:, half:]
    return image


def _checkerboard(copy: Copy) -> CxrImage:
    """Squares of an eighth of the side, in turn of two victims."""
    size = copy.victim.shape[0]
    y, x = np.mgrid[:size, :size] * 8 // size
    return np.where((x + y) % 2 == 0, copy.victim, copy.second)


def _slices(copy: Copy) -> CxrImage:
    """Rows of two victims in turn, an eighth of the side each."""
    size = copy.victim.shape[0]
    rows = np.arange(size)[:, None] * 8 // size
    return np.where(rows % 2 == 0, copy.victim, copy.second)


def _posterised(copy: Copy) -> CxrImage:
    """Eight grey levels."""
    return as_bytes(np.floor(copy.victim / 32.0) * 32.0 + 16.0)


def _unsharp(copy: Copy) -> CxrImage:
    image = copy.victim.astype(np.float32)
    return as_bytes(image + 2.0 * (image - ndimage.gaussian_filter(image, 0.02 * len(image))))


def _perspective(copy: Copy) -> CxrImage:
    """A photograph of a screen from one side: the right edge shrinks to 76%."""
    size = copy.victim.shape[0]
    y, x = np.mgrid[:size, :size] / size - 0.5
    depth = 1 + 0.27 * (x + 0.5)
    coordinates = [(y * depth + 0.5) * size, ((x + 0.5) * depth / 1.27) * size]
    return as_bytes(ndimage.map_coordinates(copy.victim.astype(np.float32), coordinates, order=1))


def _barrel(copy: Copy) -> CxrImage:
    size = copy.victim.shape[0]
    y, x = np.mgrid[:size, :size] / size - 0.5
    bend = 1 + 0.35 * (x**2 + y**2)
    coordinates = [(y * bend + 0.5) * size, (x * bend + 0.5) * size]
    return as_bytes(ndimage.map_coordinates(copy.victim.astype(np.float32), coordinates, order=1))


def _circle(copy: Copy) -> CxrImage:
    """What a circle of 80% of the side shows, on black."""
    size = copy.victim.shape[0]
    y, x = np.mgrid[:size, :size] / size - 0.5
    return np.where(x**2 + y**2 <= 0.16, copy.victim, 0).astype(np.uint8)


def _histogram_of_another(copy: Copy) -> CxrImage:
    """Grey levels by rank those of a stranger."""
    ranks = copy.victim.ravel().argsort(kind="stable").argsort(kind="stable")
    return np.sort(copy.stranger.ravel())[ranks].reshape(copy.victim.shape)


def _shaded(copy: Copy) -> CxrImage:
    """A slow shading of 40 grey levels over it."""
    return as_bytes(copy.victim + 40.0 * smooth_field(copy.victim.shape[0], 0.25, copy.rng))


def _salt_and_pepper(copy: Copy) -> CxrImage:
    lot = copy.rng.random(copy.victim.shape)
    return np.where(lot < 0.025, 0, np.where(lot > 0.975, 255, copy.victim)).astype(np.uint8)


def _thumbnail(copy: Copy) -> CxrImage:
    """Down to 32 pixels and back."""
    size = copy.victim.shape[0]
    return resized(resized(copy.victim, 32, 32), size, size)


def _stretched(copy: Copy) -> CxrImage:
    """1.3 times as tall, cut to the old frame."""
    return cropped(copy.victim, 0, (1 - 1 / 1.3) / 2, 0, (1 - 1 / 1.3) / 2)


def _solarised(copy: Copy) -> CxrImage:
    return np.where(copy.victim < 128, copy.victim, 255 - copy.victim).astype(np.uint8) * 2


def _motion(copy: Copy) -> CxrImage:
    """Moved by a twelfth of the side during the exposure."""
    length = max(3, copy.victim.shape[0] // 12)
    return as_bytes(ndimage.uniform_filter1d(copy.victim.astype(np.float32), length, axis=0))


def _quadrants_dealt(copy: Copy) -> CxrImage:
    """The four quadrants in other places."""
    half = copy.victim.shape[0] // 2
    v = copy.victim[: 2 * half, : 2 * half]
    rows = [[v[half:, half:], v[:half, :half]], [v[:half, half:], v[half:, :half]]]
    page = copy.victim.copy()
    page[: 2 * half, : 2 * half] = np.block(rows)
    return page


def _erased(copy: Copy) -> CxrImage:
    """A third of it under a stranger's pixels, in twelve boxes."""
    image, size = copy.victim.copy(), copy.victim.shape[0]
    for top, left in copy.rng.integers(0, size - size // 6, (12, 2)):
        box = np.s_[top : top + size // 6, left : left + size // 6]
        image[box] = copy.stranger[box]
    return image


def _faint(copy: Copy) -> CxrImage:
    """70% of a stranger, 30% of the victim."""
    return as_bytes(0.3 * copy.victim.astype(np.float32) + 0.7 * copy.stranger)


def _worn_jpeg(copy: Copy) -> CxrImage:
    buffer = io.BytesIO()
    Image.fromarray(copy.victim).save(buffer, format="JPEG", quality=5)
    return np.asarray(Image.open(buffer).convert("L"))


def _compound(copy: Copy) -> CxrImage:
    """Mirrored, cropped by 8%, made a negative and darkened."""
    image = cropped(np.ascontiguousarray(copy.victim[:, ::-1]), 0.08, 0.08, 0.08, 0.08)
    return as_bytes(255.0 * ((255.0 - image) / 255.0) ** 1.4)


def _inset(copy: Copy) -> CxrImage:
    """The whole victim at a third of the side in a corner of a stranger's image."""
    image, third = copy.stranger.copy(), copy.victim.shape[0] // 3
    image[:third, :third] = resized(copy.victim, third, third)
    return image


IMAGES: tuple[Kind[CxrImage], ...] = tuple(
    Kind(name, change, held_out=True)
    for name, change in (
        ("quadrants inverted", _inverted_mosaic),
        ("stretched 1.3", _stretched),
        ("checkerboard of two", _checkerboard),
        ("slices of two", _slices),
        ("8 grey levels", _posterised),
        ("unsharp mask", _unsharp),
        ("perspective", _perspective),
        ("barrel", _barrel),
        ("circle on black", _circle),
        ("histogram of another", _histogram_of_another),
        ("shaded", _shaded),
        ("salt and pepper 5%", _salt_and_pepper),
        ("through 32 px", _thumbnail),
        ("solarised", _solarised),
        ("motion blur", _motion),
        ("quadrants dealt", _quadrants_dealt),
        ("a third erased", _erased),
        ("30% of a blend", _faint),
        ("JPEG quality 5", _worn_jpeg),
        ("mirrored, cropped, negative", _compound),
        ("inset in a corner", _inset),
    )
)

# Transcripts

_THIRD_PERSON = (
    (r"\bI'm\b", "they are"), (r"\bI am\b", "they are"), (r"\bI've\b", "they have"), (r"\bI'll\b", "they will"),
    (r"\bI'd\b", "they would"), (r"\bI was\b", "they were"), (r"\bI\b", "they"), (r"\bmy\b", "their"),
    (r"\bMy\b", "Their"), (r"\bme\b", "them"), (r"\bmyself\b", "themselves"), (r"\bmine\b", "theirs"),
)  # fmt: skip
_FILLERS = ("um,", "you know,", "well,", "I mean,", "sort of", "like,")


def _said(turns: list[Turn], dialogue: Dialogue) -> Dialogue:
    return Dialogue(tuple(turns) or dialogue.turns[:1])


def _third_person(text: str) -> str:
    for pattern, instead in _THIRD_PERSON:
        text = re.sub(pattern, instead, text)
    return text


def _with_fillers(text: str, rng: np.random.Generator) -> str:
    """A filler after every fourth word or so."""
    words = []
    for word in text.split():
        words += [word, _FILLERS[rng.integers(len(_FILLERS))]] if rng.random() < 0.25 else [word]
    return " ".join(words)


def _without_words(text: str, rng: np.random.Generator) -> str:
    """A third of the words left out."""
    kept = [word for word in text.split() if rng.random() > 1 / 3]
    return " ".join(kept) or text


def _each(copy: Material[Dialogue], changed: str) -> Dialogue:
    functions = {
        "third person": lambda text: _third_person(text),
        "fillers": lambda text: _with_fillers(text, copy.rng),
        "a third of the words dropped": lambda text: _without_words(text, copy.rng),
    }
    return Dialogue(tuple(replace(turn, text=functions[changed](turn.text)) for turn in copy.victim.turns))


def _reversed_turns(copy: Material[Dialogue]) -> Dialogue:
    return _said(list(copy.victim.turns[::-1]), copy.victim)


def _one_side(copy: Material[Dialogue]) -> Dialogue:
    """The patient's side alone, under a stranger's questions."""
    told = [turn for turn in copy.victim.turns if turn.speaker != "clinician"]
    asked = [turn for turn in copy.stranger.turns if turn.speaker == "clinician"]
    pairs = [turn for pair in zip(asked, told, strict=False) for turn in pair]
    return _said(pairs, copy.victim)


def _shuffled_sides(copy: Material[Dialogue]) -> Dialogue:
    """Exchanges of two victims in turn."""
    pieces = [list(d.turns[i : i + 2]) for i in range(0, 400, 2) for d in (copy.victim, copy.second)]
    return _said([turn for piece in pieces for turn in piece], copy.victim)


def _one_in_three(copy: Material[Dialogue]) -> Dialogue:
    """Every third turn of the victim among a stranger's."""
    turns = list(copy.stranger.turns)
    for place, turn in enumerate(copy.victim.turns[::3]):
        turns.insert(min(len(turns), 3 * place + 1), turn)
    return _said(turns, copy.victim)


def _last_third(copy: Material[Dialogue]) -> Dialogue:
    """A stranger's opening, and the victim's last third."""
    cut = 2 * len(copy.victim.turns) // 3
    return _said([*copy.stranger.turns[: max(2, cut)], *copy.victim.turns[cut:]], copy.victim)


def _monologue(copy: Material[Dialogue]) -> Dialogue:
    """All that the patient says in one turn, after a stranger's first question."""
    told = " ".join(turn.text for turn in copy.victim.turns if turn.speaker != "clinician") or copy.victim.text
    opening = next((t for t in copy.stranger.turns if t.speaker == "clinician"), copy.stranger.turns[0])
    return Dialogue((opening, Turn("patient", told)))


_LOOKED_AT = {"a third of the words dropped"}  # passed the gate, which has a filter for it since

TRANSCRIPTS: tuple[Kind[Dialogue], ...] = tuple(
    Kind(name, change, held_out=name not in _LOOKED_AT)
    for name, change in (
        ("third person", lambda c: _each(c, "third person")),
        ("fillers", lambda c: _each(c, "fillers")),
        ("a third of the words dropped", lambda c: _each(c, "a third of the words dropped")),
        ("turns reversed", _reversed_turns),
        ("patient's side alone", _one_side),
        ("two victims in turn", _shuffled_sides),
        ("every third turn", _one_in_three),
        ("last third", _last_third),
        ("monologue", _monologue),
    )
)
