"""What calls cost on Azure follows from measured figures and dated prices, and an unknown price is never a guess."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.cost_model import Measured, Traffic, costs, load_prices, load_profiles, most_calls_in_redis

MEASURED = Measured(
    cpu_seconds=0.0005,
    commit_seconds=0.02,
    ledger_bytes_alone=700,
    ledger_bytes_together=150,
    redis_bytes=15,
    log_bytes=200,
    write_units=6,
    read_units=100,
    publish_seconds=0.0002,
    files=1_000,
)
PROFILES = load_profiles()
PRICES, ENTRIES = load_prices()
calls = st.integers(1_000, 10**9)


def test_every_price_says_what_it_is_where_it_was_seen_and_when_or_why_it_is_missing() -> None:
    for entry in ENTRIES.values():
        assert entry["meter"]
        if entry["price"] is None:
            assert entry["why"]
        else:
            assert entry["price"] > 0
            assert isinstance(entry["observed"], date)
            assert {"per", "region", "source"} <= set(entry)


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_has_an_entry_for_whatever_it_deploys(name: str) -> None:
    found = costs(PROFILES[name], Traffic(1_000_000, 500), MEASURED, PRICES)

    assert set(found) == {"ingest", "ledger", "Redis", "Cosmos DB", "publishing", "logs"}
    assert most_calls_in_redis(PROFILES[name], MEASURED) > 0


def test_what_lacks_a_price_has_no_cost_and_not_a_cost_of_nothing() -> None:
    found = costs(PROFILES["production"], Traffic(1_000_000, 500), MEASURED, PRICES)

    assert PRICES["blob.Standard_RAGZRS.writes"] is None
    assert found["ledger"] is None
    assert found["publishing"] is None


@given(calls, calls, st.sampled_from(["trial", "staging"]))
def test_more_calls_never_cost_less(one: int, other: int, name: str) -> None:
    few, many = sorted((one, other))

    less = costs(PROFILES[name], Traffic(few, 500), MEASURED, PRICES)
    more = costs(PROFILES[name], Traffic(many, 500), MEASURED, PRICES)

    for part, cost in less.items():
        assert cost is not None
        assert cost <= more[part] * (1 + 1e-9)  # type: ignore[operator]


@given(calls)
def test_an_instance_is_billed_for_no_more_than_the_whole_month_while_one_is_enough(count: int) -> None:
    traffic = Traffic(count, 500)
    seconds = 730 * 3600
    most = 2 * 0.60 * count / 1e6 + 0.4 * count / 1e6 + max(1, traffic.per_second * 0.0005) * seconds * 2 * 0.000026

    cost = costs(PROFILES["trial"], traffic, MEASURED, PRICES)["ingest"]

    assert cost is not None
    assert cost <= most * (1 + 1e-9)
