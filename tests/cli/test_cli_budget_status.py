"""`budgets status`, `explain` and `replay` on the real stores: what they say, in which form, and how they end."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargeback.adapters.config.folders import path_of
from chargeback.cli.exit_codes import ExitCode
from chargeback.domain.time.calendar import previous_period
from chargeback.domain.time.months import Month
from stack.example import EXAMPLE_CONFIG
from stack.stack import Stack
from tests.support.builders import tokens, usage_event
from tests.support.command_line import chargeback, found_by, output_of
from tests.surface.documents import DOCUMENTS

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)
LAST = previous_period(Month(f"{NOW:%Y-%m}"))
BUDGETS = """\
budgets:
  - id: search
    costCentre: product
    amount: 5
    currency: USD
    owner: ada
    steps: [{percent: 50, do: warn}, {percent: 100, do: block}]
  - {id: trial, subscription: search, amount: 100, currency: USD, shadow: true, steps: [{percent: 2, do: block}]}
  - {id: legal, costCentre: corporate/legal, amount: 100, currency: USD, steps: [{percent: 100, do: block}]}
"""


@pytest.fixture
def config_dir(clean_stores: Stack, tmp_path: Path) -> str:
    """Two million tokens cost 5.5 dollars."""
    folder = Path(shutil.copytree(EXAMPLE_CONFIG, tmp_path / "config"))
    path_of(folder, "budgets.yaml").write_text(BUDGETS)
    return str(folder)


def used(million: int, time: str) -> bytes:
    return usage_event(time=time, usage=tokens(million * 1_000_000, 0))


def ingest(config_dir: str, *events: bytes) -> None:
    output_of("ingest", "-", stdin=b"\n".join(events), CHARGEBACK_CONFIG_DIR=config_dir)


def printed(command: str, *arguments: str, config_dir: str, ends: ExitCode = ExitCode.DONE) -> Any:
    code, output, errors = chargeback(*command.split(), *arguments, "--json", CHARGEBACK_CONFIG_DIR=config_dir)
    assert code == ends, errors
    return msgspec.json.decode(output, type=DOCUMENTS[command])


def test_a_budget_is_told_before_and_after_a_posting_and_when_it_is_raised(config_dir: str) -> None:
    ingest(config_dir, used(1, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))
    within = output_of("budgets", "status", "search", CHARGEBACK_CONFIG_DIR=config_dir)
    ingest(config_dir, used(1, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))
    counted = printed("budgets status", config_dir=config_dir, ends=ExitCode.FINDINGS)
    output_of("post", CHARGEBACK_CONFIG_DIR=config_dir)
    posted = printed("budgets status", config_dir=config_dir, ends=ExitCode.FINDINGS)
    asked = ("--amount", "20", "--until", "2999-01-01", "--reason", "launch")
    until = f"{NOW.year + 1}-{NOW:%m}-01"
    output_of("budgets", "override", "search", *asked[:3], until, *asked[4:], CHARGEBACK_CONFIG_DIR=config_dir)
    raised = printed("budgets status", "search", config_dir=config_dir)

    assert "calls are warned (50 %)" in within
    assert counted.budgets == posted.budgets
    assert [(each.id, str(each.spent), each.step and each.step.action, each.acts) for each in posted.budgets] == [
        ("search", "5.5", "block", True),
        ("trial", "5.5", "block", False),
        ("legal", "0", None, False),
    ]
    (search,) = raised.budgets
    assert (search.limit, search.overrides, search.remaining, search.step) == (
        25,
        20,
        search.limit - search.spent,
        None,
    )


def test_a_budget_is_explained_from_its_spend_to_its_steps(config_dir: str) -> None:
    ingest(config_dir, used(1, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))
    output_of("post", CHARGEBACK_CONFIG_DIR=config_dir)
    ingest(config_dir, used(1, f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))

    told = found_by("budgets", "explain", "search", CHARGEBACK_CONFIG_DIR=config_dir)
    shown = printed("budgets explain", "search", config_dir=config_dir, ends=ExitCode.FINDINGS)
    legal = printed("budgets explain", "legal", config_dir=config_dir)
    unknown = chargeback("budgets", "explain", "serach", CHARGEBACK_CONFIG_DIR=config_dir)

    assert "Spent: 5.50 known + 0.00 estimated = 5.50 USD." in told
    assert f"  {NOW:%Y-%m-%d}: 2.75 + 2.75 + 0.00" in told
    assert "  50 % = 2.50 USD: warn, reached" in told
    assert [(str(each.amount), each.is_reached) for each in shown.steps] == [("2.5", True), ("5", True)]
    assert shown.keys == {
        "standard": ("subscription/search#2",),
        "premium": ("subscription/support#0&billingCode/VOICE", "subscription/support#1"),
    }
    assert legal.keys == {"europe-resident": ("subscription/legal#3",)}
    assert (unknown[0], "there are: search, trial, legal" in unknown[2]) == (ExitCode.FAILED, True)


def test_a_month_is_replayed_with_the_budgets_in_force_and_with_others(config_dir: str, tmp_path: Path) -> None:
    ingest(config_dir, used(1, f"{LAST}-10T10:00:00Z"), used(1, f"{LAST}-11T10:00:00Z"))
    proposed = tmp_path / "proposed.yaml"
    proposed.write_text(
        "budgets:\n  - {id: day, everything: true, amount: 2, every: day, steps: [{percent: 100, do: block}]}\n"
    )

    told = output_of("budgets", "replay", LAST, CHARGEBACK_CONFIG_DIR=config_dir)
    tried = printed("budgets replay", LAST, "--file", str(proposed), config_dir=config_dir)
    one = printed("budgets replay", LAST, "--budget", "legal", config_dir=config_dir)
    proposed.write_text("budgets:\n  - {id: day, everything: true, amount: 2, steps: [{percent: 0, do: block}]}\n")
    refused = chargeback("budgets", "replay", LAST, "--file", str(proposed), CHARGEBACK_CONFIG_DIR=config_dir)

    assert f"50 % in the hour from {LAST}-10 10:00Z: 1 call" in told
    assert "trial (shadow)" in told
    assert "legal: no step would have been reached" in told
    (day,) = tried.budgets
    assert [(each.first, str(each.overrun), [step.action for step in each.steps]) for each in day.windows] == [
        (f"{LAST}-10", "0.75", ["block"]),
        (f"{LAST}-11", "0.75", ["block"]),
    ]
    assert [each.id for each in one.budgets] == ["legal"]
    assert refused[0] == ExitCode.FAILED
    assert "proposed.yaml:2: budgets[0].steps[0].percent" in refused[2]
    assert json.loads(chargeback("budgets", "replay", LAST, "--json", CHARGEBACK_CONFIG_DIR=config_dir)[1])["lost"] == 0
