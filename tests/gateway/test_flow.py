"""Control flow: choose, retry, wait, limits on concurrency, return-response, fragments, errors."""

from stack.gateway.readings import Readings
from tests.gateway.small_policies import ECHO, FORWARD, SmallPolicies, document, reports

CHOOSE = document(
    """<choose>
    <when condition='@(context.Request.Url.Query.ContainsKey("a"))'><set-variable name="r" value="a" /></when>
    <when condition='@(context.Request.Url.Query.ContainsKey("b"))'><set-variable name="r" value="b" /></when>
    <otherwise><set-variable name="r" value="c" /></otherwise>
    </choose>"""
    + reports('(string)context.Variables["r"]')
)
RETURNED = document(
    """<return-response><set-status code="418" reason="Teapot" />
    <set-header name="X-Many" exists-action="append"><value>1</value><value>2</value></set-header>
    <set-body>short and stout</set-body></return-response>"""
)
FRAGMENTS = document(
    '<include-fragment fragment-id="first" /><choose><when condition="@(true)">'
    '<include-fragment fragment-id="second" /></when></choose>' + reports('(string)context.Variables["b"]'),
    fragments={
        "first": '<set-variable name="a" value="one" />',
        "second": """<set-variable name="b" value='@((string)context.Variables["a"] + " two")' />""",
    },
)
COUNTING = """<retry count="3" interval="2" first-fast-retry="true"
    condition='@(context.Response.StatusCode == 503)'>
    <set-variable name="n" value='@(context.Variables.GetValueOrDefault&lt;int&gt;("n") + 1)' />
    <set-query-parameter name="status" exists-action="override">
        <value>@((int)context.Variables["n"] &lt; 3 ? "503" : "200")</value></set-query-parameter>
    <forward-request timeout="5" buffer-request-body="true" />
    </retry>"""
RETRIED = document(backend=COUNTING)
UNBUFFERED = document(
    backend=COUNTING.replace('buffer-request-body="true"', 'buffer-request-body="false"'),
)
EXHAUSTED = document(
    backend='<retry count="2" interval="1" condition="@(true)"><forward-request timeout="5" /></retry>',
    outbound='<set-header name="X-Out"><value>@(context.Response.StatusCode.ToString())</value></set-header>',
)
NOWHERE = '<set-backend-service base-url="http://127.0.0.1:9/openai" />'
CONDITION = "@(context.Response == null || context.Response.StatusCode >= 500)".replace(">=", "&gt;=")
NO_ANSWER = f'<retry count="2" interval="0" condition="{CONDITION}">{FORWARD}</retry>'
TOLD = reports("context.LastError.Source", "context.LastError.Reason", "context.LastError.Section")
UNREACHABLE = document(NOWHERE, NO_ANSWER, on_error=TOLD)
UNREACHABLE_NULL = document(NOWHERE, NO_ANSWER, on_error=TOLD, readings=Readings(failed_attempt="null"))
STATUS_TO_OUTBOUND = document(
    outbound=reports('"outbound"', "context.Response.StatusCode"), on_error=reports('"on-error"')
)
STRICT = document(
    backend='<forward-request fail-on-error-status-code="true" />',
    on_error=reports('"on-error"', "context.Response.StatusCode"),
)
BROKEN_ON_ERROR = document(
    "<set-variable name='a' value='@(Int32.Parse(&quot;x&quot;))' />",
    on_error="<set-variable name='b' value='@(Int32.Parse(&quot;y&quot;))' />",
)
CONCURRENT = document(backend=f'<limit-concurrency key="k" max-count="1">{FORWARD}</limit-concurrency>')
WAIT = document(
    '<wait for="all">'
    + "".join(
        f'<send-request response-variable-name="{name}"><set-url>https://echo.test/{name}</set-url></send-request>'
        for name in ("one", "two")
    )
    + "</wait>"
    + reports('((IResponse)context.Variables["one"]).StatusCode', '((IResponse)context.Variables["two"]).StatusCode')
)
BAD_ADDRESS = document(
    """<ip-filter action="allow"><address>@("no address")</address></ip-filter>""",
    on_error=reports("context.LastError.Source", "context.LastError.Reason"),
)
MIRROR = document(
    """<set-variable name="q" value='@(context.Request.Url.Query.GetValueOrDefault("n", ""))' />
    <set-variable name="b" value='@(context.Request.Body.As&lt;string&gt;(preserveContent: true))' />"""
    + reports('(string)context.Variables["q"]', '(string)context.Variables["b"]')
)
INHERITED = document(outbound="<base />")
CLEARED_HEADER = document(ECHO + '<set-header name="X-Empty"><value>@((string)null)</value></set-header>')


