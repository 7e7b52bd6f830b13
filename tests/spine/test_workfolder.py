"""The work folder is private, locked, and serves one run."""

from pathlib import Path

import pytest

from synthgen.errors import UserError
from synthgen.workfolder import key_of, opened, recorded_seed


def test_private_and_reopened(tmp_path: Path) -> None:
    with opened(tmp_path / "work", modality="cxr", config_digest="a") as work:
        assert work.folder.stat().st_mode & 0o777 == 0o700
        work.claim_cohort("one")
    with opened(tmp_path / "work", modality="cxr", config_digest="a") as work:
        work.claim_cohort("one")
        with pytest.raises(UserError, match="another cohort or split"):
            work.claim_cohort("two")


def test_others_settings_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "work", modality="cxr", config_digest="a"):
        pass
    for modality, digest, message in (("cxr", "b", "other settings"), ("speech", "a", "another modality")):
        with (
            pytest.raises(UserError, match=message),
            opened(tmp_path / "work", modality=modality, config_digest=digest),
        ):
            pass


def test_two_processes_do_not_share_it(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "work", modality="cxr", config_digest="a"),
        pytest.raises(UserError, match="another process"),
        opened(tmp_path / "work", modality="cxr", config_digest="a"),
    ):
        pass


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with (
        pytest.raises(UserError, match="not a work folder"),
        opened(tmp_path, modality="cxr", config_digest="a"),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("x")
    with pytest.raises(UserError, match="is a file"), opened(tmp_path / "work", modality="cxr", config_digest="a"):
        pass


def test_the_seed_and_the_key_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHGEN_STATE", str(tmp_path / "state"))
    work = tmp_path / "work"
    assert recorded_seed(work) is None and key_of(work, modality="cxr", config_digest="a") is None
    with opened(work, modality="cxr", config_digest="a", seed=2**61) as folder:
        key = folder.key
        assert (work / "key").stat().st_mode & 0o777 == 0o600
    assert recorded_seed(work) == 2**61
    assert key_of(work, modality="cxr", config_digest="a") == key
    assert key_of(tmp_path / "elsewhere", modality="cxr", config_digest="a") == key, "the same run of the same user"
    assert key_of(tmp_path / "elsewhere", modality="cxr", config_digest="b") not in {key, None}
    monkeypatch.setenv("SYNTHGEN_STATE", str(tmp_path / "another user"))
    with opened(tmp_path / "theirs", modality="cxr", config_digest="a") as folder:
        assert folder.key != key
