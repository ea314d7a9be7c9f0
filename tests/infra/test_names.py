"""Names fit Azure's rules for every environment name that azd accepts: https://aka.ms/azure-naming-rules."""

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from stack.bicep.compiler import GIVEN
from stack.bicep.files import INFRA, File, statements
from tests.infra.evaluated import evaluated, every_profile, needs_compiler

AZD = r"[A-Za-z0-9_.()-]{1,63}[A-Za-z0-9_()-]"
"""azd's environment names, but for a period at the end, which no resource group may have."""
GROUP = re.compile(r"[-\w._()]{0,89}[-\w_()]")
GLOBAL = r"[A-Za-z0-9]|[A-Za-z0-9]-(?=[A-Za-z0-9])"
RULES = {
    "Microsoft.ApiManagement/service": r"[A-Za-z](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?",
    "Microsoft.ApiManagement/service/apis": r"[^*#&+:<>?]{1,256}",
    "Microsoft.ApiManagement/service/apis/operations": r"[^*#&+:<>?]{1,80}",
    "Microsoft.ApiManagement/service/backends": r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,78}[A-Za-z0-9])?",
    "Microsoft.ApiManagement/service/namedValues": r"[A-Za-z0-9._-]{1,256}",
    "Microsoft.ApiManagement/service/policyFragments": r"[A-Za-z0-9-]{1,80}",
    "Microsoft.ApiManagement/service/products": r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,254}[A-Za-z0-9])?",
    "Microsoft.ApiManagement/service/subscriptions": r"[^*#&+:<>?]{1,80}",
    "Microsoft.Cache/redisEnterprise": rf"(?:{GLOBAL}){{1,60}}",
    "Microsoft.CognitiveServices/accounts": r"[A-Za-z0-9][A-Za-z0-9-]{1,63}",
    "Microsoft.CognitiveServices/accounts/deployments": r"[A-Za-z0-9](?:[\w.-]{0,62}[A-Za-z0-9])?",
    "Microsoft.Consumption/budgets": r"[\w-]{1,63}",
    "Microsoft.DocumentDB/databaseAccounts": r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]",
    "Microsoft.EventGrid/topics": r"[A-Za-z0-9-]{3,50}",
    "Microsoft.Insights/actionGroups": r"[^:<>+/&%\\?]{1,259}[^:<>+/&%\\?. ]",
    "Microsoft.Insights/components": r"[^%&\\?/]{1,259}[^%&\\?/. ]",
    "Microsoft.Insights/metricAlerts": r"[^*#&+:<>?@%{}\\/]{1,259}[^*#&+:<>?@%{}\\/. ]",
    "Microsoft.Insights/scheduledQueryRules": r"[^*<>%{}&:\\?/#]{1,259}[^*<>%{}&:\\?/#. ]",
    "Microsoft.KeyVault/vaults": r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
    "Microsoft.Logic/workflows": r"[\w.()-]{1,43}",
    "Microsoft.ManagedIdentity/userAssignedIdentities": r"[A-Za-z0-9][\w-]{2,127}",
    "Microsoft.Network/natGateways": r"[A-Za-z0-9][\w.-]{0,78}\w",
    "Microsoft.Network/networkSecurityGroups": r"[A-Za-z0-9][\w.-]{0,78}\w",
    "Microsoft.Network/privateEndpoints": r"[A-Za-z0-9][\w.-]{0,62}\w",
    "Microsoft.Network/publicIPAddresses": r"[A-Za-z0-9][\w.-]{0,78}\w",
    "Microsoft.Network/trafficmanagerprofiles": r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?",
    "Microsoft.Network/virtualNetworks": r"[A-Za-z0-9][\w.-]{0,62}\w",
    "Microsoft.OperationalInsights/workspaces": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Storage/storageAccounts/blobServices/containers": r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "Microsoft.Web/serverfarms": r"[A-Za-z0-9-]{1,60}",
    "Microsoft.Web/sites": r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,58}[A-Za-z0-9])",
}


@needs_compiler
@every_profile
def test_every_name_fits_the_rules_of_its_type(name: str) -> None:
    judged = set()
    for item in evaluated(name).resources:
        rule = RULES.get(item["type"])
        own = item["name"].rsplit("/", 1)[-1]
        if rule:
            judged.add(item["type"])

            assert re.fullmatch(rule, own), f"{item['type']}: {own}"

    tracked = {
        item["type"] for item in evaluated(name).resources if "location" in item and item["location"] != "global"
    }
    unnamed = {"Microsoft.Resources/resourceGroups", "Microsoft.Insights/webtests", "Microsoft.Insights/workbooks"}
    unnamed |= {"Microsoft.Insights/autoscalesettings"}
    assert tracked - unnamed <= judged


@needs_compiler
@every_profile
def test_the_environment_name_is_in_the_names_of_groups_alone(name: str) -> None:
    holding = {item["type"] for item in evaluated(name).resources if GIVEN["environmentName"] in item["name"]}

    assert holding == {"Microsoft.Resources/resourceGroups"}


@given(st.from_regex(AZD, fullmatch=True))
def test_a_group_can_have_any_environment_name_that_azd_accepts(environment: str) -> None:
    prefixes = json.loads((INFRA / "abbreviations.json").read_text("utf-8"))
    names = File(INFRA / "names.bicep")["resourceNames"](prefixes, environment, "a" * 13)

    for group in (names["group"], f"{names['group']}-australiasoutheast"):
        assert GROUP.fullmatch(group), group


def test_an_environment_name_may_be_as_long_as_azd_accepts() -> None:
    parameter = statements(INFRA / "main.bicep", "param")["environmentName"]

    assert parameter.decorators["maxLength"] == [64]
