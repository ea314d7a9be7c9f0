"""People change budgets beside the files as carefully as in the files, and never what the files say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chargeback.adapters.config.budget_entries import budget_entry, read_entry
from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl
from chargeback.domain.budgets.budget import Budget
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.errors import ChargebackError, Conflict, InvalidConfig, NotThere, Superseded
from chargeback.domain.terms.terms import Terms
from chargeback.services.budgets.change_budgets import BudgetChanger, ChangeBudgets
from chargeback.services.budgets.made_budgets import BudgetRecord, MadeBudgets
from stack.example import EXAMPLE_CONFIG

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
CATALOGUE = load_catalogue(EXAMPLE_CONFIG)
TERMS = load_terms(EXAMPLE_CONFIG, CATALOGUE)
ANN = BudgetChanger("ann", "a launch")
ENTRY: dict[str, Any] = {
    "id": "made/search",
    "costCentre": "product/search",
    "amount": 2000,
    "steps": [{"percent": 80, "do": "warn"}, {"percent": 100, "do": "block"}],
}


def read(entry: Mapping[str, Any], catalogue: Catalogue, terms: Terms, now: datetime) -> Budget:
    return read_entry(EXAMPLE_CONFIG, entry, catalogue, terms, now)


@dataclass
class World:
    """The services over one store."""

    control: MemoryControl = field(default_factory=MemoryControl)

    def __post_init__(self) -> None:
        self.catalogues = MemoryCatalogues(CATALOGUE, settled_by=TERMS, control=self.control)
        self.budgets = ChangeBudgets(MadeBudgets(self.control), self.catalogues, read)

    async def create(self, **other: Any) -> BudgetRecord:
        return await self.budgets.create(ENTRY | other, ANN, NOW)


async def test_a_budget_is_in_force_as_soon_as_it_is_made_changed_or_deleted() -> None:
    world = World()

    async def amounts() -> list[object]:
        return [each.amount for each in (await world.catalogues.terms()).budgets if each.id == "made/search"]

    made = await world.create()
    found = [await amounts()]
    await world.budgets.change(made.id, ENTRY | {"amount": "2500.50"}, ANN, LATER, tag=made.tag)
    found.append(await amounts())
    await world.budgets.delete(made.id, ANN, LATER)
    found.append(await amounts())

    assert [[str(each) for each in some] for some in found] == [["2000"], ["2500.50"], []]


async def test_an_entry_and_its_budget_say_the_same() -> None:
    again = [read(budget_entry(each), CATALOGUE, TERMS, NOW) for each in TERMS.budgets]

    assert again == list(TERMS.budgets)


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ({"amount": 0}, "amount: 0 is not above zero"),
        ({"amount": 1.5}, "amount: 1.5 is neither a whole number nor a quoted decimal with two places at most"),
        ({"amount": "1e3"}, "amount: '1e3' is neither a whole number nor a quoted decimal with two places at most"),
        ({"steps": []}, "steps: names none"),
        ({"colour": "red"}, "object contains unknown field `colour`"),
        ({"costCentre": "product/unknown"}, "costCentre: 'product/unknown' is not under costCentres"),
        ({"costCentre": "product/support", "id": "twin"}, "every: cost-centre:product/support has the budget"),
        ({"currency": "XXX"}, "currency: costs are in"),
        ({"id": "../x"}, "id: '../x' is not made of letters"),
        ({"id": ""}, "id: '' is not made of letters"),
        ({"id": "a:b"}, "id: 'a:b' is not made of letters"),
        ({"id": "a" * 201}, "is not made of letters"),
        ({"id": "decisions"}, "id: 'decisions' is the name of another route of the API"),
        ({"steps": [{"percent": 90, "do": "swap", "swap": {"gpt-5.5": "unknown"}}]}, "steps[0].swap: no account has"),
        ({"subscription": "search"}, "costCentre: name exactly one of"),
    ],
)
async def test_a_budget_that_files_could_not_have_is_refused_with_its_fault(other: dict[str, Any], fault: str) -> None:
    world = World()

    with pytest.raises(InvalidConfig) as refused:
        await world.create(**other)

    assert fault in str(refused.value)
    assert not any(each.startswith("budgets[") for each in refused.value.faults)
    assert await world.budgets.made.records() == []


async def test_what_the_files_say_is_changed_in_the_files() -> None:
    world = World()

    with pytest.raises(Conflict, match="is a budget of"):
        await world.create(id="product")
    with pytest.raises(Conflict, match="is a budget of"):
        await world.budgets.change("product", ENTRY | {"id": "product"}, ANN, NOW)
    with pytest.raises(Conflict, match="is a budget of"):
        await world.budgets.delete("product", ANN, NOW)


async def test_whoever_read_an_older_budget_changes_nothing() -> None:
    world = World()
    made = await world.create()
    await world.budgets.change(made.id, ENTRY | {"amount": 1}, ANN, LATER, tag=made.tag)

    with pytest.raises(Superseded, match="changed meanwhile"):
        await world.budgets.change(made.id, ENTRY | {"amount": 2}, ANN, LATER, tag=made.tag)
    with pytest.raises(Superseded, match="changed meanwhile"):
        await world.budgets.delete(made.id, ANN, LATER, tag=made.tag)

    (found,) = await world.budgets.made.records()
    assert [each.budget and int(each.budget.amount) for each in found.changes] == [2000, 1]


async def test_an_id_stays_and_what_is_not_there_cannot_be_changed() -> None:
    world = World()
    made = await world.create()

    with pytest.raises(InvalidConfig, match="for ever"):
        await world.budgets.change(made.id, ENTRY | {"id": "other"}, ANN, NOW)
    for name in ("other", "../made", "made:search", ""):
        with pytest.raises(NotThere):
            await world.budgets.change(name, ENTRY | {"id": name}, ANN, NOW)


async def test_whoever_may_not_touch_a_budget_as_it_is_or_becomes_changes_nothing() -> None:
    world = World()
    made = await world.create()

    def only_below_search(budget: Budget) -> None:
        if budget.scope.value != "product/search":
            raise NotThere("nothing of that")

    careful = BudgetChanger("bob", may=only_below_search)
    await world.budgets.change(made.id, ENTRY | {"amount": 3}, careful, LATER)
    for other in ({"costCentre": "research"}, {"costCentre": None, "everything": True}):
        with pytest.raises(NotThere):
            await world.budgets.change(made.id, ENTRY | other | {"shadow": True}, careful, LATER)
    with pytest.raises(NotThere, match="nothing of that"):
        await world.budgets.delete("product", careful, LATER)

    (found,) = await world.budgets.made.records()
    assert len(found.changes) == 2


async def test_a_change_says_who_made_it_in_printable_words() -> None:
    world = World()

    for asking in (BudgetChanger(" "), BudgetChanger("ann", "x" * 1001), BudgetChanger("ann", "a\nb")):
        with pytest.raises(ChargebackError):
            await world.budgets.create(ENTRY, asking, NOW)
