"""A year of the example company: what its teams called until now, the same each time, and the budgets that it set.

Spending grows, rests at weekends, and has what pages are for: a team that moved to a dearer model, one day that stands
out, calls that nobody can price yet, and budgets near their limits.
"""

import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import yaml

from chargeback.adapters.config.folders import path_of
from stack.example import EXAMPLE_CONFIG
from stack.identity.tokens import TENANT

MONTHS_BY_DAY = 3
"""So many months have calls every day; those before have them on some days, which is quicker to make."""

_BUDGETS = """
budgets:
  - {id: company, everything: true, amount: 26000, currency: USD, every: month, owner: Finance,
     steps: [{percent: 90, do: notify}, {percent: 100, do: notify, of: forecast}]}
  - {id: product, costCentre: product, amount: 21000, currency: USD, every: month, owner: Head of Product,
     steps: [{percent: 80, do: notify}, {percent: 100, do: notify}, {percent: 100, do: notify, of: forecast}]}
  - {id: product/search, costCentre: product/search, amount: 80000, currency: USD, every: year, owner: Search leads,
     steps: [{percent: 75, do: notify}, {percent: 90, do: warn}, {percent: 100, do: notify}]}
  - {id: product/support, costCentre: product/support, amount: 14000, currency: USD, every: quarter,
     owner: Support leads, steps: [{percent: 80, do: notify}, {percent: 95, do: warn}, {percent: 110, do: block}]}
  - {id: research, costCentre: research, amount: 7500, currency: USD, every: quarter, shadow: true,
     owner: Research office, steps: [{percent: 60, do: notify}, {percent: 90, do: swap, swap: {gpt-5.4: gpt-5.4-mini}}]}
  - {id: corporate/legal, costCentre: corporate/legal, amount: 1500, currency: USD, every: quarter, owner: Legal office,
     steps: [{percent: 80, do: notify}, {percent: 100, do: notify}]}
"""
_SHARED = """
sharedCosts:
  - {id: platform, name: Platform team, kind: fee, perMonth: "1800.00", currency: USD, basis: usage, measure: tokens,
     source: agreed with the heads of the units}
"""


def write_company(folder: Path) -> Path:
    """The configuration of the example company, with budgets that its year comes near to."""
    shutil.copytree(EXAMPLE_CONFIG, folder)
    for name, content in (("budgets.yaml", _BUDGETS), ("shared-costs.yaml", _SHARED)):
        yaml.safe_load(content)  # a slip is told here, and not by the Functions host
        path_of(folder, name).write_text(content, "utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Team:
    """Who calls what: `usd` is about what a working day costs at the end of the year."""

    subscription: str
    models: Mapping[str, float]
    people: tuple[str, ...]
    usd: float
    app: str = ""
    billing_code: str = ""
    growth: float = 0.05
    """By so much a month it grows."""


_TEAMS = (
    Team("search", {"gpt-5.5": 0.6, "gpt-5.4": 0.3, "text-embedding-3-large": 0.1},
         ("mira.olsen", "jon.adler", "tess.varga"), 310, growth=0.07),
    Team("support", {"gpt-5.4-mini": 0.5, "gpt-5.4": 0.5}, (), 150, app="helpdesk-assistant"),
    Team("support", {"gpt-5.4": 1.0}, (), 45, app="voice-assistant", billing_code="VOICE", growth=0.2),
    Team("legal", {"gpt-5.4": 1.0}, ("ida.brandt", "noor.haddad"), 14, growth=-0.04),
    Team("research", {"gpt-5.5": 0.4, "gpt-5.4": 0.4, "gpt-5.4-mini": 0.2},
         ("leo.finch", "ana.ruiz", "kai.moreau"), 85),
)  # fmt: skip
_PRICES = {
    "gpt-5.5": (5.5, 33.0), "gpt-5.4": (2.75, 16.5), "gpt-5.4-mini": (0.75, 4.5), "text-embedding-3-large": (0.13, 0.0),
}  # fmt: skip
"""About what a million tokens costs, of input and of output: only for the size of the calls."""

_CALLS = 3
"""So many calls of each person and model on a day."""


def days_until(today: date) -> Iterator[date]:
    """The days with calls: every day of the last months, and some of the other months of a year."""
    first = today.replace(day=1)
    for back in range(11, -1, -1):
        month = _months_before(first, back)
        day = month
        while day.month == month.month and day <= today:
            if back <= MONTHS_BY_DAY or day.day in (4, 11, 18, 25):
                yield day
            day += timedelta(days=1)


def _months_before(first: date, count: int) -> date:
    number = first.year * 12 + first.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)


def events_of(day: date, today: date) -> Iterator[bytes]:
    """What the gateway would have sent of a day."""
    months = (today.year - day.year) * 12 + today.month - day.month
    scale = 1.0 if months <= MONTHS_BY_DAY else 6.0  # as few days stand for a month
    drawn = random.Random(day.toordinal())
    number = 0
    for team in _TEAMS:
        usd = (
            team.usd
            * scale
            * (1 + team.growth) ** -months
            * drawn.uniform(0.85, 1.15)
            * (0.3 if day.weekday() > 4 else 1)
        )
        if team.subscription == "research" and day == today - timedelta(days=1):
            usd *= 9  # the daily timer sees yesterday
        callers = team.people or ("",)
        for who in callers:
            for model, share in team.models.items():
                for _ in range(_CALLS):
                    amount = usd * share / len(callers) / _CALLS * drawn.uniform(0.6, 1.4)
                    number += 1
                    yield _event(day, number, team, _known(model, day), who, amount, drawn)
    if months == 1 and day.day in (20, 23):
        yield _event(day, number + 1, _TEAMS[4], "gpt-5.6-preview", "leo.finch", 9, drawn)
        yield _event(day, number + 2, _TEAMS[0], "gpt-5.5", "jon.adler", 0, drawn, is_settled=False)


def _known(model: str, day: date) -> str:
    """The model, or the one that was there before it."""
    return model if day >= date(2026, 5, 1) or model.startswith("text") else "gpt-4.1"


def _event(
    day: date,
    number: int,
    team: Team,
    model: str,
    who: str,
    usd: float,
    drawn: random.Random,
    *,
    is_settled: bool = True,
) -> bytes:
    given, answered = _PRICES.get(model, (2.0, 8.0))
    prompt = int(usd * (0.55 if answered else 1) / given * 1_000_000) + drawn.randrange(900)
    completion = int(usd * 0.45 / answered * 1_000_000) + drawn.randrange(300) if answered else 0
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    data: dict[str, Any] = {
        "operation": "chat.completions" if answered else "embeddings",
        "method": "POST",
        "deployment": model,
        "model": model,
        "backend": "oai-swedencentral.openai.azure.com",
        "gatewayRegion": "swedencentral",
        "statusCode": 200,
        "stream": not is_settled,
        "subscriptionId": team.subscription,
        "productId": "standard",
        "tenantId": TENANT if team.app else "",
        "appId": team.app,
        "username": f"{who}@contoso.example" if who else "",
        "billingCode": team.billing_code,
    }
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{day}/{number}",
            "source": "/apim/year/swedencentral",
            "type": f"chargeback.usage.{'recorded' if is_settled else 'pending'}.v1",
            "time": f"{day}T{8 + number % 10:02}:{number % 60:02}:00Z",
            "datacontenttype": "application/json",
            "data": data | ({"usage": usage} if is_settled else {}),
        }
    )
