"""Simulated accounts are controlled and asked over HTTP while they run."""

import asyncio
from typing import Any

import aiohttp

from stack.openai_backends.faults import MODES
from stack.openai_backends.serve import serve
from tests.gateway.issuer_and_echo import token
from tests.support.company import CONFIG

HOST = "oai-eastus2.openai.azure.com"
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def talk(*requests: tuple[str, str, dict[str, Any]]) -> list[tuple[int, Any]]:
    async def run() -> list[tuple[int, Any]]:
        answers = []
        async with serve(CONFIG) as running, aiohttp.ClientSession() as session:
            for method, path, options in requests:
                async with session.request(method, running.origins[HOST] + path, **options) as answer:
                    answers.append((answer.status, await answer.json(content_type=None)))
        return answers

    return asyncio.run(run())


SIGNED = {"Authorization": f"Bearer {token()}"}
ASK = ("POST", "/openai/v1/chat/completions", {"json": CHAT, "headers": {**SIGNED, "x-request-id": "call-1"}})


def test_the_ledger_holds_what_was_billed_with_the_callers_id() -> None:
    (_, answer), (_, ledger) = talk(ASK, ("GET", "/_ledger", {}))

    assert ledger[0]["requestId"] == "call-1"
    assert ledger[0]["usage"] == answer["usage"]


def test_an_outage_begins_and_ends_on_command() -> None:
    down, up = {"json": {"mode": "500"}}, {"json": {"mode": "ok"}}

    answers = talk(("POST", "/_control", down), ASK, ("POST", "/_control", up), ASK, ("GET", "/_ledger", {}))

    assert [status for status, _ in answers] == [200, 500, 200, 200, 200]
    assert len(answers[-1][1]) == 1


def test_a_wrong_command_is_explained() -> None:
    answers = talk(("POST", "/_control", {"json": {"mode": "sleepy"}}), ("POST", "/_control", {"json": {"mod": 1}}))

    assert answers[0] == (
        400,
        {"error": f"mode must be one of {', '.join(MODES)}, not 'sleepy'"},
    )
    assert answers[1][1]["error"].startswith("unknown field 'mod'")


def test_only_the_gateways_identity_is_let_in() -> None:
    path = "/openai/v1/chat/completions"
    other = {"Authorization": f"Bearer {token('https://other')}"}

    answers = talk(
        ("POST", path, {"json": CHAT}),
        ("POST", path, {"json": CHAT, "headers": other}),
        ("POST", path, {"json": CHAT, "headers": {**SIGNED, "api-key": "k"}}),
    )

    assert [status for status, _ in answers] == [401, 401, 401]
