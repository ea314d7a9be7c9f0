"""Open, closing, closed, and never back: every transition, and what refuses it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargeback.domain.errors import PeriodClosed
from chargeback.domain.periods.lifecycle import (
    BillingPeriod,
    ClosingStatus,
    PeriodChange,
    PeriodState,
    begun,
    concluded,
    fence_of,
    filed,
    latest_fences,
    rated_anew,
    refusals,
)

ENDS = datetime(2026, 4, 1, tzinfo=UTC)
GRACE_ENDS = ENDS + timedelta(hours=72)
AUDIT = "run `chargeback audit --day …` and see why"
STATUS = ClosingStatus("2026-03", ENDS, GRACE_ENDS, oldest="2026-03")
BEGAN = PeriodChange("closing", GRACE_ENDS, "ann")
ENDED = PeriodChange("closed", GRACE_ENDS, "ann", version="v1")
MANIFEST = "ab" * 32

OPEN = BillingPeriod("2026-03")
CLOSING = begun(OPEN, "a1", "v1", BEGAN)
CLOSED = concluded(CLOSING, MANIFEST, {"2026-03": {"2026-03-01": "f"}}, ENDED)
FILED = filed(CLOSED)


def test_a_period_goes_from_open_over_closing_to_closed() -> None:
    assert [each.state for each in (OPEN, CLOSING, CLOSED, FILED)] == ["open", "closing", "closed", "closed"]
    assert [each.is_filed for each in (CLOSED, FILED)] == [False, True]
    assert (FILED.attempt, FILED.version, FILED.closed_with) == ("a1", "v1", "v1")
    assert FILED.manifest == MANIFEST
    assert OPEN.manifest == ""
    assert FILED.history == (BEGAN, ENDED)


def test_another_attempt_replaces_the_one_before() -> None:
    again = begun(CLOSING, "a2", "v2", BEGAN)

    assert (again.state, again.attempt, again.version) == (PeriodState.CLOSING, "a2", "v2")


def test_no_transition_leads_back_or_skips_a_state() -> None:
    with pytest.raises(PeriodClosed, match="2026-03 is closed, not open or closing"):
        begun(CLOSED, "a2", "v2", BEGAN)
    for early in (OPEN, CLOSED):
        with pytest.raises(PeriodClosed, match="not closing"):
            concluded(early, "", {}, ENDED)
    for early in (OPEN, CLOSING):
        with pytest.raises(PeriodClosed, match="not closed"):
            filed(early)
        with pytest.raises(PeriodClosed, match="is rated with that until it closes"):
            rated_anew(early, "v2", ENDED)


def test_rating_again_keeps_what_the_period_was_closed_with() -> None:
    why = PeriodChange("rated anew", GRACE_ENDS, "bob", "wrong price", "v2")

    corrected = rated_anew(FILED, "v2", why)

    assert (corrected.version, corrected.closed_with) == ("v2", "v1")
    assert corrected.history == (BEGAN, ENDED, why)
    assert (corrected.manifest, corrected.fences) == (FILED.manifest, FILED.fences)


@pytest.mark.parametrize(
    ("now", "by_timer", "reason"),
    [
        (ENDS - timedelta(microseconds=1), False, "it ends at 2026-04-01 00:00 UTC; until then it is open"),
        (ENDS - timedelta(microseconds=1), True, "it ends at 2026-04-01 00:00 UTC; until then it is open"),
        (ENDS, False, None),
        (ENDS, True, "its grace period ends at 2026-04-04 00:00 UTC; before that only a person closes it"),
        (GRACE_ENDS - timedelta(microseconds=1), True, "its grace period ends at 2026-04-04 00:00 UTC; before that"),
        (GRACE_ENDS, True, None),
    ],
)
def test_a_period_waits_for_its_end_and_the_timer_for_the_grace_period(
    now: datetime,
    by_timer: bool,  # noqa: FBT001 a parameter of the table above
    reason: str | None,
) -> None:
    reasons = refusals(STATUS, now, by_timer=by_timer, remedy=AUDIT)

    assert len(reasons) == (reason is not None)
    assert not reason or reasons[0].startswith(reason)


def test_a_period_before_the_open_books_is_not_closed_after_the_fact() -> None:
    status = ClosingStatus("2026-01", ENDS, GRACE_ENDS, oldest="2026-03")

    reasons = refusals(status, GRACE_ENDS, by_timer=False, remedy=AUDIT)

    assert reasons == ["it lies before 2026-03, where the open books begin: usage of that time is a correction there"]


def test_every_reason_is_named_at_once() -> None:
    status = ClosingStatus("2026-03", ENDS, GRACE_ENDS, oldest="2026-02", unaudited=["2026-03-04", "2026-03-05"])

    reasons = refusals(status, ENDS - timedelta(days=1), by_timer=False, remedy=AUDIT)

    assert reasons == [
        "it ends at 2026-04-01 00:00 UTC; until then it is open",
        "2026-02 is not closed yet, and periods close in order: close 2026-02 first",
        "not audited since it ended: 2026-03-04, 2026-03-05; run `chargeback audit --day …` and see why",
    ]


def test_the_latest_period_that_billed_a_day_says_from_which_fence() -> None:
    january = BillingPeriod("2026-01", fences={"2026-01": {"2026-01-01": "a", "2026-01-02": "b"}})
    february = BillingPeriod("2026-02", fences={"2026-02": {"2026-02-01": "c"}, "2026-01": {"2026-01-02": "d"}})
    march = BillingPeriod("2026-03", fences={"2026-01": {"2026-01-02": "e"}})

    assert latest_fences([march, january, february], "2026-01") == {"2026-01-01": "a", "2026-01-02": "e"}
    assert latest_fences([january, february, march], "2026-02") == {"2026-02-01": "c"}
    assert latest_fences([], "2026-01") == {}


@given(st.dictionaries(st.integers(0, 7), st.text(max_size=3)), st.dictionaries(st.integers(0, 7), st.text(max_size=3)))
def test_days_have_the_same_fence_only_if_every_shard_has(one: dict[int, str], other: dict[int, str]) -> None:
    assert (fence_of(one) == fence_of(other)) == (one == other)
    assert fence_of(one) == fence_of(dict(reversed(one.items())))
