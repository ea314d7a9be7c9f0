"""Each file of the configuration has one folder; a file anywhere else is named, with the place where it belongs."""

from hashlib import sha256
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import load_catalogue, to_documents
from chargeback.adapters.config.folders import COMPANY, PROVIDER, path_of, unread_files, written_files
from chargeback.adapters.config.models import load_models
from chargeback.domain.errors import InvalidConfig
from stack.example import EXAMPLE_CONFIG, ROOT, has_own_company
from tests.support.config_files import config_folder


def test_every_shipped_file_is_where_it_is_looked_for() -> None:
    shipped = set(EXAMPLE_CONFIG.rglob("*.yaml"))

    assert {path_of(EXAMPLE_CONFIG, name) for name in (*PROVIDER, *COMPANY)} == shipped


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


def test_a_file_whose_name_is_misspelt_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    folder = config_folder(tmp_path / "config", *PROVIDER, *COMPANY)
    path_of(folder, "budgets.yaml").rename(folder / "company" / "budget.yaml")
    (folder / "company" / "notes.yml").write_text("")
    (folder / "company" / "README.md").write_text("")

    assert unread_files(folder) == [
        "config/company/budget.yaml: nothing reads a file of this name; is it budgets.yaml?",
        f"config/company/notes.yml: nothing reads a file of this name; there are {', '.join(COMPANY)}",
    ]


@pytest.mark.parametrize("load", [load_catalogue, to_documents])
def test_a_folder_without_a_company_is_refused_with_the_command_that_begins_one(tmp_path: Path, load: object) -> None:
    folder = config_folder(tmp_path / "config", *PROVIDER)

    with pytest.raises(InvalidConfig, match="config/company says nothing yet: `chargeback config init` writes"):
        load(folder)  # type: ignore[operator]


SHIPPED = {
    "deployments.yaml": "4a4507ef6c75ebec363b39e69ee6522ec4c906a8f7c66a1e5ef8d75af409cfd8",
    "gateway.yaml": "886aa491a9d852b842de2792c187b9796877daea59ad44578504e3765c660700",
}
"""The files that ship in config/company, by their SHA-256; a company writes its own over them."""


def test_what_ships_in_the_folder_of_a_company_never_changes_so_that_it_never_conflicts() -> None:
    config = ROOT / "config"
    shipped = set((config / "company").glob("*.yaml")) - set(written_files(config))

    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in shipped}
    assert found == SHIPPED or (has_own_company() and found.items() <= SHIPPED.items())


def test_what_ships_in_the_folder_of_a_company_counts_as_nothing(tmp_path: Path) -> None:
    folder = config_folder(tmp_path / "config", *PROVIDER)
    for name in SHIPPED:
        path_of(folder, name).parent.mkdir(exist_ok=True)
        path_of(folder, name).write_text("# Nothing yet: `chargeback config init` writes this file.\naccounts: []\n")

    with pytest.raises(InvalidConfig, match="config/company says nothing yet: `chargeback config init` writes"):
        load_catalogue(folder)
