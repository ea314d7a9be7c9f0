"""Explore in a real browser: filters that list their values while somebody types, and everything open on a phone."""

from typing import Any

import pytest

from tests.support.screens import PHONE, inaccessible, misplaced

pytestmark = pytest.mark.anyio

CENTRES = "input[list=values-costCentre]"


async def test_a_filter_lists_its_values_while_somebody_types_among_thousands(visiting: Any) -> None:
    async with await visiting("many centres", "finance") as at:
        page = await at.go("/explore?month=2026-03")
        await page.get_by_text("Filters").click()
        await page.locator(CENTRES).fill("unit-3/team-3")

        option = page.locator("#values-costCentre option").first
        await option.wait_for(state="attached")

        found = await page.locator("#values-costCentre option").evaluate_all("all => all.map(each => each.value)")
        assert found
        assert all(each.startswith("unit-3/team-3") for each in found)

        await page.locator(CENTRES).fill(found[0])
        await page.locator(CENTRES).press("Enter")
        await page.get_by_role("link", name=f"Remove the filter: cost centre {found[0]}").wait_for()


@pytest.mark.parametrize("product", ["ordinary", "hostile"])
async def test_all_of_it_open_on_a_phone_stays_in_place_and_can_be_read(visiting: Any, product: str) -> None:
    async with await visiting(product, "finance", size=PHONE, dark=True) as at:
        address = "/explore?month=2026-03&groupBy=costCentre&groupBy=user&groupBy=meter&compare=before&kind=usage"
        page = await at.go(address)
        await page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")

        assert await misplaced(page) == []
        assert await inaccessible(page) == []


async def test_without_scripts_a_value_is_chosen_from_a_list(visiting: Any) -> None:
    async with await visiting("ordinary", "finance", javascript=False) as at:
        page = await at.go("/explore?month=2026-03")
        await page.get_by_text("Filters").click()
        await page.get_by_role("link", name="Choose by model").click()
        await page.get_by_role("link", name="gpt-4.1", exact=True).click()
        await page.get_by_role("link", name="product/search", exact=True).click()

        assert "model=gpt-4.1&costCentre=product%2Fsearch&groupBy=application" in page.url
