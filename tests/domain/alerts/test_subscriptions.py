"""Who is told what, and when: quiet hours and digests in local time, and kinds that may reach nobody."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.alerts.alert import TurnKind
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.subscriptions import AlertPlan, AlertSubscription, DigestTimes, QuietHours
from tests.support.alerts import sighting

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(20), time(7))
ALL = AlertSubscription("all", "chat")
MONDAY = 0


def at(local: str) -> datetime:
    """A moment by the clock of Berlin."""
    return datetime.fromisoformat(local).replace(tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-06-01T19:59", None),
        ("2026-06-01T20:00", "2026-06-02T07:00"),
        ("2026-06-02T06:59", "2026-06-02T07:00"),
        ("2026-06-02T07:00", None),
        ("2026-03-28T23:00", "2026-03-29T07:00"),  # the clock goes forward in this night
        ("2026-10-24T23:00", "2026-10-25T07:00"),  # and back in this one
    ],
)
def test_quiet_hours_end_by_the_local_clock(now: str, end: str | None) -> None:
    assert NIGHT.end_after(at(now), BERLIN) == (at(end) if end else None)


def test_quiet_hours_hold_only_from_their_days_on() -> None:
    mondays = replace(NIGHT, days=frozenset({MONDAY}))

    assert mondays.end_after(at("2026-06-01T21:00"), BERLIN) == at("2026-06-02T07:00")  # Monday, into Tuesday
    assert mondays.end_after(at("2026-06-02T21:00"), BERLIN) is None


def test_what_is_urgent_enough_breaks_the_quiet_and_nothing_does_where_it_says_never() -> None:
    night, breaks = at("2026-06-01T23:00"), AlertPlan((replace(ALL, quiet=NIGHT),), "Europe/Berlin")
    never = AlertPlan((replace(ALL, quiet=replace(NIGHT, breaks=None)),), "Europe/Berlin")
    urgent = sighting(severity=Severity.MONEY_AT_RISK)

    assert breaks.tellings(urgent, TurnKind.RAISED, night)["chat"].due == night
    assert breaks.tellings(sighting(), TurnKind.RAISED, night)["chat"].due == at("2026-06-02T07:00")
    assert never.tellings(urgent, TurnKind.RAISED, night)["chat"].due == at("2026-06-02T07:00")


@pytest.mark.parametrize(
    ("now", "following"),
    [
        ("2026-06-01T07:59", "2026-06-01T08:00"),
        ("2026-06-01T08:00", "2026-06-02T08:00"),
        ("2026-06-05T09:00", "2026-06-08T08:00"),  # from Friday to Monday
        ("2026-03-27T09:00", "2026-03-30T08:00"),  # over the night in which the clock goes forward
    ],
)
def test_a_digest_comes_at_its_next_local_time(now: str, following: str) -> None:
    workdays = DigestTimes(time(8), frozenset(range(5)))

    assert workdays.next_after(at(now), BERLIN) == at(following)


@given(
    st.timedeltas(timedelta(), timedelta(days=730)).map(lambda since: datetime(2026, 1, 1, tzinfo=UTC) + since),
    st.times().map(lambda each: each.replace(tzinfo=None)),
    st.frozensets(st.integers(0, 6), min_size=1),
)
def test_a_digest_always_comes_within_eight_days(now: datetime, local: time, days: frozenset[int]) -> None:
    following = DigestTimes(local, days).next_after(now, BERLIN)

    assert now < following <= now + timedelta(days=8)


def test_of_two_subscriptions_to_one_channel_the_sooner_one_tells() -> None:
    plan = AlertPlan((replace(ALL, id="digest", digest=DigestTimes(time(8))), ALL))
    now = at("2026-06-01T12:00")

    assert plan.tellings(sighting(), TurnKind.RAISED, now)["chat"].due == now


@pytest.mark.parametrize(
    "narrower",
    [{"cost_centres": ("product",)}, {"at_least": Severity.LOOK_TODAY}, {"kinds": frozenset({AlertKind.BUDGET})}],
)
def test_a_kind_is_unheard_unless_a_subscription_takes_all_of_it(narrower: dict[str, object]) -> None:
    narrow = replace(ALL, **narrower)

    heard = {AlertKind.BUDGET} if "kinds" in narrower else set()
    assert AlertPlan((narrow,)).unheard() == [kind for kind in AlertKind if kind not in heard]
    assert AlertPlan((narrow, ALL)).unheard() == []


def test_what_one_subscription_leaves_another_may_take() -> None:
    rest = frozenset(AlertKind) - {AlertKind.CLOSED}
    plan = AlertPlan((replace(ALL, kinds=rest), replace(ALL, id="closings", kinds=frozenset({AlertKind.CLOSED}))))

    assert plan.unheard() == []
    assert AlertPlan().unheard() == list(AlertKind)
