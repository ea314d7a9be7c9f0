"""Pools, circuit breakers and failover."""

from pathlib import Path

from stack.gateway.backends import Backend, BreakerRule, GatewayBackends, Pool, PoolMember, seconds
from tests.gateway.small_policies import SIGN_IN, Clock, SmallPolicies, document, reports

RULE = BreakerRule(failures=2, interval=10, trip=60, accept_retry_after=True, statuses=((429, 429), (500, 599)))
AGAIN = "@(context.Response.StatusCode == 429 || context.Response.StatusCode &gt;= 500)"
RETRY = f"""<retry count="3" interval="0" condition="{AGAIN}">
    <forward-request timeout="1" buffer-request-body="true" buffer-response="false" /></retry>"""
HOST = '<set-header name="X-Host"><value>@(context.Request.Url.Host + "/" + context.Backend.Id)</value></set-header>'
ERROR = """<set-header name="X-Error">
    <value>@(context.LastError.Reason + " " + context.Response.StatusReason)</value></set-header>"""
EUROPE = document('<set-backend-service backend-id="pool-eu" />' + SIGN_IN, RETRY, HOST, ERROR)
ANYWHERE = document('<set-backend-service backend-id="pool-eu-failover" />' + SIGN_IN, RETRY, HOST, ERROR)
SINGLE = document('<set-backend-service backend-id="oai-eastus2" />' + SIGN_IN, RETRY, HOST, ERROR)
UNKNOWN = document(
    """<set-backend-service backend-id='@("oai-" + "mars")' />""",
    on_error=reports("context.LastError.Reason"),
)
NO_TOKEN = document('<set-backend-service backend-id="oai-eastus2" />')


def backend(name: str, clock: Clock) -> Backend:
    return Backend(name, f"https://{name}", "region", RULE, clock)


def test_a_breaker_opens_after_its_failures_and_closes_in_time() -> None:
    clock = Clock()
    one = backend("one", clock)

    one.record(429, None)
    assert not one.open
    one.record(500, None)
    assert one.open
    clock.now += 60
    assert not one.open


def test_failures_that_lie_too_far_apart_do_not_open_a_breaker() -> None:
    clock = Clock()
    one = backend("one", clock)

    one.record(500, None)
    clock.now += 11
    one.record(500, None)

    assert not one.open


def test_an_open_breaker_waits_as_long_as_the_backend_asked() -> None:
    clock = Clock()
    one = backend("one", clock)

    one.record(429, 5)
    one.record(429, 5)
    clock.now += 5

    assert not one.open


def test_a_client_error_is_no_failure() -> None:
    one = backend("one", Clock())

    for _ in range(5):
        one.record(404, None)

    assert not one.open


def test_a_pool_prefers_priority_then_shares_by_weight() -> None:
    clock = Clock()
    first, second, third = (backend(name, clock) for name in ("first", "second", "third"))
    members = (PoolMember(first, 1, 90), PoolMember(second, 1, 10), PoolMember(third, 2, 100))
    backends = GatewayBackends([first, second, third], [Pool("pool", members)], seed=1)

    picked = [backends.pick("pool").id for _ in range(200)]

    assert set(picked) == {"first", "second"}
    assert picked.count("first") > 150


def test_a_duration_is_read_in_seconds(tmp_path: Path) -> None:
    assert (seconds("PT10S"), seconds("PT1M"), seconds("PT1H30S")) == (10, 60, 3630)


def test_a_call_goes_to_the_first_member_of_its_pool(small: SmallPolicies) -> None:
    assert small.chat(EUROPE).headers["X-Host"] == "oai-swedencentral.openai.azure.com/pool-eu"


def test_a_busy_member_is_left_alone_as_long_as_it_asked(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "429", retryAfterMs=5000)

    assert "francecentral" in small.chat(EUROPE).headers["X-Host"]
    small.fault("oai-swedencentral", "ok")
    assert "francecentral" in small.chat(EUROPE).headers["X-Host"]
    small.clock.now += 6
    assert "swedencentral" in small.chat(EUROPE).headers["X-Host"]


def test_failover_on_errors_refusals_and_timeouts(small: SmallPolicies) -> None:
    for mode in ("500", "refuse", "hang"):
        small.clock.now += 1000
        small.fault("oai-swedencentral", mode)

        answer = small.chat(EUROPE)

        assert (answer.status, "francecentral" in answer.headers["X-Host"]) == (200, True), mode


def test_a_pool_of_a_geography_never_leaves_it(small: SmallPolicies) -> None:
    for account in ("oai-swedencentral", "oai-francecentral"):
        small.fault(account, "429", retryAfterMs=9000)

    answer = small.chat(EUROPE)

    assert answer.status == 503
    assert answer.headers["X-Error"] == "BackendUnavailable Backend pool 'pool-eu' is temporarily unavailable"
    assert 1 <= int(answer.headers["Retry-After"]) <= 9
    assert small.chat(ANYWHERE).headers["X-Host"].startswith("oai-eastus2")


def test_an_open_single_backend_is_a_503(small: SmallPolicies) -> None:
    small.fault("oai-eastus2", "500")
    small.chat(SINGLE)
    small.fault("oai-eastus2", "ok")

    answer = small.chat(SINGLE)

    assert answer.status == 503
    assert answer.headers["X-Error"].endswith("Backend service 'oai-eastus2' is temporarily unavailable")


def test_an_unknown_backend_is_an_error(small: SmallPolicies) -> None:
    assert small.call(UNKNOWN).json == ["BackendNotFound"]


def test_a_key_that_reaches_a_backend_is_noticed(small: SmallPolicies) -> None:
    document_ = {"model": "gpt-4o", "messages": []}

    answer = small.call(
        NO_TOKEN, "POST", "/openai/v1/chat/completions", json=document_, headers={"api-key": "key-of-search"}
    )

    assert answer.status == 401
    assert "must remove it" in answer.json["error"]["message"]
