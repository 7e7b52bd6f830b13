"""A release stands complete under its name, or not at all."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from synthgen.errors import ReleaseRefusedError, UserError
from synthgen.release import Sealed, check_output, seal, staged
from synthgen.report import DatasetFacts, Outcome, Preview, ReleaseReport

Write = Callable[[Path], DatasetFacts]
Make = Callable[..., ReleaseReport]
Run = Callable[..., Sealed]


@pytest.fixture
def run(tmp_path: Path, write_data: Write, make_report: Make, sheet: bytes) -> Run:
    def once(
        out: Path,
        outcome: Outcome = Outcome.PASS,
        accept: tuple[Outcome, ...] = (),
        forbidden: tuple[str, ...] = (),
        reasons: tuple[str, ...] = (),
    ) -> Sealed:
        with staged(out) as staging:
            report = make_report(write_data(staging.folder), outcome, reasons)
            return seal(
                staging, report, work=tmp_path / "work", accept=accept, forbidden=forbidden, preview=Preview(sheet)
            )

    return once


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def leftovers(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"work"}


def test_a_pass_is_sealed_whole(tmp_path: Path, run: Run) -> None:
    out = tmp_path / "new" / "release"
    sealed = run(out)
    assert sealed.folder == out and not sealed.quarantined and not sealed.already
    assert {path.name for path in out.iterdir()} == {
        "data", "README.md", "croissant.json", "privacy_report.json", "report.html", "contact_sheet.png", "SHA256SUMS",
    }  # fmt: skip
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=out, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    assert len(checked.stdout.splitlines()) == 12 + 1 + 5
    assert leftovers(out.parent) == {"release"}
    assert json.loads((out / "privacy_report.json").read_text())["privacy"]["outcome"] == "PASS"


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, run: Run) -> None:
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    assert contents(first.folder) == contents(second.folder)
    assert first.digest == second.digest


def test_modes_are_the_users_own(tmp_path: Path, run: Run) -> None:
    before = os.umask(0o027)
    try:
        out = run(tmp_path / "release").folder
    finally:
        os.umask(before)
    assert stat.S_IMODE(out.stat().st_mode) == 0o750
    assert stat.S_IMODE((out / "README.md").stat().st_mode) == 0o640


def test_sealing_twice_is_no_news_but_another_run_is(tmp_path: Path, run: Run) -> None:
    out = tmp_path / "release"
    run(out)
    assert run(out).already
    with pytest.raises(UserError, match="another run"):
        run(out, Outcome.INCONCLUSIVE, accept=(Outcome.INCONCLUSIVE,))
    (out / "README.md").write_text("tampered")
    with pytest.raises(UserError, match="changed after it was sealed"):
        run(out)
    assert (out / "README.md").read_text() == "tampered"
    assert leftovers(tmp_path) == {"release"}


def test_a_strangers_folder_is_left_alone(tmp_path: Path, run: Run) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("mine")
    for attempt in (lambda: check_output(out), lambda: run(out)):
        with pytest.raises(UserError, match="not made by synthgen"):
            attempt()
    assert contents(out) == {"chapter.txt": b"mine"}
    assert leftovers(tmp_path) == {"thesis"}


def test_check_output(tmp_path: Path, run: Run) -> None:
    check_output(tmp_path / "not" / "yet" / "there")
    assert not leftovers(tmp_path)
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty")
    assert run(tmp_path / "empty").folder.joinpath("README.md").exists()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("file", "link"):
        with pytest.raises(UserError, match="no folder"):
            check_output(tmp_path / name)
    with pytest.raises(UserError):
        check_output(Path("/"))
    check_output(tmp_path / "empty", config_digest="c0ffee" * 8)
    with pytest.raises(UserError, match="another run"):
        check_output(tmp_path / "empty", config_digest="00")


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.PASS])
def test_any_other_verdict_goes_to_quarantine(tmp_path: Path, run: Run, outcome: Outcome) -> None:
    out = tmp_path / "release"
    sealed = run(out, outcome, reasons=("the generator memorises",))
    assert sealed.quarantined and sealed.folder == tmp_path / "work" / "quarantine"
    assert leftovers(tmp_path) == set()
    assert stat.S_IMODE(sealed.folder.stat().st_mode) == 0o700
    card = (sealed.folder / "README.md").read_text()
    assert "do not share" in card and "the generator memorises" in card
    assert "do not share" in (sealed.folder / "report.html").read_text()
    again = run(out, outcome)  # a rerun replaces it
    assert again.folder == sealed.folder and "the generator memorises" not in (again.folder / "README.md").read_text()
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["quarantine"]


def test_a_verdict_can_be_accepted_and_the_card_says_so(tmp_path: Path, run: Run) -> None:
    sealed = run(tmp_path / "release", Outcome.INCONCLUSIVE, accept=(Outcome.INCONCLUSIVE,))
    assert not sealed.quarantined
    assert "INCONCLUSIVE – released by the publisher's decision" in (sealed.folder / "README.md").read_text()
    assert run(tmp_path / "other", Outcome.UNCALIBRATED, accept=(Outcome.INCONCLUSIVE,)).quarantined


@pytest.mark.parametrize("outcome", [Outcome.REFUSE, Outcome.PASS])
def test_refuse_cannot_be_accepted(tmp_path: Path, run: Run, outcome: Outcome) -> None:
    with pytest.raises(UserError, match="REFUSE cannot be accepted"):
        run(tmp_path / "release", outcome, accept=(Outcome.REFUSE,))
    assert leftovers(tmp_path) == set()


def test_a_private_string_stops_the_seal(tmp_path: Path, run: Run) -> None:
    with pytest.raises(ReleaseRefusedError, match=r"README\.md") as caught:
        run(tmp_path / "release", forbidden=("nobody-here", "demo phantom"))
    assert "phantom" not in str(caught.value)
    assert leftovers(tmp_path) == set()


def test_one_writer_at_a_time(tmp_path: Path, run: Run) -> None:
    with staged(tmp_path / "release") as staging:
        (staging.folder / "half").write_text("written")
        with pytest.raises(UserError, match="another synthgen"):
            run(tmp_path / "release")
        assert (staging.folder / "half").exists()
        run(tmp_path / "elsewhere")
    assert leftovers(tmp_path) == {"elsewhere"}


def test_what_a_killed_run_left_is_taken_over(tmp_path: Path, run: Run) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from synthgen.release import staged\n"
        "with staged(Path(sys.argv[1])) as staging:\n"
        "    (staging.folder / 'half').write_text('written'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    out = tmp_path / "release"
    killed = subprocess.run([sys.executable, "-c", script, str(out)])
    assert killed.returncode == -signal.SIGKILL
    assert leftovers(tmp_path) == {".release.partial"}
    assert stat.S_IMODE((tmp_path / ".release.partial").stat().st_mode) == 0o700
    run(out)
    assert leftovers(tmp_path) == {"release"}
    assert not (out / "half").exists()


@pytest.mark.parametrize("limit", [200, 4_000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, run: Run, limit: int) -> None:
    """A limit on the size of files stands in for the disk: in the data first, in the report's page then."""
    out = tmp_path / "release"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(UserError) as caught:
            run(out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value).startswith(f"cannot write {out}: File too large; free some space")
    assert "\n" not in str(caught.value)
    assert leftovers(tmp_path) == set()
    run(out)


def test_a_folder_without_permission() -> None:
    script = (
        "import os, sys; from pathlib import Path\n"
        "from synthgen.errors import UserError; from synthgen.release import check_output, staged\n"
        "if os.getuid() == 0: os.setuid(65534)\n"  # root may write anywhere
        "for attempt in (check_output, lambda out: staged(out).__enter__()):\n"
        "    try: attempt(Path(sys.argv[1]))\n"
        "    except UserError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as closed:
        Path(closed).chmod(0o555)
        said = subprocess.run([sys.executable, "-c", script, f"{closed}/release"], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert len(said.stdout.splitlines()) == 2
    assert all("Permission denied; allow writing" in line for line in said.stdout.splitlines())


def test_a_readers_error_is_not_taken_for_a_writers(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staged(tmp_path / "release"):
        (tmp_path / "shard").read_bytes()
    assert leftovers(tmp_path) == set()
