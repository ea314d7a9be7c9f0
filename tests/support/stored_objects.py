"""Objects that a call makes and keeps, and the calls that reach them again."""

import json
from typing import Any

import httpx

from tests.policies.one_region import EU, US, OneRegion

TEAMS = ("search", "support")
MAKERS = {
    "/v1/responses": ({"model": "gpt-4o", "input": "hi"}, "resp_1", "response"),
    "/v1/conversations": ({}, "conv_1", "conversation"),
    "/v1/files": ({}, "file-1", "file"),
    "/v1/uploads": ({}, "upload_1", "upload"),
    "/v1/vector_stores": ({}, "vs_1", "vector_store"),
    "/v1/batches": ({"endpoint": "/v1/chat/completions"}, "batch_1", "batch"),
    "/v1/fine_tuning/jobs": ({"model": "gpt-4o"}, "ftjob-1", "fine_tuning.job"),
    "/v1/chat/completions": ({"model": "gpt-4o", "messages": [], "store": True}, "chatcmpl-1", "chat.completion"),
}


def call(one_region: OneRegion, method: str, path: str, key: str = "key-search", body: Any = None) -> httpx.Response:
    content = None if body is None else json.dumps(body)
    headers = {"api-key": key, **({"Content-Type": "application/json"} if body is not None else {})}
    return one_region.client.request(method, path, content=content, headers=headers)


def make(one_region: OneRegion, kind: str, key: str = "key-search", **more: Any) -> str:
    body, name, what = MAKERS[kind]
    one_region.script(*EU, *US, body={"id": name, "object": what, "created_at": 1_767_225_599, **more})
    assert call(one_region, "POST", kind, key, body).status_code == 200
    one_region.events()
    one_region.seen.clear()
    return name


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]
