"""A deployment's configuration is put in force once, recorded, and refused where it contradicts a closed period."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chargeback.adapters.memory.stores import MemoryCatalogues, MemoryControl, MemoryLedger
from chargeback.domain.catalogue.catalogue import Catalogue
from chargeback.domain.deployments.deployment import DatedDeployment, DeploymentType
from chargeback.domain.errors import InvalidConfig
from chargeback.domain.terms.terms import Terms
from chargeback.domain.time.effective import Effective
from chargeback.domain.usage.meters import Meter
from chargeback.services.configuring import deployed_config
from chargeback.services.configuring.deployed_config import LINES_KEPT, ConfigFiles, ConfigOutcome, apply_deployed
from chargeback.services.configuring.deployments import KIND, NAME
from tests.support.catalogues import START, catalogue, dated
from tests.support.control_documents import put_document

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)
BEFORE, AFTER = (catalogue(dated(Meter.INPUT, (START, price))) for price in ("2.50", "3.00"))


class DeployedProduct:
    """An app that was deployed with some files."""

    def __init__(self) -> None:
        self.control, self.catalogues, self.ledger = MemoryControl(), MemoryCatalogues(BEFORE), MemoryLedger()

    async def deploy(self, digest: str, brought: Any) -> ConfigOutcome:
        def load() -> ConfigFiles:
            return ConfigFiles(brought, Terms(), {"rate-card.yaml": {}})

        return await apply_deployed(self.control, self.catalogues, self.ledger, digest, load, now=NOW)


async def test_what_a_deployment_brings_is_in_force_and_on_the_record_with_its_diff() -> None:
    deployed_product = DeployedProduct()

    done = await deployed_product.deploy("digest-1", AFTER)

    record, current = (
        await deployed_product.control.get(KIND, NAME),
        await deployed_product.control.get("catalogue", "current"),
    )
    assert (done.state, done.in_force) == ("applied", AFTER.digest)
    assert any("2.5 → 3" in line for line in done.lines)
    assert record is not None
    assert current is not None
    assert (record["digest"], record["state"], list(record["lines"])) == ("digest-1", "applied", list(done.lines))
    assert (current["digest"], current["appliedBy"]) == (AFTER.digest, "deployment digest-1")


async def test_the_same_deployment_does_not_take_back_what_somebody_applied_since() -> None:
    deployed_product = DeployedProduct()
    await deployed_product.deploy("digest-1", AFTER)
    await put_document(
        deployed_product.control, "catalogue", "current", {"digest": BEFORE.digest, "termsDigest": Terms().digest}
    )

    done = await deployed_product.deploy("digest-1", AFTER)

    assert (done.state, done.lines) == ("handled", ())
    assert (done.in_force, done.deployed) == (BEFORE.digest, AFTER.digest)


async def test_the_next_deployment_applies_again_also_an_older_one() -> None:
    deployed_product = DeployedProduct()
    for digest, brought in (("digest-1", AFTER), ("digest-2", BEFORE), ("digest-1", AFTER)):
        done = await deployed_product.deploy(digest, brought)

        assert (done.state, done.in_force) == ("applied", brought.digest)


async def test_a_deployment_that_becomes_another_one_is_refused_until_its_past_is_said() -> None:
    """On 20 March gpt-4o is recreated as provisioned: what it was until then would have become free."""
    deployed_product = DeployedProduct()
    provisioned = catalogue(dated(Meter.INPUT, (START, "2.50")), type=DeploymentType.GLOBAL_PROVISIONED_MANAGED)
    was = DatedDeployment(BEFORE.deployments["oai-eastus2"]["gpt-4o"], Effective(end=NOW))
    said = Catalogue("USD", provisioned.prices, provisioned.deployments, provisioned.allocation, dated=[was])

    await deployed_product.deploy("digest-0", BEFORE)

    refused = await deployed_product.deploy("digest-1", provisioned)
    applied = await deployed_product.deploy("digest-2", said)

    assert (refused.state, refused.in_force) == ("refused", BEFORE.digest)
    assert refused.lines[0].startswith("dated-deployments.yaml: deployments: oai-eastus2/gpt-4o is gone, or is another")
    assert (applied.state, applied.in_force) == ("applied", said.digest)


async def test_what_contradicts_a_closed_period_is_refused_and_nothing_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise InvalidConfig(["books.yaml: 2026-10 is closed"])

    deployed_product = DeployedProduct()
    await deployed_product.deploy("digest-1", BEFORE)
    monkeypatch.setattr(deployed_config, "bring_into_force", refuse)

    done = await deployed_product.deploy("digest-2", AFTER)

    record = await deployed_product.control.get(KIND, NAME)
    assert (done.state, done.lines) == ("refused", ("books.yaml: 2026-10 is closed",))
    assert (done.in_force, done.deployed) == (BEFORE.digest, AFTER.digest)
    assert record is not None
    assert (record["digest"], record["state"]) == ("digest-2", "refused")


async def test_the_record_of_a_long_diff_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployed_config, "outcome_lines", lambda *_: iter(["line"] * (LINES_KEPT + 5)))
    deployed_product = DeployedProduct()

    done = await deployed_product.deploy("digest-1", AFTER)

    record = await deployed_product.control.get(KIND, NAME)
    assert record is not None
    assert (len(record["lines"]), record["moreLines"], len(done.lines)) == (LINES_KEPT, 5, LINES_KEPT + 5)
