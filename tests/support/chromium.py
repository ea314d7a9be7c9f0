"""The browser that statements and pages are looked at with in tests."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Whatever a page asks for from elsewhere would end here, and be seen in the log.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def browser_program() -> str:
    """The browser of this machine.

    Without one there is nothing to look with; on a developer's machine that may be so, in CI it is a fault.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        missing = f"none of {', '.join(_NAMES)} is on PATH"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return program


def chromium(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the browser once, with a profile of its own."""
    program = browser_program()
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        return subprocess.run(
            [program, *_FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )


def printed(page: Path) -> Path:
    """The page as a printer would have it, as PDF beside it."""
    pdf = page.with_suffix(".pdf")
    chromium("--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    return pdf
