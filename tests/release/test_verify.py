"""A release is verified byte by byte, and signed where it is whole and sealed."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import synthgen
from synthgen.cli import app
from synthgen.errors import NotAsSealedError, UserError
from synthgen.release import seal, staged
from synthgen.release.verifying import verify
from synthgen.report import DatasetFacts, Outcome, Preview, ReleaseReport

needs_openssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH is not installed")
Seal = Callable[..., Path]


@pytest.fixture
def sealed(
    tmp_path: Path,
    write_data: Callable[[Path], DatasetFacts],
    make_report: Callable[..., ReleaseReport],
    sheet: bytes,
) -> Seal:
    def run(outcome: Outcome = Outcome.PASS, accept: tuple[Outcome, ...] = ()) -> Path:
        with staged(tmp_path / "release") as staging:
            report = make_report(write_data(staging.folder), outcome)
            return seal(
                staging, report, work=tmp_path / "work", accept=accept, preview=Preview(sheet)
            ).folder  # fmt: skip

    return run


@pytest.fixture
def release(sealed: Seal) -> Path:
    return sealed()


def make_key(path: Path, passphrase: str = "") -> Path:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "steward@private-host", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "id_steward")


def typed(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def reseal(folder: Path) -> None:
    """What a forger would do: SHA256SUMS anew."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    names = [name for name in names if not name.startswith("SHA256SUMS")]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def test_what_was_sealed_holds_and_what_that_does_not_say_is_said(release: Path) -> None:
    pytest.importorskip("mlcroissant")
    done = typed("verify", release)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    assert "18 files are as they were sealed" in line and "report and Croissant are valid" in line
    assert "nobody signed it" in line and "the verdict, PASS, is right, only the cohort can show" in line


def test_missing_added_and_changed_files_are_each_named(release: Path) -> None:
    (release / "data" / "train" / "000003.png").unlink()
    (release / "data" / "train" / "extra.png").write_bytes(b"x")
    (release / "empty").mkdir()
    (release / "away").symlink_to("/")
    os.mkfifo(release / "pipe")
    with (release / "data" / "train" / "metadata.jsonl").open("ab") as file:
        file.write(b" ")
    done = typed("verify", release)
    assert done.exit_code == 3
    (line,) = done.stderr.splitlines()
    for said in (
        "data/train/000003.png is missing", "data/train/extra.png was added", "away is no plain file",
        "pipe is no plain file", "data/train/metadata.jsonl was changed",
    ):  # fmt: skip
        assert said in line


def test_every_single_byte_counts(release: Path) -> None:
    for path in sorted(p for p in release.rglob("*") if p.is_file() and p.name != "SHA256SUMS"):
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        (found, *_) = verify(release).problems
        assert found == f"{path.relative_to(release).as_posix()} was changed"
        path.write_bytes(before)
    assert not verify(release).problems


def test_many_faults_are_counted(release: Path) -> None:
    shutil.rmtree(release / "data")
    line = typed("verify", release).stderr
    assert line.count("is missing") == 5 and "and 8 more" in line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{0}  ../outside\n", "names a file outside the release"),
        ("{0}  /etc/passwd\n", "names a file outside the release"),
        ("nonsense\n", "is no line of it"),
        ("{0}  README.md\n", "is no line of it"),
    ],
)
def test_lines_that_no_release_has_are_no_paths_to_follow(release: Path, line: str, said: str) -> None:
    with (release / "SHA256SUMS").open("a") as sums:
        sums.write(line.format("0" * 64))
    assert any(said in problem for problem in verify(release).problems)


def test_a_report_or_croissant_that_was_made_anew_is_judged_by_its_form(release: Path) -> None:
    pytest.importorskip("mlcroissant")
    report = json.loads((release / "privacy_report.json").read_text())
    report["privacy"]["attacks"][0]["value"] = "\x1b[2Jvery good"
    (release / "privacy_report.json").write_text(json.dumps(report))
    croissant = json.loads((release / "croissant.json").read_text())
    del croissant["distribution"]
    (release / "croissant.json").write_text(json.dumps(croissant))
    reseal(release)
    first, second = verify(release).problems
    assert first.startswith("privacy_report.json does not fit its schema: privacy.attacks.0.value: ")
    assert second.startswith("croissant.json is not valid: ")
    assert "\x1b" not in first
    for broken in ("[" * 100_000, "[]", "", "\xff"):
        (release / "privacy_report.json").write_text(broken, encoding="latin-1")
        reseal(release)
        assert "privacy_report.json is no JSON object" in verify(release).problems


