"""A product may have names of its own for models: the deployment behind one depends on the place."""

import pytest

from tests.policies.conftest import MakeRegion
from tests.policies.one_region import EU, product
from tests.policies.scripted_backends import sse
from tests.support.admitted_calls import NAMES, SEARCH, refused, respond


def test_what_is_behind_an_alias_need_not_be_on_the_list(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(models=["fast"], aliases=NAMES)]})

    assert respond(one_region, SEARCH, model="fast").status_code == 200
    one_region.seen.clear()
    one_region.event()
    refused(one_region, respond(one_region, SEARCH, model="gpt-4o-mini"), "model_not_allowed")


# Names for models


@pytest.mark.parametrize(
    ("region", "alias", "deployment"),
    [
        ("swedencentral", "fast", "gpt-4o-mini"),
        ("eastus2", "fast", "gpt-5.4-nano"),
        ("swedencentral", "best", "gpt-4.1"),
        ("eastus2", "best", "gpt-5.5"),
        ("eastus2", "Best", "gpt-5.5"),
    ],
)
@pytest.mark.parametrize("form", ["path", "body"])
def test_an_alias_is_the_deployment_of_the_place_and_both_are_accounted(
    make_region: MakeRegion, region: str, alias: str, deployment: str, form: str
) -> None:
    one_region = make_region(region=region, config={"products": [product(aliases=NAMES)]})

    if form == "path":
        answer = one_region.chat(path=f"/deployments/{alias}/chat/completions")
    else:
        answer = one_region.client.post("/v1/chat/completions", json={"model": alias, "messages": []}, headers=SEARCH)

    (seen,) = one_region.seen
    data = one_region.event()["data"]
    assert answer.status_code == 200
    assert (data["requestedModel"], data["deployment"]) == (alias, deployment)
    if form == "path":
        assert (seen.path, seen.query) == (
            f"/openai/deployments/{deployment}/chat/completions",
            {"api-version": "2024-10-21"},
        )
    else:
        assert seen.json == {"model": deployment, "messages": []}


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        ('{"model":"fast","n":1.0}', '{"model":"gpt-4o-mini","n":1.0}'),
        ('{ "n": 1e40, "model" : "fast" }', '{ "n": 1e40, "model" : "gpt-4o-mini" }'),
        ('{"tools":[{"model":"fast"}],"model":"fast"}', '{"tools":[{"model":"fast"}],"model":"gpt-4o-mini"}'),
        ('{"a":"model\\":\\"fast","model":"fast"}', '{"a":"model\\":\\"fast","model":"gpt-4o-mini"}'),
        ('{"metadata":{"model":"fast"},"model":"fast"}', '{"metadata":{"model":"fast"},"model":"gpt-4o-mini"}'),
        ('{"mod\\u0065l":"fast"}', '{"mod\\u0065l":"gpt-4o-mini"}'),
        ('{"mod\\u0065l":"x","model":"fast"}', '{"mod\\u0065l":"gpt-4o-mini","model":"gpt-4o-mini"}'),
        ('{"model":"x","model":"fast"}', '{"model":"gpt-4o-mini","model":"gpt-4o-mini"}'),
        (
            '{"input":"2026-01-01T00:00:00Z \\\\","model":"fast"}',
            '{"input":"2026-01-01T00:00:00Z \\\\","model":"gpt-4o-mini"}',
        ),
        (
            '{"user":"model","model":"fast","x":["model","fast"]}',
            '{"user":"model","model":"gpt-4o-mini","x":["model","fast"]}',
        ),
    ],
)
def test_only_the_model_of_a_body_is_rewritten(make_region: MakeRegion, sent: str, received: str) -> None:
    one_region = make_region(config={"products": [product(aliases=NAMES)]})

    one_region.client.post("/v1/responses", content=sent, headers={**SEARCH, "Content-Type": "application/json"})

    assert one_region.seen[0].body.decode() == received


@pytest.mark.parametrize("sent", ['{model:"fast"}', "{'model':'fast'}", '{/*"*/"model":"fast"}'])
def test_a_body_whose_model_cannot_be_replaced_is_refused(make_region: MakeRegion, sent: str) -> None:
    one_region = make_region(config={"products": [product(aliases=NAMES)]})

    answer = one_region.client.post(
        "/v1/responses", content=sent, headers={**SEARCH, "Content-Type": "application/json"}
    )

    refused(one_region, answer, "model_not_rewritable", 400)


def test_an_aliased_stream_reports_its_usage_too(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(aliases=NAMES)]})
    one_region.script(EU[0], type="text/event-stream", pieces=sse({"choices": []}))

    body = {"model": "fast", "messages": [], "stream": True}
    one_region.client.post("/v1/chat/completions", json=body, headers=SEARCH)

    assert one_region.seen[0].json == {**body, "model": "gpt-4o-mini", "stream_options": {"include_usage": True}}


def test_an_alias_follows_its_call_to_another_account(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(aliases=NAMES)]})
    one_region.script(EU[0], status=429, body=b"{}")

    one_region.client.post("/v1/chat/completions", json={"model": "fast", "messages": []}, headers=SEARCH)

    assert [(seen.account, seen.json["model"]) for seen in one_region.seen] == [(name, "gpt-4o-mini") for name in EU]


def test_an_upload_cannot_use_an_alias_and_is_told_the_name(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(aliases={"ears": {"*": "gpt-4o-transcribe"}})]})

    answer = one_region.client.post(
        "/v1/audio/transcriptions", files={"file": b"RIFF"}, data={"model": "ears"}, headers=SEARCH
    )

    assert "gpt-4o-transcribe" in refused(one_region, answer, "alias_not_possible", 400)


def test_one_products_alias_is_not_anothers(make_region: MakeRegion) -> None:
    one_region = make_region(config={"products": [product(aliases=NAMES), product("premium", aliases={})]})

    answer = respond(one_region, {"api-key": "key-support"}, model="fast")

    refused(one_region, answer, "DeploymentNotFound", 404)
