"""How a command ends: the exit codes that scripts may rely on."""

from enum import IntEnum

import typer


class ExitCode(IntEnum):
    """What a command's exit code says."""

    DONE = 0
    """Everything was done, and nothing needs attention."""
    FAILED = 1
    """Something could not be done; standard error says what."""
    USAGE = 2
    """The command line is wrong; nothing was done."""
    FINDINGS = 3
    """Everything was done, and something was found that somebody should look at."""


def finish(*, has_findings: bool) -> None:
    """End a command that has done its work."""
    if has_findings:
        raise typer.Exit(ExitCode.FINDINGS)
