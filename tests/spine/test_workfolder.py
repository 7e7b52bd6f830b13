"""The work folder is private, locked, and serves one run."""

from pathlib import Path

import pytest

from synthgen.config import load_config
from synthgen.errors import UserError
from synthgen.modalities.cxr.settings import CxrConfig
from synthgen.workfolder import key_of, opened, recorded_modality, recorded_seed


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


def refuse(folder: Path, digest: str = "a", *, begin: bool = False, fill: str = "") -> None:
    """A call that is refused, before or after work has begun."""
    with opened(folder, modality="cxr", config_digest=digest) as work:
        (work.cohort / "read.npy").write_bytes(b"new")
        work.claim_cohort("new")
        if begin:
            work.begin()
        if fill:
            (work.folder / fill).parent.mkdir(exist_ok=True)
            (work.folder / fill).write_bytes(b"made")
        raise UserError("no")


def everything(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


def test_a_refused_call_leaves_no_folder_and_no_parent_of_it(tmp_path: Path) -> None:
    for begin in (False, True):  # that it had begun is no matter where nothing came of it
        with pytest.raises(UserError, match="no"):
            refuse(tmp_path / "a" / "b" / "work", begin=begin)
        assert not list(tmp_path.iterdir())


def test_an_empty_folder_stays_empty_with_its_mode(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir(mode=0o755)
    with pytest.raises(UserError, match="no"):
        refuse(work)
    assert not list(work.iterdir()) and work.stat().st_mode & 0o777 == 0o755


def test_a_folder_of_a_run_stays_as_it_was(tmp_path: Path) -> None:
    work = tmp_path / "work"
    with opened(work, modality="cxr", config_digest="a", seed=4) as folder:
        (folder.cohort / "read.npy").write_bytes(b"old")
        folder.claim_cohort("old")
    before = everything(work)
    with pytest.raises(UserError, match="another cohort"):
        replace_cache(work)
    assert everything(work) == before


def replace_cache(folder: Path) -> None:
    """A cache is replaced as its writers do, by another file under the same name, and is then found to be another's."""
    with opened(folder, modality="cxr", config_digest="a") as work:
        (work.cohort / "read.part").write_bytes(b"new")
        (work.cohort / "read.part").replace(work.cohort / "read.npy")
        (work.cohort / "more.npy").write_bytes(b"new")
        work.claim_cohort("new")


def test_what_was_made_stays_when_a_later_stage_refuses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no"):
        refuse(tmp_path / "work", begin=True, fill="model/weights.safetensors")
    assert (tmp_path / "work" / "model" / "weights.safetensors").exists()
    with pytest.raises(UserError, match="other settings"):
        refuse(tmp_path / "work", "b")
    assert (tmp_path / "work" / "model" / "weights.safetensors").exists()


def test_a_model_that_is_written_elsewhere_keeps_its_work_folder(tmp_path: Path) -> None:
    def fit(work: Path, *, fails_at_once: bool) -> None:
        with opened(work, modality="cxr", config_digest="a") as folder, folder.made_elsewhere(tmp_path / "model"):
            if not fails_at_once:
                (tmp_path / "model").mkdir()
                (tmp_path / "model" / "checkpoint").write_bytes(b"half")
            raise UserError("no")

    with pytest.raises(UserError, match="no"):
        fit(tmp_path / "one", fails_at_once=True)
    assert not (tmp_path / "one").exists()
    with pytest.raises(UserError, match="no"):
        fit(tmp_path / "two", fails_at_once=False)
    assert (tmp_path / "two" / "run.json").exists(), "the seed of the half-made model stands there"


def test_settings_that_differ_are_named_and_the_seed_is_not(tmp_path: Path) -> None:
    def begun(work: Path, *settings: str, seed: int = 424242) -> None:
        config = load_config(CxrConfig, "cxr", "demo", settings, seed=seed)
        with opened(work, modality="cxr", config_digest=config.digest(), seed=seed, config=config):
            pass

    begun(tmp_path / "work")
    assert "424242" not in (tmp_path / "work" / "config.yaml").read_text()
    begun(tmp_path / "work")
    with pytest.raises(UserError, match=r"other settings \(gate.alpha was 0.01 and is 0.03\): use a new --work"):
        begun(tmp_path / "work", "gate.alpha=0.03")
    with pytest.raises(UserError, match=r"other settings \(another --seed\)") as error:
        begun(tmp_path / "work", seed=737373)
    assert "424242" not in str(error.value) and "737373" not in str(error.value)
    assert recorded_seed(tmp_path / "work") == 424242 and recorded_modality(tmp_path / "work") == "cxr"
