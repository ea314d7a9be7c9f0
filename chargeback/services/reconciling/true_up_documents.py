"""Keeps the record of each period's true-up: the amount, who set it from which invoice, and its history."""

from hashlib import blake2b

import msgspec

from chargeback.domain.terms.true_ups import TrueUpPart
from chargeback.domain.time.months import Month
from chargeback.services.ports.control import Control, Document

KIND = "true-up"
_ALL_IN_ONE = ""
_encode = msgspec.json.Encoder(order="deterministic").encode


class TrueUpChange(msgspec.Struct, frozen=True):
    """An entry of a true-up's history.

    Attributes:
        amount: exact decimal text; None where the true-up was taken back.
        invoice: where the amount came from: `place`, `run`, `sha256`.
    """

    amount: str | None = None
    by: str = ""
    at: str = ""
    invoice: dict[str, str] | None = None


class TrueUp(msgspec.Struct, frozen=True, omit_defaults=True):
    """The true-up of a period.

    Attributes:
        period: YYYY-MM.
        amount: exact decimal text; None where it was taken back.
        by: who set it or took it back.
        at: when, UTC, ISO 8601.
        invoiced, booked: what is compared, exact decimal text.
        invoice: where the amount came from: `place`, `run`, `sha256`.
        books: the `sha256` of the published rows.
        parts: what the amount is made of; without any, it is one amount that is split by all usage.
        published: what the period's own files came to at contracted prices when it was set, exact decimal text.
        despite: why it was set though the books did not know all for certain; else empty.
        history: who set what; the latest last.
    """

    period: Month
    amount: str | None
    currency: str = ""
    by: str = ""
    at: str = ""
    invoiced: str = ""
    booked: str = ""
    invoice: dict[str, str] = {}
    books: dict[str, str] = {}
    parts: tuple[TrueUpPart, ...] = ()
    published: str = ""
    despite: str = ""
    history: tuple[TrueUpChange, ...] = ()

    def said(self) -> TrueUpChange:
        """The entry for its history."""
        return TrueUpChange(self.amount, self.by, self.at, self.invoice or None)

    def made_of(self) -> tuple[TrueUpPart, ...]:
        """Its parts; a true-up stored before parts existed is a single one."""
        return self.parts if self.parts or self.amount is None else (TrueUpPart(_ALL_IN_ONE, self.amount),)


class TrueUps:
    """The only owner of the documents of this kind."""

    kind = KIND

    def __init__(self, control: Control) -> None:
        self._control = control

    async def get(self, period: Month) -> tuple[TrueUp | None, str | None]:
        """The true-up of a period with its token, also one that was taken back; None and None: there never was one."""
        known = await self._control.get_versioned(KIND, period)
        return (msgspec.convert(known[0], TrueUp), known[1]) if known else (None, None)

    async def swap(self, true_up: TrueUp, after: str | None) -> str:
        """Set the true-up of its period. Raises `Superseded` if another run set it since `after`."""
        return await self._control.swap(KIND, true_up.period, _document(true_up), after)

    async def digests(self) -> dict[str, str]:
        """The digest of each true-up as it is, by period; also of those that were taken back."""
        return {each.period: digest_of(each) for each in await self.all()}

    async def in_force(self) -> list[TrueUp]:
        """Every true-up that was not taken back, by period."""
        return [each for each in await self.all() if each.amount is not None]

    async def all(self) -> list[TrueUp]:
        """The true-up of each period that ever had one, by period."""
        return [msgspec.convert(document, TrueUp) for document in await self._control.all(KIND)]


def digest_of(true_up: TrueUp | None) -> str:
    """Identifies a true-up as it is; empty where there never was one."""
    return blake2b(_encode(_document(true_up)), digest_size=12).hexdigest() if true_up else ""


def _document(true_up: TrueUp) -> Document:
    document: Document = msgspec.to_builtins(true_up)
    return document
