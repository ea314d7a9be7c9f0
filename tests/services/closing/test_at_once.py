"""Two commands or timers at once end in one of the two results that they have one after the other."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.config.catalogue import load_catalogue, to_documents
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.memory.stores import MemoryControl, MemoryLedger
from chargeback.domain.errors import InvalidConfig, Superseded
from chargeback.domain.periods.lifecycle import PeriodState
from chargeback.domain.terms.terms import Terms
from chargeback.services.closing.late_changes import late_changes
from chargeback.services.configuring.apply_config import bring_into_force
from chargeback.services.configuring.deployed_config import ConfigFiles, ConfigOutcome, apply_deployed
from chargeback.services.configuring.deployments import Deployments
from chargeback.services.configuring.versions import ConfigVersion, ConfigVersions
from chargeback.services.reconciling.reconciled_documents import Compared, Comparisons
from chargeback.services.reconciling.true_up import set_true_up, true_up_digest
from stack.example import EXAMPLE_CONFIG
from tests.simulation.month import Month, Order
from tests.simulation.product import SimulatedProduct
from tests.support.builders import NOW
from tests.support.closing_march import AFTER_GRACE, march
from tests.support.closing_product import ClosingProduct
from tests.support.control_documents import put_document
from tests.support.reconciled_months import reconciled

pytestmark = pytest.mark.anyio


class Interrupted(MemoryControl):
    """Control documents; before one write, something else happens first."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[tuple[str, str], Callable[[], Awaitable[Any]]] = {}

    async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
        if first := self.before.pop((kind, name), None):
            await first()
        return await super().swap(kind, name, document, after)


async def apply(control: Any, folder: Path, by: str, ledger: Any = None) -> Any:
    catalogue = load_catalogue(folder)
    stores = control, AppliedCatalogues(control, EXAMPLE_CONFIG), ledger or MemoryLedger()
    return await bring_into_force(*stores, catalogue, Terms(), to_documents(folder), by=by, now=NOW)


def folder_with(tmp_path: Path, name: str, text: str) -> Path:
    """The repository's configuration with a cost centre more."""
    folder = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / name))
    centres = path_of(folder, "cost-centres.yaml")
    more = f"costCentres:\n  - {{path: {text}, name: {text}}}\n"
    centres.write_text(centres.read_text().replace("costCentres:\n", more, 1))
    return folder


async def test_of_two_configurations_applied_at_once_the_later_one_is_compared_with_the_other(tmp_path: Path) -> None:
    control = Interrupted()
    first, second = folder_with(tmp_path, "a", "first"), folder_with(tmp_path, "b", "second")
    control.before["catalogue", "current"] = lambda: apply(control, second, "bob")

    brought = await apply(control, first, "ann")

    current = await control.get("catalogue", "current")
    assert current["appliedBy"] == "ann"
    assert current["replaces"] == load_catalogue(second).digest == brought.applied.before
    said = {(each.kind, each.name) for each in brought.catalogue.others}
    assert said == {("added", "first"), ("removed", "second")}


async def test_a_version_on_record_is_not_written_again_by_an_attempt_that_was_overtaken(tmp_path: Path) -> None:
    control = Interrupted()
    first, second = folder_with(tmp_path, "a", "first"), folder_with(tmp_path, "b", "second")
    control.before["catalogue", "current"] = lambda: apply(control, second, "bob")

    await apply(control, first, "ann")

    stored = {each["name"]: each for each in await control.all("catalogue")}
    applied = {(each.get("appliedBy"), each.get("replaces")) for name, each in stored.items() if name[:2] == "20"}
    other = load_catalogue(second).digest
    assert {("ann", other), ("bob", None)} < applied
    current = await control.get("catalogue", "current")
    assert current is not None
    assert current == await control.get("catalogue", current["name"])


async def test_a_version_stays_what_it_was_when_it_is_stored_again_and_no_other_takes_its_name() -> None:
    versions = ConfigVersions(MemoryControl())
    await versions.keep(ConfigVersion(name="v", digest="a", applied_by="ann"))

    await versions.keep(ConfigVersion(name="v", digest="a", applied_by="bob"))
    with pytest.raises(Superseded):
        await versions.keep(ConfigVersion(name="v", digest="b"))

    assert await versions.get("v") == ConfigVersion(name="v", digest="a", applied_by="ann")


