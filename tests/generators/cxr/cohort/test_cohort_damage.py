"""Whatever happens to a file, the loader returns a cohort or raises the one error that the command line prints."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
from cohort_files import chest, write_csv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_cohort_dicom import write_dicom

from synthgen.errors import UserError
from synthgen.generators.cxr.cohort import dicom, dicom_pixels, pixels, plain
from synthgen.generators.cxr.cohort_config import CohortConfig
from synthgen.progress import Silent

damages = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def damaged(content: bytes, changes: list[tuple[float, int]], keep: float) -> bytes:
    changed = bytearray(content)
    for place, value in changes:
        changed[int(place * len(changed))] = value
    return bytes(changed[: int(keep * len(changed)) + 1])


def picture(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(chest(0)).save(buffer, form)
    return buffer.getvalue()


PICTURES = {form: picture(form) for form in ("PNG", "JPEG")}


@pytest.fixture(scope="module")
def dicom_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("dicom") / "a.dcm"
    write_dicom(path, chest(0)[:40, :40].astype(np.uint16) * 16)
    return path.read_bytes()


@quick
@given(st.sampled_from(sorted(PICTURES)), damages, st.floats(0, 1))
def test_pictures(tmp_path: Path, form: str, changes: list[tuple[float, int]], keep: float) -> None:
    path = tmp_path / "image"
    path.write_bytes(damaged(PICTURES[form], changes, keep))
    with contextlib.suppress(UserError):
        assert pixels.decode(path, 32).image.shape == (32, 32)


@quick
@given(damages, st.floats(0, 1), st.booleans())
def test_dicom_files(
    tmp_path: Path, dicom_file: bytes, changes: list[tuple[float, int]], keep: float, header: bool
) -> None:
    if header:  # most of the file is pixels, which may hold anything
        changes = [(place * (1 - 3200 / len(dicom_file)), value) for place, value in changes]
        keep = 1
    path = tmp_path / "a.dcm"
    path.write_bytes(damaged(dicom_file, changes, keep))
    with contextlib.suppress(UserError):
        dicom.read(tmp_path, CohortConfig(), tmp_path, Silent())
        assert dicom_pixels.decode(path, 32).image.shape == (32, 32)


@quick
@given(damages, st.floats(0, 1))
def test_tables(tmp_path: Path, changes: list[tuple[float, int]], keep: float) -> None:
    table = tmp_path / "metadata.csv"
    write_csv(
        table, ("file_name", "patient_id", "labels", "age"), [(f"{i}.png", i, "Mass|Nodule", 40) for i in range(9)]
    )
    table.write_bytes(damaged(table.read_bytes(), changes, keep))
    with contextlib.suppress(UserError):
        plain.recognises(tmp_path)
        plain.read(tmp_path, CohortConfig(), tmp_path, Silent())
