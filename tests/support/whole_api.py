"""The whole API over a real container whose stores are in memory."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from chargeback.adapters.azure.cost_exports import LocalCostExports
from chargeback.adapters.config.catalogue import load_catalogue
from chargeback.adapters.config.gateway import load_products
from chargeback.adapters.config.terms import load_terms
from chargeback.adapters.memory import outbox, stores
from chargeback.adapters.memory.audit_entries import MemoryAuditEntries
from chargeback.adapters.memory.counter import MemoryCounter
from chargeback.adapters.memory.gateway_log import MemoryGatewayLog
from chargeback.adapters.memory.gateways import MemoryGateways
from chargeback.adapters.memory.reports import MemoryReports
from chargeback.adapters.memory.settled import MemorySettledFiles
from chargeback.adapters.recording.control import RecordedControl
from chargeback.api.app import http_api
from chargeback.bootstrap import Container
from chargeback.domain.access.app_roles import AppRole
from chargeback.domain.access.requester import Identity, Requester, RowScope
from chargeback.domain.budgets.decisions import Product
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.terms.terms import Terms
from chargeback.settings import Settings
from stack.example import EXAMPLE_CONFIG
from tests.support.people import TENANT, PeopleByName, person

EVERYTHING = RowScope(everything=True)


def owner_of(name: str, *centres: str) -> Requester:
    identity = Identity(TENANT, f"object-{name}")
    return Requester(
        identity, name, frozenset({AppRole.OWNER}), RowScope(cost_centres=frozenset(centres), own=identity)
    )


FINANCE = person("finance", AppRole.FINANCE, scope=EVERYTHING)
ADMIN = person("admin", AppRole.ADMIN, scope=EVERYTHING)
AUDITOR = person("auditor", AppRole.AUDITOR, scope=EVERYTHING)
OPERATOR = person("operator", AppRole.OPERATOR, scope=RowScope())
USER = person("user", AppRole.USER)
NOBODY = person("nobody")
OWNER = owner_of("owner", "product")
EVERYBODY = (FINANCE, ADMIN, AUDITOR, OPERATOR, USER, NOBODY, OWNER)


def memory_container(*regions: str, config: Path = EXAMPLE_CONFIG, **parts: Any) -> Container:
    """A container over stores in memory, which another one may share: `parts` are those of another."""
    return fresh(Container(Settings.model_construct(**_settings(config))), *regions, config=config, **parts)


def fresh(container: Container, *regions: str, config: Path = EXAMPLE_CONFIG, **parts: Any) -> Container:
    """The same container with empty stores, for a test: to build an API takes longer than to use it."""
    settings = container.settings
    vars(container).clear()
    container.settings = settings
    control = parts.get("control") or RecordedControl(stores.MemoryControl())
    catalogue, terms, products = _read(config)
    vars(container).update(
        {
            "ledger": stores.MemoryLedger(),
            "counter": MemoryCounter(),
            "books": stores.MemoryBooks(),
            "control": control,
            "catalogues": _Deployed(catalogue, settled_by=terms, control=control),
            "products": products,
            "reports": MemoryReports(),
            "closed_reports": MemoryReports(),
            "settled_files": MemorySettledFiles(),
            "cost_exports": LocalCostExports([]),
            "gateway_log": MemoryGatewayLog(),
            "quarantine": stores.MemoryQuarantine(),
            "dead_letters": stores.MemoryDeadLetters(),
            "objects": stores.MemoryObjects(),
            "object_marks": stores.MemoryMarks(),
            "outbox": outbox.MemoryOutbox(),
            "digests": outbox.MemoryDigests(),
            "due_alerts": outbox.MemoryDueAlerts(),
            "audit_entries": MemoryAuditEntries(),
            "gateways": MemoryGateways(*regions) if regions else None,
            "people": PeopleByName(*EVERYBODY),
        }
        | parts
    )
    return container


class _Deployed(stores.MemoryCatalogues):
    """What is in force is what was deployed."""

    @property
    def deployed(self) -> Catalogue:
        return self.catalogue

    @property
    def deployed_terms(self) -> Terms:
        return self.settled_by


@lru_cache(maxsize=4)
def _read(config: Path) -> tuple[Catalogue, Terms, tuple[Product, ...]]:
    catalogue = load_catalogue(config)
    return catalogue, load_terms(config, catalogue), load_products(config)


def _settings(config: Path) -> dict[str, Any]:
    defaults = {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
    return defaults | {"config_dir": config}


def whole_api(container: Container) -> FastAPI:
    return http_api(container)
