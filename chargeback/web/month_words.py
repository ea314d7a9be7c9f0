"""Says in words how far a month is, what helps against what keeps it open, and what can be done to it now."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from chargeback.api.periods.month_answers import PeriodAnswer
from chargeback.api.periods.obstacles import ObstacleAnswer, ObstacleAnswers
from chargeback.api.periods.reconciliations import ReconciliationAnswer
from chargeback.domain.access.permissions import Permission, refusal
from chargeback.domain.access.requester import Requester
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.periods.obstacles import ObstacleKind
from chargeback.domain.reports.layout import manifest_path, name_of
from chargeback.domain.time.months import Month
from chargeback.web.rendering import link

_MONTH = re.compile(r"\b\d{4}-\d{2}\b")


@dataclass(frozen=True, slots=True)
class SaidState:
    """How far a month is: in a word, as a mark, and in a sentence."""

    word: str
    mark: str
    sentence: str


def said_state(month: PeriodAnswer) -> SaidState:
    """For everybody."""
    match month.state:
        case PeriodState.CLOSED if month.final:
            return SaidState("closed", "good", "Its files are final: they never change.")
        case PeriodState.CLOSED:
            sentence = "It is closed; its files are on their way to where they stay. The next hour's run finishes that."
            return SaidState("closed", "warn", sentence)
        case PeriodState.CLOSING:
            sentence = (
                "A closing is under way. If its run was killed, the next attempt takes over an hour after it began."
            )
            return SaidState("closing", "warn", sentence)
    return SaidState("open", "", "Its figures are provisional: what is published is a draft.")


@dataclass(frozen=True, slots=True)
class HelpingStep:
    """A link that does something about an obstacle."""

    name: str
    path: str
    is_button: bool = False


@dataclass(frozen=True, slots=True)
class Help:
    """What helps against an obstacle.

    Attributes:
        advice: what happens by itself, or who does it.
    """

    advice: str = ""
    steps: tuple[HelpingStep, ...] = ()


@dataclass(frozen=True, slots=True)
class HelpedObstacles:
    """Obstacles of one kind, with what helps against all of them."""

    obstacles: tuple[ObstacleAnswer, ...]
    help: Help

    @property
    def remedies(self) -> list[str]:
        """What the API says is to do, once each."""
        return [*dict.fromkeys(each.remedy for each in self.obstacles if each.remedy)]


def may_change(who: Requester) -> bool:
    """Whether somebody approves, closes and corrects months."""
    return refusal(who, Permission.CHANGE_PERIODS) is None


def help_with(
    who: Requester, month: PeriodAnswer, found: ObstacleAnswers | None, span: Mapping[str, str], deadline_hours: int
) -> list[HelpedObstacles]:
    """Each kind of obstacle with buttons that do something about it, for those who may."""
    kinds: dict[ObstacleKind, list[ObstacleAnswer]] = {}
    for each in found.value if found else ():
        kinds.setdefault(each.kind, []).append(each)
    return [HelpedObstacles(tuple(of), _help(who, month, of[0], span, deadline_hours)) for of in kinds.values()]


def _help(
    who: Requester, month: PeriodAnswer, each: ObstacleAnswer, span: Mapping[str, str], deadline_hours: int
) -> Help:
    base, explore = f"/months/{month.period}", {**span, "groupBy": "model"}
    match each.kind:
        case ObstacleKind.UNPRICED:
            advice = "Below is which price is missing. Once it is in force, the usage is rated with it by itself."
            return Help(advice, (HelpingStep("Explore it", link("/explore", explore, usageState="unpriced")),))
        case ObstacleKind.UNSETTLED:
            advice = (
                "Calls get their tokens from the gateway's log by themselves; what it still lacks"
                f" {deadline_hours} hours after a call is estimated then."
            )
            return Help(advice, (HelpingStep("Explore it", link("/explore", explore, usageState="unsettled")),))
        case ObstacleKind.ESTIMATED:
            return Help("", (HelpingStep("Explore it", link("/explore", explore, usageState="estimated")),))
        case ObstacleKind.SET_ASIDE:
            return Help("An operator tries it again after a repair.", _of_operators(who))
        case ObstacleKind.UNAUDITED:
            advice = "Each night these days are audited; a closing does it first, too."
            close = HelpingStep("Close it, which audits them", f"{base}/close")
            return Help(advice, (close,) if may_change(who) else ())
        case ObstacleKind.ORDER if (other := _other_month(each.fact, month.period)) is not None:
            return Help("", (HelpingStep(f"Go to {other}", f"/months/{other}"),))
        case ObstacleKind.APPROVAL if may_change(who):
            steps = (HelpingStep("Approve the draft", f"{base}/approve", is_button=True),)
            return Help("", (*steps, HelpingStep("Write the draft again", f"{base}/publish")))
        case ObstacleKind.INVOICE | ObstacleKind.VARIANCE | ObstacleKind.TRUE_UP:
            advice = "Each day the newest export of the invoice is compared."
            compare = HelpingStep("Compare now", f"{base}/reconcile", is_button=True)
            true_up = HelpingStep("Set the true-up", f"{base}/true-up")
            return Help(advice, (compare, true_up) if may_change(who) else ())
        case ObstacleKind.PROMISE | ObstacleKind.UNVERIFIED | ObstacleKind.RATE if not each.firm:
            manifest = HelpingStep(
                "The manifest of the draft", f"{base}/files/{name_of(manifest_path(Month(month.period)))}"
            )
            in_spite = HelpingStep("Close it in spite of this", f"{base}/close-in-spite")
            return Help(steps=(manifest, in_spite) if may_change(who) else ())
    return Help()


def _of_operators(who: Requester) -> tuple[HelpingStep, ...]:
    if refusal(who, Permission.READ_SET_ASIDE) is not None:
        return ()
    see = HelpingStep("See what it is", "/log/set-aside")
    return (HelpingStep("Try it again", "/log/again/set-aside", is_button=True), see) if _may_repair(who) else (see,)


def _may_repair(who: Requester) -> bool:
    return refusal(who, Permission.REPAIR) is None


def _other_month(fact: str, period: str) -> str | None:
    return next((name for name in _MONTH.findall(fact) if name != period), None)


def acts_now(
    who: Requester, month: PeriodAnswer, compared: ReconciliationAnswer | None, now: datetime
) -> Sequence[HelpingStep]:
    """What somebody can do to a month as it is."""
    if not may_change(who):
        return ()
    base = f"/months/{month.period}"
    has_ended, is_trued_up = month.ends <= now, bool(compared and compared.true_up and compared.true_up.amount)
    reconcile = HelpingStep("Compare with the invoice", f"{base}/reconcile")
    true_up = [HelpingStep("Set the true-up", f"{base}/true-up")] if compared else []
    true_up += [HelpingStep("Take the true-up back", f"{base}/remove-true-up")] if is_trued_up else []
    match month.state:
        case PeriodState.CLOSED:
            again = [] if month.final else [HelpingStep("Finish the closing", f"{base}/close", is_button=True)]
            return [*again, HelpingStep("Rate it again", f"{base}/correct"), reconcile, *true_up]
        case PeriodState.OPEN if has_ended:
            approval = []
            if month.approved_by:
                approval = [HelpingStep("Take the approval back", f"{base}/withdraw-approval")]
            elif month.needs_approval:
                approval = [HelpingStep("Approve the draft", f"{base}/approve", is_button=True)]
            close = HelpingStep("Close it", f"{base}/close", is_button=True)
            return [*approval, close, HelpingStep("Write the draft again", f"{base}/publish"), reconcile, *true_up]
        case PeriodState.OPEN:
            return [HelpingStep("Write the draft again", f"{base}/publish"), reconcile]
    return ()
