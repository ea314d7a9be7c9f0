"""C# expressions behave as API Management's do."""

import pytest

from tests.gateway.small_policies import SmallPolicies, document, reports

CHAT = "/openai/v1/chat/completions"


def guarded(code: str) -> str:
    return f"<set-variable name='r' value='@{{ {code} }}' />".replace('"', "&quot;")


PRESERVED = document(
    """<set-variable name="a" value='@(context.Request.Body.As&lt;JObject&gt;(preserveContent: true))' />
       <set-variable name="b" value='@((string)((JObject)context.Variables["a"])["model"])' />"""
)
CONSUMED = document("<set-variable name='a' value='@(context.Request.Body.As&lt;string&gt;())' />")
TWICE = document(
    """<set-variable name="a" value='@(context.Request.Body.As&lt;string&gt;())' />
       <set-variable name="b" value='@(context.Request.Body.As&lt;string&gt;())' />""",
    on_error=reports("context.LastError.Reason", "context.LastError.Source", "context.LastError.Section"),
)
NO_BODY = document(reports("context.Request.Body == null"))
PARSED = document(
    "<set-variable name='a' value='@(JObject.Parse(context.Request.Body.As&lt;string&gt;(preserveContent: true)))' />"
    + reports('context.Variables["a"].GetType().Name'),
    on_error=reports("context.LastError.Message"),
)
NEW_BODY = document("<set-body>new</set-body>", on_error=reports("context.LastError.Source"))
AS_OBJECT = document(
    "<set-variable name='a' value='@(context.Request.Body.As&lt;JObject&gt;(preserveContent: true))' />"
    + reports('context.Variables["a"].GetType().Name'),
    on_error=reports("context.LastError.Message"),
)
WRONG_CAST = document(
    """<set-variable name="n" value="5" />
       <set-variable name="i" value='@(context.Variables.GetValueOrDefault&lt;int&gt;("n"))' />""",
    on_error=reports("context.LastError.Message"),
)
TYPES = document(
    """<set-variable name="text" value="5" /><set-variable name="number" value="@(5)" />
       <set-variable name="flag" value="@(true)" />"""
    + reports(
        'context.Variables["text"].GetType().Name',
        'context.Variables["number"].GetType().Name',
        'context.Variables["flag"].GetType().Name',
        'context.Variables.GetValueOrDefault<string>("absent", "none")',
        'context.Variables.GetValueOrDefault<int>("number")',
    )
)
SURROUNDINGS = document(
    reports(
        "context.Api.Id",
        "context.Deployment.Region",
        "context.Request.Method",
        "context.Request.OriginalUrl.Path",
        'context.Request.Url.Query.GetValueOrDefault("a", "")',
        'context.Request.Headers.GetValueOrDefault("X-Two", "")',
        "context.Subscription == null ? null : context.Subscription.Id",
        "context.Product == null ? null : context.Product.Name",
        "context.User == null",
        "context.Response == null",
        "context.LastError == null",
        "context.Operation.UrlTemplate",
    )
)
STATEMENTS = document(
    reports('(string)context.Variables["sum"]').replace(
        "<return-response>",
        """<set-variable name="sum" value="@{
            var sum = 0;
            foreach (var n in new List&lt;int&gt; { 1, 2, 3 }) { sum += n; }
            return sum.ToString();
        }" /><return-response>""",
        1,
    )
)
BODY_EDIT = document(
    """<set-body>@{
        var body = context.Request.Body.As<JObject>(preserveContent: true);
        body["stream"] = true;
        return body.ToString(Newtonsoft.Json.Formatting.None);
    }</set-body>
    """.replace("<JObject>", "&lt;JObject&gt;")
)


def test_a_body_read_with_its_content_preserved_reaches_the_backend(small: SmallPolicies) -> None:
    answer = small.call(PRESERVED, "POST", CHAT, json={"model": "gpt-4o"})

    assert answer.json["body"] == '{"model": "gpt-4o"}'


def test_a_body_read_without_preserving_it_reaches_the_backend_empty(small: SmallPolicies) -> None:
    answer = small.call(CONSUMED, "POST", CHAT, json={"model": "gpt-4o"})

    assert answer.json["body"] == ""


def test_a_consumed_body_cannot_be_read_again(small: SmallPolicies) -> None:
    answer = small.call(TWICE, "POST", CHAT, json={"model": "gpt-4o"})

    assert answer.json == ["ExpressionValueEvaluationFailure", "set-variable", "inbound"]


def test_a_get_has_no_body(small: SmallPolicies) -> None:
    assert small.call(NO_BODY).json == [True]
    assert small.call(NO_BODY, "POST", CHAT, json={}).json == [False]


def test_an_array_or_a_text_is_no_jobject(small: SmallPolicies) -> None:
    assert small.call(AS_OBJECT, "POST", CHAT, json={}).json == ["JObject"]
    assert "JsonReaderException" in small.call(AS_OBJECT, "POST", CHAT, json=[1]).json[0]
    assert "JsonReaderException" in small.call(AS_OBJECT, "POST", CHAT, data=b"plain").json[0]


def test_a_variable_of_another_type_throws(small: SmallPolicies) -> None:
    assert "InvalidCastException" in small.call(WRONG_CAST).json[0]


def test_literals_are_strings_and_expressions_keep_their_types(small: SmallPolicies) -> None:
    assert small.call(TYPES).json == ["String", "Int32", "Boolean", "none", 5]


def test_the_context_describes_the_call(small: SmallPolicies) -> None:
    headers = {"X-Two": "b", "api-key": "key-of-search"}

    answer = small.call(SURROUNDINGS, "GET", "/openai/v1/models?a=1%202", headers=headers)

    known = ["azure-openai", "swedencentral", "GET", "/openai/v1/models", "1 2", "b", "search", "Standard"]
    assert answer.json == [*known, True, True, True, "/*"]


@pytest.mark.parametrize("depth", [64, 65])
def test_json_is_read_64_levels_deep_as_the_services_library_does(small: SmallPolicies, depth: int) -> None:
    """https://github.com/JamesNK/Newtonsoft.Json/releases/tag/13.0.1: MaxDepth is 64 by default."""
    text = '{"a":' * depth + "1" + "}" * depth

    answers = [small.call(declared, "POST", CHAT, data=text.encode()).json[0] for declared in (AS_OBJECT, PARSED)]

    assert [answer == "JObject" for answer in answers] == [depth == 64] * 2
    assert all("MaxDepth of 64" in answer for answer in answers) is (depth == 65)


def test_text_after_json_is_refused(small: SmallPolicies) -> None:
    assert "Additional text" in small.call(PARSED, "POST", CHAT, data=b"{} {}").json[0]


def test_a_request_without_a_body_cannot_be_given_one(small: SmallPolicies) -> None:
    """https://learn.microsoft.com/azure/api-management/set-body-policy: "an exception is thrown"."""
    assert small.call(NEW_BODY).json == ["set-body"]
    assert small.call(NEW_BODY, "POST", CHAT, data=b"x").json["body"] == "new"


def test_statements_run_to_their_return(small: SmallPolicies) -> None:
    assert small.call(STATEMENTS).json == ["6"]


def test_an_edited_body_is_what_later_expressions_and_the_backend_read(small: SmallPolicies) -> None:
    answer = small.call(BODY_EDIT, "POST", CHAT, json={"model": "gpt-4o"})

    assert answer.json["body"] == '{"model":"gpt-4o","stream":true}'
