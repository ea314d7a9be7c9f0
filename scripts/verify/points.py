"""The points: each is a claim about Azure and a function that checks it. To add a point, add a function."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scripts.verify.live import VAULT_SCOPE, Live, needed
from stack.identity.permissions import doubtful_routes


class Verdict(StrEnum):
    """Whether a claim holds; OPEN where nothing has happened yet from which one could tell."""

    HOLDS = "pass"
    FAIL = "fail"
    OPEN = "open"


@dataclass(frozen=True)
class Seen:
    """What was seen, and what follows from it."""

    verdict: Verdict
    what: str


Look = Callable[[Live], Seen]
POINTS: dict[str, Look] = {}
"""Every point by its claim, in the order in which they are looked at."""


def point(claim: str) -> Callable[[Look], Look]:
    """Add a point under its claim."""

    def added(look: Look) -> Look:
        POINTS[claim] = look
        return look

    return added


def holds(condition: bool, what: str) -> Seen:  # noqa: FBT001 it is the question itself
    """Pass or fail."""
    return Seen(Verdict.HOLDS if condition else Verdict.FAIL, what)


def unknown(what: str) -> Seen:
    """Open: what is missing, or what a person has to do."""
    return Seen(Verdict.OPEN, what)


@point("A call has one id in both tables of the gateway")
def one_id(live: Live) -> Seen:
    """Without it, streamed calls cannot be settled."""
    found = live.row("one-call")
    if not found["calls"]:
        return unknown("no call is in ApiManagementGatewayLlmLog yet; it may take some minutes")
    return holds(found["both"] == found["calls"], f"{found['both']} of {found['calls']} calls are in both")


@point("The log's id is the event's id")
def id_of_event(live: Live) -> Seen:
    """Settlement finds the rows of a call by the id of its event."""
    found = live.row("settled")
    settled, estimated = int(found["settled"] or 0), int(found["estimated"] or 0)
    if not settled and not estimated:
        return unknown("no streamed call was settled yet: make one, wait for two runs of settle_streams")
    return holds(settled > 0, f"{settled} streamed calls found their rows, {estimated} were estimated")


@point("The gateway's log keeps each event")
def events_are_kept(live: Live) -> Seen:
    """Lost events come back from there; the form of TraceRecords is on no page."""
    found = live.row("kept")
    if not found["calls"]:
        return unknown("no call reached a model yet; rows may take some minutes")
    what = "of {calls} calls {traced} have trace records, {kept} an event, {whole} a whole one"
    return holds(found["whole"] == found["calls"], what.format(**found))


@point("Streamed calls are logged with counts")
def streams_are_counted(live: Live) -> Seen:
    """Chat, Responses, and routes of the catch-all operations."""
    found = live.rows("streams")
    if not found:
        return unknown("no streamed call is in the log yet: make one of chat and one of Responses")
    said = ", ".join(f"{row['OperationName']}: {row['calls'] - row['uncounted']} of {row['calls']}" for row in found)
    return holds(not any(row["uncounted"] for row in found), f"counted {said}")


@point("Which operations the log of models has rows of")
def logged_operations(live: Live) -> Seen:
    """What has no row is settled by estimate, where it is streamed."""
    found = live.rows("logged")
    if not found:
        return unknown("no successful call yet")
    said = ", ".join(f"{row['OperationId']} {row['logged']} of {row['calls']}" for row in found)
    return holds(any(row["logged"] for row in found), said)


@point("No content is logged")
def no_content(live: Live) -> Seen:
    """Neither prompts nor answers."""
    rows = int(live.row("content")["rows"])
    return holds(rows == 0, f"{rows} rows hold messages")


@point("Strangers are in the log with their address")
def strangers_are_placed(live: Live) -> Seen:
    """They make no event, so the log alone tells of them; that it names the API of a wrong key is on no page."""
    found = live.row("strangers")
    if not found["strangers"]:
        return unknown("nobody has called without a valid key yet: do so once")
    return holds(found["placed"] == found["strangers"], "{placed} of {strangers} have an address".format(**found))


@point("Keys and tags are masked in the log")
def secrets_are_masked(live: Live) -> Seen:
    """Those that come in the query of a URL; how the mask looks is on no page."""
    found = live.row("strangers")
    if not found["given"]:
        return unknown("no call has brought a key or tag in its query yet: make one with ?username=x")
    return holds(found["shown"] == 0, "{shown} of {given} show what should be masked".format(**found))


@point("Streams are not held up")
def streams_flow(live: Live) -> Seen:
    """Words appear while the model speaks."""
    if not live.calls:
        return unknown("makes one call that costs less than a cent: run with --calls")
    first, last = live.stream()
    return holds(0 < first < last / 2, f"first words after {first:.1f} s, the last after {last:.1f} s")


@point("Events arrive by identity")
def events_by_identity(live: Live) -> Seen:
    """The topic takes no key, and takes events all the same."""
    (topic,) = live.resources("Microsoft.EventGrid/topics")
    off = bool(topic["properties"].get("disableLocalAuth"))
    taken, refused = (live.metric(topic["id"], name) for name in ("PublishSuccessCount", "PublishFailCount"))
    what = f"keys are {'off' if off else 'ON'}; {taken:.0f} events taken and {refused:.0f} refused in a day"
    return unknown(what) if off and not taken and not refused else holds(off and taken > refused, what)


@point("Dead letters are written")
def dead_letters(live: Live) -> Seen:
    """Event Grid writes by its identity; what is dead-lettered is in the container."""
    (topic,) = live.resources("Microsoft.EventGrid/topics")
    usage = live.at(f"{topic['id']}/eventSubscriptions/usage", "2025-02-15").get("properties", {})
    if not usage.get("deadLetterWithResourceIdentity"):
        return holds(False, "the event subscription `usage` has no dead-letter destination with an identity")
    given_up = live.metric(topic["id"], "DeadLetteredCount")
    if not given_up:
        return unknown("nothing was dead-lettered in a day; to see it, give the subscription a wrong key for an hour")
    kept = len(live.blobs("dead-letter"))
    return holds(kept > 0, f"{given_up:.0f} events given up, {kept} blobs under dead-letter")


@point("Callers are served by the next account when one refuses")
def refusals_stay_inside(live: Live) -> Seen:
    """A refusal of a backend is no refusal for the caller."""
    found = live.row("failovers")
    if not found["refused"]:
        return unknown(f"no backend refused one of {found['calls']} calls: lower a deployment's capacity to 1 and call")
    what = f"backends refused {found['refused']} calls, callers saw {found['seen']} of them"
    return holds(found["seen"] < found["refused"], f"{what}; {found['backends']} backends answered")


@point("The gateway answers the health probe on its tier")
def probe_is_answered(live: Live) -> Seen:
    """Traffic Manager and the availability tests ask for it; the pages do not say that the v2 tiers have it."""
    status, _ = live.reached(f"{needed('GATEWAY_URL')}/status-0123456789abcdef")
    tiers = ", ".join(sorted({item["sku"]["name"] for item in live.resources("Microsoft.ApiManagement/service")}))
    return holds(status == 200, f"{tiers} answered {status}")


@point("Failover works")
def failover(live: Live) -> Seen:
    """Every endpoint of Traffic Manager is seen, and calls came through more than one region."""
    profiles = live.resources("Microsoft.Network/trafficManagerProfiles")
    if not profiles:
        return unknown("one region: there is nothing to fail over to")
    states = {
        endpoint["name"]: endpoint["properties"]["endpointMonitorStatus"]
        for profile in profiles
        for endpoint in profile["properties"]["endpoints"]
    }
    away = [name for name, state in states.items() if state != "Online"]
    if away:
        return holds(False, f"Traffic Manager finds away: {', '.join(away)}")
    regions = int(live.row("failovers")["regions"])
    what = f"all {len(states)} endpoints are online; calls came through {regions} regions"
    return holds(True, what) if regions > 1 else unknown(f"{what}: disable the primary's endpoint for a while")


NO_KEYS = {
    "Microsoft.CognitiveServices/accounts": ("disableLocalAuth", True),
    "Microsoft.DocumentDB/databaseAccounts": ("disableLocalAuth", True),
    "Microsoft.EventGrid/topics": ("disableLocalAuth", True),
    "Microsoft.Insights/components": ("DisableLocalAuth", True),
    "Microsoft.KeyVault/vaults": ("enableRbacAuthorization", True),
    "Microsoft.Storage/storageAccounts": ("allowSharedKeyAccess", False),
}


@point("Access is by role alone")
def roles_alone(live: Live) -> Seen:
    """No service takes a key."""
    judged = [
        (item["name"], item["properties"].get(switch) == wanted)
        for kind, (switch, wanted) in NO_KEYS.items()
        for item in live.resources(kind)
    ]
    open_doors = [name for name, shut in judged if not shut]
    return holds(
        bool(judged) and not open_doors, f"{len(judged)} resources; with keys: {', '.join(open_doors) or 'none'}"
    )


@point("Routes whose data action no page names are allowed")
def doubtful_routes_are_allowed(live: Live) -> Seen:
    """What infra/calls.yaml assumes of them is enough: an account answered each."""
    found = {row["route"]: row for row in live.rows("doubtful")}
    answered = {route for route, row in found.items() if row["answered"]}
    # A role spreads for some minutes: what was answered since is allowed.
    denied = sorted(route for route, row in found.items() if row["denied"] and route not in answered)
    if denied:
        return holds(False, f"an account denied {', '.join(denied)}: see 'Rights that no page names'")
    missing = sorted(doubtful_routes() - answered)
    if missing:
        return unknown(f"not called, or not answered yet: {', '.join(missing)}; see 'Rights that no page names'")
    return holds(True, f"answered: {', '.join(sorted(answered))}")


BY_NETWORK = {"ForbiddenByFirewall", "ForbiddenByConnection"}
"""Codes of a vault that refuses a place: https://learn.microsoft.com/azure/key-vault/general/private-link-diagnostics.
`ForbiddenByConnection` comes where public access is disabled."""


@point("Production is closed")
def production_is_closed(live: Live) -> Seen:
    """From here, outside the network, the stores refuse or are not there."""
    if live.profile not in ("production", "rehearsal"):
        return unknown(f"the profile {live.profile or 'of this deployment'} is public")
    doors = {
        "blob": [
            f"{item['properties']['primaryEndpoints']['blob']}?comp=list"
            for item in _of(live, "Storage/storageAccounts")
        ],
        "cosmos": [item["properties"]["documentEndpoint"] for item in _of(live, "DocumentDB/databaseAccounts")],
        "vault": [f"{item['properties']['vaultUri']}secrets?api-version=7.4" for item in _of(live, "KeyVault/vaults")],
    }
    # A vault asks for a name before its firewall, so it gets one. 401 would mean that the door of a store is open and
    # only a name is missing; a 403 of a vault counts if the network is its reason, and not a role.
    scopes = {"vault": VAULT_SCOPE}
    found = {
        (kind, url.partition("?")[0]): live.reached(url, scopes.get(kind, ""))
        for kind, urls in doors.items()
        for url in urls
    }
    shut = [
        status == 0 or (status == 403 and (kind not in scopes or code in BY_NETWORK))
        for (kind, _), (status, code) in found.items()
    ]
    said = (f"{kind} {url}: {status} {code}".rstrip() for (kind, url), (status, code) in found.items())
    return holds(all(shut), ", ".join(said))


def _of(live: Live, kind: str) -> list[dict[str, Any]]:
    return live.resources(f"Microsoft.{kind}")


@point("The function app takes its package by identity")
def package_by_identity(live: Live) -> Seen:
    """And it runs."""
    (app,) = live.resources("Microsoft.Web/sites")
    way = app["properties"]["functionAppConfig"]["deployment"]["storage"]["authentication"]["type"]
    state = app["properties"].get("state")
    return holds("Identity" in way and state == "Running", f"by {way}; the app is {state}")


@point("Cosmos DB is backed up continuously")
def continuous_backup(live: Live) -> Seen:
    """Also where it is serverless."""
    (account,) = live.resources("Microsoft.DocumentDB/databaseAccounts")
    kind = account["properties"]["backupPolicy"]["type"]
    return holds(kind == "Continuous", f"its policy is {kind}")


@point("Closed files cannot be changed")
def immutable(live: Live) -> Seen:
    """By the container's policy. It is read, not tried: a deletion that succeeded would be one."""
    container = f"{live.books['id']}/blobServices/default/containers/closed"
    policy = live.at(f"{container}/immutabilityPolicies/default", "2025-06-01").get("properties", {})
    days = int(policy.get("immutabilityPeriodSinceCreationInDays") or 0)
    if not days and live.profile in ("trial", "staging"):
        return unknown(f"the profile {live.profile} keeps closed files deletable")
    return holds(days > 0, f"{days} days, {policy.get('state', 'no policy')}")


