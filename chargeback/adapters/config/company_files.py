"""The files of a company as texts to change: those of a folder, and for each that is missing the one to begin with."""

import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

from chargeback.adapters.config.edited_yaml import EditedYaml
from chargeback.adapters.config.folders import PROVIDER, path_of, require_company
from chargeback.domain.errors import InvalidConfig

FIRST = ("alerts.yaml", "books.yaml", "cost-centres.yaml", "deployments.yaml", "gateway.yaml")
"""What a company begins with."""

BEGINNINGS = files("chargeback") / "data" / "company"


class CompanyFiles:
    """Edits of several files, which are checked together and then written, or not at all."""

    def __init__(self, folder: Path, *, is_new: bool = False) -> None:
        """Edits of a folder; where it is new, its files are not read, and begin as those of every company.

        Raises `InvalidConfig` where the product's files are missing, or those of a company that is not new.
        """
        require_provider(folder)
        if not is_new:
            require_company(folder)
        self.folder = folder
        self._is_new = is_new
        self._edited: dict[str, tuple[str, EditedYaml]] = {}

    def __getitem__(self, name: str) -> EditedYaml:
        """A file to edit. Raises `InvalidConfig` where it is no YAML."""
        if name not in self._edited:
            path = path_of(self.folder, name)
            exists = path.exists() and not self._is_new
            text = path.read_text("utf-8") if exists else (BEGINNINGS / name).read_text("utf-8")
            try:
                self._edited[name] = (text if exists else "", EditedYaml(text))
            except InvalidConfig as error:
                raise InvalidConfig([f"{name}: {fault}" for fault in error.faults]) from None
        return self._edited[name][1]

    def begin(self, name: str) -> None:
        """Take a file as every company begins it."""
        assert self[name].text

    def entries(self, name: str, *place: str) -> list[dict[str, Any]]:
        """The entries of a list that are mappings; none where it is missing."""
        found = self[name].value(*place)
        return [each for each in found or () if isinstance(each, dict)] if isinstance(found, list) else []

    @property
    def changed(self) -> list[str]:
        """The names of the files that differ from what is there, in the order in which they were edited first."""
        return [name for name, (before, edited) in self._edited.items() if edited.text != before]

    def write(self, check: Callable[[Path], object]) -> list[str]:
        """Write what has changed, if `check` finds no fault in the whole folder; return the names.

        Raises `InvalidConfig` with the faults, and writes nothing then. A file is replaced at once: nobody ever reads
        half of one.
        """
        with tempfile.TemporaryDirectory(prefix="chargeback-config-") as name:
            trial = Path(name, self.folder.name or "config")
            for part in ("provider", "company"):
                if (self.folder / part).is_dir():
                    shutil.copytree(self.folder / part, trial / part)
            self._write_to(trial)
            check(trial)
        self._write_to(self.folder)
        return self.changed

    def _write_to(self, folder: Path) -> None:
        for name in self.changed:
            path = path_of(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f"{name}.new")
            half.write_text(self._edited[name][1].text, "utf-8")
            half.replace(path)


def require_provider(folder: Path) -> None:
    """Raises `InvalidConfig` where the files are missing that ship with the product."""
    if missing := [name for name in PROVIDER if not path_of(folder, name).exists()]:
        raise InvalidConfig(
            [f"{folder}/provider has no {', '.join(missing)}: take the folder config/ of the product's own tree"]
        )


def id_of(name: str) -> str:
    """An id made of a name: letters and digits in lower case, with hyphens. Raises `InvalidConfig` if none is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-")
    if not found:
        raise InvalidConfig(
            [f"no id can be made of {name!r}, which has no letter a-z and no digit: name one with --id"]
        )
    return found
