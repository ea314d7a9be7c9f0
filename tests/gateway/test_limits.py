"""Limits and identity: rates, quotas, tokens, addresses, headers, tokens of callers, keys."""

from stack.gateway.limits import period_end
from tests.gateway.issuer_and_echo import TENANT, token
from tests.gateway.small_policies import SIGN_IN, SmallPolicies, document, reports

RATED = document(
    """<rate-limit-by-key calls="2" renewal-period="60" counter-key="@(context.Request.Method)"
    remaining-calls-header-name="X-Left" remaining-calls-variable-name="left" />""",
    on_error='<set-header name="X-Reason"><value>@(context.LastError.Reason)</value></set-header>',
)
QUOTA = document('<quota-by-key calls="1" renewal-period="3600" counter-key="k" />')
POOL = '<set-backend-service backend-id="pool-eu" />' + SIGN_IN
TOKENS = document(
    POOL
    + """<llm-token-limit counter-key="k" tokens-per-minute="40" estimate-prompt-tokens="false"
    remaining-tokens-header-name="X-Left" tokens-consumed-header-name="X-Consumed" />"""
)
ESTIMATED = document(POOL + '<llm-token-limit counter-key="e" tokens-per-minute="40" estimate-prompt-tokens="true" />')
TOKEN_QUOTA = document(
    POOL
    + """<llm-token-limit counter-key="q" token-quota="5" token-quota-period="Daily"
    estimate-prompt-tokens="false" />"""
)
METERED = document(POOL + '<llm-emit-token-metric><dimension name="API ID" /></llm-emit-token-metric>')
ALLOWED = document('<ip-filter action="allow"><address-range from="127.0.0.0" to="127.0.0.255" /></ip-filter>')
FORBIDDEN = document('<ip-filter action="forbid"><address>127.0.0.1</address></ip-filter>')
CHECKED = document(
    """<check-header name="X-Kind" failed-check-httpcode="400" failed-check-error-message="what kind?"
    ignore-case="true"><value>Good</value></check-header>"""
)
ENTRA = document(
    f"""<validate-azure-ad-token tenant-id="{TENANT}" output-token-variable-name="jwt"
    failed-validation-error-message="no entry">
    <client-application-ids><application-id>app-1</application-id></client-application-ids>
    <audiences><audience>api://gateway</audience></audiences>
    <required-claims><claim name="roles" match="any"><value>caller</value></claim></required-claims>
    </validate-azure-ad-token>"""
    + reports('((Jwt)context.Variables["jwt"]).Claims.GetValueOrDefault("oid", "")'),
    on_error='<set-header name="X-Reason"><value>@(context.LastError.Reason)</value></set-header>',
)
KEYED = document(
    reports("context.Subscription == null ? null : context.Subscription.Id"),
    on_error=reports("context.LastError.Source", "context.LastError.Reason"),
)


def test_calls_above_the_rate_wait_for_the_next_period(small: SmallPolicies) -> None:
    first, second, third = (small.call(RATED) for _ in range(3))
    small.clock.now += 61

    assert (first.status, second.status, third.status) == (200, 200, 429)
    assert (first.headers["X-Left"], second.headers["X-Left"]) == ("1", "0")
    assert (third.headers["Retry-After"], third.headers["X-Reason"]) == ("60", "RateLimitExceeded")
    assert small.call(RATED).status == 200


def test_each_key_has_its_own_rate(small: SmallPolicies) -> None:
    for _ in range(3):
        small.call(RATED)

    assert small.call(RATED, "POST").status == 200


def test_calls_above_the_quota_are_forbidden(small: SmallPolicies) -> None:
    assert small.call(QUOTA).status == 200
    assert small.call(QUOTA).status == 403


