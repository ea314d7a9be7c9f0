"""Changes to requests and responses, and the requests that policies send themselves."""

from tests.gateway.small_policies import SmallPolicies, document, reports

HEADERS = document(
    """<set-header name="X-Skip" exists-action="skip"><value>new</value></set-header>
    <set-header name="X-Override"><value>new</value></set-header>
    <set-header name="X-Append" exists-action="append"><value>new</value></set-header>
    <set-header name="X-Delete" exists-action="delete" />"""
)
QUERY = document(
    """<set-query-parameter name="a" exists-action="delete" />
    <set-query-parameter name="b" exists-action="override"><value>2 3</value></set-query-parameter>
    <set-query-parameter name="c" exists-action="skip"><value>9</value></set-query-parameter>"""
)
REWRITTEN = document('<rewrite-uri template="/other?x=1" copy-unmatched-params="true" />')
DROPPED = document('<rewrite-uri template="/other" copy-unmatched-params="false" />')
METHOD = document("<set-method>PUT</set-method>")
OUTBOUND = document(
    outbound="""<set-status code="201" reason="Made" /><set-body>changed</set-body>
    <set-header name="X-Out" exists-action="override"><value>1</value></set-header>"""
)
REPLACED = document('<find-and-replace from="cat" to="dog" />', outbound='<find-and-replace from="dog" to="bird" />')
ONE_WAY = document(
    """<send-one-way-request mode="new"><set-url>https://echo.test/events</set-url>
    <set-method>POST</set-method>
    <set-header name="Content-Type"><value>application/json</value></set-header>
    <set-body>@(new JObject(new JProperty("id", context.RequestId.ToString())).ToString())</set-body>
    <authentication-managed-identity resource="https://eventgrid.azure.net" /></send-one-way-request>
    <return-response />"""
)
LOST = document(
    """<send-one-way-request mode="new"><set-url>http://127.0.0.1:9/</set-url></send-one-way-request>
    <return-response><set-status code="204" /></return-response>"""
)
REQUESTED = document(
    """<send-request mode="new" response-variable-name="r" timeout="5">
    <set-url>https://echo.test/asked?status=202</set-url><set-method>POST</set-method><set-body>q</set-body>
    </send-request>"""
    + reports(
        '((IResponse)context.Variables["r"]).StatusCode',
        '(string)((IResponse)context.Variables["r"]).Body.As<JObject>()["body"]',
    )
)
IGNORED = document(
    """<send-request mode="new" response-variable-name="r" timeout="5" ignore-error="true">
    <set-url>http://127.0.0.1:9/</set-url></send-request>"""
    + reports('context.Variables["r"] == null')
)
FAILED = document(
    """<send-request mode="new" response-variable-name="r" timeout="5">
    <set-url>http://127.0.0.1:9/</set-url></send-request>""",
    on_error=reports("context.LastError.Source"),
)
CACHED = document(
    """<cache-lookup-value key="k" variable-name="v" default-value="nothing" />
    <cache-store-value key="k" value='@(new JObject(new JProperty("a", 1)))' duration="60" />"""
    + reports('context.Variables["v"].GetType().Name', 'context.Variables["v"].ToString()')
)
FORGOTTEN = document(
    """<cache-store-value key="gone" value="x" duration="60" /><cache-remove-value key="gone" />
    <cache-lookup-value key="gone" variable-name="v" />"""
    + reports('context.Variables.ContainsKey("v")')
)
NOTED = document(
    """<trace source="tests" severity="information"><message>@("hello " + context.Request.Method)</message></trace>
    <emit-metric name="calls" value="2" namespace="n"><dimension name="d" value="@(context.Api.Id)" /></emit-metric>
    <log-to-eventhub logger-id="hub">@(context.Request.Method)</log-to-eventhub>"""
)
LENGTH = 'context.Response.Headers.GetValueOrDefault("Content-Length", "none")'
LENGTHS = document(
    outbound=f"<set-variable name='told' value='@({LENGTH})' /><set-body>new</set-body>"
    '<set-header name="X-Lengths"><value>'
    f'@((string)context.Variables["told"] + " " + {LENGTH})</value></set-header>'
)


