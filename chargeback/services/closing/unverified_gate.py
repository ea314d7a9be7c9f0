"""Whether prices that nobody has verified keep a period from closing: only where the books set a limit."""

from chargeback.domain.errors import ClosingRefused
from chargeback.domain.money.exact import to_text
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.periods.open_items import Excess
from chargeback.domain.reports.manifest import Manifest
from chargeback.domain.reports.unverified import beyond_unverified, unverified_sums, whole_share
from chargeback.domain.terms.terms import ClosingRules
from chargeback.domain.time.months import Month
from chargeback.services.closing.file_period import draft_manifest
from chargeback.services.closing.finish_days import Accepted, ClosingRequest
from chargeback.services.closing.remedies import OVERRIDE, VERIFY
from chargeback.services.ports.reports import Reports


def accept_unverified(made: Manifest, rules: ClosingRules, request: ClosingRequest, accepted: Accepted) -> Accepted:
    """What an override accepts, and what rests on unverified prices beyond the limit, by the files as they are made.

    Raises `ClosingRefused` where there is no override.
    """
    found = unverified_excess(made, rules)
    if found and not request.override:
        raise ClosingRefused(made.billing_period, [f"{each.fact}; {each.remedy}" for each in found], override=OVERRIDE)
    return accepted.with_more(found)


def unverified_excess(made: Manifest, rules: ClosingRules) -> list[Excess]:
    """What rests on unverified prices beyond the limit."""
    beyond = beyond_unverified(made.unverified or (), made.totals, rules.unverified_percent)
    return [
        Excess(ObstacleKind.UNVERIFIED, fact, VERIFY, {f"unverified {currency}": cents})
        for currency, (fact, cents) in sorted(beyond.items())
    ]


async def require_verified_draft(period: Month, request: ClosingRequest, rules: ClosingRules, reports: Reports) -> None:
    """Refuse the timer by the latest draft already, so that it does not make the final files in vain each day.

    Raises `ClosingRefused`. Whoever closes by hand may have changed the prices since the draft.
    """
    if not request.by_timer or rules.unverified_percent is None:
        return
    if (made := await draft_manifest(period, reports)) is not None:
        accept_unverified(made, rules, request, Accepted((), {}))


def said_unverified(made: Manifest) -> str:
    """What rests on unverified prices, for the log: `12.5 USD (0.0125)`; empty where nothing does."""
    found = made.unverified or ()
    shares = whole_share(found, made.totals)
    return ", ".join(
        f"{to_text(amount)} {currency} ({shares[currency]})"
        for currency, amount in sorted(unverified_sums(found).items())
    )
