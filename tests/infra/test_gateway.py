"""The gateway in Bicep has what the policies refer to, and nothing that they do not."""

import re
from xml.etree import ElementTree

from chargeback.adapters.config.gateway_tables import fragments
from stack.bicep.files import INFRA, ROOT, File, keys, property_of, statements, within
from stack.example import EXAMPLE_CONFIG
from stack.gateway.config import DECISIONS
from stack.gateway.named_values import load_config

POLICIES = ROOT / "apim-policies"
DOCUMENTS = {
    path.stem: path.read_text("utf-8") for path in [*POLICIES.glob("*.xml"), *(POLICIES / "fragments").glob("*.xml")]
}
CONFIGURATION = INFRA / "modules/gateway-configuration.bicep"


def fragments_loaded() -> dict[str, str]:
    return {item["name"]: item["value"] for item in File(INFRA / "modules/gateway-fragments.bicep")["written"]}


def named_values_made() -> set[str]:
    tables = property_of(statements(CONFIGURATION, "module")["namedValues"].node, "values")
    own = statements(INFRA / "served.bicep", "func")["ownValues"].node
    callers = property_of(statements(INFRA / "main.bicep", "module")["gatewayServices"].node, "callers")
    alone = {"usage-topic-endpoint"}  # Azure tells it when the topic exists
    given = {*keys(callers), *keys([*within(own, "object")][-1])}
    return alone | set(keys(next(within(tables, "object")))) | given


def test_every_fragment_file_is_published_as_it_is_written() -> None:
    files = {path.stem: path.read_text("utf-8") for path in (POLICIES / "fragments").glob("*.xml")}

    loaded = fragments_loaded()

    assert loaded == files


def test_every_fragment_included_is_published_and_the_reverse() -> None:
    included = {
        element.attrib["fragment-id"]
        for document in DOCUMENTS.values()
        for element in ElementTree.fromstring(document).iter("include-fragment")
    }

    assert included == set(fragments_loaded()) | set(fragments(load_config(EXAMPLE_CONFIG)))


def test_every_named_value_that_a_policy_reads_is_made_and_the_reverse() -> None:
    read = {
        name for document in DOCUMENTS.values() for name in re.findall(r"\{\{([\w.-]+)\}\}", without_comments(document))
    }

    assert read == named_values_made()


def test_named_values_and_fragments_are_published_before_the_policy_that_reads_them() -> None:
    modules = statements(CONFIGURATION, "module")

    assert "dependsOn: [namedValues]" in modules["fragments"].source
    assert "dependsOn: [fragments, backends]" in modules["policies"].source


def test_the_api_is_addressed_as_the_policies_expect() -> None:
    api = File(INFRA / "main.bicep")["gatewayMap"]["api"]

    assert (api["path"], api["subscriptionKeyHeader"], api["subscriptionRequired"]) == ("openai", "api-key", False)
    assert api["subscriptionKeyQuery"] in DOCUMENTS["prepare"]


def test_the_api_of_decisions_is_the_one_that_the_local_gateway_has() -> None:
    found = {
        name: each.node for name, each in statements(INFRA / "modules/gateway-decisions.bicep", "resource").items()
    }
    source = (INFRA / "modules/gateway-decisions.bicep").read_text("utf-8")
    (operation,) = DECISIONS["operations"]

    assert property_of(found["published"], "subscriptionRequired").text == b"false"
    for name, value in {"name": DECISIONS["id"], "path": DECISIONS["path"]}.items():
        assert f"{name}: '${{sharing.prefix}}{value}'" in source
    for name, value in {"name": operation["id"], "method": "PUT", "urlTemplate": operation["urlTemplate"]}.items():
        assert f"{name}: '{value}'" in source


def test_the_api_takes_what_no_operation_names_in_every_method() -> None:
    operations = File(INFRA / "main.bicep")["gatewayMap"]["api"]["operations"]
    methods = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

    assert {item["method"] for item in operations if item["urlTemplate"] == "/*"} == methods
    assert len({item["id"] for item in operations}) == len(operations)


def test_token_logs_hold_counts_and_no_word_of_content() -> None:
    diagnostics = statements(INFRA / "modules/gateway-api.bicep", "resource")["diagnostics"].node

    assert keys(property_of(diagnostics, "largeLanguageModel")) == ["logs"]
    assert {body.text for body in within(diagnostics, "object") if keys(body) == ["bytes"]} == {b"{ bytes: 0 }"}


def test_the_log_masks_every_key_and_tag_of_a_query_wherever_it_logs_one() -> None:
    """learn.microsoft.com/azure/templates/microsoft.apimanagement/service/diagnostics."""
    masked = File(INFRA / "main.bicep")["gatewayMap"]["api"]["maskedQuery"]
    deleted = set(re.findall('<set-query-parameter name="([^"]+)" exists-action="delete"', DOCUMENTS["prepare"]))
    found = statements(INFRA / "modules/gateway-api.bicep", "resource")

    assert set(masked) == deleted
    for name in ("everyApi", "diagnostics"):
        for side in ("frontend", "backend"):
            request = property_of(property_of(found[name].node, side), "request")
            assert property_of(request, "dataMasking").text == b"masking"


def test_no_backend_has_a_breaker_that_one_deployment_or_one_call_could_open_for_all() -> None:
    backend = statements(INFRA / "modules/gateway-backends.bicep", "resource")["backend"].source

    assert "circuitBreaker" not in backend


def without_comments(document: str) -> str:
    return re.sub(r"<!--.*?-->", "", document, flags=re.DOTALL)