def test_tokens_are_counted_from_answers_and_streams(small: SmallPolicies) -> None:
    answers = [
        small.chat(TOKENS, max_tokens=19),
        small.chat(TOKENS, max_tokens=19, stream=True),
        small.chat(TOKENS),
    ]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[0].headers["X-Consumed"] == str(answers[0].json["usage"]["total_tokens"])
    answers += [small.chat(TOKENS) for _ in range(4)]
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_an_estimated_prompt_can_be_too_long_before_it_is_sent(small: SmallPolicies) -> None:
    answer = small.chat(ESTIMATED, messages=[{"role": "user", "content": "x" * 400}])

    assert answer.status == 429
    assert small.accounts.accounts["oai-swedencentral"].ledger == []


def test_a_used_up_token_quota_is_forbidden(small: SmallPolicies) -> None:
    assert small.chat(TOKEN_QUOTA).status == 200
    assert small.chat(TOKEN_QUOTA).status == 403


def test_token_metrics_have_their_dimensions(small: SmallPolicies) -> None:
    usage = small.chat(METERED).json["usage"]

    gateway, _ = small.run(small.gateway(METERED))
    assert {metric["name"]: metric["value"] for metric in gateway.metrics} == {
        "Total Tokens": usage["total_tokens"],
        "Prompt Tokens": usage["prompt_tokens"],
        "Completion Tokens": usage["completion_tokens"],
    }


def test_callers_are_filtered_by_address(small: SmallPolicies) -> None:
    assert small.call(ALLOWED).status == 200
    assert small.call(FORBIDDEN).status == 403


def test_a_required_header_is_checked(small: SmallPolicies) -> None:
    assert small.call(CHECKED, headers={"X-Kind": "good"}).status == 200
    assert small.call(CHECKED, headers={"X-Kind": "bad"}).status == 400
    assert small.call(CHECKED).json["message"] == "what kind?"


def entra(small: SmallPolicies, **claims: object) -> tuple[int, str | None]:
    minted = token("api://gateway", **{"roles": ["caller", "other"], **claims})
    answer = small.call(ENTRA, headers={"Authorization": f"Bearer {minted}"})
    return answer.status, answer.headers.get("X-Reason")


def test_a_good_token_lets_its_claims_be_read(small: SmallPolicies) -> None:
    minted = token("api://gateway", roles=["caller"])

    assert small.call(ENTRA, headers={"Authorization": f"Bearer {minted}"}).json == ["user-1"]


def test_a_bad_token_is_refused_for_its_reason(small: SmallPolicies) -> None:
    assert entra(small, exp=1) == (401, "TokenExpired")
    assert entra(small, aud="api://other") == (401, "TokenAudienceNotAllowed")
    assert entra(small, appid="app-2") == (401, "TokenClaimValueNotAllowed")
    assert entra(small, roles=["other"]) == (401, "TokenClaimValueNotAllowed")
    assert entra(small, tid="another") == (401, "TokenInvalid")
    forged = token("api://gateway")[:-8] + "AAAAAAAA"
    assert small.call(ENTRA, headers={"Authorization": f"Bearer {forged}"}).json["message"] == "no entry"
    assert small.call(ENTRA).headers["X-Reason"] == "TokenNotPresent"


def test_a_key_names_its_subscription_and_a_wrong_one_is_refused(small: SmallPolicies) -> None:
    assert small.call(KEYED, headers={"api-key": "key-of-legal"}).json == ["legal"]
    assert small.call(KEYED, path="/openai/x?subscription-key=key-of-search").json == ["search"]
    assert small.call(KEYED).json == [None]
    assert small.call(KEYED, headers={"api-key": "wrong"}).json == ["authorization", "SubscriptionKeyInvalid"]


def test_calendar_periods_end_at_utc_boundaries() -> None:
    moment = 1772461800.0  # 2026-03-02T14:30:00Z, a Monday

    ends = {name: period_end(name, moment) for name in ("Hourly", "Daily", "Weekly", "Monthly", "Yearly")}

    assert ends["Hourly"] == 1772463600
    assert ends["Daily"] == 1772496000
    assert ends["Weekly"] == 1773014400
    assert ends["Monthly"] == 1775001600
    assert ends["Yearly"] == 1798761600
