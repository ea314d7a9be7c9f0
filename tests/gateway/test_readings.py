"""What the documentation leaves open does here what the reading says: buffers, breakers, cached values, logs."""

from typing import Any

import pytest

from stack.gateway.backends import Backend, BreakerRule
from stack.gateway.readings import READINGS, Readings, buffer_limit
from tests.gateway.small_policies import SIGN_IN, Document, SmallPolicies, document, reports

TOLD = reports("context.LastError.Reason", "context.Response.StatusCode", "context.LastError.PolicyId")
OVERSIZE = ("413", "500", "throw")
SKU = {"sku": "StandardV2"}
LARGE = 2 * 1024 * 1024 + 1
BODY = "context.{}.Body.As&lt;byte[]&gt;(preserveContent: true).Length.ToString()"
SET = "<set-variable id='reads' name='a' value='@({})' />"
GUARDED = (
    SET.format("0")
    .replace("@(0)", '@{{ try {{ return {}; }} catch (Exception) {{ return "0"; }} }}')
    .replace('"', "&quot;")
)
READS_REQUEST, READS_ANSWER, CATCHES, KEEPS, PASSES = (
    {size: document(inbound, backend, outbound, TOLD, readings=Readings(oversize=size), **SKU) for size in OVERSIZE}
    for inbound, backend, outbound in (
        (SET.format(BODY.format("Request")), '<forward-request timeout="9" />', ""),
        ("", '<forward-request timeout="9" />', SET.format(BODY.format("Response"))),
        (GUARDED.format(BODY.format("Request")), '<forward-request timeout="9" />', ""),
        ("", '<forward-request timeout="9" buffer-request-body="true" />', ""),
        ("", '<forward-request timeout="9" />', ""),
    )
)
CLASSIC = document(SET.format(BODY.format("Request")), '<forward-request timeout="9" />', on_error=TOLD)
OPEN = {
    reading: document(
        '<set-backend-service backend-id="oai-eastus2" />' + SIGN_IN,
        outbound='<set-header name="X-Section"><value>outbound</value></set-header>',
        on_error='<set-header name="X-Section"><value>on-error</value></set-header>',
        readings=Readings(open_breaker=reading),
    )
    for reading in ("error", "answer")
}
KEPT = """<cache-store-value id="{}" key="k" value="@(context.Request.Method)" duration="60" />
<cache-lookup-value id="{}" key="k" variable-name="v" default-value="none" />"""
SAW = reports('context.Variables.GetValueOrDefault<string>("v", "unset")')
CACHED = {
    name: document(KEPT.format("store", "look") + SAW, readings=readings)
    for name, readings in (("at once", Readings()), ("later", Readings(stores="later")))
}
LOSABLE = {
    lookups: document(KEPT.format("store", "losable-look") + SAW, readings=Readings(lookups=lookups))
    for lookups in ("many", "once")
}
TRACED = document(
    """<trace source="usage" severity="information"><message>@("told")</message>
    <metadata name="kind" value="@(context.Request.Method)" /></trace>
    <trace source="noise"><message>not logged</message></trace>"""
)


def post(small: SmallPolicies, declared: Document, body: bytes) -> Any:
    return small.call(declared, "POST", "/openai/x", data=body)


def test_a_tier_buffers_what_its_page_says() -> None:
    """https://learn.microsoft.com/azure/api-management/api-management-gateways-overview#gateway-runtime-limits"""
    limits = {sku: buffer_limit(sku) for sku in ("BasicV2", "StandardV2", "PremiumV2", "Developer", "Premium")}

    assert limits == {
        "BasicV2": 2 << 20,
        "StandardV2": 2 << 20,
        "PremiumV2": 2 << 20,
        "Developer": 500 << 20,
        "Premium": 500 << 20,
    }


@pytest.mark.parametrize("oversize", OVERSIZE)
def test_a_body_that_the_tier_cannot_buffer_ends_the_call_or_the_expression(
    small: SmallPolicies, oversize: str
) -> None:
    whole = {"413": 413, "500": 500, "throw": 500}[oversize]

    for declared in (READS_REQUEST[oversize], READS_ANSWER[oversize]):
        told = post(small, declared, b"x" * LARGE).json
        thrown = oversize == "throw"
        assert told[0] == ("ExpressionValueEvaluationFailure" if thrown else "PayloadTooLarge")
        assert told[1:] == [whole, "reads"]
    assert post(small, READS_REQUEST[oversize], b"x" * 1024).status == 200


