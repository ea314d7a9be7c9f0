"""`alerts list` and `alerts show` say what was raised, and how far each channel was told."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.bootstrap import open_container
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.alerts.alert import Alert, TurnKind, with_telling
from chargeback.domain.alerts.digests import AlertDigest, collected
from chargeback.domain.alerts.facts import AlertFigure, AlertMover, Facts
from chargeback.domain.alerts.telling import attempted, failed, joined, told, waiting
from chargeback.domain.alerts.watching import raised
from chargeback.settings import read_settings
from stack.stack import Stack
from tests.support.alerts import TO_CHAT, sighting
from tests.support.command_line import chargeback

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)


def kept(*alerts: Alert, digests: Sequence[AlertDigest] = ()) -> None:
    async def keep() -> None:
        async with open_container(read_settings()) as container:
            for each in alerts:
                await container.outbox.create(each)
            for digest in digests:
                await container.digests.create(digest)

    asyncio.run(keep())


def test_alerts_are_listed_and_shown_with_what_became_of_them(clean_stores: Stack) -> None:
    stands = raised(sighting("team-a"), 1, TO_CHAT, NOW - timedelta(hours=1))
    done = raised(sighting("team-b"), 1, TO_CHAT, NOW - timedelta(hours=2))
    done = replace(with_telling(done, TurnKind.RAISED, "chat", told(waiting(NOW), NOW)), ended=NOW)
    kept(stands, done)

    code, listed, errors = chargeback("alerts", "list")
    _, shown, _ = chargeback("alerts", "show", done.id)

    assert code == ExitCode.DONE, errors
    first, second = listed.index("team-a reached 80 % actual"), listed.index("team-b reached 80 % actual")
    assert first < second
    assert "still to be told: chat" in listed
    assert shown.splitlines()[0] == "look-today, /sales: ended"
    assert f"  chat: told {NOW:%Y-%m-%d %H:%M}" in shown.splitlines()


def test_an_alert_that_a_channel_is_not_told_any_more_is_a_finding(clean_stores: Stack) -> None:
    alert = raised(sighting("team-a"), 1, TO_CHAT, NOW - timedelta(hours=1))
    given_up = failed(attempted(waiting(NOW), NOW), NOW, "404 no such workflow", again=False)
    kept(with_telling(alert, TurnKind.RAISED, "chat", given_up))

    codes = [chargeback("alerts", *command)[0] for command in (("list",), ("show", alert.id))]
    _, shown, _ = chargeback("alerts", "show", alert.id)

    assert codes == [ExitCode.FINDINGS] * 2
    assert "404 no such workflow" in shown


def test_an_alert_is_shown_with_every_line_that_was_told(clean_stores: Stack) -> None:
    facts = Facts(
        "November is due and cannot be closed",
        (AlertFigure("Because", "3 calls are unpriced"), AlertFigure("Because", "the invoice is not complete")),
        "EUR",
        since=NOW.replace(microsecond=0),
        movers=(AlertMover("model gpt-5.5", Decimal(12)),),
        cause="a correction",
    )
    alert = raised(replace(sighting("team-a"), facts=facts), 1, TO_CHAT, NOW)
    kept(alert)

    code, shown, errors = chargeback("alerts", "show", alert.id)

    assert code == ExitCode.DONE, errors
    lines = [each.strip() for each in shown.splitlines()]
    assert [each for each in lines if each.startswith("Because")] == [
        "Because: 3 calls are unpriced",
        "Because: the invoice is not complete",
    ]
    assert "Moved most by: model gpt-5.5 12.00 EUR" in lines
    assert "Why: a correction" in lines
    assert any(each.startswith("Since: ") for each in lines)
    document = json.loads(chargeback("alerts", "show", alert.id, "--json")[1])
    assert document["turns"][0]["figures"] == {"Because": "3 calls are unpriced; the invoice is not complete"}
    assert {"label": "Because", "value": "3 calls are unpriced"} in document["turns"][0]["lines"]


def test_an_alert_whose_digest_was_given_up_is_a_finding(clean_stores: Stack) -> None:
    alert = raised(sighting("team-a"), 1, TO_CHAT, NOW - timedelta(hours=1))
    digest = collected("digest-1", "chat", [alert], NOW)
    digest = replace(digest, telling=failed(attempted(waiting(NOW), NOW), NOW, "410", again=False))
    kept(with_telling(alert, TurnKind.RAISED, "chat", joined(waiting(NOW, "digest-1"), NOW)), digests=[digest])

    code, listed, _ = chargeback("alerts", "list")

    assert code == ExitCode.FINDINGS
    assert "not told any more: chat" in listed


def test_an_alert_that_is_not_there_is_named(clean_stores: Stack) -> None:
    code, _, errors = chargeback("alerts", "show", "budget-none")

    assert code not in (ExitCode.DONE, ExitCode.FINDINGS)
    assert "there is no alert 'budget-none'" in errors
