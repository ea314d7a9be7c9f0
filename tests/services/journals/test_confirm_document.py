"""What the ERP answered to a document is kept: the same answer may come again, another one is refused."""

import pytest
from msgspec.structs import replace

from chargeback.domain.errors import ChargebackError, PeriodClosed
from chargeback.services.journals.confirm_document import confirm_document
from chargeback.services.journals.journal_documents import ErpAnswer
from tests.support.closed_months import NOW, ClosedMonths
from tests.support.journals import MARCH, charged

pytestmark = pytest.mark.anyio

ANSWER = ErpAnswer("CB-2026-03-2000", "1900004711", "2026-04-03", "kim", "")


@pytest.fixture
async def months() -> ClosedMonths:
    months = ClosedMonths()
    await months.close(MARCH, [charged("product/search", "20"), charged("product/web", "1")])
    await months.journals.make(MARCH, NOW)
    return months


async def test_an_answer_is_kept_and_may_come_again(months: ClosedMonths) -> None:
    first, was_there = await confirm_document(months.journals.records, ANSWER, NOW)
    again = await confirm_document(months.journals.records, replace(ANSWER, by="lee"), NOW)

    assert (first.answers, was_there) == ((replace(ANSWER, at=NOW.isoformat()),), False)
    assert again == (first, True)
    assert (await months.journals.make(MARCH, NOW)).answers == first.answers


@pytest.mark.parametrize("other", [{"erp_number": "1900004712"}, {"posted": "2026-04-04"}])
async def test_another_answer_is_refused(months: ClosedMonths, other: dict[str, str]) -> None:
    await confirm_document(months.journals.records, ANSWER, NOW)

    with pytest.raises(PeriodClosed, match="CB-2026-03-2000 was confirmed as 1900004711, posted on 2026-04-03"):
        await confirm_document(months.journals.records, replace(ANSWER, **other), NOW)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"document": "CB-2026-03-3000"}, "no journal has a document 'CB-2026-03-3000'"),
        ({"document": "CB-2026-03-2000-CARRY"}, "no ERP posts it"),
        ({"erp_number": " "}, "' ' is not a number of 1 to 60"),
    ],
)
async def test_what_cannot_be_confirmed_says_why(months: ClosedMonths, changed: dict[str, str], reason: str) -> None:
    with pytest.raises(ChargebackError, match=reason):
        await confirm_document(months.journals.records, replace(ANSWER, **changed), NOW)
