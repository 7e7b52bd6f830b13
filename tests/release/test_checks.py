"""The last look finds what is private, and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from synthgen.errors import ReleaseRefusedError
from synthgen.release import assert_public
from synthgen.release.checks import _Needles

FORBIDDEN = ["P-00123", "00012345_000.png", "/srv/hospital/cohort", "Jürgen Müller"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "made for p-00123."),
        ("data/metadata.csv", "file_name,id\n000000.png,P-00123_7\n"),
        ("data/metadata.jsonl", json.dumps({"note": "J\u00fcrgen M\u00fcller"}) + "\n"),
        ("report.html", "<td>J&uuml;rgen M&#252;ller</td>"),
        ("privacy_report.json", '{"source": "\\/srv\\/hospital\\/cohort"}'),
        ("data/00012345_000.png.txt", "empty"),
        ("README.md", "trained in /home/someone/work"),
        ("README.md", "trained in C:\\Users\\someone"),
        ("README.md", "see file:///x"),
    ],
)
def test_finds(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ReleaseRefusedError, match=name) as caught:
        assert_public(tmp_path, FORBIDDEN)
    assert "00123" not in str(caught.value).replace(name, "")


def test_passes(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "Read data/train/*.png and/or https://example.org/a/b; P-001234 and XP-00123 are others. </p> 000017.png 12345"
    )
    (tmp_path / "report.html").write_text(
        '<td>a</td><img src="data:image/png;base64,/srv/hospital/cohort/abc+P-00123=">'
    )
    assert_public(tmp_path, [*FORBIDDEN, "000017.png", "12345", "and", "", "–"])


def test_reads_the_header_of_dicom(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
    data.PatientID, data.PatientComments = "SYNTHETIC-000000", "copy of P-00123"
    data.remove_private_tags()
    data.save_as(tmp_path / "000000.dcm")
    assert_public(tmp_path, ["P-99999"])
    with pytest.raises(ReleaseRefusedError, match="patient"):
        assert_public(tmp_path, FORBIDDEN)


def test_reads_tables_and_sound_files(tmp_path: Path) -> None:
    turns = [{"speaker": "patient", "text": "I was seen as p-00123 before."}]
    pq.write_table(pa.table({"turns": [turns]}), tmp_path / "a.parquet")
    with pytest.raises(ReleaseRefusedError, match=r"a\.parquet.*patient"):
        assert_public(tmp_path, FORBIDDEN)
    assert_public(tmp_path, ["P-99999"])
    comment = b"\x00\x00\x00\x00\x01\x00\x00\x00\x12\x00\x00\x00COMMENT=p-00123 !!"
    for kind, reason in ((4, "patient"), (6, "metadata inside a sound file")):
        block = bytes([0x80 | kind]) + len(comment).to_bytes(3, "big") + comment
        (tmp_path / "0.flac").write_bytes(b"fLaC" + bytes([0, 0, 0, 34]) + bytes(34) + block)
        with pytest.raises(ReleaseRefusedError, match=reason):
            assert_public(tmp_path, ["P-00123"])
        (tmp_path / "0.flac").unlink()


def test_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"\0")
    with pytest.raises(ReleaseRefusedError, match="cannot read"):
        assert_public(tmp_path, [])


def test_refuses_links_and_text_in_images(tmp_path: Path) -> None:
    (tmp_path / "a.md").symlink_to("/etc/hostname")
    with pytest.raises(ReleaseRefusedError, match="link"):
        assert_public(tmp_path, [])
    (tmp_path / "a.md").unlink()
    info = PngInfo()
    info.add_text("Comment", "anything")
    Image.new("L", (4, 4)).save(tmp_path / "a.png", pnginfo=info)
    with pytest.raises(ReleaseRefusedError, match="metadata inside an image"):
        assert_public(tmp_path, [])


words = st.text("abcXYZ019", min_size=5, max_size=8).filter(lambda word: not word.isdecimal())


@given(st.lists(words, min_size=1, max_size=4), st.sampled_from("-_. /"), st.text("ab01 -_./", max_size=20))
def test_a_planted_string_is_always_found(parts: list[str], joint: str, around: str) -> None:
    needle = joint.join(parts)
    assert _Needles.of(["other-needle", needle]).within(f"{around} {needle.swapcase()} {around}")
    assert not _Needles.of([needle]).within(f"x{needle}x")


def test_ten_thousand_patients_are_quick(tmp_path: Path) -> None:
    with (tmp_path / "metadata.jsonl").open("w") as table:
        for index in range(10_000):
            row = {"file_name": f"{index:06d}.png", "id": f"SYNTHETIC-{index:06d}", "labels": ["Effusion"], "age": 50}
            table.write(json.dumps(row) + "\n")
    names = [f"patient-{index:08d}" for index in range(10_000)]
    names += [f"scans/patient-{index:08d}_{visit}.png" for index in range(10_000) for visit in range(2)]
    start = time.perf_counter()
    assert_public(tmp_path, names)
    assert time.perf_counter() - start < 5
