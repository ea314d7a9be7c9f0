"""What the code needs from Azure is in the Bicep: settings, containers, functions; and nothing secret comes out."""

import json
import re

import yaml
from tree_sitter import Node

from chargeback.settings import Settings, setting_name
from stack.bicep.expressions import evaluate
from stack.bicep.files import INFRA, MODULES, ROOT, File, keys, property_of, read, statements, text, within

ON_THIS_MACHINE_ONLY = {
    "CHARGEBACK_EVENTS_KEY",
    "PAGE_SESSION_KEY",
    "EMITTER_KEYS",
    "ALERT_SECRETS",
    "CHARGEBACK_CONFIG_DIR",
}
"""Stand-ins for Key Vault and for the deployed config/ folder."""
OF_THE_HOST = re.compile(r"AzureWebJobs|APPLICATIONINSIGHTS_|FUNCTIONS_WORKER_RUNTIME")
LIMITS = {"minValue", "maxValue"}
LIMIT_OF = {"Ge": "minValue", "Le": "maxValue"}
PROFILES = yaml.safe_load((INFRA / "profiles.yaml").read_text("utf-8"))
CHOSEN = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"]["appOptions"]["value"]
SETTINGS = {setting_name(name) for name in Settings.model_fields}
PACKAGE = "\n".join(path.read_text("utf-8") for path in (ROOT / "chargeback").rglob("*.py"))


def bicep_settings() -> set[str]:
    pipeline = statements(INFRA / "modules/pipeline.bicep", "module")["functions"].node
    given = next(within(property_of(pipeline, "appSettings"), "object"))
    return {*keys(given), *keys(fixed_options()), *CHOSEN}


def fixed_options() -> Node:
    """The settings that have a parameter each; union() adds them to those that have none."""
    options = property_of(statements(INFRA / "main.bicep", "module")["pipeline"].node, "appOptions")
    return next(within(options, "object"))


def sample_settings() -> set[str]:
    values = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    return {name for name in values if not OF_THE_HOST.match(name)}


def test_the_function_app_gets_every_setting_that_the_code_reads_and_no_other() -> None:
    assert bicep_settings() == SETTINGS - ON_THIS_MACHINE_ONLY


def test_a_setting_without_a_parameter_of_its_own_has_an_azd_variable_of_its_name() -> None:
    declared = text(statements(INFRA / "types.bicep", "type")["appSettings"].node)

    assert {name: f"${{{name}=}}" for name in CHOSEN} == CHOSEN
    assert set(re.findall(r"^  (\w+): string\?$", declared, re.MULTILINE)) == set(CHOSEN)


def test_the_sample_settings_name_every_setting_that_the_code_reads_and_no_other() -> None:
    assert sample_settings() == SETTINGS


def test_a_setting_has_the_same_default_in_bicep_and_in_the_code() -> None:
    main = File(INFRA / "main.bicep")
    options = fixed_options()
    given = {key: parameter_of(text(property_of(options, key))) for key in keys(options)}

    unset = ""  # an empty variable is as good as none
    defaults = {
        setting_name(name): unset if field.default is None else field.default
        for name, field in Settings.model_fields.items()
    }

    assert {key: main[parameter] for key, parameter in given.items()} == {key: defaults[key] for key in given}


def test_a_setting_has_the_same_limits_in_bicep_and_in_the_code() -> None:
    parameters = statements(INFRA / "main.bicep", "param")
    options = fixed_options()
    in_bicep = {
        key: {name: values[0] for name, values in parameters[parameter].decorators.items() if name in LIMITS}
        for key in keys(options)
        if parameters[parameter := parameter_of(text(property_of(options, key)))].type == "int"
    }

    in_code = {
        setting_name(name): {
            LIMIT_OF[type(limit).__name__]: getattr(limit, type(limit).__name__.lower()) for limit in field.metadata
        }
        for name, field in Settings.model_fields.items()
        if field.annotation is int
    }

    limited = {name for name, parameter in parameters.items() if LIMITS & parameter.decorators.keys()}

    assert in_bicep == in_code
    assert all(set(limits) == LIMITS for limits in in_bicep.values())
    assert limited == {parameter_of(text(property_of(options, key))) for key in in_code}


def test_no_event_is_accepted_whose_day_or_the_day_before_has_left_the_ledger() -> None:
    options = fixed_options()
    accepted = text(property_of(options, "MAX_EVENT_AGE_DAYS"))

    for name, profile in PROFILES.items():
        main = File(INFRA / "main.bicep", {"profile": name, "overrides": {}})

        assert int(evaluate(accepted, main)) <= profile["retention"]["ledger"] - 2


def parameter_of(source: str) -> str:
    """The parameter that a setting is made of."""
    return re.sub(r"string\((?:min\()?(\w+).*\)", r"\1", source)


def test_every_blob_container_that_the_code_uses_is_made() -> None:
    made = set(File(INFRA / "modules/storage.bicep", {"retention": {"reportImmutability": 0}})["containers"])
    used = set(re.findall(r'\(self\.blobs, "([\w-]+)"\)', PACKAGE))
    marks = {
        "marks"
    }  # days that an audit has to look at: they are written and taken away again, so no longer in the ledger
    for_people = {"alert-dead-letter"}  # the alerts themselves are told by the timer, so nobody takes these out

    assert made == used | marks | for_people


