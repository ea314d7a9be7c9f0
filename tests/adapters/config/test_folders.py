"""Each file of the configuration has one folder; a file anywhere else is named, with the place where it belongs."""

from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.folders import COMPANY, PROVIDER, path_of
from chargeback.adapters.config.models import load_models
from chargeback.bootstrap import DEPLOYED_CONFIG
from chargeback.domain.errors import InvalidConfig
from tests.support.config_files import config_folder


def test_every_shipped_file_is_where_it_is_looked_for() -> None:
    shipped = set(DEPLOYED_CONFIG.rglob("*.*"))

    assert {path_of(DEPLOYED_CONFIG, name) for name in (*PROVIDER, *COMPANY)} == shipped


@pytest.mark.parametrize("load", [load_catalogue, load_models])
def test_files_of_the_layout_without_folders_are_all_named_with_their_new_places(tmp_path: Path, load: object) -> None:
    folder = config_folder(tmp_path / "config", *PROVIDER, *COMPANY)
    for place in ("company/books.yaml", "provider/rate-card.yaml"):
        (folder / place).rename(folder / Path(place).name)

    with pytest.raises(InvalidConfig) as refused:
        load(folder)  # type: ignore[operator]

    assert sorted(refused.value.faults) == [
        "config/books.yaml: this file is now config/company/books.yaml",
        "config/rate-card.yaml: this file is now config/provider/rate-card.yaml",
    ]


def test_a_file_in_the_other_folder_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    folder = config_folder(tmp_path / "config", *PROVIDER, *COMPANY)
    path_of(folder, "budgets.yaml").rename(folder / "provider" / "budgets.yaml")

    with pytest.raises(InvalidConfig, match=r"config/provider/budgets\.yaml: this file is now config/company/budgets"):
        load_catalogue(folder)
