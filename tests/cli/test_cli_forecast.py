"""Forecasts and anomalies on a terminal, from the books in the store."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from chargeback.adapters.config.folders import path_of
from chargeback.bootstrap import open_container
from chargeback.services.usage.summarise import summarise
from chargeback.settings import read_settings
from stack.example import EXAMPLE_CONFIG
from stack.stack import Stack
from tests.support.command_line import chargeback, found_by, output_of
from tests.support.spending import Spent, daily

pytestmark = pytest.mark.servers

# 2025-02-03 is a Monday; March 2025 has 21 working days at 10 and 10 weekend days at 1.
WEEK = ["10", "10", "10", "10", "10", "1", "1"]
BUDGET = "budgets: [{id: r, costCentre: research, amount: 125, steps: [{percent: 80, do: notify}]}]\n"


def in_the_books(spent: Sequence[Spent]) -> None:
    async def work() -> None:
        async with open_container(read_settings()) as container:
            for day in sorted({each.day for each in spent}):
                records = [each.record() for each in spent if each.day == day]
                await container.books.write(day, 0, None, (None, "digest"), records)
                await summarise(container.books, day)

    asyncio.run(work())


@pytest.fixture
def config_dir(tmp_path: Path) -> str:
    folder = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    path_of(folder, "budgets.yaml").write_text(BUDGET)
    return str(folder)


def rows_of(shown: str) -> list[list[str]]:
    """The cells of the tables."""
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in shown.splitlines() if row.startswith("│")]


def test_the_month_is_shown_for_every_cost_centre_and_budget(clean_stores: Stack, config_dir: str) -> None:
    in_the_books([*daily("2025-02-03", WEEK * 6), *daily("2025-03-14", ["7", "7"], centre="product/search")])

    shown = found_by("forecast", "--as-of", "2025-03-17", CHARGEBACK_CONFIG_DIR=config_dir)
    printed = found_by("forecast", "--as-of", "2025-03-17", "--json", CHARGEBACK_CONFIG_DIR=config_dir)
    below = output_of("forecast", "--as-of", "2025-03-17", "--cost-centre", "product", CHARGEBACK_CONFIG_DIR=config_dir)
    past = found_by("forecast", "2025-02", CHARGEBACK_CONFIG_DIR=config_dir)

    rows = {row[0]: row for row in rows_of(shown)[:4]}
    exactly = "220.00 to 220.00"
    assert rows["research"] == ["research", "weekdays, 42 days", "106.00 USD", "220.00", exactly, exactly]
    unknown = "not enough data: less than a week of days"
    assert rows["product/search"] == ["product/search", unknown, "14.00 USD", "-", "-", "-"]
    assert rows["(all)"][:3] == ["(all)", "smoothing, 42 days", "120.00 USD"]
    assert rows_of(shown)[4:] == [
        ["research", "125.00 USD", "106.00 USD", "80 %: reached on 2025-03-14"],
        ["", "", "", "100 %: on 2025-03-18"],
    ]
    assert [row[0] for row in rows_of(below)] == ["product", "product/search"]
    assert rows_of(past)[0] == ["(all)", "the month is over", "206.00 USD", "206.00", *["206.00 to 206.00"] * 2]
    written = json.loads(printed)
    assert [each["costCentre"] for each in written["forecasts"]] == ["", "product", "product/search", "research"]
    assert written["budgets"][0]["reaches"][1]["expected"] == "2025-03-18"


def test_what_stands_out_is_shown_with_its_movers(clean_stores: Stack) -> None:
    in_the_books([*daily("2025-02-03", WEEK * 6), Spent("2025-03-12", {4: "70"}, model="o3", user="bob", app="batch")])
    options = ("anomalies", "--as-of", "2025-03-17")

    shown, printed = found_by(*options), found_by(*options, "--json")
    nothing = output_of(*options, "--minimum", "1000")
    elsewhere = output_of(*options, "--cost-centre", "product")

    assert rows_of(shown) == [
        ["2025-03-12", "research", "80.00 USD", "10.00", "2025-03-05", "model: o3 +70.00"],
        ["", "", "", "", "", "application: batch +70.00"],
        ["", "", "", "", "", "user: bob +70.00"],
    ]
    (written,) = json.loads(printed)["anomalies"]
    assert written["slot"] == {"date": "2025-03-12", "costCentre": "research", "hour": None}
    assert written["movers"]["user"] == [{"name": "bob", "before": "0", "after": "70"}]
    assert nothing == elsewhere == "2025-03: nothing stands out\n"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["forecast", "2199-01"], 1, "error: the period 2199-01 has not begun"),
        (["forecast", "2999-01"], 2, "period '2999-01' is not between 1970-01 and 2199-12"),
        (["forecast", "--as-of", "2999-01-01"], 1, "error: 2999-01-01 is yet to come"),
        (["anomalies", "--minimum", "much"], 2, "'much' is not an amount of money"),
        (["anomalies", "March"], 2, "period 'March' is not a month such as 2026-03"),
    ],
)
def test_a_wrong_argument_is_named(clean_stores: Stack, arguments: list[str], code: int, text: str) -> None:
    ended, _, errors = chargeback(*arguments)

    assert ended == code
    assert text in errors
    assert "Traceback" not in errors
