"""The evidence of a closed period: what an auditor needs to recompute it, and an index that tells whether it is whole.

It lies beside the closed files and holds the usage by line and hour as it was charged, every configuration that rated
it, what was billed before and is corrected, the part of the invoice that was used, and who did what. The index has the
SHA-256 of each of these files, and one of each block, so that a change is found where it is; the manifest has that of
the index.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import msgspec

from chargeback.domain.reports.manifest import Deed, PublishedFile
from chargeback.domain.time.days import UtcDay
from chargeback.domain.time.months import Month

EVIDENCE_VERSION: Final = 1
BLOCK_BYTES: Final = 4096
"""Each block of a file has a digest of its own."""
_DIGITS = 8
"""Hexadecimal digits kept of it: enough to find the place of a change that the whole digest has shown."""


class EvidenceFile(msgspec.Struct, frozen=True, rename="camel"):
    """A file of the evidence.

    Attributes:
        path: from the top of the container.
        blocks: the first digits of the SHA-256 of each block, one after the other.
    """

    path: str
    bytes: int
    sha256: str
    blocks: str


class CentreSum(msgspec.Struct, frozen=True, rename="camel"):
    """What a cost centre is charged in a currency, as printed."""

    cost_centre: str
    currency: str
    cost: str


class EvidenceIndex(msgspec.Struct, frozen=True, rename="camel"):
    """What the evidence of a period consists of, and what it has to come to.

    Attributes:
        version: the version of this format.
        files: every file of the evidence but the index itself.
        results: the files of the period that are recomputed: the rows, the sums.
        sums: by cost centre and currency.
    """

    version: int
    billing_period: Month
    files: list[EvidenceFile]
    results: list[PublishedFile]
    sums: list[CentreSum]


class CorrectedMonth(msgspec.Struct, frozen=True, rename="camel"):
    """A closed month whose corrections the period carries.

    Attributes:
        days: UTC day → fence of its books, as they were corrected.
        billed: the closed months whose files say what was billed for it before.
        true_up: identifies its true-up.
    """

    period: Month
    days: dict[UtcDay, str]
    billed: list[Month]
    true_up: str


class UsedInvoice(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a cost export that was compared or trued up with.

    Attributes:
        sha256: over the files of the run, as they were read.
        invoice_ids: the `InvoiceId` of its rows; empty where the export has none yet.
        path: where its rows are in the evidence; empty where nobody kept them when it was read.
    """

    run: str
    sha256: str
    invoice_ids: list[str]
    path: str


class EvidenceRecord(msgspec.Struct, frozen=True, rename="camel"):
    """What else decided a period: settings, corrections, and the documents that steered it.

    Attributes:
        decimals: places of the printed costs.
        configuration: name of the configuration that it was closed with.
        frozen: closed month → name of the configuration that rates its usage.
        previous_manifest: SHA-256 of the manifest of the closed period before.
        documents: kind → name → control document: months corrected and true-ups.
        approval: whose approval it closed with; None where the books ask for none.
        deeds: who did what, overrides included.
        product_version: the version of this product that closed it; empty where that was not noted yet. A later one
            may write further columns.
    """

    billing_period: Month
    decimals: int
    configuration: str
    frozen: dict[Month, str]
    previous_manifest: str
    corrected: list[CorrectedMonth]
    documents: dict[str, dict[str, Any]]
    invoices: list[UsedInvoice]
    approval: dict[str, Any] | None
    deeds: list[Deed]
    product_version: str = ""


class Blocks:
    """Digests the blocks of a file as its bytes come."""

    def __init__(self) -> None:
        self._digests: list[str] = []
        self._rest = bytearray()

    def add(self, piece: bytes) -> None:
        """The next bytes."""
        self._rest += piece
        while len(self._rest) >= BLOCK_BYTES:
            self._close(BLOCK_BYTES)

    def digits(self) -> str:
        """The digits of all blocks; nothing may be added afterwards."""
        if self._rest:
            self._close(len(self._rest))
        return "".join(self._digests)

    def _close(self, size: int) -> None:
        self._digests.append(sha256(self._rest[:size]).hexdigest()[:_DIGITS])
        del self._rest[:size]


def first_difference(known: EvidenceFile, size: int, blocks: str) -> str:
    """Where a file first differs from what the index says, in words; `size` and `blocks` are what it is now."""
    start = next(_differing(known.blocks, blocks), min(known.bytes, size))
    end = min(start + BLOCK_BYTES, max(known.bytes, size))
    moved = size - known.bytes
    length = "" if not moved else f"{abs(moved)} bytes {'more' if moved > 0 else 'fewer'} than it had; "
    return f"{length}the first change lies within bytes {start} to {end - 1}"


def _differing(before: str, now: str) -> Iterator[int]:
    for number in range(min(len(before), len(now)) // _DIGITS):
        place = slice(number * _DIGITS, (number + 1) * _DIGITS)
        if before[place] != now[place]:
            yield number * BLOCK_BYTES
