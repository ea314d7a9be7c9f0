"""Who charges the cost centres, as books.yaml says it."""

from typing import Any

import pytest

from chargeback.adapters.config.issuer import issuer_of
from chargeback.domain.terms.issuer import ChargeIssuer
from chargeback.domain.time.months import Month


def read(**fields: Any) -> tuple[ChargeIssuer, list[str]]:
    faults: list[str] = []
    return issuer_of({"issuer": fields}, faults), faults


def test_the_issuer_has_a_name_a_contact_and_days_for_objections() -> None:
    issuer, faults = read(name="AI Platform", contact="ai@example.com", objectionDays=30)

    assert (issuer, faults) == (ChargeIssuer("AI Platform", "ai@example.com", 30), [])
    assert issuer.objections_until(Month("2026-02")) == "2026-03-30"


def test_books_without_an_issuer_name_the_product_and_no_date() -> None:
    issuer = issuer_of({"books": []}, [])

    assert issuer == ChargeIssuer("Chargeback for Azure OpenAI")
    assert issuer.objections_until(Month("2026-03")) is None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"name": " "}, "issuer.name: ' ' is not one line"),
        ({"name": "a\nb"}, "issuer.name: 'a\\nb' is not one line"),
        ({"contact": "x" * 201}, "issuer.contact: 'xxx"),
        ({"contact": "a@b.example", "objectionDays": 0}, "issuer.objectionDays: 0 is not between 1 and 366"),
        ({"objectionDays": 30}, "issuer.objectionDays: nobody is named under contact"),
        ({"objectionDays": "30"}, "issuer.objectionDays: expected `int | null`"),
        ({"phone": "1"}, "unknown field `phone`"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(fields: dict[str, Any], fault: str) -> None:
    issuer, faults = read(**fields)

    assert issuer == ChargeIssuer()
    assert len(faults) == 1
    assert fault in faults[0]
