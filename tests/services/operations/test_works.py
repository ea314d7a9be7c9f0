"""What an earlier try of long work has done is not done over what somebody did since."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chargeback.adapters.memory.stores import MemoryControl
from chargeback.domain.audit_log.actor import Actor
from chargeback.domain.errors import Conflict
from chargeback.domain.time.months import Month
from chargeback.services.operations.operation import OperationKind, OperationOrder, OperationRecord
from chargeback.services.operations.works import OperationWorks
from chargeback.services.reconciling.true_up_documents import TrueUp, TrueUpChange, TrueUps

pytestmark = pytest.mark.anyio

MARCH = Month("2026-03")
ASKED = datetime(2026, 4, 10, 12, tzinfo=UTC)


def works_over(control: MemoryControl) -> OperationWorks:
    """Without an invoice to compare with: what was done already needs none."""
    given: dict[str, Any] = dict.fromkeys(OperationWorks.__dataclass_fields__)
    return OperationWorks(**given | {"closer": SimpleNamespace(closing_books=SimpleNamespace(control=control))})


def try_again(kind: OperationKind) -> OperationRecord:
    order = OperationOrder(kind=kind, actor=Actor.system("ann", "1"), by="ann", period=MARCH)
    return OperationRecord(id="one", order=order, asked_at=ASKED, changed_at=ASKED, tries=2)


async def true_up(control: MemoryControl, history: Sequence[TrueUpChange]) -> TrueUp:
    """The true-up of March after these changes."""
    last = history[-1]
    known = TrueUp(MARCH, last.amount, "USD", last.by, last.at, history=tuple(history))
    await TrueUps(control).swap(known, None)
    return known


BY_ANN = {OperationKind.TRUE_UP: "7", OperationKind.REMOVE_TRUE_UP: None}
"""The amount that each kind leaves."""


@pytest.mark.parametrize("kind", BY_ANN)
async def test_a_try_that_was_killed_after_it_had_changed_a_true_up_is_told_as_done(kind: OperationKind) -> None:
    control = MemoryControl()
    known = await true_up(control, [TrueUpChange(BY_ANN[kind], "ann", ASKED.isoformat())])

    result = await works_over(control).by_kind()[kind](try_again(kind))

    assert result.get("amount", "7") == "7"
    assert result.get("wasThere", "true") == "true"
    assert (await TrueUps(control).get(MARCH))[0] == known


@pytest.mark.parametrize("kind", BY_ANN)
async def test_what_somebody_did_to_a_true_up_since_a_killed_try_stays(kind: OperationKind) -> None:
    control = MemoryControl()
    by_bob = "9" if BY_ANN[kind] is None else None
    first = TrueUpChange(BY_ANN[kind], "ann", ASKED.isoformat())
    known = await true_up(control, [first, TrueUpChange(by_bob, "bob", "2026-04-10T12:03:00+00:00")])

    with pytest.raises(Conflict, match="changed since by bob"):
        await works_over(control).by_kind()[kind](try_again(kind))

    assert (await TrueUps(control).get(MARCH))[0] == known
