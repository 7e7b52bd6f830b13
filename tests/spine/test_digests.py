"""Digests: keyed ones give nothing back, and a payload's is that of its content alone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthgen.digests import agrees, content_digest, form, keyed, keyed_seed, write_mark


@dataclass(frozen=True)
class Clip:
    path: Path
    samples: tuple[int, ...]
    label: str = ""


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_parts_are_kept_apart(a: list[str], b: list[str]) -> None:
    assert (keyed(b"k" * 32, *a) == keyed(b"k" * 32, *b)) == (a == b)


def test_the_key_decides() -> None:
    assert keyed(b"a" * 32, "seed 7") != keyed(b"b" * 32, "seed 7")
    seeds = {keyed_seed(bytes([n]) * 32, "release") for n in range(50)}
    assert len(seeds) == 50 and all(0 <= seed < 2**31 for seed in seeds)


def test_content_is_all_that_counts() -> None:
    here, there = Clip(Path("/a/1.flac"), (1, 2)), Clip(Path("/b/2.flac"), (1, 2))
    assert content_digest(here) == content_digest(there)
    others = [Clip(Path(), (12,)), Clip(Path(), (1, 2), "sad"), Clip(Path(), (2, 1)), (1, 2), [1.0, 2], None]
    assert len({content_digest(other) for other in (here, *others)}) == len(others) + 1
    image = np.arange(16, dtype=np.uint8).reshape(4, 4)
    turned = np.asfortranarray(image)
    assert content_digest(image) == content_digest(turned) != content_digest(image.reshape(2, 8))
    assert form(image) == "ndarray uint8(4, 4)" and form(here) == "Clip"
    with pytest.raises(TypeError, match="no digest of a object"):
        content_digest(object())


def test_a_mark_knows_its_digest_again_and_does_not_hold_it(tmp_path: Path) -> None:
    write_mark(tmp_path / "run.json", "private")
    assert agrees(tmp_path / "run.json", "private") and not agrees(tmp_path / "run.json", "other")
    write_mark(tmp_path / "again.json", "private")
    assert (tmp_path / "run.json").read_bytes() != (tmp_path / "again.json").read_bytes()
    for damaged in ("", "[]", json.dumps({"salt": 1, "digest": "x"})):
        (tmp_path / "run.json").write_text(damaged)
        assert not agrees(tmp_path / "run.json", "private")
    assert not agrees(tmp_path / "none.json", "private")
