"""What people read of months over HTTP: their states, their files, and parts of these."""

import hashlib

import httpx
import pytest

from tests.api.asking import get
from tests.support.evidenced_months import EXPORT

pytestmark = pytest.mark.anyio

MARCH, APRIL = "/api/v1/periods/2026-03", "/api/v1/periods/2026-04"


async def test_months_say_how_far_they_are_and_who_did_what(closed: httpx.AsyncClient) -> None:
    march = (await get(closed, MARCH)).json()
    for_owner = (await get(closed, MARCH, "owner")).json()
    listed = (await get(closed, "/api/v1/periods")).json()["value"]

    assert (march["state"], march["final"], march["approvedBy"]) == ("closed", True, "Kim Ito")
    assert {"approved", "closed", "rated anew"} <= {each["what"] for each in march["history"]}
    assert (for_owner["state"], for_owner["history"], for_owner["approvedBy"]) == ("closed", [], "")
    assert [each["period"] for each in listed][:2] == ["2026-03", "2026-04"]


async def test_a_file_is_its_bytes_and_its_digest_is_its_etag(closed: httpx.AsyncClient) -> None:
    files = (await get(closed, f"{MARCH}/files")).json()

    assert files["final"] is True
    assert "chargeback-2026-03.csv" in {each["name"] for each in files["value"]}
    for each in files["value"]:
        whole = await get(closed, f"{MARCH}/files/{each['name']}")
        digest = hashlib.sha256(whole.content).hexdigest()
        assert each["sha256"] in (digest, ""), each["name"]
        assert whole.headers["etag"] == f'"{digest}"'
        assert len(whole.content) == each["bytes"] == int(whole.headers["content-length"])
        again = await get(closed, f"{MARCH}/files/{each['name']}", **{"If-None-Match": f'"{digest}"'})
        assert (again.status_code, again.content) == (304, b"")


async def test_finance_and_auditors_have_what_no_manifest_names_too(closed: httpx.AsyncClient) -> None:
    beside = {
        "postings-2026-04.csv": "true",
        "plans/plan-2026-04.csv": "false",
        "accruals/postings-2026-04-accrual-2026-04-20.csv": "false",
        "reconciliation/reconciliation-2026-04.csv": "false",
        "reconciliation/reconciliation-2026-04.json": "false",
        f"reconciliation/export-{EXPORT}-2026-04.parquet": "false",
    }
    for who in ("finance", "auditor"):
        files = (await get(closed, f"{APRIL}/files", who)).json()["value"]
        assert {each["name"] for each in files if not each["sha256"]} == {*beside}
        for name, is_final in beside.items():
            whole = await get(closed, f"{APRIL}/files/{name}", who)
            assert (whole.status_code, whole.headers["x-chargeback-final"]) == (200, is_final), name
            assert (await get(closed, f"{MARCH}/files/{name}", who)).status_code == 404


async def test_parts_of_a_file_make_the_whole(closed: httpx.AsyncClient) -> None:
    path = f"{MARCH}/files/chargeback-2026-03.csv"
    whole = (await get(closed, path)).content

    async def part(span: str, **headers: str) -> httpx.Response:
        return await get(closed, path, Range=f"bytes={span}", **headers)

    first, rest, last = await part("0-99"), await part("100-"), await part("-10")
    assert [each.status_code for each in (first, rest, last)] == [206, 206, 206]
    assert first.content + rest.content == whole
    assert last.content == whole[-10:]
    assert first.headers["content-range"] == f"bytes 0-99/{len(whole)}"
    assert (await part(f"0-{10**15}")).content == whole
    for ignored in ("5-2", "x-y", "0-1,3-4", "-", ""):
        answer = await part(ignored)
        assert (answer.status_code, answer.content) == (200, whole), ignored
    for beyond in (f"{len(whole)}-", f"{10**15}-", "-0"):
        answer = await part(beyond)
        assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(whole)}"), beyond
    assert (await part("0-9", **{"If-Range": '"other"'})).status_code == 200


async def test_an_owner_has_the_statements_of_the_own_centres_alone(closed: httpx.AsyncClient) -> None:
    whole = {each["name"] for each in (await get(closed, f"{MARCH}/files")).json()["value"]}
    statements = {each for each in whole if each.startswith("statements/")}
    for who, below in (("owner", "product"), ("search-owner", "product/search"), ("researcher", "research")):
        answer = await get(closed, f"{MARCH}/files", who)
        seen = {each["name"] for each in answer.json().get("value", [])}
        assert seen == {each for each in statements if f"{each}/".startswith(f"statements/{below}/")}, who
        for name in whole - seen:
            hidden = await get(closed, f"{MARCH}/files/{name}", who)
            missing = await get(closed, f"{MARCH}/files/nothing", who)
            assert (hidden.status_code, hidden.text) == (404, missing.text), (who, name)
    for who in ("user", "operator", "nobody"):
        assert (await get(closed, f"{MARCH}/files", who)).status_code == 404


@pytest.mark.parametrize(
    "trick",
    [
        "../2026-03/manifest.json", "..%2f2026-04%2fmanifest.json", "%2e%2e/2026-04/manifest.json", "/etc/passwd",
        "statements%2Fproduct%2F..%2F..%2Fmanifest.json",
        "manifest.json%00", "MANIFEST.JSON", "statements/", "", "x" * 3000, "manifest.json/",
        "statements//product/statement-2026-03.csv", "chargeback-2026-03.csv%0d%0aSet-Cookie:a=b",
    ],
)  # fmt: skip
async def test_no_name_leads_anywhere_else(closed: httpx.AsyncClient, trick: str) -> None:
    for who in ("finance", "owner"):
        answer = await get(closed, f"{MARCH}/files/{trick}", who)
        assert answer.status_code == 404, (who, answer.text[:200])


@pytest.mark.parametrize("period", ["2026-13", "2026-3", "../2026-03", "0000-01", "9999-12", "%00", "2026-03%2F"])
async def test_what_is_no_month_is_not_there(closed: httpx.AsyncClient, period: str) -> None:
    assert (await get(closed, f"/api/v1/periods/{period}")).status_code == 404
