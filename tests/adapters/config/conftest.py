"""The folder of files that tests of terms change."""

from pathlib import Path

import pytest

from tests.adapters.config.terms_files import terms_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of terms that are right."""
    return terms_folder(tmp_path)
