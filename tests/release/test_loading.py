"""A card's own lines load the release that the card lies in, and no other: with what the extras install, as written."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from card_blocks import blocks_of, run_blocks
from tiny_releases import KINDS

from synthgen.release import seal, staged
from synthgen.report import DatasetFacts, Outcome, ReleaseReport

pytest.importorskip("datasets")
Sealing = Callable[[Path, str, int, int], Path]
COUNTED = """
import os
from datasets import load_dataset
os.chdir("FOLDER")
found = load_dataset("release", split="train")
print(len(found), sum(len(str(row)) for row in found))
"""


@pytest.fixture
def sealed(make_report: Callable[..., ReleaseReport]) -> Sealing:
    """Seals ``<folder>/release`` of a kind of data, with so many samples."""

    def make(folder: Path, kind: str, count: int, seed: int) -> Path:
        with staged(folder / "release") as staging:
            report = make_report(KINDS[kind](staging.folder, count, seed))
            return seal(staging, report, work=folder / "work").folder

    return make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.field("loading", "read")
def test_every_block_of_a_card_runs_as_it_is_written(sealed: Sealing, tmp_path: Path, kind: str) -> None:
    release = sealed(tmp_path / "place", kind, 14, 1)
    blocks = blocks_of(release / "README.md")
    assert len(blocks) == {"images": 3, "dialogues": 2, "speech": 2}[kind]
    if kind == "dialogues":
        from tiny_chat import save_tiny_chat

        save_tiny_chat(release.parent / "chat-model")
    told = run_blocks(blocks, release.parent, tmp_path / "home")
    expected = {
        "images": ["torch.Size([14, 1, 16, 16]) torch.Size([14, 3]) ['Edema', 'Effusion', 'No Finding']", "000013.dcm"],
        "dialogues": ["<user> (The session begins.) <end> <assistant> Hello 1 0. <end>"],
        "speech": ["num_rows: 28", "torch.Size([8, ", "['calm', 'sad']"],
    }
    for line in expected[kind]:
        assert line in told, told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.field("loading", "read")
def test_two_releases_of_one_name_do_not_read_as_one(sealed: Sealing, tmp_path: Path, kind: str) -> None:
    """One cache, two folders called ``release``; then one that takes the other's place."""
    first, second = (sealed(tmp_path / name, kind, count, seed) for name, count, seed in (("a", 12, 1), ("b", 20, 2)))
    there = [COUNTED.replace("FOLDER", str(folder.parent)) for folder in (first, second)]
    replaced = f"import shutil; shutil.rmtree({str(first)!r}); shutil.copytree({str(second)!r}, {str(first)!r})"
    lines = run_blocks([*there, there[0], replaced, there[0]], tmp_path, tmp_path / "home").splitlines()
    told = [line for line in lines if re.fullmatch(r"\d+ \d+", line)]
    assert len(told) == 4
    assert told[0] == told[2] != told[1]
    assert told[3].split()[0] == told[1].split()[0]


PIXELS = """
from datasets import load_dataset
print([row["image"].getpixel((3, 3)) for row in load_dataset("release", split="train")])
"""


@pytest.mark.field("loading", "read")
def test_a_release_that_was_moved_is_read_where_it_lies_by_the_cards_advice(sealed: Sealing, tmp_path: Path) -> None:
    """``datasets`` keeps in its cache where pictures lay; another release may lie there now."""
    release = sealed(tmp_path / "a", "images", 5, 1)
    before = run_blocks([PIXELS], release.parent, tmp_path / "home").splitlines()[-1]
    advice = 'download_mode="force_redownload"'
    assert advice in (release / "README.md").read_text()
    (tmp_path / "b").mkdir()
    shutil.move(release, tmp_path / "b")
    sealed(tmp_path / "a", "images", 5, 2)
    forced = PIXELS.replace('split="train"', f'split="train", {advice}')
    assert run_blocks([forced], tmp_path / "b", tmp_path / "home").splitlines()[-1] == before


def test_a_release_without_samples_has_nothing_to_load(sealed: Sealing, tmp_path: Path) -> None:
    card = sealed(tmp_path, "images", 0, 1) / "README.md"
    assert blocks_of(card) == []
    assert "it holds no sample" in card.read_text()


def test_the_header_depends_on_the_data_alone(
    make_report: Callable[..., ReleaseReport], write_data: Callable[[Path], DatasetFacts], tmp_path: Path
) -> None:
    headers = []
    for name in ("one", "two"):
        with staged(tmp_path / name) as staging:
            report = make_report(write_data(staging.folder), Outcome.PASS)
            folder = seal(staging, report, work=tmp_path / "work").folder
        headers.append((folder / "README.md").read_text().split("---\n")[1])
    assert headers[0] == headers[1]
    assert "the digest" in headers[0]
