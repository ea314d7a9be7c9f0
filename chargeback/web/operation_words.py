"""Says in words what long work does, how far it is, what came of it, and what happens next."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from chargeback.api.acting.operations import OperationAnswer
from chargeback.domain.access.requester import recorded_name
from chargeback.domain.money.numerals import grouped
from chargeback.domain.time.months import Month
from chargeback.services.operations.operation import OperationKind, OperationState
from chargeback.services.statements.print_dates import month_name

_NAMES = {
    OperationKind.CLOSE: "Close {}",
    OperationKind.CORRECT: "Rate {} again",
    OperationKind.TRUE_UP: "Set the true-up of {}",
    OperationKind.REMOVE_TRUE_UP: "Take the true-up of {} back",
    OperationKind.PUBLISH: "Write the draft of {} again",
    OperationKind.RECONCILE: "Compare {} with its invoice",
    OperationKind.REPLAY: "Take quarantined events in again",
    OperationKind.RETRY: "Try what is set aside again",
    OperationKind.REPLAY_BUDGET: "Replay a budget over {}",
}
_STATES = {
    OperationState.NOT_STARTED: "waits",
    OperationState.RUNNING: "under way",
    OperationState.SUCCEEDED: "done",
    OperationState.FAILED: "refused",
}
_MARKS = {OperationState.SUCCEEDED: "good", OperationState.FAILED: "bad"}


@dataclass(frozen=True, slots=True)
class ShownOperation:
    """Long work as a page shows it.

    Attributes:
        name: what it does.
        state: how far it is, in a word; `mark`: how that is marked.
        path: where its page is.
        result: what came of it, a sentence each.
        reasons: why it failed, each by itself; `advice`: what the refusal says can be done all the same.
    """

    answer: OperationAnswer
    name: str
    state: str
    mark: str
    path: str
    result: tuple[str, ...]
    reasons: tuple[str, ...]
    advice: str

    @property
    def is_over(self) -> bool:
        """Whether it stays as it is."""
        return OperationState(self.answer.status).is_over

    @property
    def by(self) -> str:
        """Who asked for it."""
        return recorded_name(self.answer.by)


def shown_operation(answer: OperationAnswer) -> ShownOperation:
    """Long work in words."""
    state = OperationState(answer.status)
    reasons, advice = _reasons(answer.error.message) if answer.error else ((), "")
    section = "months" if answer.period else "log"
    return ShownOperation(
        answer,
        _NAMES[answer.kind].format(month_name(Month(answer.period)) if answer.period else ""),
        "failed" if answer.error and answer.error.code in ("InternalError", "Interrupted") else _STATES[state],
        _MARKS.get(state, "warn"),
        f"/{section}/operations/{answer.id}",
        tuple(_RESULTS[answer.kind](answer.result)) if state is OperationState.SUCCEEDED else (),
        reasons,
        advice,
    )


def _reasons(message: str) -> tuple[tuple[str, ...], str]:
    """The reasons that a refusal lists, and what it says after them; a message without a list is one reason."""
    lines = message.split("\n")[1:]
    listed = tuple(line.removeprefix("  - ") for line in lines if line.startswith("  - "))
    rest = " ".join(line for line in lines if not line.startswith("  - "))
    return (listed, rest) if listed else ((message,), "")


def _closed(result: Mapping[str, str]) -> list[str]:
    refused = result.get("journalsRefused", "")
    return ["The month is closed, and its files stay as they are.", *([refused] if refused else [])]


def _corrected(result: Mapping[str, str]) -> list[str]:
    if result["lines"] == "0":
        return ["No line differs from what was in the books."]
    found = f"{result['lines']} lines of {result['days']} days differ by {_said(result['cost'])} {result['currency']}"
    return [f"{found}. The oldest open month has that as corrections when it is published next."]


def _trued_up(result: Mapping[str, str]) -> list[str]:
    return [f"{_said(result['amount'])} {result['currency']} are charged beyond the books, in {result['parts']} parts."]


def _true_up_removed(result: Mapping[str, str]) -> list[str]:
    return ["Nothing is charged beyond the books any more." if result["wasThere"] == "true" else "There was none."]


def _drafted(result: Mapping[str, str]) -> list[str]:
    totals = [
        f"{_said(value)} {name.removeprefix('total ')}" for name, value in result.items() if name.startswith("total ")
    ]
    return [f"The draft comes to {' and '.join(totals) or 'nothing'}."]


def _compared(result: Mapping[str, str]) -> list[str]:
    sums = f"invoiced {_said(result['invoiced'])}, booked {_said(result['booked'])} {result['currency']}"
    agrees = "within the tolerance" if result["isTolerated"] == "true" else "more than is tolerated"
    more = [] if result["isComplete"] == "true" else ["The export does not know all of the month yet."]
    return [f"The export {result['run']} was compared: {sums}.", f"The difference is {agrees}.", *more]


def _said(amount: str) -> str:
    return grouped(Decimal(amount))


def _replayed(result: Mapping[str, str]) -> list[str]:
    taken = f"{result['accepted']} events are taken in, {result['duplicate']} were known already"
    return [f"{taken}, {result['quarantined']} stay in quarantine."]


def _retried(result: Mapping[str, str]) -> list[str]:
    left = result["leftOut"]
    return ["All of it could be handled." if left == "0" else f"{left} parts still cannot be handled."]


def _budget_replayed(result: Mapping[str, str]) -> list[str]:
    return [f"The page of the budget {result['budget']} says what it would have done."]


_RESULTS = {
    OperationKind.CLOSE: _closed,
    OperationKind.CORRECT: _corrected,
    OperationKind.TRUE_UP: _trued_up,
    OperationKind.REMOVE_TRUE_UP: _true_up_removed,
    OperationKind.PUBLISH: _drafted,
    OperationKind.RECONCILE: _compared,
    OperationKind.REPLAY: _replayed,
    OperationKind.RETRY: _retried,
    OperationKind.REPLAY_BUDGET: _budget_replayed,
}
"""Kind → what came of it, a sentence each."""
