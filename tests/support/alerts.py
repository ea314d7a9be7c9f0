"""Builders of what alerts are made of, with defaults."""

from datetime import UTC, datetime, timedelta

from chargeback.domain.alerts.alert import Matter, Sighting
from chargeback.domain.alerts.facts import Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.subscriptions import AlertPlan, AlertSubscription

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TO_CHAT = AlertPlan((AlertSubscription("all", "chat"),))


def matter(rule: str = "team-a", step: str = "80 % actual", kind: AlertKind = AlertKind.BUDGET) -> Matter:
    return Matter(kind, rule, "/sales", "2026-11", step)


def sighting(
    rule: str = "team-a",
    step: str = "80 % actual",
    *,
    kind: AlertKind = AlertKind.BUDGET,
    severity: Severity = Severity.LOOK_TODAY,
    cost_centre: str = "/sales",
    until: datetime | None = None,
    is_event: bool = False,
) -> Sighting:
    facts = Facts(f"{rule} reached {step}")
    return Sighting(matter(rule, step, kind), severity, facts, cost_centre, until, is_event)
