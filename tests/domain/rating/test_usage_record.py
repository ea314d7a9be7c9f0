"""A usage record is a line as it stands in the books: rated, with its state, and the same after storage."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.domain.rating.effective_catalogues import EffectiveCatalogues
from chargeback.domain.rating.rating import rate
from chargeback.domain.rating.usage_record import UsageRecord, from_document, to_document
from chargeback.domain.usage.meters import Meter
from stack.example import EXAMPLE_CONFIG
from tests.support.builders import DAY
from tests.support.catalogues import usage_line

CATALOGUE = load_catalogue(EXAMPLE_CONFIG)
hours_of_a_day = st.dictionaries(
    st.integers(0, 23), st.dictionaries(st.sampled_from(list(Meter)), st.integers(1, 10**12), min_size=1), max_size=24
)


def record(state: str = "exact", hours: dict[int, dict[Meter, int]] | None = None, **dimensions: str) -> UsageRecord:
    return rate(
        DAY,
        usage_line(state=state, **dimensions),
        {9: {Meter.INPUT: 10}} if hours is None else hours,
        EffectiveCatalogues(CATALOGUE),
    )


@given(hours_of_a_day)
def test_a_record_reads_back_from_its_document_through_json(hours: dict[int, dict[Meter, int]]) -> None:
    rated = record(hours=hours, deployment="gpt-4o")

    document = msgspec.json.decode(msgspec.json.encode(to_document(rated)))

    assert from_document(document | {"_etag": "x", "_ts": 1}) == rated
    assert document["id"] == rated.record_id


@given(hours_of_a_day)
def test_the_charges_of_a_meter_sum_to_its_hours(hours: dict[int, dict[Meter, int]]) -> None:
    rated = record(hours=hours)

    for meter in Meter:
        counted = sum(quantities.get(meter, 0) for quantities in hours.values())
        assert sum(charge.quantity for charge in rated.charges if charge.meter is meter) == counted


def test_usage_that_no_price_covers_is_unpriced_and_not_free() -> None:
    (charge,) = record(model="model-of-nobody", deployment="nothing").charges

    assert (charge.state, charge.cost, charge.price_id) == ("unpriced", None, "")


def test_what_a_stream_costs_is_not_known_before_its_tokens_are() -> None:
    (charge,) = record("unsettled", {9: {Meter.REQUESTS: 3}}).charges

    assert (charge.state, charge.cost) == ("unsettled", None)


def test_a_request_itself_is_free() -> None:
    (charge,) = record(hours={9: {Meter.REQUESTS: 3}}).charges

    assert (charge.state, charge.cost) == ("exact", Decimal(0))


def test_a_line_without_usage_has_no_charges() -> None:
    rated = record(hours={})

    assert rated.parts == ()
    assert to_document(rated)["hours"] == {}


def test_money_is_stored_as_text_and_quantities_as_integers() -> None:
    ((charge,),) = (part["charges"] for part in to_document(record())["parts"])

    assert isinstance(charge["cost"], str)
    assert all(isinstance(charge[name], str) for name in ("perMillion", "listPerMillion", "contractedPerMillion"))
    assert charge["quantity"] == 10
