"""The daily timer tells of anomalies and of models that retire, and has budgets looked ahead at."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chargeback.adapters.config.alerts import AlertSettings
from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.memory.outbox import MemoryDueAlerts, MemoryOutbox
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import MemoryCatalogues
from chargeback.bootstrap import Container
from chargeback.domain.alerts.alert import Alert
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.deployments.models import Model, Retiring
from chargeback.domain.terms.terms import Terms
from chargeback.functions.forecast_spend import blueprint
from chargeback.services.alerts.raise_alerts import Alerts
from chargeback.services.alerts.wording import said_date
from chargeback.services.settled.settled_days import SettledDays
from stack.example import EXAMPLE_CONFIG
from tests.support.alerts import TO_CHAT
from tests.support.audit_log import some_log
from tests.support.spending import Spent, books_of, daily

TODAY = datetime.now(UTC).date()
YESTERDAY = (TODAY - timedelta(days=1)).isoformat()
SIX_WEEKS_AGO = (TODAY - timedelta(days=42)).isoformat()


def told(
    spent: Sequence[Spent], *, retiring: Sequence[Retiring] = (), fails: bool = False
) -> tuple[list[Alert], list[str]]:
    """The alerts of one run of the timer, and what else it did."""
    outbox, done = MemoryOutbox(), list[str]()

    async def look_ahead() -> None:
        done.append("budgets")

    async def work() -> None:
        books = await books_of(spent)
        known = {
            "catalogues": MemoryCatalogues(load_catalogue(EXAMPLE_CONFIG), settled_by=Terms()),
            "settled_days": None if fails else SettledDays(books, MemorySettledFiles()),
            "retiring_models": lambda _today, _within: retiring,
            "alert_settings": AlertSettings(),
            "alerts": Alerts(outbox, MemoryDueAlerts(), TO_CHAT),
            "audit_log": some_log(),
            "budget_watch": SimpleNamespace(look_ahead=look_ahead),
        }
        (function,) = blueprint(cast(Container, SimpleNamespace(**known)))._function_builders
        run = function._function.get_user_function()
        await run(cast(Any, SimpleNamespace(past_due=False)), cast(Any, SimpleNamespace(invocation_id="run-1")))

    if fails:
        with pytest.raises(AttributeError):
            asyncio.run(work())
    else:
        asyncio.run(work())
    return outbox.alerts, done


def test_a_day_that_stood_out_is_told_once_with_its_hours_and_what_moved_it() -> None:
    spent = [*daily(SIX_WEEKS_AGO, ["100"] * 42), Spent(YESTERDAY, {4: "700"}, model="o3", user="Bob")]

    (alert,), _ = told(spent)

    facts = alert.raised.facts
    day = said_date(TODAY - timedelta(days=1))
    assert facts.headline == f"Cost centre research spent 800.00 USD on {day}, where 100.00 USD are usual"
    assert facts.movers[0].amount == Decimal(700)
    assert {"model o3", "user Bob"} <= {each.what for each in facts.movers}
    assert ("At 04:00 UTC", "700.00 USD") in [(each.label, each.value) for each in facts.figures]
    assert (alert.matter.scope, alert.matter.period, alert.is_event) == ("research", YESTERDAY, True)


@pytest.mark.parametrize(
    ("days", "step", "severity"), [(80, "90 days", Severity.LOOK_TODAY), (5, "7 days", Severity.MONEY_AT_RISK)]
)
def test_a_model_that_retires_is_told_long_before_and_again_near_the_day(
    days: int, step: str, severity: Severity
) -> None:
    old = Model("whisper", "001", "speech", "Legacy", TODAY + timedelta(days=days), (), (), (), {})
    new = Model("gpt-4o-mini-transcribe", "2025-12-15", "speech", "GA", TODAY + timedelta(days=600), (), (), (), {})
    deployments = [Retiring("sweden", "speech", old, new), Retiring("norway", "speech", old, None)]

    (alert,), _ = told([], retiring=deployments)

    assert (alert.matter.step, alert.severity) == (step, severity)
    assert alert.raised.facts.headline == (
        f"Model whisper 001 retires in {days} days, on {said_date(old.retires)}:"
        " calls of 2 deployments fail from then on"
    )
    assert [(each.label, each.value) for each in alert.raised.facts.figures] == [
        ("norway/speech", "nothing of its family is offered there"),
        ("sweden/speech", "take gpt-4o-mini-transcribe 2025-12-15"),
    ]


def test_budgets_and_models_are_looked_at_whatever_is_wrong_with_anomalies() -> None:
    old = Model("whisper", "001", "speech", "Legacy", TODAY + timedelta(days=30), (), (), (), {})

    alerts, done = told([], retiring=[Retiring("sweden", "speech", old, None)], fails=True)

    assert done == ["budgets"]
    assert [each.matter.kind for each in alerts] == [AlertKind.MODEL_RETIRING]


def test_the_configuration_that_is_deployed_can_be_asked_for_what_retires() -> None:
    container = Container(cast(Any, SimpleNamespace(config_folder=EXAMPLE_CONFIG)))

    assert container.retiring_models(TODAY + timedelta(days=3650), timedelta(days=90))


def test_taking_events_does_not_wait_for_the_statistics_library() -> None:
    heavy = "{'statsmodels', 'numpy', 'scipy', 'pandas'}"
    code = f"import sys, chargeback.functions.forecast_spend; print(sorted({heavy} & {{*sys.modules}}))"

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
