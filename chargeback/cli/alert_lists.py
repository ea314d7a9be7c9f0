"""Alerts as they were raised, on the command line: a list of them, and one with how far each channel was told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from chargeback.bootstrap import Container
from chargeback.cli.answers import Answer, answer
from chargeback.cli.exit_codes import finish
from chargeback.cli.options import Json, time_of
from chargeback.cli.terminal import run
from chargeback.domain.alerts.alert import Alert, TurnKind
from chargeback.domain.alerts.facts import AlertFigure
from chargeback.domain.alerts.message import message_of
from chargeback.domain.alerts.telling import Telling, TellingState
from chargeback.domain.alerts.wording import say
from chargeback.domain.errors import InvalidConfig
from chargeback.services.ports.outbox import Digests

app = typer.Typer()

_LOOKS_BACK = timedelta(days=30)
_MINUTES = "%Y-%m-%d %H:%M"


class ListedAlert(Answer, frozen=True):
    """One alert; `state` is `stands`, `cleared`, `ended` with its period, or `happened` once.

    `waiting` names the channels that are still to be told, `givenUp` those that never will be.
    """

    id: str
    kind: str
    severity: str
    cost_centre: str
    raised: datetime
    state: str
    headline: str
    waiting: tuple[str, ...]
    given_up: tuple[str, ...]


class ListedAlerts(Answer, frozen=True):
    """What `alerts list` lists, the latest first."""

    since: datetime
    alerts: tuple[ListedAlert, ...]


class ShownTelling(Answer, frozen=True):
    """How far a channel has been told; `due`: when something is done next, `at`: when that was over."""

    channel: str
    state: str
    due: datetime | None
    at: datetime | None
    attempts: int
    fault: str
    digest: str


class ShownLine(Answer, frozen=True):
    """One line of what was told."""

    label: str
    value: str


class ShownTurn(Answer, frozen=True):
    """What was told, `raised` or `cleared`; `lines` are those of the message, `figures` some of them by their label."""

    turn: str
    at: datetime
    headline: str
    figures: dict[str, str]
    lines: tuple[ShownLine, ...]
    cause: str
    advice: str
    link: str
    tellings: tuple[ShownTelling, ...]


class ShownAlert(Answer, frozen=True):
    """What `alerts show` shows."""

    alert: ListedAlert
    occurrence: int
    turns: tuple[ShownTurn, ...]


@app.command("list")
def list_alerts(
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="A day or a UTC time. Default: 30 days ago.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the alerts that were raised, the latest first.

    Ends with 3 if a channel is not told one of them any more.
    """

    async def work(container: Container) -> None:
        now = datetime.now(UTC)
        start = time_of(since, now) if since else now - _LOOKS_BACK
        raised = [each async for page in container.outbox.between(start, now) for each in page]
        told = await _digests_of(raised, container.digests)
        found = [_listed(each, told) for each in raised]
        document = ListedAlerts(start, tuple(found))
        answer(document, _lines(document), as_json=as_json)
        finish(has_findings=any(each.given_up for each in found))

    run(work)


