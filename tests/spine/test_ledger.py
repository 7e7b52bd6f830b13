"""The ledger cannot be changed without notice, and survives a torn last line."""

import json
from pathlib import Path

import pytest

from synthgen.errors import UserError
from synthgen.ledger import Ledger, read_ledger

ENTRIES = [{"slot": i, "kept": i % 2 == 0, "verdicts": [["f", 0.5 * i]]} for i in range(6)]


def test_appending_in_parts_gives_the_same_bytes(tmp_path: Path) -> None:
    Ledger(tmp_path / "whole").append(ENTRIES)
    for low in range(0, 6, 2):
        Ledger(tmp_path / "parts").append(ENTRIES[low : low + 2])
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()
    assert (tmp_path / "whole").stat().st_mode & 0o077 == 0
    assert read_ledger(tmp_path / "whole")[0] == ENTRIES


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_line_is_dropped_and_written_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger"
    Ledger(path).append(ENTRIES)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    ledger = Ledger(path)
    assert list(ledger.known()) == ENTRIES[:5]
    ledger.append(ENTRIES[5:])
    assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", ["change", "drop", "swap", "junk"])
def test_tampering_is_noticed(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger"
    Ledger(path).append(ENTRIES)
    lines = path.read_text().splitlines(keepends=True)
    if damage == "change":
        entry = json.loads(lines[2])
        entry["kept"] = not entry["kept"]
        lines[2] = json.dumps(entry) + "\n"
    elif damage == "drop":
        del lines[2]
    elif damage == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines[2] = "null\n"
    path.write_text("".join(lines))
    with pytest.raises(UserError, match="ledger of this work folder was altered"):
        Ledger(path)


def test_what_is_appended_is_none_of_what_was_known(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger").append(ENTRIES[:3])
    ledger = Ledger(tmp_path / "ledger")
    known = ledger.known()
    assert next(known) == ENTRIES[0]
    ledger.append(ENTRIES[3:])
    assert list(known) == ENTRIES[1:3]
    assert ledger.recorded == len(ENTRIES)
