"""Every error that this product raises on purpose, as one tree, and what happens after each.

ChargebackError
├── InvalidEvent       one event cannot be used: quarantined, never raised to a trigger
├── InvalidConfig      config/ or a setting is wrong: names the file and the place
├── UnusablePrices     a price list from outside cannot be used: none of it is
├── InvoiceMissing     there is no cost export of a period yet: reconcile again later
├── PeriodClosed       something would change what a closed period holds: refused, the message says what to do instead
├── ClosingRefused     a period cannot be closed now: names every reason
├── ApprovalRefused    a period cannot be approved now, or not by this person: names every reason
├── PostingRefused     a closed period cannot become a journal: names each cost centre without a target and its amount
├── TrueUpRefused      invoice or books do not know all of a period yet: names everything that is missing
├── InconsistentFile   a file does not agree with itself or with the rows it is made from: it is not published
├── InvalidQuery       a question about costs cannot be asked like this: names each part and what to ask instead
├── QueryTooLarge      a question about costs has too many rows or takes too long: says how to ask for less
├── QueryRefused       too many ask about costs at the same time: ask again in a moment
├── NoRoom             the temporary disk cannot hold a period: nothing is written, the message says what it takes
├── NotSignedIn        nobody can say who acts: the message says how to sign in
├── NotAllowed         whoever acts may not do that: names them and the role that it takes
├── InvalidRequest     what somebody asks for makes no sense: the message says why
├── NotThere           what is named does not exist, or not for whoever asks
├── Conflict           what is asked for contradicts what is there: the message says what
├── Superseded         another run wrote the same part of the books first: read again and retry
├── CountFull          a day holds no more: what was left out is in the ledger, and the audit brings it into the books
├── LedgerShort        the ledger has lost events of a day: the books stay as they are, until somebody looks
├── CountLost          Redis lost the day while it was being read: replay the ledger and retry
├── RecordsRefused     a store will not take some records, however often they are sent: set them aside
├── SomeFailed         some parts of a run failed, the others were done: names each with its reason
└── StoreUnavailable   a store cannot be reached or refuses: raised, so that the trigger delivers again
"""

from collections.abc import Mapping


class ChargebackError(Exception):
    """The root of the tree."""


class InvalidEvent(ChargebackError):
    """A usage event that cannot be counted; `reason` is a short stable word for grouping."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class InvalidConfig(ChargebackError):
    """Configuration that cannot be used; the message names every fault and its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class UnusablePrices(ChargebackError):
    """A price list from outside that is not what it should be."""


class InvoiceMissing(ChargebackError):
    """The provider has not exported the costs of a period."""


class PeriodClosed(ChargebackError):
    """A closed period stays as it is; the message says what to do instead."""


class ClosingRefused(ChargebackError):
    """A period cannot be closed now; the message names every reason, and `override`: how to close it all the same."""

    def __init__(self, period: str, reasons: list[str], *, override: str = "") -> None:
        lines = [f"{period} cannot be closed:", *(f"  - {reason}" for reason in reasons)]
        if override:
            lines.append(override)
        super().__init__("\n".join(lines))
        self.period = period
        self.reasons = reasons


class ApprovalRefused(ChargebackError):
    """Somebody cannot approve a period; the message names every reason."""

    def __init__(self, period: str, reasons: list[str]) -> None:
        super().__init__("\n".join([f"{period} cannot be approved:", *(f"  - {reason}" for reason in reasons)]))
        self.reasons = reasons


class PostingRefused(ChargebackError):
    """A period cannot become a journal; the message names each reason, and `remedy`: what to do."""

    def __init__(self, period: str, reasons: list[str], *, remedy: str = "") -> None:
        lines = [f"{period} cannot be posted:", *(f"  - {reason}" for reason in reasons)]
        if remedy:
            lines.append(remedy)
        super().__init__("\n".join(lines))
        self.period = period
        self.reasons = reasons


class TrueUpRefused(ChargebackError):
    """A true-up cannot be set yet; the message names everything that is missing."""

    def __init__(self, period: str, missing: list[str]) -> None:
        super().__init__("\n".join([f"{period} cannot be trued up yet:", *(f"  - {each}" for each in missing)]))
        self.missing = missing


class InvalidQuery(ChargebackError):
    """A question about costs that cannot be asked; `faults`: part of the question → what is wrong with it."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{part}: {fault}" for part, fault in faults.items()))
        self.faults = faults


class QueryTooLarge(ChargebackError):
    """A question about costs whose answer is too large; the message says how to ask for less."""


class QueryRefused(ChargebackError):
    """A question about costs that found no place in time; the same question may be answered in a moment."""


class NoRoom(ChargebackError):
    """A period needs more temporary disk than there is."""


class InconsistentFile(ChargebackError):
    """A file that would not add up or contradicts itself; the message names the row and the rule."""


class NotSignedIn(ChargebackError):
    """A command changes something and its terminal has no token that can be trusted."""


class NotAllowed(ChargebackError):
    """Somebody may not do something; the message names them and the role that it takes."""


class InvalidRequest(ChargebackError):
    """What somebody asks for makes no sense; the message says why, and what would."""


class NotThere(ChargebackError):
    """What is named does not exist, or not for whoever asks."""


class Conflict(ChargebackError):
    """What is asked for contradicts what is there; the message says what, and what to do instead."""


class Superseded(ChargebackError):
    """A conditional write failed because another run wrote first."""


class CountFull(ChargebackError):
    """There was no room for some events of a day; `flags` say of each event whether it changed the count."""

    def __init__(self, day: str, flags: list[bool], left_out: int) -> None:
        super().__init__(f"{day} has no room for {left_out} events; its audit brings them into the books")
        self.flags = flags
        self.left_out = left_out


class LedgerShort(ChargebackError):
    """The ledger of a day has less than it had; the message says what is missing."""

    def __init__(self, day: str, what: str) -> None:
        super().__init__(f"the ledger of {day} is short, so its books stay as they are: {what}")


class CountLost(ChargebackError):
    """The counted day is not the one that was being read: its epoch changed."""


class RecordsRefused(ChargebackError):
    """A store will not take some records as they are; every other one of the write is in it.

    Attributes:
        refused: record id → reason.
        token: the fence's, with which the others were written.
    """

    def __init__(self, refused: Mapping[str, str], token: str) -> None:
        super().__init__("; ".join(f"{record}: {reason}" for record, reason in refused.items()))
        self.refused = refused
        self.token = token


class SomeFailed(ChargebackError):
    """Parts of a run failed after every part was tried; `failed` names each with its reason."""

    def __init__(self, doing: str, failed: Mapping[str, str]) -> None:
        super().__init__("\n".join(f"{doing} {part}: {reason}" for part, reason in failed.items()))
        self.failed = failed


class StoreUnavailable(ChargebackError):
    """A store could not be reached, timed out or refused the request."""