def test_headers_are_skipped_overridden_appended_and_deleted(small: SmallPolicies) -> None:
    sent = {"X-Skip": "old", "X-Override": "old", "X-Append": "old", "X-Delete": "old"}

    seen = small.call(HEADERS, headers=sent).json["headers"]

    assert (seen["X-Skip"], seen["X-Override"]) == ("old", "new")
    assert "X-Delete" not in seen


def test_query_parameters_are_changed(small: SmallPolicies) -> None:
    assert small.call(QUERY, path="/openai/x?a=1&b=1&c=1").json["path"] == "/openai/x?c=1&b=2%203"


def test_a_rewritten_uri_keeps_unmatched_parameters_unless_told_otherwise(small: SmallPolicies) -> None:
    assert small.call(REWRITTEN, path="/openai/x?y=2").json["path"] == "/openai/other?x=1&y=2"
    assert small.call(DROPPED, path="/openai/x?y=2").json["path"] == "/openai/other"


def test_the_method_can_be_replaced(small: SmallPolicies) -> None:
    assert small.call(METHOD, "POST").json["method"] == "PUT"


def test_outbound_changes_the_answer(small: SmallPolicies) -> None:
    answer = small.call(OUTBOUND)

    assert (answer.status, answer.reason, answer.body) == (201, "Made", b"changed")
    assert answer.headers["X-Out"] == "1"


def test_texts_are_replaced_on_both_ways(small: SmallPolicies) -> None:
    answer = small.call(REPLACED, "POST", "/openai/x", data=b"a cat")

    assert small.seen[0]["body"] == "a dog"
    assert answer.json["body"] == "a bird"


def test_a_one_way_request_carries_the_gateways_identity(small: SmallPolicies) -> None:
    small.call(ONE_WAY, "POST")
    gateway, _ = small.run(small.gateway(ONE_WAY))
    small.run(gateway.drain())

    assert small.seen[0]["path"] == "/events"
    assert small.seen[0]["headers"]["Authorization"].startswith("Bearer ")


def test_a_lost_one_way_request_harms_nobody(small: SmallPolicies) -> None:
    answer = small.call(LOST)
    gateway, _ = small.run(small.gateway(LOST))
    small.run(gateway.drain())

    assert answer.status == 204
    assert len(gateway.lost) == 1


def test_an_answer_is_kept_in_a_variable(small: SmallPolicies) -> None:
    assert small.call(REQUESTED).json == [202, "q"]


def test_a_failed_request_is_an_error_unless_ignored(small: SmallPolicies) -> None:
    assert small.call(IGNORED).json == [True]
    assert small.call(FAILED).json == ["send-request"]


def test_the_cache_gives_back_the_type_it_was_given(small: SmallPolicies) -> None:
    assert small.call(CACHED).json == ["String", "nothing"]
    assert small.call(CACHED).json[0] == "JObject"


def test_a_removed_value_is_not_found(small: SmallPolicies) -> None:
    assert small.call(FORGOTTEN).json == [False]


def test_the_length_that_a_backend_tells_is_seen_and_a_new_body_has_another(small: SmallPolicies) -> None:
    answer = small.call(LENGTHS, "POST", "/openai/x", data=b"body")

    told, after = answer.headers["X-Lengths"].split()
    assert int(told) > 100
    assert after == "none"
    assert (answer.body, answer.headers["Content-Length"]) == (b"new", "3")


def test_traces_metrics_and_event_hub_messages_are_kept(small: SmallPolicies) -> None:
    small.call(NOTED)

    gateway, _ = small.run(small.gateway(NOTED))
    assert gateway.metrics == [{"name": "calls", "namespace": "n", "value": 2.0, "dimensions": {"d": "azure-openai"}}]
    assert gateway.eventhub == [{"logger": "hub", "message": "GET"}]
