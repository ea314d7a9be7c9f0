"""What a browser's calls meet, by the rules of https://learn.microsoft.com/azure/api-management/cors-policy."""

from multidict import CIMultiDict

from stack.example import EXAMPLE_CONFIG
from stack.gateway.lint import lint
from stack.gateway.nodes import parse
from stack.gateway.policies.cors import preflight
from tests.gateway.small_policies import ROOT, Answer, SmallPolicies, document

ORIGINS = "<allowed-origins><origin>https://app.test</origin></allowed-origins>"
METHODS = '<allowed-methods preflight-result-max-age="300"><method>POST</method></allowed-methods>'
HEADERS = "<allowed-headers><header>api-key</header></allowed-headers>"
CORS = f'<cors allow-credentials="false">{ORIGINS}{METHODS}{HEADERS}</cors>'
LENIENT = CORS.replace("<cors ", '<cors terminate-unmatched-request="false" ')
PLAIN = document(CORS)
PASSING = document(LENIENT)
NESTED = document(f'<choose><when condition="@(true)">{CORS}</when></choose>')
IN_FRAGMENT = document('<include-fragment fragment-id="browsers" />', fragments={"browsers": CORS})
WITHOUT = document()
ANY = [{"id": f"any-{method}", "name": "Any", "method": method, "urlTemplate": "/*"} for method in ("GET", "OPTIONS")]
WITH_OPTIONS = document(CORS, operations=ANY)


def ask(small: SmallPolicies, declared: object, origin: str = "https://app.test", method: str = "POST") -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return small.call(declared, "OPTIONS", headers=asked)  # type: ignore[arg-type]


def granted(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.headers.get("Access-Control-Allow-Origin")


def test_a_preflight_is_answered_by_the_gateway(small: SmallPolicies) -> None:
    answer = ask(small, PLAIN)

    assert granted(answer) == (200, "https://app.test")
    assert answer.headers["Access-Control-Max-Age"] == "300"
    assert small.seen == []


def test_an_options_operation_switches_the_preflight_off(small: SmallPolicies) -> None:
    """The page: "If a request matches an operation with an OPTIONS method defined in the API, preflight request
    processing logic associated with the cors policy will not be executed"."""
    answer = ask(small, WITH_OPTIONS)

    assert granted(answer) == (200, None)
    assert [seen["method"] for seen in small.seen] == ["OPTIONS"]


def test_a_preflight_of_a_foreign_origin_or_method_is_an_empty_200(small: SmallPolicies) -> None:
    for declared in (PLAIN, PASSING):
        for origin, method in (("https://evil.test", "POST"), ("https://app.test", "DELETE")):
            answer = ask(small, declared, origin, method)

            assert (granted(answer), answer.body) == ((200, None), b"")
    assert small.seen == []


def test_a_preflight_meets_only_what_stands_directly_in_inbound(small: SmallPolicies) -> None:
    """The page looks for "other in-scope cors policies that are direct children of the inbound element"."""
    for declared in (NESTED, IN_FRAGMENT, WITHOUT):
        assert granted(ask(small, declared)) == (404, None)


def test_the_cors_policy_of_a_further_scope_is_looked_at_only_where_the_first_does_not_terminate() -> None:
    asked = CIMultiDict({"Origin": "https://app.test", "Access-Control-Request-Method": "POST"})

    for first, expected in ((CORS, None), (LENIENT, "https://app.test")):
        rules = [parse(xml.encode(), "a") for xml in (first.replace("app.test", "other.test"), CORS)]
        answer = preflight(rules, asked)

        assert answer is not None
        assert answer.headers.get("Access-Control-Allow-Origin") == expected


def test_an_options_call_that_is_no_preflight_is_not_found(small: SmallPolicies) -> None:
    assert small.call(PLAIN, "OPTIONS").status == 404


def test_a_get_of_a_foreign_origin_ends_empty_unless_told_otherwise(small: SmallPolicies) -> None:
    """The page, on terminate-unmatched-request: GET and HEAD are ended with an empty 200, or proceed normally."""
    foreign = {"Origin": "https://evil.test"}

    for method in ("GET", "HEAD"):
        ended = small.call(PLAIN, method, headers=foreign)
        assert (ended.status, ended.body, len(small.seen)) == (200, b"", 0)
    assert small.call(PASSING, headers=foreign).body != b""
    assert granted(small.call(PASSING, headers=foreign)) == (200, None)


def test_a_post_of_a_foreign_origin_goes_on_without_the_headers(small: SmallPolicies) -> None:
    answer = small.call(PLAIN, "POST", headers={"Origin": "https://evil.test"}, data=b"x")

    assert granted(answer) == (200, None)
    assert len(small.seen) == 1


def test_the_products_own_policy_stands_where_browsers_need_it() -> None:
    assert lint(ROOT / "apim-policies", EXAMPLE_CONFIG)[0] == []
