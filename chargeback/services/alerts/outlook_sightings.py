"""What is said once a day: unusual spend, models that retire, and months that are expected to overrun their budgets."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby

from chargeback.domain.alerts.alert import Matter, Sighting
from chargeback.domain.alerts.facts import MOVERS_TOLD, AlertFigure, AlertMover, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.deployments.models import Model, Retiring
from chargeback.domain.money.exact import EXACT
from chargeback.domain.money.numerals import said_amount
from chargeback.domain.outlook.anomalies import THE_OTHERS, Anomaly
from chargeback.services.alerts.wording import said_date, said_number

NEAR_DAYS = (30, 7)
"""So many days before a model retires people are told again."""

_MOST_NAMED = 8


def anomaly_sightings(found: Iterable[Anomaly], link: str) -> Iterator[Sighting]:
    """The dates on which a cost centre's spend stood out; its hours belong to them."""
    by_date = sorted(found, key=lambda each: (each.slot.cost_centre, each.slot.date, _order(each)))
    for (centre, day), of_date in groupby(by_date, lambda each: (each.slot.cost_centre, each.slot.date)):
        first, *others = of_date
        yield Sighting(
            Matter(AlertKind.ANOMALY, scope=centre, period=day),
            Severity.LOOK_TODAY,
            Facts(
                f"Cost centre {centre} spent {said_amount(first.spent, first.currency)} {_when(first)}, where"
                f" {said_amount(first.usual, first.currency)} are usual",
                (
                    AlertFigure("Difference", said_amount(EXACT.subtract(first.spent, first.usual), first.currency)),
                    AlertFigure("Compared with", said_date(date.fromisoformat(first.compared_with))),
                    *(
                        AlertFigure(f"At {each.slot.hour:02}:00 UTC", said_amount(each.spent, each.currency))
                        for each in others[:_MOST_NAMED]
                        if each.slot.hour is not None
                    ),
                ),
                first.currency,
                movers=_movers(first),
                advice="`chargeback anomalies` shows what moved it.",
                link=link,
            ),
            centre,
            is_event=True,
        )


def retiring_sightings(
    found: Iterable[Retiring], tolerances: AlertTolerances, today: date, link: str
) -> Iterator[Sighting]:
    """The models that are deployed and retire: told long before, and again near the day."""
    by_model = sorted(found, key=lambda each: (str(each.model), each.account, each.deployment))
    for _, same in groupby(by_model, lambda each: str(each.model)):
        deployments = list(same)
        model = deployments[0].model
        step = min(
            (days for days in (tolerances.retiring_days, *NEAR_DAYS) if _left(model, today) <= days), default=None
        )
        if step is not None:
            yield _retiring(model, deployments, step, today, link)


def _retiring(model: Model, deployments: Sequence[Retiring], step: int, today: date, link: str) -> Sighting:
    left = _left(model, today)
    when = f"in {said_number(left, 'day')}" if left > 0 else "and is taken away"
    figures = [AlertFigure(f"{each.account}/{each.deployment}", _instead(each)) for each in deployments[:_MOST_NAMED]]
    if len(deployments) > _MOST_NAMED:
        figures.append(AlertFigure("Further deployments", str(len(deployments) - _MOST_NAMED)))
    return Sighting(
        Matter(AlertKind.MODEL_RETIRING, scope=str(model), period=model.retires.isoformat(), step=f"{step} days"),
        Severity.MONEY_AT_RISK if step <= min(NEAR_DAYS) else Severity.LOOK_TODAY,
        Facts(
            f"Model {model} retires {when}, on {said_date(model.retires)}: calls of"
            f" {said_number(len(deployments), 'deployment')} fail from then on",
            tuple(figures),
            advice="Deploy another model in time, and have the applications call it.",
            link=link,
        ),
        is_event=True,
    )


def _instead(each: Retiring) -> str:
    return f"take {each.replacement}" if each.replacement else "nothing of its family is offered there"


def _left(model: Model, today: date) -> int:
    return (model.retires - today).days


def _order(each: Anomaly) -> tuple[bool, float]:
    """The whole day first, then the hours by their difference."""
    return each.slot.hour is not None, -abs(float(each.spent - each.usual))


def _when(each: Anomaly) -> str:
    day = said_date(date.fromisoformat(each.slot.date))
    return f"on {day}" if each.slot.hour is None else f"in the hour from {each.slot.hour:02}:00 UTC on {day}"


def _movers(each: Anomaly) -> tuple[AlertMover, ...]:
    """The largest change by each kind of name, the largest of these first: each kind alone explains all of it."""
    tops = [
        AlertMover(f"{dimension} {top.name}", top.amount)
        for dimension, changes in each.movers.items()
        for top in changes[:1]
        if top.name not in (THE_OTHERS, "-")
    ]
    return tuple(sorted(tops, key=lambda mover: -abs(mover.amount))[:MOVERS_TOLD])
