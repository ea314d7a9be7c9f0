"""The port for the files of settled days and months.

Every method may raise `StoreUnavailable`. A token stands for the bytes of a file; every write of the file changes it.
"""

from pathlib import Path
from typing import Protocol


class SettledFiles(Protocol):
    """Files that are replaced as a whole, each on condition that nobody replaced it since it was looked at."""

    async def tokens(self, prefix: str) -> dict[str, str]:
        """Path → token of every file below a prefix."""

    async def token(self, path: str) -> str | None:
        """The token of a file; None where there is none."""

    async def fetch(self, path: str, to: Path) -> bool:
        """Copy a file into a local one; False where there is none."""

    async def put(self, path: str, file: Path, after: str | None) -> str:
        """Set a file to what a local one holds, at once, and return its new token.

        Raises `Superseded` if `after` is not the token of the latest, None meaning that there was none; unless the
        latest holds the same bytes, as it does where the answer to an earlier attempt was lost.
        """
