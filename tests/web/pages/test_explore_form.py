"""The form of Explore says what is wrong beside the field, lists the values of a filter, and keeps addresses short."""

from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from chargeback.api.costs.names import DimensionName
from tests.support.shown_pages import sent_by
from tests.web.pages.exploring import MARCH, form_of, page_at

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("startDate=2026-02-30&user=ann", "startDate", "not a date such as"),
        ("startDate=2026-04-02&endDate=2026-04-01", "endDate", "lies before"),
        ("startDate=1999-01-01&endDate=2026-01-01", "endDate", "days are too many"),
        ("startDate=2026-03-01&startDate=2026-03-02", "startDate", "Give it once"),
        ("month=2026-13", "month", "not a month such as 2026-03"),
        ("month=2026-03&endDate=2026-03-04", "month", "Give one month, or dates"),
        ("groupBy=colour", "groupBy", "Input should be"),
        ("groupBy=model&groupBy=model", "groupBy", "names a dimension twice"),
        ("&".join(f"groupBy={each}" for each in [*DimensionName][:5]), "groupBy", "4 dimensions at most"),
        ("granularity=week", "granularity", "Input should be"),
        ("orderBy=luck", "orderBy", "Input should be"),
        ("levels=deep", "levels", "valid integer"),
        ("levels=99", "levels", "20"),
        ("maxpagesize=many", "maxpagesize", "valid integer"),
        ("maxpagesize=0", "maxpagesize", "greater than or equal to 1"),
        ("usageState=sad", "usageState", "is not one of"),
        (f"model={'x' * 513}", "model", "more than 512 characters"),
        ("user=%00", "user", "characters that no name has"),
    ],
)
async def test_a_refusal_stands_beside_its_field_with_the_form_as_it_was_filled_in(
    finance: httpx.AsyncClient, query: str, field: str, words: str
) -> None:
    page = await page_at(finance, f"/explore?{query}", 400)

    (alert,) = page.all("div", role="alert")
    (fault,) = form_of(page).all("span", id=f"fault-{field}")
    assert words.lower() in alert.words.lower()
    assert words.lower() in fault.words.lower()
    assert page.all("input", "select", "fieldset", id=f"field-{field}")
    sent = [pair for pair in sent_by(form_of(page)) if pair[1]]
    for name, value in parse_qsl(query):
        if name not in ("month", "startDate") or "Give" not in words:
            assert (name, value) in sent or (name, value) == ("user", "\0"), sent
    assert not page.all("table")


async def test_a_parameter_that_nobody_knows_is_named_and_not_ignored(finance: httpx.AsyncClient) -> None:
    page = await page_at(finance, f"{MARCH}&colour=red", 400)

    assert "colour: This is no parameter here" in page.all("div", role="alert")[0].words


async def test_blank_fields_of_the_form_are_no_part_of_the_address(finance: httpx.AsyncClient) -> None:
    page = await page_at(finance, f"{MARCH}&groupBy=model")

    answer = await finance.get(f"/explore?{urlencode(sent_by(form_of(page)))}")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/explore?startDate=2026-03-01&endDate=2026-03-31&groupBy=model"


async def test_values_of_a_filter_are_listed_as_far_as_other_filters_leave_any(finance: httpx.AsyncClient) -> None:
    page = await page_at(finance, f"{MARCH}&costCentre=research&user=ann")
    (field,) = page.all("input", name="user", list="values-user")

    listed = await page_at(finance, field.attributes["data-values"])
    searched = await page_at(finance, f"{field.attributes['data-values']}&startsWith=b")

    names = [each.attributes["data-value"] for each in listed.all("a") if "data-value" in each.attributes]
    assert {"ann", "bob"} <= {*names}
    assert listed.link("bob") == "/explore?month=2026-03&costCentre=research&user=ann&user=bob"
    assert [each.words for each in searched.all("a") if "data-value" in each.attributes] == ["bob"]


async def test_an_outdated_or_foreign_cursor_leads_back_to_the_first_page(finance: httpx.AsyncClient) -> None:
    page = await page_at(finance, f"{MARCH}&maxpagesize=1&cursor=made-up", 400)

    alert = page.all("div", role="alert")[0]
    assert "this is no cursor of this list for you" in alert.words.lower()
    assert alert.link("Go to the first page") == f"{MARCH}&maxpagesize=1"
