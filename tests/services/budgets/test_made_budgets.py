"""Budgets that people make beside the files are on record for ever, and hold as those of the files do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.config.catalogue import load_catalogue, to_documents
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory.stores import MemoryControl, MemoryLedger
from chargeback.domain.budgets.budget import Action, Budget, Step
from chargeback.domain.errors import Conflict, InvalidConfig, NotThere, StoreUnavailable, Superseded
from chargeback.services.budgets.made_budgets import BudgetChange, BudgetRecord, MadeBudgets
from chargeback.services.configuring.apply_config import bring_into_force
from chargeback.services.ports.control import Document
from stack.example import EXAMPLE_CONFIG
from tests.support.budgets import monthly

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
CATALOGUE = load_catalogue(EXAMPLE_CONFIG)
TERMS = load_terms(EXAMPLE_CONFIG, CATALOGUE)


class Forgetful(MemoryControl):
    """Writes, and loses the answer, as often as it is told to."""

    losses = 0

    async def swap(self, kind: str, name: str, document: Document, after: str | None) -> str:
        token = await super().swap(kind, name, document, after)
        if self.losses:
            self.losses -= 1
            raise StoreUnavailable("the answer was lost")
        return token


def made(amount: str = "50", id_: str = "made/search", **fields: object) -> Budget:
    return replace(monthly("product/search", amount, 80), id=id_, shadow=True, **fields)  # type: ignore[arg-type]


def change(budget: Budget | None, by: str = "ann", minutes: int = 0) -> BudgetChange:
    return BudgetChange(budget, NOW + timedelta(minutes=minutes), by, "a launch")


def anything(_: BudgetRecord) -> None:
    """Let every change be made."""


async def test_a_made_budget_is_what_its_last_change_says_and_all_are_on_record() -> None:
    budgets = MadeBudgets(MemoryControl())

    first = await budgets.create(change(made("50")))
    second = await budgets.change("made/search", change(made("70"), "bob", 1), anything)

    (found,) = await budgets.records()
    assert found == second
    assert [(each.budget and each.budget.amount, each.by) for each in found.changes] == [(50, "ann"), (70, "bob")]
    assert (await budgets.in_force()) == [made("70")]
    assert first.tag != second.tag == found.tag


async def test_everything_that_a_budget_can_say_is_kept() -> None:
    budgets = MadeBudgets(MemoryControl())
    swaps = {"gpt-5.5": "gpt-5.4-mini"}
    steps = (
        Step(Decimal("80.5"), Action.SWAP, fallback=swaps),
        Step(Decimal(95), Action.THROTTLE, tokens_per_minute=9),
    )
    everything = replace(TERMS.budgets[0], id="made", steps=steps, owner="Ann, ann@example.com")

    await budgets.create(change(everything))

    assert await budgets.in_force() == [everything]


async def test_an_id_is_used_once_even_where_its_budget_was_deleted() -> None:
    budgets = MadeBudgets(MemoryControl())
    await budgets.create(change(made()))

    with pytest.raises(Conflict, match="was made already"):
        await budgets.create(change(made("60"), "bob"))
    await budgets.change("made/search", change(None), anything)

    assert await budgets.in_force() == []
    with pytest.raises(Conflict, match="not used again"):
        await budgets.create(change(made("60"), "bob"))
    with pytest.raises(NotThere):
        await budgets.change("made/search", change(made()), anything)


async def test_what_may_not_be_changed_stays_as_it_is() -> None:
    budgets = MadeBudgets(MemoryControl())
    record = await budgets.create(change(made()))

    def never(_: BudgetRecord) -> None:
        raise Superseded("no")

    with pytest.raises(Superseded):
        await budgets.change("made/search", change(made("70")), never)

    assert await budgets.get("made/search") == record


async def test_a_change_whose_answer_was_lost_is_made_once() -> None:
    control = Forgetful()
    budgets = MadeBudgets(control)

    control.losses = 1
    await budgets.create(change(made()))
    control.losses = 1
    await budgets.change("made/search", change(made("70"), minutes=1), anything)

    (found,) = await budgets.records()
    assert [each.budget and each.budget.amount for each in found.changes] == [50, 70]


async def test_the_terms_in_force_have_the_made_budgets_too() -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, EXAMPLE_CONFIG)
    before = await catalogues.terms()
    await MadeBudgets(control).create(change(made()))

    version = await catalogues.version()
    terms = await catalogues.terms()

    assert [each.id for each in terms.budgets] == [*(each.id for each in before.budgets), "made/search"]
    assert version.terms.budgets == terms.budgets
    assert terms is await catalogues.terms()
    assert terms.digest == before.digest
    assert terms.watched.digest == before.watched.digest or made().scope not in {each.scope for each in before.budgets}


async def test_a_budget_of_the_files_counts_where_both_have_an_id() -> None:
    control = MemoryControl()
    filed = TERMS.budgets[0]
    await MadeBudgets(control).create(change(replace(filed, amount=filed.amount + 1)))

    terms = await AppliedCatalogues(control, EXAMPLE_CONFIG).terms()

    assert terms.budgets == TERMS.budgets


async def test_a_swap_to_a_deployment_that_is_gone_only_warns() -> None:
    control = MemoryControl()
    swaps = {"gpt-5.5": "gone", "gpt-5.4": "GPT-5.4-mini"}
    await MadeBudgets(control).create(change(replace(made(), steps=(Step(Decimal(80), Action.SWAP, fallback=swaps),))))

    terms = await AppliedCatalogues(control, EXAMPLE_CONFIG).terms()

    (step,) = terms.made_budgets[0].steps
    assert step.fallback == {"gpt-5.4": "GPT-5.4-mini"}


@pytest.mark.parametrize("shadow", [True, False])
async def test_files_are_refused_that_contradict_a_made_budget(*, shadow: bool) -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, EXAMPLE_CONFIG)
    filed = next(each for each in TERMS.budgets if not each.shadow)
    twin = replace(filed, id=filed.id if shadow else "made", shadow=shadow)
    await MadeBudgets(control).create(change(twin))

    with pytest.raises(InvalidConfig, match="made beside the files"):
        await bring_into_force(
            control, catalogues, MemoryLedger(), CATALOGUE, TERMS, to_documents(EXAMPLE_CONFIG), by="ann", now=NOW
        )


async def test_files_that_are_applied_leave_made_budgets_in_force_and_name_none_as_gone() -> None:
    control = MemoryControl()
    catalogues = AppliedCatalogues(control, EXAMPLE_CONFIG)
    await MadeBudgets(control).create(change(made()))

    brought = await bring_into_force(
        control, catalogues, MemoryLedger(), CATALOGUE, TERMS, to_documents(EXAMPLE_CONFIG), by="ann", now=NOW
    )

    assert brought.terms == []
    assert "made/search" in {each.id for each in (await catalogues.terms()).budgets}