@point("The copy of the books in another region can be read")
def copy_is_there(live: Live) -> Seen:
    """The account cannot be failed over while files there cannot be changed."""
    properties = live.books["properties"]
    endpoint = properties.get("secondaryEndpoints", {}).get("blob", "")
    if not endpoint and live.profile in ("trial", "staging"):
        return unknown(f"the profile {live.profile} keeps no copy")
    state = properties.get("statusOfSecondary", "no copy")
    return holds(bool(endpoint) and state == "available", f"{endpoint or 'no address for reading'}, {state}")


@point("The export is read")
def export(live: Live) -> Seen:
    """Cost Management writes it, and months are compared with it."""
    names = live.blobs("cost-exports")
    manifests = [name for name in names if name.endswith("manifest.json")]
    compared = live.rows("reconciled")
    if not names:
        return unknown("nothing is in cost-exports: set the export up, see 'Reconciling with the invoice'")
    said = "; ".join(f"{row['period']}: unexplained {row['unexplained']}" for row in compared)
    return holds(bool(manifests and compared), f"{len(manifests)} manifests; {said or 'no month was compared yet'}")


@point("Usage of the invoice is ours")
def meters_are_ours(live: Live) -> Seen:
    """Every meter of the invoice leads to a meter of the rate card."""
    compared = live.rows("reconciled")
    if not compared:
        return unknown("no month was compared yet")
    last = compared[-1]
    unmapped = int(last["unmapped_meters"])
    return holds(unmapped == 0, f"{last['period']}: {unmapped} meters that no table knows; see the report of the month")


@point("A month closes in time")
def closes_in_time(live: Live) -> Seen:
    """The function may take 30 minutes."""
    found = live.row("closing")
    if not found["runs"]:
        return unknown("close_periods has not run yet")
    minutes = float(found["longest"]) / 60_000
    return holds(minutes < 20, f"at most {minutes:.1f} of 30 minutes in {found['runs']} runs")


@point("Meter ids and prices are current")
def prices_are_current(_live: Live) -> Seen:
    """Somebody has to judge a difference."""
    return unknown("run `chargeback prices diff`, and review what differs with `prices propose`")


@point("A FinOps hub takes the month once")
def hub(_live: Live) -> Seen:
    """The hub is not ours to ask."""
    return unknown("with FINOPS_HUB_URL set, publish twice: the hub's `Costs` hold the month once")
