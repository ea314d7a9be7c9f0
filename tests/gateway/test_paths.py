"""Which operation a path meets: in any case, with its dots resolved, with its slashes as they came or tidied."""

import pytest
from yarl import URL

from stack.gateway.operations import below, canonical
from stack.gateway.readings import Readings
from tests.gateway.small_policies import Document, SmallPolicies, document, reports

NAMED = [
    {"id": "chat", "name": "Chat", "method": "POST", "urlTemplate": "/deployments/{deployment}/chat/completions"},
    {"id": "any", "name": "Any", "method": "POST", "urlTemplate": "/*"},
]
SEEN = reports(
    "context.Operation.Id",
    'context.Request.MatchedParameters.GetValueOrDefault("deployment", "")',
    "context.Request.OriginalUrl.Path",
)
KEPT = document(SEEN, operations=NAMED)
SMALL = document(SEEN, operations=NAMED, sku="BasicV2")
TIDIED = document(SEEN, operations=NAMED, readings=Readings(slashes="tidied"))


def operation(small: SmallPolicies, declared: Document, path: str) -> list[str]:
    async def send() -> list[str]:
        _, url = await small.gateway(declared)
        async with small.session.post(URL(url + path, encoded=True), data=b"{}") as answer:
            return list(await answer.json(content_type=None))

    return list(small.run(send()))


@pytest.mark.parametrize("path", ["/openai/Deployments/M/Chat/COMPLETIONS", "/OpenAI/deployments/M/chat/completions"])
def test_paths_are_matched_in_any_case(small: SmallPolicies, path: str) -> None:
    assert operation(small, KEPT, path)[:2] == ["chat", "M"]


@pytest.mark.parametrize(
    "path", ["/openai/./deployments/M/x/../chat/completions", "/openai/x/%2e%2E/deployments/M/chat/completions"]
)
def test_dots_are_resolved_before_an_operation_is_looked_for(small: SmallPolicies, path: str) -> None:
    assert operation(small, KEPT, path)[:2] == ["chat", "M"]


def test_doubled_slashes_are_kept_or_tidied(small: SmallPolicies) -> None:
    path = "/openai//deployments/M//chat/completions"

    assert operation(small, KEPT, path)[0] == "any"
    assert operation(small, TIDIED, path)[:2] == ["chat", "M"]


def test_a_path_cannot_climb_out_of_the_api() -> None:
    assert canonical("/openai/../admin/x", tidy=False) == "/admin/x"
    assert canonical("/../../openai/x/..", tidy=False) == "/openai/"
    assert below("/openai", "/OPENAI/v1") == "/v1"
    assert below("/openai", "/openaix/v1") is None


def test_a_url_that_is_too_long_meets_no_policy(small: SmallPolicies) -> None:
    """https://learn.microsoft.com/azure/api-management/api-management-gateways-overview#gateway-runtime-limits"""
    query = "?a=" + "x" * 2_100

    assert [small.call(declared, "POST", "/openai/" + "x" * 1_025, data=b"").status for declared in (KEPT, SMALL)] == [
        400,
        400,
    ]
    assert [small.call(declared, "POST", "/openai/x" + query, data=b"").status for declared in (KEPT, SMALL)] == [
        200,
        414,
    ]


def test_a_body_whose_length_nobody_tells_is_refused(small: SmallPolicies) -> None:
    """HTTP.sys in front of the gateway: "The request must be chunked or have a content length"."""

    async def send() -> tuple[int, bytes]:
        _, url = await small.gateway(KEPT)
        reader, writer = await small.connect(url)
        writer.write(b"POST /openai/x HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        head = await reader.readline()
        writer.close()
        return int(head.split()[1]), head

    assert small.run(send())[0] == 411