def test_a_context_from_elsewhere_is_not_fetched(release: Path) -> None:
    croissant = json.loads((release / "croissant.json").read_text())
    croissant["@context"]["name"] = {"@id": "sc:name", "@context": "http://127.0.0.1:9/context.jsonld"}
    (release / "croissant.json").write_text(json.dumps(croissant))
    reseal(release)
    assert verify(release).problems == ("croissant.json names a context from elsewhere",)


def test_another_folder_is_no_release(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    for folder, said in (("thesis", "it holds no SHA256SUMS"), ("nowhere", "there is no such file or folder")):
        for command in (("verify",), ("sign", "--key", tmp_path / "thesis")):
            done = typed(*command, tmp_path / folder)
            assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("outcome", [Outcome.REFUSE, Outcome.INCONCLUSIVE])
@needs_openssh
def test_what_lies_in_quarantine_neither_holds_nor_is_signed(sealed: Seal, key: Path, outcome: Outcome) -> None:
    folder = sealed(outcome)
    assert folder.name == "quarantine"
    for command in (("verify", folder), ("sign", folder, "--key", key)):
        done = typed(*command)
        assert done.exit_code == 3 and f"it was not sealed ({outcome})" in done.stderr
    assert not (folder / "SHA256SUMS.sig").exists()


@needs_openssh
def test_a_verdict_that_was_accepted_can_be_signed(sealed: Seal, key: Path) -> None:
    folder = sealed(Outcome.INCONCLUSIVE, (Outcome.INCONCLUSIVE,))
    assert typed("sign", folder, "--key", key).exit_code == 0


@needs_openssh
def test_a_signature_lies_beside_the_sums_and_breaks_nothing(
    release: Path, sealed: Seal, key: Path, tmp_path: Path
) -> None:
    signature, line = synthgen.sign(release, key=key, name="data-office@hospital.example")
    assert not signature.trusted and signature.key.startswith("ED25519 SHA256:")
    checked = subprocess.run(["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=release, capture_output=True)
    assert checked.returncode == 0
    sealed()  # already sealed, the signature beside it
    assert synthgen.sign(release, key=key)[0].public == signature.public  # the same key again
    found = synthgen.verify(release, key=key.with_suffix(".pub"))
    assert not found.problems and found.signature is not None and found.signature.trusted
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"# of our data office\n{line}\n")
    assert "signed by data-office@hospital.example (ED25519" in typed("verify", release, "--key", allowed).stdout
    with (release / "SHA256SUMS").open("rb") as sums:  # and without us
        others = subprocess.run(
            ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "data-office@hospital.example", "-n",
             "synthgen-release", "-s", release / "SHA256SUMS.sig"], stdin=sums, capture_output=True,
        )  # fmt: skip
    assert others.returncode == 0, others.stderr
    assert "whose that is, --key PUBLIC tells" in typed("verify", release).stdout


@needs_openssh
def test_a_changed_byte_or_another_key_fails(release: Path, key: Path, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other")
    assert typed("verify", release, "--key", f"{key}.pub").exit_code == 3  # not signed yet
    synthgen.sign(release, key=key)
    assert "is by another key (ED25519" in typed("verify", release, "--key", f"{other}.pub").stderr
    with pytest.raises(UserError, match="is signed already, by ED25519"):
        synthgen.sign(release, key=other)
    (release / "README.md").write_text("forged")
    with pytest.raises(NotAsSealedError, match=r"README\.md was changed"):
        synthgen.sign(release, key=key)
    reseal(release)
    for given in ((), ("--key", f"{key}.pub")):
        done = typed("verify", release, *given)
        assert done.exit_code == 3 and "SHA256SUMS.sig is no signature of SHA256SUMS" in done.stderr
    (release / "SHA256SUMS.sig").unlink()
    assert typed("verify", release).exit_code == 0  # nobody signed it: that is what is said
    assert typed("verify", release, "--key", f"{key}.pub").exit_code == 3


@needs_openssh
def test_a_signature_for_another_purpose_is_none(release: Path, key: Path) -> None:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "file", release / "SHA256SUMS"]
    subprocess.run(command, check=True, capture_output=True)
    assert "is no signature of SHA256SUMS for synthgen-release" in typed("verify", release).stderr
    for junk in (b"", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n", b"x" * 100_000):
        (release / "SHA256SUMS.sig").write_bytes(junk)
        assert typed("verify", release).exit_code == 3


@needs_openssh
def test_nothing_of_the_key_is_left_anywhere(release: Path, key: Path) -> None:
    done = typed("sign", release, "--key", key, "--as", "data-office")
    secret = "".join(key.read_text().splitlines()[1:-1])
    for text in (done.output, *(p.read_bytes().decode("latin-1") for p in release.rglob("*") if p.is_file())):
        assert "private-host" not in text and str(key) not in text
        assert secret[:40] not in text and secret[-40:] not in text


@needs_openssh
def test_mistakes_with_keys_are_one_line_whose_advice_works(release: Path, key: Path, tmp_path: Path) -> None:
    typed("sign", release, "--key", key)
    private = typed("verify", release, "--key", key)
    assert private.exit_code == 2 and f"give {key}.pub" in private.stderr
    assert typed("verify", release, "--key", f"{key}.pub").exit_code == 0
    (release / "SHA256SUMS.sig").unlink()
    (tmp_path / "empty").touch()
    shutil.copy(f"{key}.pub", tmp_path / "alone.pub")
    for command, said in (
        (("sign", "--key", tmp_path / "alone.pub"), "no agent holds its private half"),
        (("sign", "--key", tmp_path / "nokey"), "ssh-keygen -t ed25519 -f"),
        (("sign", "--key", tmp_path / "empty"), "give a private key of OpenSSH"),
        (("sign", "--key", key, "--as", "a b"), "one word of letters"),
    ):
        done = typed(command[0], release, *command[1:])
        assert done.exit_code == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    key.chmod(0o644)
    assert f"chmod 600 {key}" in typed("sign", release, "--key", key).stderr
    key.chmod(0o600)
    assert typed("sign", release, "--key", key).exit_code == 0


@needs_openssh
def test_a_passphrase_is_asked_for_on_the_terminal_or_the_agent_signs(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = make_key(tmp_path / "locked", "correct horse")
    for name in ("SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-m", "synthgen", "sign", str(release), "--key", str(locked)]
    blind = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True)
    assert blind.returncode == 2 and "run it in a terminal" in blind.stderr

    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, command)  # noqa: S606
    said = b""
    while b"passphrase" not in said:
        said += os.read(terminal, 1024)
    os.write(terminal, b"correct horse\n")
    try:
        while more := os.read(terminal, 1024):
            said += more
    except OSError:  # Linux: the other end is closed
        pass
    assert os.waitpid(child, 0)[1] == 0, said
    assert b"signed" in said and b"correct horse" not in said
    (release / "SHA256SUMS.sig").unlink()

    ask = tmp_path / "ask"
    ask.write_text("#!/bin/sh\necho correct horse\n")
    ask.chmod(0o700)
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    told = dict(part.split("=", 1) for part in started.replace(";", "\n").splitlines() if "=" in part)
    monkeypatch.setenv("SSH_AUTH_SOCK", told["SSH_AUTH_SOCK"])
    monkeypatch.setenv("SSH_AGENT_PID", told["SSH_AGENT_PID"])
    try:
        asked = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
        subprocess.run(["ssh-add", "-q", str(locked)], env=asked, check=True, stdin=subprocess.DEVNULL)
        synthgen.sign(release, key=locked.with_suffix(".pub"))
    finally:
        subprocess.run(["ssh-agent", "-k"], capture_output=True, check=True)
    assert not synthgen.verify(release, key=locked.with_suffix(".pub")).problems
