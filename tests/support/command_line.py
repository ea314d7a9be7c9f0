"""The command line, run within the test's own process."""

import io
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import lru_cache
from unittest.mock import patch

import typer.main

from chargeback.cli import main
from chargeback.cli.exit_codes import ExitCode

_built = lru_cache(typer.main.get_command)
"""The tree of all commands, which a process builds for the one command that it runs: that takes longer than most do."""


def chargeback(*arguments: str, stdin: bytes = b"", **environment: str) -> tuple[int, str, str]:
    """Run the command line: exit code, output, errors."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["chargeback", *arguments]),
        patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        patch.dict(os.environ, environment),
        patch.object(typer.main, "get_command", _built),
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), output.getvalue(), errors.getvalue()
    return 0, output.getvalue(), errors.getvalue()


def output_of(*arguments: str, stdin: bytes = b"", ends: ExitCode = ExitCode.DONE, **environment: str) -> str:
    """What a command prints that ends with this exit code."""
    code, output, errors = chargeback(*arguments, stdin=stdin, **environment)
    assert code == ends, errors
    return output


def found_by(*arguments: str, stdin: bytes = b"", **environment: str) -> str:
    """What a command prints that ends with findings."""
    return output_of(*arguments, stdin=stdin, ends=ExitCode.FINDINGS, **environment)
