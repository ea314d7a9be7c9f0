"""Three months of books with many people, applications, models and states, in two time zones and two currencies.

February and March are kept in dollars in New York and closed; April, in euros in Berlin, is open and carries
corrections of March. There are shared costs, calls without a price and streams whose tokens are not known yet.
"""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chargeback.adapters.config.applied import AppliedCatalogues
from chargeback.adapters.config.folders import path_of
from tests.support.builders import tokens, usage_event
from tests.support.closing_product import ClosingProduct, published_for_real
from tests.support.config_files import config_folder

MONTHS = ("2026-02", "2026-03", "2026-04")
MARCH_5, APRIL_5, APRIL_20 = (datetime(2026, month, day, 6, tzinfo=UTC) for month, day in ((3, 5), (4, 5), (4, 20)))
TENANTS = ("tenant-a", "tenant-b")
PEOPLE = ("ann", "bob", "cora", "dan")
APPS = ("app-1", "app-2", "app-3")
CENTRES = ("product", "product/search", "product/searching", "research", "unallocated")

_FILES = {
    "books.yaml": """
books:
  - {from: "2026-02", timeZone: America/New_York, currency: USD}
  - {from: "2026-04", timeZone: Europe/Berlin, currency: EUR}
exchangeRates:
  - {from: USD, to: EUR, rate: "0.8123456", date: 2026-04-01, source: the bank}
""",
    "deployments.yaml": """
accounts:
  - {account: oai-swedencentral, region: swedencentral, priority: 1, weight: 1, deployments: eu}
  - {account: oai-eastus2, region: eastus2, priority: 1, weight: 1, deployments: us}
deploymentSets:
  eu:
    - {name: gpt-4o, model: gpt-4o, version: "2024-11-20", type: DataZoneStandard, capacity: 1}
    - {name: small, model: gpt-4o-mini, version: "2024-07-18", type: GlobalStandard, capacity: 1}
  us:
    - {name: gpt-4o, model: gpt-4o, version: "2024-11-20", type: GlobalStandard, capacity: 1}
    - {name: small, model: gpt-4o-mini, version: "2024-07-18", type: GlobalStandard, capacity: 1}
""",
    "cost-centres.yaml": """
costCentres:
  - {path: product, name: Product}
  - {path: product/search, name: Search}
  - {path: product/searching, name: Searching}
  - {path: research, name: Research}
rules:
  - {id: search, when: {subscription: search}, costCentre: product/search}
  - {id: searching, when: {subscription: searching}, costCentre: product/searching}
  - {id: product, when: {subscription: product}, costCentre: product}
  - {id: research, when: {subscription: research}, costCentre: research}
""",
    "shared-costs.yaml": """
sharedCosts:
  - {id: platform, name: Platform, kind: fee, perMonth: "100.01", currency: USD, basis: usage, measure: tokens,
     source: agreed}
""",
    "rate-card.yaml": """
currency: USD
prices:
  - {provider: azure-openai, model: gpt-4o, deploymentTypes: [DataZoneStandard, GlobalStandard],
     effectiveFrom: 2024-01-01T00:00:00Z, source: the page,
     perMillion: {input_tokens: "2.53", cached_input_tokens: "1.271", output_tokens: "10.007"}}
  - {provider: azure-openai, model: gpt-4o-mini, deploymentTypes: [GlobalStandard],
     effectiveFrom: 2024-01-01T00:00:00Z, source: the page,
     perMillion: {input_tokens: "0.151", cached_input_tokens: "0.0757", output_tokens: "0.607"}}
""",
}


async def three_months(tmp_path: Path, *, calls: int = 60, seed: int = 1) -> ClosingProduct:
    """Books of so many calls a month."""
    folder = config_folder(tmp_path / "config")
    for name, content in _FILES.items():
        path_of(folder, name).write_text(content)
    product = published_for_real(ClosingProduct(over=lambda control: AppliedCatalogues(control, folder)))
    rng = random.Random(seed)
    february, march, april = (datetime(2026, month, 1, 12, tzinfo=UTC) for month in (2, 3, 4))
    before: datetime | None = None
    for start, days, now in ((february, 27, MARCH_5), (march, 30, APRIL_5), (april, 18, APRIL_20)):
        await product.ingest([_call(rng, start, days) for _ in range(calls)], now - timedelta(days=3))
        if before:
            late = [_call(rng, before, 28, later=True) for _ in range(8)]
            await product.ingest(late, now)
        before = start
        await product.poster.post(now)
        await product.auditor.audit(now)
        if now is not APRIL_20:
            await product.close(f"2026-{start.month:02}", now, "ann", "agreed with finance")
    await product.publish_drafts(APRIL_20)
    return product


def _call(rng: random.Random, start: datetime, days: int, *, later: bool = False) -> bytes:
    time = start + timedelta(days=rng.randrange(1, days, 9), hours=rng.randrange(-11, 12), minutes=rng.randrange(60))
    kind = rng.randrange(10)
    who: dict[str, Any] = {"tenantId": rng.choice(TENANTS)}
    if kind < 6:
        who |= {"userObjectId": rng.choice(PEOPLE), "appId": rng.choice(APPS)}
    elif kind < 8:
        who |= {"appId": rng.choice(APPS)}
    if rng.random() < 0.5:
        who["username"] = rng.choice((*PEOPLE, "=cmd()", 'Zoë, of "sales"'))
    deployment = rng.choice(("gpt-4o", "small"))
    model = {"gpt-4o": "gpt-4o-2024-11-20", "small": "gpt-4o-mini-2024-07-18"}[deployment]
    if rng.random() < 0.1:
        deployment = model = "mystery"  # without a price
    fields = who | {
        "subscriptionId": rng.choice(("search", "searching", "product", "research", "stranger")),
        "deployment": deployment,
        "model": model,
        "backend": rng.choice(("oai-swedencentral", "oai-eastus2")) + ".openai.azure.com",
        "operation": rng.choice(("chat.completions", "responses")),
        "time": time.isoformat().replace("+00:00", "Z"),
        "id": f"call-{rng.getrandbits(64):x}{'-late' if later else ''}",
    }
    if rng.random() < 0.08:
        return usage_event(type="pending", stream=True, **fields)
    return usage_event(usage=tokens(rng.randrange(100_000), rng.randrange(9999), cached=rng.randrange(99)), **fields)
