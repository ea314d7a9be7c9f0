"""Finds the Bicep compiler of this machine: `$BICEP`, `bicep` on the PATH, azd's own, or that of `az bicep`.

    python -m stack.bicep.where    prints its path; nothing where there is none

Needs the standard library only.
"""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST = (0, 49)


@functools.cache
def found() -> Path | None:
    """The compiler, or None where there is none that is new enough."""
    kept = (Path.home() / ".azd/bin/bicep", Path.home() / ".azure/bin/bicep")
    for command in (os.environ.get("BICEP", ""), "bicep", *map(str, kept)):
        path = shutil.which(command) if command else None
        if path and _version(path) >= OLDEST:
            return Path(path)
    return None


def _version(path: str) -> tuple[int, ...]:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, match.groups())) if match else ()


if __name__ == "__main__":
    print(found() or "")
