"""Each point is seen to hold, to fail, and to be open, on a small Azure on loopback."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from scripts.verify.__main__ import look, main
from scripts.verify.live import QUERIES, Live
from scripts.verify.points import POINTS, Seen, Verdict, unknown
from stack.identity.permissions import doubtful_routes
from tests.infra.hooks.conftest import Asked, LocalAzure

GROUP = "/subscriptions/1/resourceGroups/rg-books"
PROVIDERS = f"{GROUP}/providers"
TOPIC = f"{PROVIDERS}/Microsoft.EventGrid/topics/t"
BOOKS = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/stbooks1"


def resources(azure: LocalAzure, kind: str, *items: Mapping[str, Any]) -> None:
    known = [{"id": f"{PROVIDERS}/{kind}/{item['name']}", **item} for item in items]
    azure.on("GET", f"{PROVIDERS}/{kind}", (200, {"value": known}))


def logged(azure: LocalAzure, answers: Mapping[str, list[dict[str, Any]]]) -> None:
    """Answer each query of the folder; one that is not named finds nothing."""
    ours, shared = 'ApiId == "azure-openai"', 'ApiId in ("chargeback-azure-openai", "team-chat")'
    texts = {path.read_text("utf-8").replace(ours, shared): path.stem for path in QUERIES.glob("*.kql")}

    def answer(asked: Asked) -> tuple[int, Any]:
        rows = answers.get(texts[asked.json["query"]], [])
        columns = list(rows[0]) if rows else []
        table = {"columns": [{"name": name} for name in columns], "rows": [list(row.values()) for row in rows]}
        return 200, {"tables": [table]}

    azure.on_any("POST", "/v1/workspaces/customer/query", answer)


def metrics(azure: LocalAzure, **totals: float) -> None:
    def answer(asked: Asked) -> tuple[int, Any]:
        name = asked.path.split("metricnames=")[1].split("&")[0]
        return 200, {"value": [{"timeseries": [{"data": [{"total": totals.get(name, 0)}, {}]}]}]}

    azure.on_any("GET", f"{TOPIC}/providers/Microsoft.Insights/metrics", answer)


def books_of(azure: LocalAzure) -> dict[str, Any]:
    """The properties of the account as Azure gives them where its copy can be read (RA)."""
    return {
        "allowSharedKeyAccess": False,
        "primaryEndpoints": {"blob": f"{azure.url}/books/"},
        "statusOfSecondary": "available",
        "secondaryEndpoints": {"blob": f"{azure.url}/books-secondary/"},
    }


@pytest.fixture
def deployment(azure: LocalAzure, environment: Callable[..., None]) -> LocalAzure:
    """A healthy deployment that has run for some weeks."""
    environment(
        AZURE_SUBSCRIPTION_ID="1",
        AZURE_RESOURCE_GROUP="rg-books",
        CHARGEBACK_STORAGE_ACCOUNT_URL=f"{azure.url}/blobs/",
        GATEWAY_NAME="apim",
        GATEWAY_URL=f"{azure.url}/gateway",
        SMOKE_SUBSCRIPTION="team",
        SMOKE_DEPLOYMENT="chat",
        LOG_ANALYTICS_WORKSPACE_ID="customer",  # in a group of others where it existed before
        GATEWAY_APIS="chargeback-azure-openai,team-chat",
    )
    azure.on("GET", GROUP, (200, {"tags": {"profile": "production"}}))
    resources(azure, "Microsoft.EventGrid/topics", {"name": "t", "properties": {"disableLocalAuth": True}})
    resources(azure, "Microsoft.Storage/storageAccounts", {"name": "stbooks1", "properties": books_of(azure)})
    resources(azure, "Microsoft.CognitiveServices/accounts", {"name": "oai", "properties": {"disableLocalAuth": True}})
    resources(azure, "Microsoft.Insights/components", {"name": "i", "properties": {"DisableLocalAuth": True}})
    vault = {"enableRbacAuthorization": True, "vaultUri": f"{azure.url}/vault/"}
    resources(azure, "Microsoft.KeyVault/vaults", {"name": "kv", "properties": vault})
    cosmos = {
        "disableLocalAuth": True,
        "documentEndpoint": f"{azure.url}/cosmos/",
        "backupPolicy": {"type": "Continuous"},
    }
    resources(azure, "Microsoft.DocumentDB/databaseAccounts", {"name": "c", "properties": cosmos})
    package = {"deployment": {"storage": {"authentication": {"type": "UserAssignedIdentity"}}}}
    resources(
        azure, "Microsoft.Web/sites", {"name": "f", "properties": {"state": "Running", "functionAppConfig": package}}
    )
    endpoints = [{"name": name, "properties": {"endpointMonitorStatus": "Online"}} for name in ("one", "two")]
    resources(azure, "Microsoft.Network/trafficManagerProfiles", {"name": "tm", "properties": {"endpoints": endpoints}})
    for door in ("/books/", "/cosmos/"):
        azure.on("GET", door, (403, {}))
    _vault_refuses(azure, "ForbiddenByFirewall")
    resources(azure, "Microsoft.ApiManagement/service", {"name": "apim", "sku": {"name": "BasicV2"}, "properties": {}})
    azure.on("GET", "/gateway/status-0123456789abcdef", (200, None))
    usage = {"properties": {"deadLetterWithResourceIdentity": {"identity": {"type": "SystemAssigned"}}}}
    azure.on("GET", f"{TOPIC}/eventSubscriptions/usage", (200, usage))
    policy = {"properties": {"immutabilityPeriodSinceCreationInDays": 3653, "state": "Locked"}}
    azure.on("GET", f"{BOOKS}/blobServices/default/containers/closed/immutabilityPolicies/default", (200, policy))
    azure.on("GET", "/blobs/dead-letter", (200, "<Blob><Name>a</Name></Blob>"))
    azure.on("GET", "/blobs/cost-exports", (200, "<Name>m/manifest.json</Name><Name>m/part.csv</Name>"))
    metrics(azure, PublishSuccessCount=900, DeadLetteredCount=1)
    logged(azure, HEALTHY)
    return azure


HEALTHY: dict[str, list[dict[str, Any]]] = {
    "one-call": [{"calls": 90, "both": 90}],
    "settled": [{"settled": 30, "estimated": 1}],
    "kept": [{"calls": 90, "traced": 90, "kept": 90, "whole": 90}],
    "streams": [{"OperationName": "chat", "calls": 30, "uncounted": 0}],
    "logged": [{"OperationId": "chat", "calls": 90, "logged": 90}],
    "content": [{"rows": 0}],
    "strangers": [{"strangers": 5, "placed": 5, "given": 3, "shown": 0}],
    "failovers": [{"calls": 90, "refused": 5, "seen": 0, "regions": 2, "backends": 3}],
    "reconciled": [{"period": "2026-10", "TimeGenerated": "", "unexplained": "0", "unmapped_meters": 0}],
    "doubtful": [{"route": route, "calls": 2, "answered": 1, "denied": 1} for route in sorted(doubtful_routes())],
    "closing": [{"runs": 30, "longest": 90_000.0}],
}
FOR_PEOPLE = {"Meter ids and prices are current", "A FinOps hub takes the month once", "Streams are not held up"}


def seen(azure: LocalAzure, claim: str) -> Seen:
    live = dataclasses.replace(Live(azure.client()), log=azure.url)
    return look(live, {claim: POINTS[claim]})[claim]


@pytest.mark.parametrize("claim", POINTS)
def test_a_point_holds_on_a_healthy_deployment(deployment: LocalAzure, claim: str) -> None:
    assert seen(deployment, claim).verdict is (Verdict.OPEN if claim in FOR_PEOPLE else Verdict.HOLDS)


def test_a_vault_without_public_access_is_closed(deployment: LocalAzure) -> None:
    _vault_refuses(deployment, "ForbiddenByConnection")

    assert seen(deployment, "Production is closed").verdict is Verdict.HOLDS


def test_looking_changes_nothing(deployment: LocalAzure) -> None:
    for claim in POINTS:
        seen(deployment, claim)

    assert {asked.method for asked in deployment.asked} == {"GET", "POST"}
    assert {asked.path for asked in deployment.requests("POST")} == {"/v1/workspaces/customer/query"}


SICK: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "A call has one id in both tables of the gateway": ("one-call", [{"calls": 90, "both": 0}]),
    "The log's id is the event's id": ("settled", [{"settled": 0, "estimated": 30}]),
    "The gateway's log keeps each event": ("kept", [{"calls": 90, "traced": 90, "kept": 0, "whole": 0}]),
    "Streamed calls are logged with counts": ("streams", [{"OperationName": "chat", "calls": 30, "uncounted": 2}]),
    "Which operations the log of models has rows of": ("logged", [{"OperationId": "chat", "calls": 90, "logged": 0}]),
    "No content is logged": ("content", [{"rows": 1}]),
    "Strangers are in the log with their address": (
        "strangers",
        [{"strangers": 5, "placed": 0, "given": 0, "shown": 0}],
    ),
    "Keys and tags are masked in the log": ("strangers", [{"strangers": 0, "placed": 0, "given": 3, "shown": 1}]),
    "Callers are served by the next account when one refuses": (
        "failovers",
        [{"calls": 90, "refused": 5, "seen": 5, "regions": 1, "backends": 1}],
    ),
    "Usage of the invoice is ours": (
        "reconciled",
        [{"period": "2026-10", "TimeGenerated": "", "unexplained": "9", "unmapped_meters": 4}],
    ),
    "Routes whose data action no page names are allowed": (
        "doubtful",
        [{"route": "POST images/edits", "calls": 3, "answered": 0, "denied": 3}],
    ),
    "A month closes in time": ("closing", [{"runs": 1, "longest": 25 * 60_000.0}]),
}


@pytest.mark.parametrize("claim", SICK)
def test_a_point_fails_by_what_the_log_says(deployment: LocalAzure, claim: str) -> None:
    query, rows = SICK[claim]
    logged(deployment, {**HEALTHY, query: rows})

    assert seen(deployment, claim).verdict is Verdict.FAIL


def _keys_on(azure: LocalAzure) -> None:
    resources(azure, "Microsoft.EventGrid/topics", {"name": "t", "properties": {"disableLocalAuth": False}})


def _vault_refuses(azure: LocalAzure, code: str) -> None:
    """A vault asks who it is before it looks from where; 401 says nothing of its firewall.

    https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
    """

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != "Bearer token-for-https://vault.azure.net/.default":
            return 401, {"error": {"code": "Unauthorized", "message": "Request is missing a Bearer or PoP token."}}
        return 403, {"error": {"code": "Forbidden", "message": "no", "innererror": {"code": code}}}

    azure.on_any("GET", "/vault/secrets", answer)


def _open_vault(azure: LocalAzure) -> None:
    _vault_refuses(azure, "ForbiddenByRbac")  # it let the place in, and the name not


def _unanswered_probe(azure: LocalAzure) -> None:
    azure.on("GET", "/gateway/status-0123456789abcdef", (404, {}))


def _no_dead_letters(azure: LocalAzure) -> None:
    azure.on("GET", f"{TOPIC}/eventSubscriptions/usage", (200, {"properties": {}}))


def _one_region_away(azure: LocalAzure) -> None:
    endpoints = [{"name": "one", "properties": {"endpointMonitorStatus": "Degraded"}}]
    resources(azure, "Microsoft.Network/trafficManagerProfiles", {"name": "tm", "properties": {"endpoints": endpoints}})


def _stopped(azure: LocalAzure) -> None:
    package = {"deployment": {"storage": {"authentication": {"type": "UserAssignedIdentity"}}}}
    resources(
        azure, "Microsoft.Web/sites", {"name": "f", "properties": {"state": "Stopped", "functionAppConfig": package}}
    )


def _periodic(azure: LocalAzure) -> None:
    known = {"properties": {"backupPolicy": {"type": "Periodic"}}}
    resources(azure, "Microsoft.DocumentDB/databaseAccounts", {"name": "c", **known})


def _no_policy(azure: LocalAzure) -> None:
    azure.on("GET", f"{BOOKS}/blobServices/default/containers/closed/immutabilityPolicies/default", (404, {}))


def _copy_that_nobody_reads(azure: LocalAzure) -> None:
    properties = {name: value for name, value in books_of(azure).items() if name != "secondaryEndpoints"}
    resources(azure, "Microsoft.Storage/storageAccounts", {"name": "stbooks1", "properties": properties})


def _no_manifest(azure: LocalAzure) -> None:
    azure.on("GET", "/blobs/cost-exports", (200, "<Name>m/part.csv</Name>"))


@pytest.mark.parametrize(
    ("claim", "trouble"),
    [
        ("Events arrive by identity", _keys_on),
        ("Access is by role alone", _keys_on),
        ("Production is closed", _open_vault),
        ("The gateway answers the health probe on its tier", _unanswered_probe),
        ("Dead letters are written", _no_dead_letters),
        ("Failover works", _one_region_away),
        ("The function app takes its package by identity", _stopped),
        ("Cosmos DB is backed up continuously", _periodic),
        ("Closed files cannot be changed", _no_policy),
        ("The copy of the books in another region can be read", _copy_that_nobody_reads),
        ("The export is read", _no_manifest),
    ],
)
def test_a_point_fails_by_what_the_resources_say(
    deployment: LocalAzure, claim: str, trouble: Callable[[LocalAzure], None]
) -> None:
    trouble(deployment)

    assert seen(deployment, claim).verdict is Verdict.FAIL


def test_on_the_first_day_nothing_fails(deployment: LocalAzure) -> None:
    deployment.on("GET", GROUP, (200, {"tags": {"profile": "trial"}}))
    deployment.on("GET", "/blobs/cost-exports", (200, "<Blobs/>"))
    _no_policy(deployment)
    _copy_that_nobody_reads(deployment)
    metrics(deployment)
    nothing = {name: [dict.fromkeys(rows[0], 0)] for name, rows in HEALTHY.items()}
    logged(deployment, {**nothing, "streams": [], "logged": [], "reconciled": [], "doubtful": []})

    assert [claim for claim in POINTS if seen(deployment, claim).verdict is Verdict.FAIL] == []


def test_what_cannot_be_looked_at_is_open_and_says_why(deployment: LocalAzure) -> None:
    deployment.on("GET", f"{PROVIDERS}/Microsoft.Web/sites", (403, {"error": {"code": "AuthorizationFailed"}}))

    found = seen(deployment, "The function app takes its package by identity")

    assert found.verdict is Verdict.OPEN
    assert "403 AuthorizationFailed" in found.what


def test_a_stream_is_timed_from_its_first_words(deployment: LocalAzure) -> None:
    deployment.on(
        "POST",
        f"{PROVIDERS}/Microsoft.ApiManagement/service/apim/subscriptions/team/listSecrets",
        (200, {"primaryKey": "k"}),
    )
    words = {"choices": [{"delta": {"content": "one"}}]}
    deployment.on("POST", "/gateway/openai/deployments/chat/chat/completions", (200, words))
    clock = iter([10.0, 11.0, 19.0])

    assert Live(deployment.client()).stream(lambda: next(clock)) == (1.0, 9.0)


def test_the_run_fails_when_a_point_does(
    deployment: LocalAzure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.verify.live.LOG", deployment.url)
    words = ["--only", "by role alone"]

    healthy = main(words, deployment.client())
    _keys_on(deployment)
    sick = main(words, deployment.client())

    assert (healthy, sick) == (0, 1)
    assert "fail  Access is by role alone: 6 resources; with keys: t" in capsys.readouterr().out


def test_a_claim_is_one_function_that_anybody_can_add() -> None:
    assert unknown("why") == Seen(Verdict.OPEN, "why")
    assert all(look.__doc__ for look in POINTS.values())


def test_every_doubtful_route_is_looked_for_and_has_its_command_in_the_runbook() -> None:
    query = (QUERIES / "doubtful.kql").read_text("utf-8")
    runbook = (QUERIES.parents[2] / "docs/operations.md").read_text("utf-8")
    section = runbook.split("### Rights that no page names")[1].split("\n#")[0]

    routes = doubtful_routes()

    assert {family for route in routes for family in [route.split(" ")[1]] if family not in query} == set()
    assert {route for route in routes if f"| {route} |" not in section} == set()


def test_a_doubtful_route_that_nobody_called_is_open(deployment: LocalAzure) -> None:
    rest = [row for row in HEALTHY["doubtful"] if row["route"] != "POST uploads"]
    logged(deployment, {**HEALTHY, "doubtful": rest})

    found = seen(deployment, "Routes whose data action no page names are allowed")

    assert found.verdict is Verdict.OPEN
    assert "POST uploads;" in found.what


def test_the_runbook_disturbs_a_deployment_for_points_that_there_are() -> None:
    section = (QUERIES.parents[2] / "docs/operations.md").read_text("utf-8").split("## What only Azure can show")[1]
    table = section.split("\n### ")[0]
    claims = [row.split("|")[1].strip() for row in table.splitlines() if row.startswith("| ") and "Claim" not in row]

    assert len(claims) == 5
    assert all(any(claim.startswith(known) for known in POINTS) for claim in claims)
