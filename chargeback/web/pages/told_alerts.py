"""Finds what people were told about a cost centre: the alerts that stand, and the days on which spend stood out.

They stand on the page in the same words and amounts as in the messages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chargeback.api.outlook.alert_answers import AlertAnswer, AlertAnswers
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.web.api_client import ApiClient
from chargeback.web.pages.month_of_centre import MonthOfCentre

_LOOKS_BACK = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ToldAlerts:
    """What people were told.

    Attributes:
        standing: what stands now, the most urgent first.
        anomalies: days of the month that stood out, the latest first.
    """

    standing: Sequence[AlertAnswer]
    anomalies: Sequence[AlertAnswer]


async def told_alerts(api: ApiClient, about: MonthOfCentre) -> ToldAlerts:
    """What is about the cost centre and what is below it."""
    now = datetime.now(UTC)
    since = datetime.fromisoformat(f"{about.choice.first}T00:00:00+00:00")
    asked = about.filter | {"since": max(since, now - _LOOKS_BACK).isoformat(timespec="seconds")}
    if about.choice.is_under_way:
        asked["standing"] = "true"
    else:
        asked["kind"] = AlertKind.ANOMALY.value
    found = (await api.ask("/alerts", AlertAnswers, asked)).value
    standing = [each for each in found if each.state == "stands"]
    standing.sort(key=lambda each: -Severity(each.severity).rank)
    return ToldAlerts(
        standing,
        [each for each in found if each.kind == AlertKind.ANOMALY and _is_of(about, each)],
    )


def _is_of(about: MonthOfCentre, anomaly: AlertAnswer) -> bool:
    return anomaly.period.startswith(about.month)
