"""Detached signatures, made and checked by OpenSSH's own ``ssh-keygen -Y``: anybody can check them without us.

The format is SSHSIG (OpenSSH's PROTOCOL.sshsig). No private key is read here: ``ssh-keygen`` reads it, asks for its
passphrase on the terminal, or lets the agent or a hardware token sign.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthgen.errors import UserError
from synthgen.files import disk_errors, write_atomically

SUFFIX: Final = ".sig"
"""What a signature is called after the file that it is of: it lies beside it."""

NAMESPACE: Final = "synthgen-release"
"""What a signature is for: one made for a login, a commit or a letter does not pass for one of a release."""

_ANYBODY: Final = "signer"
_NAME: Final = re.compile(r"[A-Za-z0-9.@+_-]{1,100}")
_KEY_TYPE: Final = re.compile(r"(ssh|ecdsa|sk)-\S+\s+AAAA\S+")
_GOOD: Final = re.compile(r"with (\S+) key (SHA256:\S+)")
_LARGEST: Final = 64 * 1024


@dataclass(frozen=True)
class Signature:
    """A signature that holds.

    Attributes:
        key: type and fingerprint of the key that made it, e.g. ``"ED25519 SHA256:…"``.
        public: the key itself, as a ``.pub`` file has it, without comment.
        signer: by whose name the given public key goes; empty where none was given, or it has none.
        trusted: True where the key is the one that was given.
    """

    key: str
    public: str
    signer: str = ""
    trusted: bool = False


class BadSignatureError(Exception):
    """The signature does not hold; the text says what is wrong with it."""


def check_name(name: str) -> None:
    """Refuses a name that an allowed-signers file could not have."""
    if not _NAME.fullmatch(name):
        raise UserError(f"--as {name!r}: give one word of letters, digits and .@+_-, e.g. data-office@hospital.example")


def check_private_key(key: Path) -> None:
    """Refuses what cannot be a key, before anything is read."""
    if not key.is_file():
        raise UserError(f"--key {key}: there is no such file; ssh-keygen -t ed25519 -f {key} makes one")
    _ssh_keygen()


def check_public_key(key: Path) -> None:
    """Refuses what holds no public key."""
    _allowed(key)


def allowed_signer(name: str, public: str) -> str:
    """The line by which recipients know the key: of an allowed-signers file, as ``ssh-keygen -Y verify`` reads it."""
    return f'{name} namespaces="{NAMESPACE}" {public}'


def sign(file: Path, key: Path) -> Signature:
    """Signs a file and puts the signature beside it. The same key again changes nothing.

    Args:
        key: private key of OpenSSH, or a public one whose private half the agent or a token holds.

    Raises:
        UserError: the key cannot sign, or another one has signed already.
    """
    with tempfile.TemporaryDirectory(prefix="synthgen-sign-") as scratch:
        copy = Path(scratch) / file.name
        shutil.copyfile(file, copy)
        # Standard input stays the terminal, by which ssh-keygen knows that it can ask for a passphrase.
        done = _run("-Y", "sign", "-f", str(key.absolute()), "-n", NAMESPACE, str(copy), stdin=None)
        if done.returncode != 0:
            raise UserError(f"--key {key}: {_why(key, done.stderr)}")
        made = signature_of(copy).read_bytes()
        signature = check(copy, None)
    place = signature_of(file)
    if place.exists() or place.is_symlink():
        try:
            earlier = check(file, None)
        except BadSignatureError:
            raise UserError(f"{place} is there and does not hold: remove it and sign again") from None
        if earlier.public != signature.public:
            raise UserError(f"{file} is signed already, by {earlier.key}: remove {place} to sign with another key")
        return signature
    with disk_errors(file.parent):
        write_atomically(place, made)
        place.chmod(file.stat().st_mode & 0o777)
    return signature


def signature_of(file: Path) -> Path:
    """Where the signature of a file lies."""
    return file.with_name(file.name + SUFFIX)


def check(file: Path, key: Path | None) -> Signature:
    """The signature of a file, where it holds.

    Args:
        key: public key, or an allowed-signers file; without it, only that some key signed these bytes is checked.

    Raises:
        BadSignatureError: it does not hold, or is by another key.
        UserError: ``key`` is no public key, or OpenSSH is not there.
    """
    allowed = None if key is None else _allowed(key)
    signature = signature_of(file)
    if signature.is_symlink() or not signature.is_file() or signature.stat().st_size > _LARGEST:
        raise BadSignatureError("is no signature")
    content = file.read_bytes()
    place = str(signature.absolute())
    held = _run("-Y", "check-novalidate", "-n", NAMESPACE, "-s", place, stdin=content)
    good = _GOOD.search(held.stdout)
    if held.returncode != 0 or good is None:
        raise BadSignatureError(f"is no signature of {file.name} for {NAMESPACE}")
    made_by = f"{good[1]} {good[2]}"
    public = _public_key(signature.read_bytes())
    if allowed is None:
        return Signature(made_by, public)
    with tempfile.TemporaryDirectory(prefix="synthgen-verify-") as scratch:
        signers = Path(scratch) / "allowed_signers"
        signers.write_text(allowed, "utf-8")
        found = _run("-Y", "find-principals", "-f", str(signers), "-s", place, stdin=b"")
        for name in found.stdout.splitlines() if found.returncode == 0 else ():
            options = ("-f", str(signers), "-I", name, "-n", NAMESPACE, "-s", place)
            if _run("-Y", "verify", *options, stdin=content).returncode == 0:
                return Signature(made_by, public, "" if name == _ANYBODY else name, trusted=True)
    raise BadSignatureError(f"is by another key ({made_by}) than --key {key}")


def _allowed(key: Path) -> str:
    """The text of an allowed-signers file for what was given: that file, or the one line that a public key makes."""
    try:
        with key.open("rb") as file:
            text = file.read(_LARGEST).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"--key {key} cannot be read: give a public key (….pub) or an allowed-signers file") from None
    if "PRIVATE KEY" in text:
        raise UserError(f"--key {key} is a private key, which only its owner should have: give {key}.pub")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines or not any(_KEY_TYPE.search(line) for line in lines):
        raise UserError(f"--key {key} holds no public key of OpenSSH: give a ….pub file or an allowed-signers file")
    bare = [line for line in lines if _KEY_TYPE.match(line)]
    others = [line for line in lines if line not in bare]
    return "".join(f"{line}\n" for line in (*others, *(allowed_signer(_ANYBODY, _bare(line)) for line in bare)))


def _bare(line: str) -> str:
    return " ".join(line.split()[:2])


def _public_key(armoured: bytes) -> str:
    """The public key within a signature: after the magic word and the version, as a string with its length."""
    try:
        blob = base64.b64decode(b"".join(line for line in armoured.split(b"\n") if not line.startswith(b"-----")))
        size = int.from_bytes(blob[10:14], "big")
        key = blob[14 : 14 + size]
        kind = key[4 : 4 + int.from_bytes(key[:4], "big")].decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise BadSignatureError("is no signature") from None
    return f"{kind} {base64.b64encode(key).decode('ascii')}"


def _why(key: Path, told: str) -> str:
    """What ``ssh-keygen`` says, as one line with a cure; not its words, which name files."""
    said = told.casefold()
    if "incorrect passphrase" in said:
        return (
            "its passphrase was not given, or a wrong one; run it in a terminal, or load the key with ssh-add and give "
            "the .pub file"
        )
    if "unprotected private key" in said:
        return f"others may read it, so ssh-keygen does not: chmod 600 {key}"
    if ": permission denied" in said:
        return "it cannot be read"
    if "no private key found for public key" in said:
        return "this is a public key, and no agent holds its private half: ssh-add the private key, or give its file"
    if "couldn't load public key" in said and _is_private(key):
        return f"there is no public half: ssh-keygen -y -f {key} > {key}.pub makes it of a private key of OpenSSH"
    return "ssh-keygen cannot sign with it: give a private key of OpenSSH (ssh-keygen -t ed25519 makes one)"


def _is_private(key: Path) -> bool:
    with key.open("rb") as file:
        return file.read(64).startswith(b"-----BEGIN ")


def _ssh_keygen() -> str:
    found = shutil.which("ssh-keygen")
    if found is None:
        raise UserError(
            "signatures need ssh-keygen of OpenSSH 8.2 or later, which is not here: install the package openssh-client"
        )
    return found


def _run(*arguments: str, stdin: bytes | None) -> subprocess.CompletedProcess[str]:
    """``ssh-keygen``; ``stdin=None`` leaves it the terminal."""
    done = subprocess.run(  # noqa: S603 - found on the path, and given no text but paths and names that were checked
        [_ssh_keygen(), *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    out, err = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)