async def deploy(control: Any, folder: Path, digest: str) -> ConfigOutcome:
    def load() -> ConfigFiles:
        return ConfigFiles(load_catalogue(folder), Terms(), to_documents(folder))

    catalogues = AppliedCatalogues(control, EXAMPLE_CONFIG)
    return await apply_deployed(control, catalogues, MemoryLedger(), digest, load, now=NOW)


async def test_of_two_deployments_at_once_the_one_on_the_record_is_the_one_in_force(tmp_path: Path) -> None:
    control = Interrupted()
    first, second = folder_with(tmp_path, "a", "first"), folder_with(tmp_path, "b", "second")
    control.before["deployment", "config"] = lambda: deploy(control, second, "of-second")

    done = await deploy(control, first, "of-first")

    record, _ = await Deployments(control).latest()
    current, _ = await ConfigVersions(control).current()
    assert (record.digest if record else "") == "of-first"
    assert (current.digest if current else "") == load_catalogue(first).digest
    assert (done.state, done.in_force) == ("applied", done.deployed)


async def test_a_deployment_whose_record_is_written_and_its_answer_lost_was_applied(tmp_path: Path) -> None:
    class Losing(MemoryControl):
        async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
            token = await super().swap(kind, name, document, after)
            if kind == "deployment":
                raise Superseded("the answer was lost, and the client tried again")
            return token

    done = await deploy(Losing(), folder_with(tmp_path, "a", "first"), "of-first")

    assert (done.state, done.lines != ()) == ("applied", True)


async def test_a_deployment_that_others_overtake_each_time_says_so(tmp_path: Path) -> None:
    class Overtaken(MemoryControl):
        async def swap(self, kind: str, name: str, document: dict[str, Any], after: str | None) -> str:
            if kind == "deployment":
                raise Superseded("deployment/config was written by another run")
            return await super().swap(kind, name, document, after)

    with pytest.raises(Superseded, match="another deployment was recorded each time"):
        await deploy(Overtaken(), folder_with(tmp_path, "a", "first"), "of-first")


async def test_of_one_deployment_handled_twice_at_once_the_first_record_stays(tmp_path: Path) -> None:
    control = Interrupted()
    folder = folder_with(tmp_path, "a", "first")
    others: list[ConfigOutcome] = []

    async def other() -> None:
        others.append(await deploy(control, folder, "of-first"))

    control.before["deployment", "config"] = other

    done = await deploy(control, folder, "of-first")

    record, _ = await Deployments(control).latest()
    assert (others[0].state, done.state, done.in_force) == ("applied", "handled", done.deployed)
    assert record is not None
    assert record.lines == others[0].lines


async def test_a_configuration_that_a_closing_overtakes_is_taken_back_where_both_cannot_be(tmp_path: Path) -> None:
    control = Interrupted()
    before, moved = folder_with(tmp_path, "a", "first"), folder_with(tmp_path, "b", "second")
    await apply(control, before, "ann")
    path_of(moved, "books.yaml").write_text('books: [{from: "2026-01", timeZone: Europe/Berlin, currency: USD}]\n')
    version = (await AppliedCatalogues(control, EXAMPLE_CONFIG).version()).name

    async def begin_to_close() -> None:
        await put_document(control, "period", "2026-03", {"period": "2026-03", "state": "closing", "version": version})

    control.before["catalogue", "current"] = begin_to_close

    with pytest.raises(InvalidConfig, match="would move the bounds of 2026-03"):
        await apply(control, moved, "bob")

    assert (await control.get("catalogue", "current"))["appliedBy"] == "ann"


