"""The errors that a user can cause or must act on. Each is one line that says what to do; none carries private text."""

from __future__ import annotations

DISTRIBUTION = "synthgen-medical"
"""The name to install by; ``synthgen`` in the package index is another project's."""


class SynthgenError(Exception):
    """Base of what the command line prints as one line instead of a traceback.

    Attributes:
        exit_code: the process's exit status when this error ends a command.
    """

    exit_code = 2


class UserError(SynthgenError):
    """Wrong input: a file, an option, a setting. Exit status 2."""


class SeeWorkFolderError(UserError):
    """Points at a private list in the work folder, which therefore stays where it is. Exit status 2."""


class MissingExtraError(UserError):
    """A feature was asked for whose optional packages are not installed. Exit status 2."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs packages that are not installed: {install_command(extra)}")


def require(*packages: str) -> None:
    """Says at once that a package is missing which will be needed later.

    Raises:
        ModuleNotFoundError: naming the first that is not installed.
    """
    from importlib.util import find_spec

    for package in packages:
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"no module named {package!r}", name=package)


def require_extra(feature: str, extra: str, package: str) -> None:
    """Refuses a feature whose package is missing, before anything is loaded.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        require(package)
    except ModuleNotFoundError:
        raise MissingExtraError(feature, extra) from None


def install_command(extra: str) -> str:
    """What installs an extra here: from the folder or the wheel that this installation came from, or by name."""
    import json  # what is missing is seldom told: --help does not wait for it
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import unquote, urlparse

    try:
        told = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        told = None
    source = json.loads(told or "{}")
    path = Path(unquote(urlparse(source.get("url", "")).path))
    if not source.get("url", "").startswith("file:") or not path.exists():
        return f"pip install '{DISTRIBUTION}[{extra}]'"
    pinned = f"-c '{path / 'constraints.txt'}' " if (path / "constraints.txt").is_file() else ""
    editable = "-e " if source.get("dir_info", {}).get("editable") else ""
    return f"pip install {pinned}{editable}'{path}[{extra}]'"


class ReleaseRefusedError(SynthgenError):
    """The gate's verdict does not seal a release. Exit status 3."""

    exit_code = 3


class NotAsSealedError(SynthgenError):
    """A release is not what was sealed, or was not signed as it should be. Exit status 3."""

    exit_code = 3
