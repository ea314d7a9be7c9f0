"""A small life of the product, in which it stores and publishes something of every kind."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chargeback.adapters.azure.cost_exports import LocalCostExports
from chargeback.adapters.config.catalogue import load_catalogue, to_documents
from chargeback.adapters.config.terms import terms_from_documents
from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.adapters.memory.outbox import MemoryDigests, MemoryDueAlerts, MemoryOutbox
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.memory.stores import (
    MemoryBooks,
    MemoryControl,
    MemoryLedger,
    MemoryMarks,
    MemoryObjects,
    MemoryQuarantine,
)
from chargeback.bootstrap import Container
from chargeback.domain.audit_log.acts import Act
from chargeback.domain.journals.plans import PlanLine
from chargeback.domain.periods.lifecycle import PeriodChange
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import dates_of
from chargeback.services.budgets.overrides import OverrideRequest
from chargeback.services.closing.correct_period import correct_period
from chargeback.services.closing.finish_days import ClosingRequest
from chargeback.services.configuring.deployed_config import ConfigFiles, apply_deployed
from chargeback.services.journals.confirm_document import confirm_document
from chargeback.services.journals.journal_documents import ErpAnswer
from chargeback.services.journals.plan_documents import KeptPlan, Plans
from chargeback.services.reconciling.true_up import set_true_up
from chargeback.services.running.set_aside import Stage
from chargeback.services.usage.accept_loss import Acceptance, accept_loss
from chargeback.services.usage.audit_results import AuditResults
from chargeback.settings import Settings
from stack.example import EXAMPLE_CONFIG
from tests.support.audit_log import KIM
from tests.support.builders import tokens, usage_event
from tests.support.cost_exports import exported
from tests.support.published_product import invoice

FILE = "file-1"
HOST = "oai-eastus2-x1.openai.azure.com"
MILLION = tokens(1_000_000, 100_000)
CALLER = {
    "apimUserId": "apim-user",
    "tenantId": "tenant",
    "appId": "app",
    "userObjectId": "user-object",
    "username": "user",
    "companyName": "company",
    "billingCode": "code",
}


POSTING = {
    "issuing": [
        {"companyCode": "1000", "receivable": "1", "recovery": {"account": "2"}, "smallestAmount": {"USD": "1000"}}
    ],
    "companies": [{"companyCode": "2000", "payable": "3"}],
    "costCentres": [
        {
            "costCentre": centre,
            "companyCode": company,
            "objectType": "CC",
            "object": "1",
            "accounts": {"usage": "625100"},
        }
        for centre, company in (
            ("product", "2000"),
            ("corporate", "1000"),
            ("research", "1000"),
            ("unallocated", "1000"),
        )
    ],
}


class InMemory(Container):
    """The product over stores in memory, a FinOps hub among them."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.__dict__ |= {
            "ledger": MemoryLedger(),
            "quarantine": MemoryQuarantine(),
            "reports": MemoryReports(),
            "closed_reports": MemoryReports(),
            "counter": MemoryCounter(),
            "books": MemoryBooks(),
            "control": MemoryControl(),
            "audit_entries": MemoryAuditEntries(),
            "objects": MemoryObjects(),
            "object_marks": MemoryMarks(),
            "gateway_log": MemoryGatewayLog(),
            "settled_files": MemorySettledFiles(),
            "outbox": MemoryOutbox(),
            "digests": MemoryDigests(),
            "due_alerts": MemoryDueAlerts(),
        }
        self.into_hub = MemoryReports()

    @property
    def hub(self) -> Any:
        return self.into_hub


async def live(container: Container, folder: Path, now: datetime) -> None:
    """The month before the last one is closed and corrected, the last one and this one are open."""
    async with container.audit_log.acting(KIM, Act.RUN_JOB, "life"):
        await _live(container, folder, now)