@pytest.mark.parametrize("at_once", [2, 3])
async def test_audits_of_a_day_at_once_say_what_was_corrected(at_once: int) -> None:
    in_memory = await march()
    await in_memory.auditor.audit_day("2026-03-05", AFTER_GRACE - timedelta(days=2))
    in_memory.books.days["2026-03-05"].clear()

    found = await asyncio.gather(*(in_memory.auditor.audit_day("2026-03-05", AFTER_GRACE) for _ in range(at_once)))

    assert max(each.drift_lines for each in found) == 1
    assert len(in_memory.books.days["2026-03-05"]) == 1
    assert "2026-03-05" not in await in_memory.ledger.marks()


def interrupted_march() -> tuple[Interrupted, ClosingProduct]:
    control = Interrupted()
    return control, ClosingProduct(wrap=lambda name, store: control if name == "control" else store)


async def test_a_true_up_that_is_set_while_the_month_closes_without_it_is_a_correction_of_the_next() -> None:
    control, in_memory = interrupted_march()
    await march(in_memory)
    control.before["true-up", "2026-03"] = lambda: in_memory.close("2026-03", AFTER_GRACE)

    await set_true_up(in_memory.control, reconciled("110", "100"), by="dora", now=NOW)

    closed, _ = await in_memory.periods.get("2026-03")
    assert (closed.state, closed.true_up) == (PeriodState.CLOSED, "")
    (late,) = await late_changes(in_memory.periods, in_memory.books, in_memory.catalogue.calendar)
    assert (late.period, late.days, late.true_up) == ("2026-03", {}, await true_up_digest(in_memory.control, "2026-03"))


async def test_a_true_up_that_comes_while_the_files_are_made_makes_them_again() -> None:
    _, in_memory = interrupted_march()
    await march(in_memory)

    async def once() -> None:
        in_memory.bill.after = None
        await set_true_up(in_memory.control, reconciled("110", "100"), by="dora", now=NOW)

    in_memory.bill.after = once

    closed = await in_memory.close("2026-03", AFTER_GRACE)

    assert closed.true_up == await true_up_digest(in_memory.control, "2026-03") != ""
    assert await late_changes(in_memory.periods, in_memory.books, in_memory.catalogue.calendar) == []


async def test_a_closing_between_two_looks_of_a_true_up_keeps_what_its_files_were_made_with() -> None:
    """Set just before the closing began: the closing's files have it."""
    _, in_memory = interrupted_march()
    await march(in_memory)
    done = await set_true_up(in_memory.control, reconciled("110", "100"), by="dora", now=NOW)

    closed = await in_memory.close("2026-03", AFTER_GRACE)

    assert closed.true_up == await true_up_digest(in_memory.control, "2026-03") != ""
    assert done.amount == "10"


async def test_two_true_ups_at_once_lose_neither_in_the_history() -> None:
    control = Interrupted()
    other = reconciled("112", "100")
    control.before["true-up", "2026-03"] = lambda: set_true_up(control, other, by="emil", now=NOW)

    with pytest.raises(Superseded):
        await set_true_up(control, reconciled("110", "100"), by="dora", now=NOW)

    assert [each["by"] for each in (await control.get("true-up", "2026-03"))["history"]] == ["emil"]


async def test_an_audit_that_remembers_the_former_configuration_leaves_no_day_with_it() -> None:
    """Every process remembers for a minute what is in force; the mark of a day may be of something newer."""
    simulated = SimulatedProduct(Month(orders=(Order(NOW, "apply", "4"),)))
    await simulated.begin()
    in_memory = await march(simulated.in_memory)
    await simulated.run("audit", AFTER_GRACE)
    await simulated.run("apply", AFTER_GRACE, on=1)

    await simulated.run("audit", AFTER_GRACE)  # in the same minute

    charges = await simulated.bill.charges("2026-03", await in_memory.ledger.days())
    assert sum(cost for _, cost in charges.values()) == 6 * 4
    assert await in_memory.ledger.marks() == {}


async def test_of_two_comparisons_with_the_invoice_at_once_one_stays() -> None:
    control = Interrupted()
    one, other = (Compared("2026-03", "run", True, invoiced, "100", "100", "USD") for invoiced in ("110", "112"))
    control.before["reconciliation", "2026-03"] = lambda: Comparisons(control).keep(other)

    await Comparisons(control).keep(one)

    assert await Comparisons(control).all() == {"2026-03": other}
