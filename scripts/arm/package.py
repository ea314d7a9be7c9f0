"""Packs the files that azd would deploy: the project without those that .funcignore names."""

import os
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile


def pack(root: Path, target: Path) -> list[str]:
    """Write the package; the names of its files, sorted."""
    patterns = (root / ".funcignore").read_text("utf-8").split()
    names = []
    with ZipFile(target, "w", ZIP_DEFLATED) as package:
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if not _is_ignored(name, patterns))
            for name in sorted(files):
                path = Path(folder) / name
                if not _is_ignored(name, patterns) and path != target:
                    names.append(path.relative_to(root).as_posix())
                    package.write(path, names[-1])
    return sorted(names)


def _is_ignored(name: str, patterns: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)
