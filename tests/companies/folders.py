"""The configuration folder of a fictitious company: its own files beside what ships with the product."""

import shutil
from pathlib import Path

from chargeback.settings import DEPLOYED_CONFIG

HERE = Path(__file__).parent


def company_folder(name: str, folder: Path) -> Path:
    """`folder` as the `config/` of a company under tests/companies."""
    shutil.copytree(DEPLOYED_CONFIG / "provider", folder / "provider")
    shutil.copytree(HERE / name / "company", folder / "company")
    return folder
