"""Every identity has the roles that its work needs, and no other."""

import re

from stack.bicep.files import INFRA, MODULES, File, read

PRINCIPALS = ("functions", "topic", "alertTopic", "gateway", "deployer", "finance")
NEEDS = {
    # who: what it does → the role and where
    "functions": {
        ("Storage Blob Data Owner", "hostStorage"),  # leases, timers, package
        ("Chargeback Ledger Writer", "storage/ledger"),
        ("Storage Blob Data Contributor", "storage/marks"),
        ("Storage Blob Data Contributor", "storage/quarantine"),
        ("Storage Blob Data Contributor", "storage/reports"),
        ("Chargeback Closed Period Writer", "storage/closed"),
        ("Chargeback Settled Day Writer", "storage/settled"),
        ("Storage Blob Data Contributor", "storage/dead-letter"),
        ("Storage Blob Data Reader", "storage/cost-exports"),
        ("Chargeback Document Creator", "cosmos"),  # the audit log with it
        ("Cosmos Data Contributor", "cosmos/usage"),
        ("Cosmos Data Contributor", "cosmos/control"),
        ("Cosmos Data Contributor", "cosmos/objects"),
        ("Cosmos Data Contributor", "cosmos/alerts"),
        ("Redis Data Owner", "redis"),
        ("Key Vault Secrets User", "vault"),
        ("Monitoring Metrics Publisher", "insights"),
        ("Log Analytics Data Reader", "workspace"),
        ("EventGrid Data Sender", "alertTopic"),
    },
    "alertTopic": {("Storage Blob Data Contributor", "storage/alert-dead-letter")},
    "topic": {("Storage Blob Data Contributor", "storage/dead-letter")},
    "gateway": {
        ("EventGrid Data Sender", "topic"),
        ("Cognitive Services OpenAI User", "models"),
        ("Chargeback Gateway Jobs", "models"),
        ("Key Vault Secrets User", "certificateVault"),  # the certificate of its host name
    },
    "deployer": {
        ("Cosmos Data Reader", "cosmos"),
        ("Key Vault Secrets Officer", "vault"),
        ("Key Vault Certificates Officer", "certificateVault"),
    },
    "finance": {("Storage Blob Data Reader", f"storage/{name}") for name in ("reports", "closed", "settled")},
}


def roles_module(*who: str) -> File:
    principals = [{"who": name, "key": f"id-{name}", "type": "ServicePrincipal"} for name in who]
    group = {"id": "/subscriptions/s/resourceGroups/rg"}
    return File(
        INFRA / "modules/roles.bicep", {"principals": principals, "principalIds": [], "resourceGroup": lambda: group}
    )


def assignments(*who: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = roles_module(*who)["assignments"]
    return found


def test_every_identity_has_its_roles_and_no_other() -> None:
    found = assignments(*PRINCIPALS)

    assert {name: {(a["role"], a["on"]) for a in found if a["who"] == name} for name in PRINCIPALS} == NEEDS


def test_a_principal_that_does_not_exist_gets_nothing() -> None:
    found = assignments("gateway")

    assert {a["who"] for a in found} == {"gateway"}


def test_every_role_has_an_id_and_every_id_a_use() -> None:
    roles = roles_module()["roles"]

    used = {a["role"] for a in assignments(*PRINCIPALS)}

    assert used == set(roles)
    assert all(
        re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|default", identity) for identity in roles.values()
    )


def test_roles_are_assigned_in_the_role_modules_alone() -> None:
    types = re.compile(r"roleAssignments@|sqlRoleAssignments@|accessPolicyAssignments@")

    assigning = {
        path.stem for path in MODULES for item in read(path) if item.kind == "resource" and types.search(item.target)
    }

    assert assigning == {"roles", "resource-roles", "data-plane-roles", "existing-roles"}


def test_every_place_that_a_role_is_given_on_is_handled() -> None:
    handled = set(re.findall(r"a\.on == '(\w+)'", (INFRA / "modules/resource-roles.bicep").read_text("utf-8")))
    elsewhere = {"cosmos", "redis"}

    places = {a["on"] for a in assignments(*PRINCIPALS) if "/" not in a["on"]}

    assert places == handled | elsewhere
