"""What is said of the ledger and of its events: contradictions, events that are lost, and a ledger that lacks parts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from chargeback.domain.alerts.alert import Alert, Matter, Sighting
from chargeback.domain.alerts.facts import AlertFigure, Facts
from chargeback.domain.alerts.kinds import AlertKind, Severity
from chargeback.domain.alerts.tolerances import AlertTolerances
from chargeback.domain.money.numerals import grouped
from chargeback.domain.time.days import UtcDay
from chargeback.services.alerts.wording import said_date, said_number
from chargeback.services.running.set_aside import Left, Stage
from chargeback.services.usage.audit_results import AcceptedLoss, AuditResult

NEWS = timedelta(days=7)
"""What happened once is looked for so far back, so that nothing is missed where nobody looked for some days."""

LEDGER = "ledger"
"""The name under which posting and audit set a day aside whose ledger lacks something."""


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What is known of the ledger.

    Attributes:
        audits: the last one of each day.
        left: what posting and audit had to leave out.
        gone: parts of the ledger that are no longer there, by day.
    """

    audits: Mapping[UtcDay, AuditResult]
    left: Iterable[Left]
    gone: Mapping[UtcDay, int]


def conflict_sightings(facts: LedgerFacts, tolerances: AlertTolerances, now: datetime, link: str) -> Iterator[Sighting]:
    """The days whose events contradict each other; a day with ten times as many is told again."""
    for day, audit in sorted(facts.audits.items()):
        if audit.conflicts > tolerances.conflicts and _is_news(audit.at, now):
            said = said_number(audit.conflicts, "event contradicts", "events contradict")
            yield Sighting(
                Matter(AlertKind.CONFLICTS, scope=day, step=f"{10 ** (len(str(audit.conflicts)) - 1)} or more"),
                Severity.MONEY_AT_RISK,
                Facts(
                    f"{said} an earlier one about the same call, on {_day(day)}; the earlier ones count",
                    (AlertFigure("Calls of the day", grouped(audit.calls)),),
                    advice=f"`chargeback conflicts --day {day}` lists who said what.",
                    link=link,
                ),
                is_event=True,
            )


def loss_sightings(facts: LedgerFacts, now: datetime, link: str) -> Iterator[Sighting]:
    """The days with events that nobody can read any more, and the losses that somebody accepted."""
    for day, audit in sorted(facts.audits.items()):
        if audit.unreadable:
            said = said_number(audit.unreadable, "event")
            yield Sighting(
                Matter(AlertKind.EVENTS_LOST, "unreadable", day),
                Severity.MONEY_AT_RISK,
                Facts(
                    f"{said} of {_day(day)} cannot be read any more, so what they cost is in no figure",
                    (AlertFigure("Events of the day", grouped(audit.events)),),
                    advice=f"`chargeback audit --day {day}` tries again; restore the ledger from its backup.",
                    link=link,
                ),
            )
        for loss in audit.losses:
            if _is_news(loss.at, now) and loss.books_stand:
                yield _accepted(day, loss, link)


def short_sightings(facts: LedgerFacts, link: str) -> Iterator[Sighting]:
    """The days whose ledger has less than it had."""
    reasons = {each.day: each.parts[LEDGER] for each in facts.left if _is_short(each)}
    reasons |= {
        day: f"{said_number(count, 'part')} of the ledger {'is' if count == 1 else 'are'} gone"
        for day, count in facts.gone.items()
    }
    for day, reason in sorted(reasons.items()):
        yield Sighting(
            Matter(AlertKind.LEDGER_SHORT, scope=day),
            Severity.MONEY_AT_RISK,
            Facts(
                f"The ledger of {_day(day)} has less than it had; the books of that day stay as they are",
                (AlertFigure("What is missing", reason),),
                advice=f"Restore the ledger, or accept the loss: `chargeback audit --day {day} --accept-loss …`.",
                link=link,
            ),
        )


def facts_of_whole_ledger(alert: Alert, facts: LedgerFacts, link: str) -> Facts:
    """What is said when a ledger lacks nothing any more, or when that was accepted."""
    day = UtcDay(alert.matter.scope)
    audit = facts.audits.get(day)
    loss = audit.loss if audit else None
    cause = f"{loss.by} accepted the loss: {loss.reason}" if loss else "Everything is there again"
    return Facts(f"The ledger of {_day(day)} is taken as it is again", cause=cause, link=link)


def facts_of_readable_events(alert: Alert, link: str) -> Facts:
    """What is said when all events of a day can be read again."""
    return Facts(
        f"Every event of {_day(alert.matter.scope)} can be read", cause="A later audit read all of them", link=link
    )


def _accepted(day: UtcDay, loss: AcceptedLoss, link: str) -> Sighting:
    return Sighting(
        Matter(AlertKind.EVENTS_LOST, "accepted", day, step=loss.at),
        Severity.LOOK_TODAY,
        Facts(
            f"Events of {_day(day)} are lost for good, which {loss.by} accepted; the books of that day stand",
            (
                AlertFigure("Why", loss.reason),
                AlertFigure("Events that the ledger still has", grouped(loss.events)),
                AlertFigure("Appends that are gone", grouped(loss.missing)),
            ),
            since=datetime.fromisoformat(loss.at),
            link=link,
        ),
        is_event=True,
    )


def _is_short(left: Left) -> bool:
    return left.stage in (Stage.POST, Stage.AUDIT) and LEDGER in left.parts


def _is_news(at: str, now: datetime) -> bool:
    return now - datetime.fromisoformat(at) <= NEWS


def _day(day: str) -> str:
    return said_date(date.fromisoformat(day))
