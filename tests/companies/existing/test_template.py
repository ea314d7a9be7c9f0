"""What the template makes in Fabrikam's groups: only marked things, and nothing of what exists once more."""

import functools
import re
import shutil
import tempfile
from pathlib import Path

from stack.bicep.compiler import GIVEN, EvaluatedTemplate, evaluate
from stack.example import ROOT
from tests.companies.existing.estate import (
    ACCOUNT,
    GROUPS,
    MARK,
    OPENAI_USER,
    VAULT,
    WORKSPACE,
)
from tests.companies.folders import company_folder
from tests.infra.evaluated import needs_compiler, place, value

NEW_SERVICE_SETTINGS = {"microsoft.apimanagement/service", "microsoft.apimanagement/service/diagnostics"}


@functools.cache
def evaluated() -> EvaluatedTemplate:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for part in ("infra", "apim-policies"):
            shutil.copytree(ROOT / part, tree / part)
        company_folder("existing", tree / "config")
        given = {**GIVEN, "profile": "production", "existingWorkspaceId": WORKSPACE, "existingVaultId": VAULT}
        return evaluate(given, tree / "infra/main.bicep")


@needs_compiler
def test_in_what_exists_only_marked_things_are_made() -> None:
    theirs = [item for item in evaluated().resources if place(item).startswith(GROUPS.lower())]

    assert evaluated().warnings == []
    assert len(theirs) > 50
    for item in theirs:
        kind = item["type"].lower()
        assert kind not in NEW_SERVICE_SETTINGS, place(item)
        if kind.startswith("microsoft.authorization/"):
            assert MARK.replace("env", "preview") in str(item["properties"])
        else:
            assert kind.startswith("microsoft.apimanagement/service/"), place(item)
            name = re.split(r"/apim-fabrikam/[a-z]+/", place(item))[1].split("/")[0]
            assert name.startswith("chargeback-") or name in ("ai-standard", "claims-ai"), place(item)


@needs_compiler
def test_a_role_that_is_given_on_an_account_of_others_is_defined_in_its_group() -> None:
    made = [
        place(item).rpartition("/")[2]
        for item in evaluated().of("Microsoft.Authorization/roleDefinitions")
        if place(item).startswith(GROUPS.lower())
    ]
    given = [
        str(item["properties"]["roleDefinitionId"])
        for item in evaluated().of("Microsoft.Authorization/roleAssignments")
        if place(item).startswith(ACCOUNT.lower())
    ]

    assert len(made) == 1
    assert sum(made[0] in each for each in given) == 1
    assert sum(OPENAI_USER in each for each in given) == 1


@needs_compiler
def test_what_exists_is_not_made_again() -> None:
    resources = evaluated().resources
    counted = {kind: [item["name"] for item in resources if item["type"].lower() == kind.lower()] for kind in (
        "Microsoft.ApiManagement/service",
        "Microsoft.OperationalInsights/workspaces",
        "Microsoft.OperationalInsights/workspaces/tables",
        "Microsoft.Network/virtualNetworks",
        "Microsoft.Network/natGateways",
        "Microsoft.Network/publicIPAddresses",
        "Microsoft.Network/trafficManagerProfiles",
    )}  # fmt: skip
    accounts = evaluated().of("Microsoft.CognitiveServices/accounts")
    zones = {item["name"] for item in evaluated().of("Microsoft.Network/privateDnsZones")}

    assert not any(counted.values()), counted
    assert [item["location"] for item in accounts] == ["francecentral"]  # the account that Fabrikam had not
    assert not zones & {"privatelink.blob.core.windows.net", "privatelink.openai.azure.com"}
    assert all(
        "vnet-fabrikam" in str(value(each, "subnet.id"))
        for each in evaluated().of("Microsoft.Network/privateEndpoints")
    )