@app.command("show")
def show_alert(
    alert: Annotated[str, typer.Argument(metavar="ID", help="As messages have it.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what an alert says, and how far each channel was told.

    Ends with 3 if a channel is not told it any more.
    """

    async def work(container: Container) -> None:
        kept = await container.outbox.get(alert)
        if kept is None:
            raise InvalidConfig([f"there is no alert {alert!r}; `chargeback alerts list` lists them"])
        told = await _digests_of([kept.alert], container.digests)
        zone = ZoneInfo(container.alert_settings.plan.time_zone)
        turns = [_shown_turn(kept.alert, kind, told, zone) for kind in kept.alert.turns]
        document = ShownAlert(_listed(kept.alert, told), kept.alert.occurrence, tuple(turns))
        answer(document, _shown_lines(document), as_json=as_json)
        given_up = TellingState.GIVEN_UP.value
        finish(has_findings=any(each.state == given_up for turn in turns for each in turn.tellings))

    run(work)


async def _digests_of(alerts: Sequence[Alert], digests: Digests) -> dict[str, Telling]:
    """How far each digest has been told that tells one of these alerts."""
    tellings = (each for alert in alerts for turn in alert.turns.values() for each in turn.tellings.values())
    names = {each.digest for each in tellings if each.state is TellingState.IN_DIGEST}
    found = [await digests.get(name) for name in sorted(names)]
    return {kept.digest.id: kept.digest.telling for kept in found if kept}


def _seen(telling: Telling, digests: Mapping[str, Telling]) -> Telling:
    """A turn that a digest tells is as far as that is."""
    return digests.get(telling.digest, telling) if telling.state is TellingState.IN_DIGEST else telling


def _listed(alert: Alert, digests: Mapping[str, Telling]) -> ListedAlert:
    tellings = [
        (channel, _seen(each, digests)) for turn in alert.turns.values() for channel, each in turn.tellings.items()
    ]
    return ListedAlert(
        alert.id,
        alert.matter.kind.value,
        alert.severity.value,
        alert.cost_centre,
        alert.raised.at,
        _state(alert),
        alert.raised.facts.headline,
        tuple(sorted({channel for channel, each in tellings if not each.is_over})),
        tuple(sorted({channel for channel, each in tellings if each.state is TellingState.GIVEN_UP})),
    )


def _state(alert: Alert) -> str:
    if alert.is_event:
        return "happened"
    if alert.stands:
        return "stands"
    return "cleared" if alert.cleared else "ended"


def _shown_turn(alert: Alert, kind: TurnKind, digests: Mapping[str, Telling], zone: ZoneInfo) -> ShownTurn:
    turn = alert.turns[kind]
    (said,) = say(message_of(alert, kind, channel=""), zone).alerts
    lines = tuple(ShownLine(row.label, row.value) for row in said.rows)
    tellings = [_shown_telling(channel, each, _seen(each, digests)) for channel, each in sorted(turn.tellings.items())]
    facts = turn.facts
    return ShownTurn(
        kind.value,
        turn.at,
        facts.headline,
        _by_label(facts.figures),
        lines,
        facts.cause,
        facts.advice,
        said.link,
        tuple(tellings),
    )


def _by_label(figures: Iterable[AlertFigure]) -> dict[str, str]:
    """The figures by their label; several with one label, such as the reasons of a refusal, are one text."""
    found: dict[str, list[str]] = {}
    for each in figures:
        found.setdefault(each.label, []).append(each.value)
    return {label: "; ".join(values) for label, values in found.items()}


def _shown_telling(channel: str, telling: Telling, seen: Telling) -> ShownTelling:
    return ShownTelling(channel, seen.state.value, seen.due, seen.at, seen.attempts, seen.fault, telling.digest)


def _lines(document: ListedAlerts) -> Iterator[str]:
    for each in document.alerts:
        yield f"{each.raised:{_MINUTES}}  {each.state}  {each.headline}"
        yield f"  {each.id}  {each.severity}  {each.cost_centre or 'the whole company'}"
        if each.waiting:
            yield f"  still to be told: {', '.join(each.waiting)}"
        if each.given_up:
            yield f"  not told any more: {', '.join(each.given_up)}"
    if not document.alerts:
        yield f"nothing was raised since {document.since:{_MINUTES}}"


def _shown_lines(document: ShownAlert) -> Iterator[str]:
    yield f"{document.alert.severity}, {document.alert.cost_centre or 'the whole company'}: {document.alert.state}"
    for turn in document.turns:
        yield f"{turn.at:{_MINUTES}}  {turn.headline}"
        yield from (f"  {each.label}: {each.value}" for each in turn.lines)
        yield from (f"  {each}" for each in (turn.link,) if each)
        for each in turn.tellings:
            when = each.at or each.due
            yield f"  {each.channel}: {each.state}" + (f" {when:{_MINUTES}}" if when else "")
            if each.fault:
                yield f"    {each.fault}"