@pytest.mark.parametrize("oversize", OVERSIZE)
def test_only_an_expression_that_throws_can_be_caught(small: SmallPolicies, oversize: str) -> None:
    post(small, CATCHES[oversize], b"x" * LARGE)

    assert (small.seen != []) is (oversize == "throw")


@pytest.mark.parametrize("oversize", OVERSIZE)
def test_a_body_that_is_to_be_repeated_must_fit_and_one_that_passes_need_not(
    small: SmallPolicies, oversize: str
) -> None:
    assert post(small, KEEPS[oversize], b"x" * LARGE).json[0] == "PayloadTooLarge"
    assert len(post(small, PASSES[oversize], b"x" * LARGE).body) > LARGE


def test_a_classic_tier_reads_what_a_v2_tier_cannot(small: SmallPolicies) -> None:
    assert post(small, CLASSIC, b"x" * LARGE).status == 200


@pytest.mark.parametrize(
    ("listed", "reading", "counts"),
    [
        ((), "listed", False),
        (("Timeout",), "listed", True),
        (("BackendConnectionFailure",), "listed", False),
        (("Timeout",), "never", False),
        ((), "always", True),
    ],
)
def test_no_answer_opens_a_breaker_only_where_its_reason_is_listed(
    listed: tuple[str, ...], reading: str, *, counts: bool
) -> None:
    """https://learn.microsoft.com/azure/api-management/backends#circuit-breaker: failureCondition, errorReasons."""
    entry = {
        "count": 1,
        "interval": "PT10S",
        "tripDuration": "PT30S",
        "acceptRetryAfter": True,
        "statusCodeRanges": [{"min": 500, "max": 599}],
        "errorReasons": listed,
    }
    rule = BreakerRule.from_config(entry, Readings(counted_failures=reading))  # type: ignore[arg-type]
    backend = Backend("one", "https://one", "region", rule)

    backend.record("Timeout", None)

    assert backend.open is counts


@pytest.mark.parametrize(("reading", "section"), [("error", "on-error"), ("answer", "outbound")])
def test_the_503_of_an_open_breaker_is_an_error_or_an_answer(small: SmallPolicies, reading: str, section: str) -> None:
    small.run(small.gateway(OPEN[reading]))[0].config.backends.single["oai-eastus2"].open_until = small.clock.now + 9

    answer = small.chat(OPEN[reading])

    assert (answer.status, answer.headers["X-Section"]) == (503, section)


def test_a_stored_value_may_not_be_there_before_the_call_ends(small: SmallPolicies) -> None:
    """https://learn.microsoft.com/azure/api-management/cache-store-value-policy: storing is asynchronous."""
    assert [small.call(CACHED["at once"]).json for _ in range(2)] == [["GET"], ["GET"]]
    assert [small.call(CACHED["later"]).json for _ in range(2)] == [["none"], ["GET"]]


def test_a_losable_policy_is_taken_out_where_it_may_stand_once(small: SmallPolicies) -> None:
    assert small.call(LOSABLE["many"]).json == ["GET"]
    assert small.call(LOSABLE["once"]).json == ["unset"]


def test_a_trace_reaches_the_log_from_the_severity_that_is_asked_for(small: SmallPolicies) -> None:
    """https://learn.microsoft.com/azure/api-management/trace-policy"""
    small.call(TRACED)

    (row,) = small.run(small.gateway(TRACED))[0].log.rows["ApiManagementGatewayLogs"]
    assert row["TraceRecords"] == [
        {
            "source": "usage",
            "severity": "information",
            "message": "told",
            "section": "inbound",
            "metadata": {"kind": "GET"},
        }
    ]


def test_the_sets_of_readings_hold_every_answer_but_abort() -> None:
    answers = {
        name: {getattr(readings, name) for readings in READINGS.values()} for name in Readings.__dataclass_fields__
    }

    assert answers["failed_attempt"] == {"answer", "null"}
    assert answers["error_source"] == {"element", "step", "other"}
    assert answers["oversize"] == set(OVERSIZE)
    assert answers["counted_failures"] == {"listed", "never", "always"}
    assert all(len(found) > 1 for found in answers.values())
