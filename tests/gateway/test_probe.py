"""The probe for a gateway on Azure tells the readings apart."""

import re
from dataclasses import fields

import pytest
from yarl import URL

from stack.gateway.readings import READINGS, Readings
from tests.gateway.small_policies import ROOT, Document, SmallPolicies, document_of

XML = (ROOT / "stack/gateway/probe.xml").read_text("utf-8")
OPERATIONS = [
    {"id": "slashes", "name": "Slashes", "method": "GET", "urlTemplate": "/a/slashes"},
    {"id": "get", "name": "Any GET", "method": "GET", "urlTemplate": "/*"},
    {"id": "post", "name": "Any POST", "method": "POST", "urlTemplate": "/*"},
]


def probe(readings: Readings) -> Document:
    backend = '<inbound><set-backend-service base-url="https://nowhere.test/openai" />'
    xml = XML.replace("<inbound>", backend)
    return document_of(xml, readings=readings, sku="StandardV2", operations=OPERATIONS)


PROBES = {name: probe(readings) for name, readings in {**READINGS, "abort": Readings(failed_attempt="abort")}.items()}


@pytest.mark.parametrize("name", PROBES)
def test_each_reading_gives_the_probe_an_answer_of_its_own(small: SmallPolicies, name: str) -> None:
    declared, expected = PROBES[name], PROBES[name].options["readings"]

    async def slashes() -> str:
        _, url = await small.gateway(declared)
        async with small.session.get(URL(f"{url}/openai/a//slashes", encoded=True)) as answer:
            return str((await answer.json(content_type=None))["slashes"])

    assert small.run(slashes()) == expected.slashes
    assert small.call(declared, path="/openai/stores").json == {"stores": expected.stores}
    oversize = small.call(declared, "POST", "/openai/oversize", data=b"x" * (3 << 20)).json
    assert oversize.get("oversize", str(oversize.get("status"))) == expected.oversize
    small.slept.clear()
    told = small.call(declared, path="/openai/attempts").json
    saw = {"answer": "null 500 500", "null": "null null null", "abort": "null"}[expected.failed_attempt]
    assert (told["attempts"], told["saw"], told["policyId"]) == (len(saw.split()), saw, "sent")
    source = {"element": "forward-request", "step": "request-forwarder", "other": "policy"}
    assert told["source"] == source[expected.error_source]
    waits = {"each": [1.0, 3.0], "once": [1.0, 1.0]}[expected.interval]
    assert small.slept == ([] if expected.failed_attempt == "abort" else waits)


def test_the_runbook_says_how_to_settle_every_question() -> None:
    runbook = (ROOT / "docs/operations.md").read_text("utf-8")
    section = runbook.partition("### Where API Management's pages are silent")[2]

    rows = re.findall(r"^\| (`[^|]*`) \|", section, re.MULTILINE)
    asked = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {field.name for field in fields(Readings)} <= asked
