"""The evidence of a variance names the file in which its cause is found."""

from decimal import Decimal

import pytest

from chargeback.domain.invoice.reconciliation import CAPACITY, NO_DAY, OTHER_METERS, Cause, Sku, Variance, VariancePart
from chargeback.services.reconciling.evidence import evidence_of


def told(sku: Sku, cause: Cause) -> str:
    part = VariancePart(cause, Decimal(1), "why")
    return evidence_of(Variance(NO_DAY, "", sku, Decimal(0), Decimal(1), None, None, (), (part,)), part)


@pytest.mark.parametrize(
    ("sku", "cause", "expected"),
    [
        (OTHER_METERS, Cause.UNMAPPED, "why; see config/company/deployments.yaml"),
        (CAPACITY, Cause.UNEXPLAINED, "why; see config/company/shared-costs.yaml"),
        (OTHER_METERS, Cause.UNEXPLAINED, "why"),
        (CAPACITY, Cause.NOT_YET, "why"),
    ],
)
def test_the_file_follows_from_the_cause_and_from_what_is_compared(sku: Sku, cause: Cause, expected: str) -> None:
    assert told(sku, cause) == expected
