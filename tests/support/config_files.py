"""A configuration of a test's own: its folders, and files of the shipped one in them."""

import shutil
from pathlib import Path

from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG


def config_folder(folder: Path, *names: str) -> Path:
    """The folder, made ready for files of a configuration, with the shipped files of these names."""
    for part in ("provider", "company"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copy(path_of(EXAMPLE_CONFIG, name), path_of(folder, name))
    return folder
