"""access.yaml is read strictly, names people by what cannot pass to others, and comes into force as prices do."""

from pathlib import Path

import pytest

from chargeback.adapters.config.access import notes_on_access
from chargeback.adapters.config.catalogue import FILES, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import load_terms, terms_from_documents
from chargeback.domain.access.owners import CentreOwners
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.changes import terms_changes
from chargeback.domain.terms.terms import Terms
from tests.support.config_files import config_folder

LEADS = "5a9e1c52-7f3b-4d0a-9a53-0d8a2a6e6a10"
ANN = "0f8d2c61-1b11-4a0b-8d9e-aaaaaaaaaaaa"


def terms(tmp_path: Path, owners: str) -> Terms:
    folder = config_folder(tmp_path, *FILES)
    path_of(folder, "access.yaml").write_text(f"owners:\n{owners}")
    return load_terms(folder, load_catalogue(folder))


def test_owners_are_read_in_lower_case(tmp_path: Path) -> None:
    found = terms(
        tmp_path, f"  - {{costCentre: product/support, groups: [{LEADS.upper()}], people: [Ann@Example.com, {ANN}]}}\n"
    )

    assert found.ownership.centres == (
        CentreOwners("product/support", frozenset({LEADS}), frozenset({"ann@example.com", ANN})),
    )


def test_without_the_file_nobody_owns_anything(tmp_path: Path) -> None:
    folder = config_folder(tmp_path, *FILES)

    assert load_terms(folder, load_catalogue(folder)).ownership.centres == ()


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("costCentre: nowhere, groups: [G]", "costCentre: 'nowhere' is not in cost-centres.yaml"),
        ("costCentre: product", "groups: names none, and people neither"),
        ("costCentre: product, groups: [support-leads]", "groups[0]: 'support-leads' is not the object id of a group"),
        ("costCentre: product, people: [Ann]", "people[0]: 'Ann' is neither an object id nor a sign-in name"),
        ("costCentre: product, people: [a@b.example, A@b.example]", "people: names somebody twice"),
        ("costCenter: product, groups: [G]", "owners[0]: object contains unknown field `costCenter`"),
    ],
)
def test_each_fault_is_told_with_its_place(tmp_path: Path, entry: str, fault: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        terms(tmp_path, f"  - {{{entry.replace('[G]', f'[{LEADS}]')}}}\n")

    assert any(fault in each and each.startswith("access.yaml:2: ") for each in refused.value.faults), refused.value


def test_a_cost_centre_has_one_entry(tmp_path: Path) -> None:
    entry = f"  - {{costCentre: product, groups: [{LEADS}]}}\n"

    with pytest.raises(InvalidConfig, match="'product' is there twice"):
        terms(tmp_path, entry + entry)


def test_a_sign_in_name_is_taken_with_a_warning(tmp_path: Path) -> None:
    found = terms(tmp_path, f"  - {{costCentre: product, people: [ann@example.com, {ANN}]}}\n").ownership

    (note,) = notes_on_access(found)
    assert note.startswith("owners of 'product': ann@example.com is a sign-in name, which may be given to somebody")


def test_a_change_of_owners_is_a_change_of_the_configuration_and_of_no_amount(tmp_path: Path) -> None:
    before = terms(tmp_path / "a", f"  - {{costCentre: product, groups: [{LEADS}]}}\n")
    after = terms(tmp_path / "b", f"  - {{costCentre: product, people: [{ANN}]}}\n")

    assert list(terms_changes(before, after)) == ["owners of product changed"]
    assert before.digest == after.digest
    assert before.ownership.digest != after.ownership.digest


def test_owners_are_stored_and_stay_readable_when_their_cost_centre_is_gone(tmp_path: Path) -> None:
    folder = config_folder(tmp_path, *FILES)
    path_of(folder, "access.yaml").write_text(f"owners:\n  - {{costCentre: product, groups: [{LEADS}]}}\n")
    documents = to_documents(folder)
    documents["access.yaml"] = {"owners": [{"costCentre": "gone", "groups": [LEADS]}]}

    stored = terms_from_documents(documents, load_catalogue(folder))

    assert stored.ownership.centres == (CentreOwners("gone", frozenset({LEADS})),)
