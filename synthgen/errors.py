"""The errors that a user can cause or must act on. Each is one line that says what to do; none carries private text."""


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
        super().__init__(f"{feature} needs packages that are not installed: pip install 'synthgen[{extra}]'")


class ReleaseRefusedError(SynthgenError):
    """The gate's verdict does not seal a release. Exit status 3."""

    exit_code = 3