def test_choose_runs_the_first_branch_that_holds(small: SmallPolicies) -> None:
    assert small.call(CHOOSE, path="/openai/x?b=1&a=1").json == ["a"]
    assert small.call(CHOOSE, path="/openai/x?b=1").json == ["b"]
    assert small.call(CHOOSE, path="/openai/x").json == ["c"]


def test_return_response_answers_without_a_backend(small: SmallPolicies) -> None:
    answer = small.call(RETURNED)

    assert (answer.status, answer.reason, answer.body) == (418, "Teapot", b"short and stout")
    assert small.seen == []


def test_fragments_share_the_variables_of_the_call(small: SmallPolicies) -> None:
    assert small.call(FRAGMENTS).json == ["one two"]


def test_retry_repeats_until_its_condition_fails(small: SmallPolicies) -> None:
    answer = small.call(RETRIED, "POST", "/openai/x", data=b"body")

    assert answer.status == 200
    assert [seen["body"] for seen in small.seen] == ["body"] * 3
    assert small.slept == [0, 2.0]


def test_a_body_that_is_not_buffered_is_gone_when_it_is_sent_again(small: SmallPolicies) -> None:
    small.call(UNBUFFERED, "POST", "/openai/x", data=b"body")

    assert [seen["body"] for seen in small.seen] == ["body", "", ""]


def test_an_exhausted_retry_hands_its_last_answer_to_outbound(small: SmallPolicies) -> None:
    answer = small.call(EXHAUSTED, path="/openai/x?status=500")

    assert (answer.status, answer.headers["X-Out"]) == (500, "500")
    assert len(small.seen) == 3


def test_a_backend_that_does_not_answer_leads_to_on_error(small: SmallPolicies) -> None:
    expected = ["forward-request", "BackendConnectionFailure", "backend"]

    assert small.call(UNREACHABLE).json == expected
    assert small.call(UNREACHABLE_NULL).json == expected


def test_a_backend_error_goes_to_outbound_unless_told_otherwise(small: SmallPolicies) -> None:
    assert small.call(STATUS_TO_OUTBOUND, path="/openai/x?status=503").json == ["outbound", 503]
    assert small.call(STRICT, path="/openai/x?status=503").json == ["on-error", 503]


def test_a_fault_in_on_error_is_a_plain_500(small: SmallPolicies) -> None:
    answer = small.call(BROKEN_ON_ERROR)

    assert (answer.status, answer.json["message"]) == (500, "Internal server error")


def test_more_calls_than_allowed_at_once_are_refused(small: SmallPolicies) -> None:
    small.run(small.gateway(CONCURRENT))

    answers = small.together(*(small.send(CONCURRENT) for _ in range(5)))

    statuses = sorted(answer.status for answer in answers)
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_wait_goes_on_when_all_are_done(small: SmallPolicies) -> None:
    assert small.call(WAIT).json == [200, 200]


def test_a_null_header_value_is_empty(small: SmallPolicies) -> None:
    assert small.call(CLEARED_HEADER).json["headers"]["X-Empty"] == ""


def test_an_unknown_path_is_not_found(small: SmallPolicies) -> None:
    answer = small.call(INHERITED, path="/elsewhere")

    assert (answer.status, answer.json["message"]) == (404, "Resource not found")


def test_the_health_path_answers_without_a_key(small: SmallPolicies) -> None:
    assert small.call(INHERITED, path="/status-0123456789abcdef").status == 200


def test_a_value_that_a_policy_cannot_use_goes_to_on_error(small: SmallPolicies) -> None:
    assert small.call(BAD_ADDRESS).json == ["ip-filter", "InvalidValue"]


def test_two_hundred_calls_at_once_do_not_mix_their_variables(small: SmallPolicies) -> None:
    small.run(small.gateway(MIRROR))
    path = "/openai/x?n="

    answers = small.together(*(small.send(MIRROR, "POST", path + str(n), data=str(n)) for n in range(200)))

    assert [answer.json for answer in answers] == [[str(n), str(n)] for n in range(200)]
