"""Cost centres and rules have their time: as UTC hours, or as dates in the time zone of the books."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from chargeback.adapters.config.catalogue import FILES, from_documents, load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.time.effective import ALWAYS, Effective
from tests.support.config_files import config_folder

BERLIN = 'books: [{from: "2026-01", timeZone: Europe/Berlin, currency: EUR}]\n'
CENTRES = """\
costCentres:
  - {path: product, name: Product}
  - {path: product/search, name: Search, effectiveTo: 2026-04-15}
  - {path: research, name: Research}
rules:
  - {id: until, when: {subscription: search}, costCentre: product/search, effectiveTo: 2026-04-15}
  - {id: since, when: {subscription: search}, costCentre: research, effectiveFrom: 2026-04-15T00:00:00+02:00}
"""
# In April Berlin is two hours ahead of UTC.
MOVE = datetime(2026, 4, 14, 22, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config_folder(tmp_path, *FILES)
    path_of(tmp_path, "rate-card.yaml").write_text("currency: USD\nprices: []\n")
    path_of(tmp_path, "cost-centres.yaml").write_text(CENTRES)
    path_of(tmp_path, "books.yaml").write_text(BERLIN)
    return tmp_path


def faults_of(folder: Path) -> list[str]:
    with pytest.raises(InvalidConfig) as caught:
        load_catalogue(folder)
    return caught.value.faults


def test_a_date_begins_at_its_midnight_in_the_zone_of_the_books(folder: Path) -> None:
    allocation = load_catalogue(folder).allocation

    assert [centre.effective for centre in allocation.centres] == [ALWAYS, Effective(end=MOVE), ALWAYS]
    assert [rule.effective for rule in allocation.rules] == [Effective(end=MOVE), Effective(start=MOVE)]


def test_without_a_books_file_the_books_are_kept_in_utc_and_dollars(folder: Path) -> None:
    path_of(folder, "books.yaml").unlink()
    path_of(folder, "cost-centres.yaml").write_text(CENTRES.replace("T00:00:00+02:00", ""))

    catalogue = load_catalogue(folder)

    assert catalogue.allocation.rules[1].effective == Effective(start=datetime(2026, 4, 15, tzinfo=UTC))
    assert (catalogue.calendar.time_zone("2026-04"), catalogue.calendar.currency("2026-04")) == ("UTC", "USD")
    assert "books.yaml" not in to_documents(folder)


def test_dates_and_settings_take_part_in_the_digest(folder: Path) -> None:
    before = load_catalogue(folder).digest

    path_of(folder, "cost-centres.yaml").write_text(CENTRES.replace("2026-04-15", "2026-04-16"))
    moved = load_catalogue(folder).digest
    path_of(folder, "cost-centres.yaml").write_text(CENTRES)
    path_of(folder, "books.yaml").write_text(BERLIN.replace("EUR", "CHF"))

    assert len({before, moved, load_catalogue(folder).digest}) == 3


@pytest.mark.parametrize("text", ["2026-04-31", "15 April", "2026-04-15T09:00:00", "2026-04-15T09"])
def test_what_is_no_moment_is_named_with_its_line(folder: Path, text: str) -> None:
    path_of(folder, "cost-centres.yaml").write_text(
        CENTRES.replace("effectiveTo: 2026-04-15}", f"effectiveTo: {text}}}")
    )

    faults = faults_of(folder)

    assert faults[0] == (
        f"cost-centres.yaml:3: costCentres[1].effectiveTo: '{text}' is neither a date such as 2026-03-15"
        " nor a whole hour in UTC such as 2026-03-15T09:00:00Z"
    )
    assert len(faults) == 2


def test_half_an_hour_is_refused(folder: Path) -> None:
    path_of(folder, "cost-centres.yaml").write_text(CENTRES.replace("T00:00:00+02:00", "T00:30:00Z"))

    assert faults_of(folder) == [
        "cost-centres.yaml:7: rules[1].effectiveFrom: 2026-04-15T00:30:00+00:00 is not a whole hour in UTC"
        " such as 2026-03-15T00:00:00Z"
    ]


def test_faults_of_the_books_are_named_with_their_line(folder: Path) -> None:
    path_of(folder, "books.yaml").write_text("books:\n  - {from: 2026-01, timeZone: Europe/Berlin, currency: Euro}\n")

    assert faults_of(folder) == ["books.yaml:2: books[0].currency: 'Euro' is not an ISO 4217 code such as USD"]


UNSEEN = ["Customer Support", "support\n", "a\x00b", "unallocated\u200b", "cafe\u0301", "(others)", "a\ufe0fb"]


@pytest.mark.parametrize("path", UNSEEN)
def test_a_path_with_what_nobody_sees_or_tells_apart_is_refused(folder: Path, path: str) -> None:
    path_of(folder, "cost-centres.yaml").write_text(
        yaml.dump({"costCentres": [{"path": path, "name": "Support"}], "rules": []}, allow_unicode=False)
    )

    (fault,) = faults_of(folder)

    assert fault.startswith("cost-centres.yaml:3: costCentres[0].path: ")


@pytest.mark.parametrize("path", ["café", "研究", "विकास", "R-D_2.0", "отдел"])
def test_a_path_may_be_of_any_script(folder: Path, path: str) -> None:
    path_of(folder, "cost-centres.yaml").write_text(
        yaml.dump({"costCentres": [{"path": path, "name": "R&D"}], "rules": []}, allow_unicode=True)
    )

    assert load_catalogue(folder).allocation.centres[0].path == path


def test_a_path_that_was_in_force_before_stays_readable(folder: Path) -> None:
    path_of(folder, "cost-centres.yaml").write_text(CENTRES.replace("product", "our product"))

    assert from_documents(to_documents(folder)).allocation.centres[0].path == "our product"


def test_a_rule_for_a_value_that_nobody_sees_is_refused(folder: Path) -> None:
    changed = CENTRES.replace("{subscription: search}", '{subscription: "sea\\u200brch"}')
    path_of(folder, "cost-centres.yaml").write_text(changed)

    assert "has a character that cannot be printed, so no call would match it" in faults_of(folder)[0]


def test_a_successor_is_read_with_the_centre_that_has_ended(folder: Path) -> None:
    text = CENTRES.replace("effectiveTo: 2026-04-15}", "effectiveTo: 2026-04-15, successor: product}", 1)
    path_of(folder, "cost-centres.yaml").write_text(text)

    allocation = load_catalogue(folder).allocation

    assert allocation.successors(datetime(2026, 5, 1, tzinfo=UTC)) == {"product/search": "product"}
