"""A call whose backend is slow, silent, absent or breaks off ends as API Management would end it.

https://learn.microsoft.com/azure/api-management/forward-request-policy: the time-out is "the amount of time to wait for
the HTTP response headers", and connections may be dropped after 240 idle seconds.
"""

import asyncio
from typing import Any

import aiohttp
import pytest

from stack.gateway.readings import Readings
from tests.gateway.small_policies import SIGN_IN, Document, SmallPolicies, document, reports

TOLD = reports(
    "context.LastError.Source", "context.LastError.Reason", "context.LastError.PolicyId", "context.Response.StatusCode"
)
ONE = '<set-backend-service base-url="https://one.test/openai" />'
SEND = '<forward-request id="send" timeout-ms="{}" buffer-request-body="true" buffer-response="false" />'
HURRIED = document(ONE, SEND.format(300), on_error=TOLD)
IDLE = document(ONE, SEND.format(5000), on_error=TOLD, idle_limit=0.3)
READING = document(
    ONE,
    SEND.format(5000),
    outbound="<set-variable name='a' value='@(context.Response.Body.As&lt;string&gt;(preserveContent: true))' />",
    on_error=TOLD,
    idle_limit=0.3,
)
NOWHERE = '<set-backend-service base-url="https://nowhere.test/openai" />'
# The next candidate is named before each attempt, as the product's own policy does.
CANDIDATES = """<retry count="3" interval="5" first-fast-retry="true"
    condition="@(context.Response == null || context.Response.StatusCode &gt;= 500)">
    <set-variable name="attempt" value='@(context.Variables.GetValueOrDefault&lt;int&gt;("attempt", 0) + 1)' />
    <choose>
        <when condition='@((int)context.Variables["attempt"] == 1)'>
            <set-backend-service base-url="https://nowhere.test/openai" /></when>
        <when condition='@((int)context.Variables["attempt"] == 2)'>
            <set-backend-service base-url="https://one.test/openai" /></when>
        <otherwise><set-backend-service base-url="https://echo.test/openai" /></otherwise>
    </choose>
    <forward-request timeout-ms="300" buffer-request-body="true" buffer-response="false" /></retry>"""
WALKS = {
    reading: document(backend=CANDIDATES, on_error=TOLD, readings=Readings(failed_attempt=reading))
    for reading in ("answer", "null", "abort")
}
BACKENDS = CANDIDATES.replace('base-url="https://nowhere.test/openai"', 'backend-id="oai-swedencentral"').replace(
    'base-url="https://one.test/openai"', 'backend-id="oai-francecentral"'
)
BY_ID = document(SIGN_IN, backend=BACKENDS, on_error=TOLD)
NAMED = {
    source: document(NOWHERE, SEND.format(300), on_error=TOLD, readings=Readings(error_source=source))
    for source in ("element", "step", "other")
}
PAUSED = {
    interval: document(
        backend="""<retry count="2" condition="@(context.Response.StatusCode == 503)"
        interval='@(context.Variables.ContainsKey("n") ? 7 : 2)'><set-variable name="n" value="1" />
        <forward-request timeout="5" buffer-request-body="true" /></retry>""",
        readings=Readings(interval=interval),
    )
    for interval in ("each", "once")
}


def ask(small: SmallPolicies, declared: Document, query: str = "", **more: Any) -> Any:
    return small.call(declared, "POST", f"/openai/x{query}", data=b"body", **more)


def cut(small: SmallPolicies, declared: Document, query: str) -> bytes:
    """What arrived before the answer broke off."""

    got = bytearray()

    async def send() -> None:
        _, url = await small.gateway(declared)
        async with small.session.post(f"{url}/openai/x{query}", data=b"body") as answer:
            async for piece in answer.content.iter_any():
                got.extend(piece)

    with pytest.raises(aiohttp.ClientError):
        small.run(asyncio.wait_for(send(), 10))
    return bytes(got)


def test_headers_that_come_too_late_are_a_time_out(small: SmallPolicies) -> None:
    assert ask(small, HURRIED, "?head=2").json == ["forward-request", "Timeout", "send", 500]


def test_a_body_may_take_longer_than_the_time_out(small: SmallPolicies) -> None:
    assert ask(small, HURRIED, "?pieces=3&pause=0.2").body == b"xxx"


def test_a_connection_that_falls_silent_is_dropped(small: SmallPolicies) -> None:
    assert ask(small, IDLE, "?pieces=3&pause=0.1").body == b"xxx"
    assert cut(small, IDLE, "?pieces=2&pause=2") == b""
    assert ask(small, IDLE, "?head=2").json[1] == "Timeout"


def test_half_an_answer_is_a_cut_for_the_caller(small: SmallPolicies) -> None:
    assert cut(small, HURRIED, "?pieces=3&size=4&cut=1") == b"x" * 12


def test_an_expression_cannot_read_half_an_answer(small: SmallPolicies) -> None:
    for query in ("?pieces=2&cut=1", "?pieces=2&pause=2"):
        assert ask(small, READING, query).json[1] == "ExpressionValueEvaluationFailure"


def test_a_time_out_is_each_attempts_own_where_candidates_are_named(small: SmallPolicies) -> None:
    for reading in ("answer", "null"):
        small.fresh()
        answer = ask(small, WALKS[reading], "?head=2")

        assert (answer.status, answer.json["body"]) == (200, "body")
        assert small.slept == [0, 5.0]


def test_where_retry_does_not_catch_nothing_is_repeated(small: SmallPolicies) -> None:
    assert ask(small, WALKS["abort"]).json[1] == "BackendConnectionFailure"
    assert small.slept == []


def test_named_backends_are_given_up_in_time_and_passed_over(small: SmallPolicies) -> None:
    small.fault("oai-swedencentral", "hang")
    small.fault("oai-francecentral", "refuse")

    answer = small.chat(BY_ID)

    assert (answer.status, answer.json["method"]) == (200, "POST")


def test_a_hundred_calls_at_once_over_failing_candidates_all_arrive(small: SmallPolicies) -> None:
    small.run(small.gateway(WALKS["answer"]))

    answers = small.together(
        *(small.send(WALKS["answer"], "POST", f"/openai/x?head={n % 2}", data=str(n)) for n in range(100))
    )

    assert [answer.status for answer in answers] == [200] * 100
    assert [answer.json["body"] for answer in answers[1::2]] == [str(n) for n in range(1, 100, 2)]


def test_an_error_names_its_policy_whatever_its_source_is_called(small: SmallPolicies) -> None:
    """The id is documented, the source of a connection that failed is "multiple"; logs say request-forwarder."""
    told = {source: ask(small, declared).json for source, declared in NAMED.items()}

    assert {source: answer[0] for source, answer in told.items()} == {
        "element": "forward-request",
        "step": "request-forwarder",
        "other": "policy",
    }
    assert {(answer[1], answer[2]) for answer in told.values()} == {("BackendConnectionFailure", "send")}


def test_the_interval_of_a_retry_is_evaluated_each_time_or_once(small: SmallPolicies) -> None:
    for interval, waits in (("each", [7.0, 7.0]), ("once", [2.0, 2.0])):
        small.fresh()
        ask(small, PAUSED[interval], "?status=503")

        assert small.slept == waits
