"""Reserved capacity from files: none is free at any time, and what it can do is stated without a fault."""

from decimal import Decimal
from pathlib import Path

import pytest

from chargeback.adapters.config.catalogue import (
    from_documents,
    to_documents,
)
from chargeback.adapters.config.folders import path_of
from chargeback.adapters.config.terms import terms_from_documents
from chargeback.domain.terms.shared_costs import (
    Capacity,
)
from tests.adapters.config.terms_files import CENTRES, DEPLOYMENTS, PTU, faults_of, terms_of, write


def test_a_provisioned_deployment_that_no_shared_cost_covers_would_be_free(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    covered = terms_of(folder)

    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU.replace('oai-a', 'oai-b')}")

    assert covered.shared_costs[0].cost_id == "ptu"
    assert faults_of(folder) == [
        "shared-costs.yaml:1: sharedCosts: no provisioned one covers the GlobalProvisionedManaged deployment 'ptu'"
        " of 'oai-a', so its use would be free"
    ]


def test_reserved_capacity_whose_cost_ends_would_be_free_from_then_on(folder: Path) -> None:
    """It ends on 1 July, the deployment does not: July would cost nothing."""
    write(folder, "deployments.yaml", DEPLOYMENTS)
    ended = PTU.replace("effectiveFrom: 2026-03-01", "effectiveFrom: 2026-03-01\n    effectiveTo: 2026-07-01")
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{ended}")

    assert faults_of(folder) == [
        "shared-costs.yaml:9: sharedCosts[0].effectiveTo: 'ptu' ends, and nothing else pays for the"
        " GlobalProvisionedManaged deployment 'ptu' of 'oai-a' from 2026-07-01T00Z on"
    ]
    stored = to_documents(folder)  # what was applied before this was checked is still read
    assert len(terms_from_documents(stored, from_documents(stored)).shared_costs) == 1

    write(folder, "shared-costs.yaml", f"sharedCosts:\n{ended}{PTU.replace('ptu', 'ptu-2').replace('03-01', '07-01')}")
    assert len(terms_of(folder).shared_costs) == 2


def test_reserved_capacity_is_paid_from_the_hour_on_in_which_a_deployment_becomes_it(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    write(
        folder,
        "dated-deployments.yaml",
        "deployments:\n"
        '  - {accounts: [oai-a], name: ptu, model: gpt-4o, version: "1", type: Standard, effectiveTo: 2026-02-20}\n',
    )

    assert faults_of(folder) == [
        "shared-costs.yaml:8: sharedCosts[0].effectiveFrom: the GlobalProvisionedManaged deployment 'ptu' of 'oai-a'"
        " begins at 2026-02-20T00Z: its use would be free until 'ptu'"
    ]


def test_capacity_that_is_split_evenly_between_its_users_needs_a_measure_of_use(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU.replace('basis: usage', 'basis: even')}")
    assert terms_of(folder).shared_costs[0].measure == "tokens"

    even = PTU.replace("basis: usage\n    measure: tokens", "basis: even")
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{even}")

    assert faults_of(folder) == [
        "shared-costs.yaml:2: sharedCosts[0].measure: calls of a provisioned deployment cost nothing by themselves;"
        " measure tokens or requests"
    ]


@pytest.mark.parametrize(
    ("capacity", "fault"),
    [
        ('tokensPerMinute: "2500", idle: product', ""),
        ('tokensPerMinute: "2500", idle: nobody', "idle: 'nobody' is not under costCentres"),
        ('tokensPerMinute: "2500", idle: legacy', "idle: 'legacy' is effective"),
        ('tokensPerMinute: "2500", idle: unallocated', "idle: 'unallocated' gets the calls that no rule claims"),
        ('tokensPerMinute: "2500", idle: research', "idle: 'research' gets calls by the rule 'lab'"),
        ('tokensPerMinute: "0", idle: product', "tokensPerMinute: 0 is not above zero"),
        ("tokensPerMinute: 2500, idle: product", "tokensPerMinute: 2500 is not a quoted decimal"),
        ('tokensPerMinute: "1", outputCountsAs: "-4", idle: product', "outputCountsAs: -4 is not above zero"),
    ],
)
def test_a_fault_of_a_stated_capacity_is_named(folder: Path, capacity: str, fault: str) -> None:
    write(folder, "cost-centres.yaml", CENTRES.replace("rules: []", RULE))
    write(folder, "deployments.yaml", DEPLOYMENTS)
    write(folder, "shared-costs.yaml", f"sharedCosts:\n{PTU}    capacity: {{{capacity}}}\n")

    if fault:
        assert [each.partition("sharedCosts[0].capacity.")[2][: len(fault)] for each in faults_of(folder)] == [fault]
    else:
        stated = terms_of(folder).shared_costs[0].capacity
        assert stated == Capacity(Decimal(2500), Decimal(1), "product")


RULE = "rules: [{id: lab, when: {subscription: lab}, costCentre: research}]"


def test_without_a_file_of_shared_costs_the_fault_names_the_file(folder: Path) -> None:
    write(folder, "deployments.yaml", DEPLOYMENTS)
    path_of(folder, "shared-costs.yaml").unlink()

    assert faults_of(folder)[0].startswith("shared-costs.yaml: sharedCosts: no provisioned one covers")
