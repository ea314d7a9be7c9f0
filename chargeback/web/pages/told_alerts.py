"""Finds what people were told about a cost centre: the alerts that stand, and the days on which spend stood out.

They stand on the page in the same words and amounts as in the messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chargeback.api.outlook.alert_answers import AlertAnswer, AlertAnswers
from chargeback.domain.alerts.kinds import AlertKind
from chargeback.domain.cost_centres.tree import is_within
from chargeback.web.api_client import ApiClient
from chargeback.web.pages.month_of_centre import MonthOfCentre

_DAY = timedelta(days=1)
_STANDS_SINCE = timedelta(days=30)
_LOOKS_BACK = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ToldAlerts:
    """What people were told, the latest first.

    Attributes:
        standing: what stands now.
        anomalies: days of the month that stood out; each is told on the day after.
    """

    standing: Sequence[AlertAnswer]
    anomalies: Sequence[AlertAnswer]


async def told_alerts(api: ApiClient, about: MonthOfCentre) -> ToldAlerts:
    """What is about the cost centre and what is below it."""
    now = datetime.now(UTC)
    since = datetime.fromisoformat(f"{about.choice.first}T00:00:00+00:00")
    if about.choice.is_under_way:
        since = min(since, now - _STANDS_SINCE)
    asked = {"since": max(since, now - _LOOKS_BACK).isoformat(timespec="seconds")}
    found = [
        each
        for each in (await api.ask("/alerts", AlertAnswers, asked)).value
        if not about.centre or (each.cost_centre and is_within(each.cost_centre, about.centre))
    ]
    return ToldAlerts(
        [each for each in found if each.state == "stands"],
        [each for each in found if each.kind == AlertKind.ANOMALY and _is_of(about, each)],
    )


def _is_of(about: MonthOfCentre, anomaly: AlertAnswer) -> bool:
    return (anomaly.raised_at - _DAY).date().isoformat().startswith(about.month)