def test_every_cosmos_container_that_the_code_uses_is_made_with_its_partition_key() -> None:
    made = {
        item["name"]: item["partitionKey"]
        for item in File(INFRA / "modules/cosmos.bicep", {"maxThroughput": 0})["containers"]
    }
    used = set(re.findall(r'database\.get_container_client\("([\w-]+)"\)', PACKAGE))

    assert set(made) == used
    assert made == {
        "usage": "/day",
        "control": "/kind",
        "objects": "/id",
        "alerts": "/type",
        "audit-log": "/part",
    }


def test_every_function_named_in_the_infrastructure_exists() -> None:
    sources = [*INFRA.rglob("*.bicep"), *INFRA.rglob("*.kql"), *(INFRA / "hooks").glob("*.py")]
    named = {
        name
        for path in sources
        for name in re.findall(
            r"function:(\w+)|Functions\.(\w+)'|/admin/functions/(\w+)|FUNCTION = \"(\w+)\"", path.read_text("utf-8")
        )
        for name in name
        if name
    }

    existing = set(re.findall(r'function_name\("(\w+)"\)', PACKAGE))

    assert named <= existing
    assert "ingest_usage" in named


THE_APP_ALONE = {
    "AZURE_CLIENT_ID",
    "ALERTS_TOPIC_ENDPOINT",
    "OWNERS_AUDIENCE",
    "OWNERS_CLIENT_ID",
    "OWNERS_PRINCIPAL_IDS",
    "DECISIONS_ENDPOINTS",
}
"""Its identity, and what it shares with the gateway; a command has no use for them."""


def test_the_azd_environment_has_every_address_that_a_command_asks_for() -> None:
    pipeline = statements(INFRA / "modules/pipeline.bicep", "module")["functions"].node
    found_out = set(keys(next(within(property_of(pipeline, "appSettings"), "object"))))
    outputs = {item.name for item in read(INFRA / "main.bicep") if item.kind == "output"}

    assert found_out - THE_APP_ALONE <= outputs


def test_what_a_hook_needs_is_an_output_or_azds_own() -> None:
    """azd itself knows no tenant and no principal: it puts the latter into the parameters alone."""
    by_azd = {"AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_SUBSCRIPTION_ID"}
    outputs = {item.name for item in read(INFRA / "main.bicep") if item.kind == "output"}
    hooks = "\n".join(path.read_text("utf-8") for path in (INFRA / "hooks").glob("*.py"))

    assert set(re.findall(r'\bneeded\("(\w+)"\)', hooks)) <= outputs | by_azd


def test_no_output_is_a_secret() -> None:
    suspicious = re.compile(r"key|secret|password|sas|connectionstring|credential|token", re.IGNORECASE)
    harmless = {
        "insightsConnectionString",
        "CHARGEBACK_KEY_VAULT_URL",
    }  # addresses: what they name asks for an Entra identity

    outputs = [item for path in [INFRA / "main.bicep", *MODULES] for item in read(path) if item.kind == "output"]
    telling = {item.name for item in outputs if suspicious.search(item.name)} - harmless

    assert outputs
    assert not telling
    assert not [
        item.name
        for item in outputs
        if re.search(r"\blist(Keys|Secrets|\w*Sas)\b|getSecret", item.source, re.IGNORECASE)
    ]


def test_nothing_in_the_bicep_reads_or_makes_a_key() -> None:
    # Where alerts are posted to: addresses that anybody may post to who knows them.
    addresses = {
        ("main.bicep", "alertWebhooks"),
        ("main.bicep", "alertTeamsUrl"),
        ("monitoring.bicep", "alertWebhooks"),
        ("monitoring.bicep", "alertTeamsUrl"),
    }
    secure = {
        (path.name, item.name)
        for path in [INFRA / "main.bicep", *MODULES]
        for item in read(path)
        if item.kind == "param" and "secure" in item.decorators
    }
    found = {
        (path.name, word)
        for path in [INFRA / "main.bicep", *MODULES]
        for word in re.findall(r"\blistKeys\b|\blistSecrets\b|\bprimaryKey\b|\bAccountKey\b", path.read_text("utf-8"))
    }

    assert not found
    assert secure == addresses


def test_local_authentication_is_off_wherever_the_service_allows_it() -> None:
    switches = {
        "storage": "allowSharedKeyAccess: false",
        "host-storage": "allowSharedKeyAccess: false",
        "cosmos": "disableLocalAuth: true",
        "redis": "accessKeysAuthentication: 'Disabled'",
        "events": "disableLocalAuth: true",
        "models": "disableLocalAuth: true",
        "monitoring": "DisableLocalAuth: true",
        "vault": "enableRbacAuthorization: true",
        "functions": "properties: { allow: false }",
    }

    assert all(switch in (INFRA / f"modules/{name}.bicep").read_text("utf-8") for name, switch in switches.items())


def test_every_resource_with_logs_sends_them_to_the_workspace() -> None:
    logged = {
        text(next(within(item.node, "object"))).split("scope: ")[1].split("\n")[0]
        for path in MODULES
        for item in read(path)
        if item.kind == "resource" and item.target.startswith("Microsoft.Insights/diagnosticSettings")
    }

    assert logged == {
        "account",
        "app",
        "blobs",
        "cluster",
        "database",
        "known",
        "network",
        "profile",
        "service",
        "topic",
        "vault",
    }