async def _live(container: Container, folder: Path, now: datetime) -> None:
    today, (last, closed) = now.date().isoformat(), months_before(now)
    await _deploy(container, now)
    await _take(container, now, *_calls(f"{closed}-05"), *_calls(f"{last}-05"), *_calls(today), b"no event")
    await _books(container, now)
    await container.drafts.publish(closed, now)
    await _true_up(container, closed, folder, now)
    await container.closer.close(closed, ClosingRequest("ann", now, "for a test"))
    await _take(container, now, _call(f"{closed}-06", "late"))
    await _books(container, now)
    change = PeriodChange("rated anew", now, "ann", "for a test")
    await correct_period(closed, container.closing_books, container.ledger, change)
    budget = (await container.catalogues.terms()).budgets[0].id
    asked = OverrideRequest(budget, Decimal(5), now + timedelta(days=1), "ann", "for a test")
    await container.budget_overrides.make(asked, now)
    await container.set_aside.note(Stage.POST, today, {"line 1": "for a test"})
    await container.drafts.publish_open(now)
    await _book(container, closed, last, now)
    await _lose(container, f"{last}-05", now)
    await container.object_marks.mark(today)
    await container.ledger.mark(today)


def months_before(now: datetime) -> tuple[str, str]:
    """The last month and the one before it."""
    last = previous_period(f"{now:%Y-%m}")
    return last, previous_period(last)


def _call(day: str, name: str, **data: Any) -> bytes:
    return usage_event(
        id=f"{day}-{name}", time=f"{day}T00:00:01Z", **({"backend": HOST, "usage": MILLION} | CALLER | data)
    )


def _calls(day: str) -> list[bytes]:
    """A plain call, one that waits for its tokens, one that has no price, one that made a file."""
    return [
        _call(day, "plain"),
        _call(day, "waiting", type="pending", usage=None, stream=True),
        _call(day, "unpriced", model="no-such-model", deployment="no-such-model"),
        _call(day, "file", operation="files", objectId=FILE, usage=None),
    ]


async def _take(container: Container, now: datetime, *events: bytes) -> None:
    await container.ingest.ingest(list(events), now)


async def _books(container: Container, now: datetime) -> None:
    """As the timers do."""
    await container.poster.post(now)
    await container.ledger_parts.look(now)
    await container.settler.settle(now)
    await container.auditor.audit(now)


async def _lose(container: Container, day: str, now: datetime) -> None:
    """The ledger of a day has less than the last audit says, and somebody accepts that."""
    results = AuditResults(container.control)
    result, token = await results.get(day)
    assert result is not None
    await results.swap(replace(result, events=result.events + 1), token)
    accept = Acceptance("for a test", "ann", now)
    await accept_loss(container.ledger, container.control, container.auditor, day, accept)


async def _book(container: Container, closed: str, last: str, now: datetime) -> None:
    """The closed month is posted and compared with a plan, the last one accrued and confirmed, this one planned."""
    await container.journals.make(closed, now)
    accrued = await container.accruals.accrue(last, None, now)
    answer = ErpAnswer(accrued.record.documents[0].id, "1900004711", f"{last}-28", "ann", "")
    await confirm_document(container.journals.records, answer, now)
    plan = await container.planner.plan(f"{now:%Y-%m}", "v1", now)
    await container.planner.write_plan(plan)
    lines = (PlanLine("1000", "1", "625100", "5", "USD"),)
    await Plans(container.control).keep(KeptPlan(closed, "v1", lines, by="ann", at=now.isoformat()))
    await container.planner.write_comparison(await container.planner.compare(closed, "v1", now))


async def _deploy(container: Container, now: datetime) -> None:
    catalogue = load_catalogue(EXAMPLE_CONFIG)
    documents = to_documents(EXAMPLE_CONFIG) | {"posting.yaml": POSTING}
    files = ConfigFiles(catalogue, terms_from_documents(documents, catalogue), documents)
    stores = container.control, container.catalogues, container.ledger
    await apply_deployed(*stores, "first", lambda: files, now=now)


async def _true_up(container: Container, period: str, folder: Path, now: datetime) -> None:
    first, last = dates_of(period)[0], dates_of(period)[-1]
    run = {
        "month": "-".join(each.replace("-", "") for each in (first, last)),
        "end": f"{last}T00:00:00Z",
        "submitted": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    charge = exported(ChargePeriodStart=f"{period}-05T00:00:00Z", ChargePeriodEnd=f"{period}-06T00:00:00Z")
    exports = LocalCostExports([invoice(folder, [charge], **run)])
    found = await container.reconciler.reconcile(period, exports)
    await set_true_up(container.control, found, by="ann", now=now, despite="for a test")
