"""What overviews of usage and costs hold, as the OpenAPI document describes it."""

import msgspec

from chargeback.api.conventions.texts import Amount, MomentText
from chargeback.api.costs.rows import CostRowAnswer, SpanAnswer, SpanPage
from chargeback.domain.periods.lifecycle import PeriodState


class OverviewAnswer(SpanAnswer, rename="camel", frozen=True, kw_only=True):
    """What was used in a span of dates, in a few numbers. `totalCost` has a row for each currency."""

    total_requests: int
    total_tokens: int
    total_cost: list[CostRowAnswer]
    active_users: int
    active_applications: int
    active_models: int


class UsageTablesAnswer(SpanAnswer, rename="camel", frozen=True, kw_only=True):
    """Usage of a span: by date, and of the 100 cost centres and the 100 applications that cost most."""

    daily: list[CostRowAnswer]
    by_cost_centre: list[CostRowAnswer]
    by_application: list[CostRowAnswer]


class CostTablesAnswer(SpanAnswer, rename="camel", frozen=True, kw_only=True):
    """Costs of a span: by month, and of the 100 models that cost most."""

    monthly: list[CostRowAnswer]
    by_model: list[CostRowAnswer]


class PerformanceRow(msgspec.Struct, rename="camel", frozen=True):
    """What a model costs for what it does. Quotients have 12 decimals; null: there is nothing to divide."""

    model: str
    currency: str
    cost: Amount | None
    requests: int
    input_tokens: int
    output_tokens: int
    cost_per_request: Amount | None
    cost_per_million_tokens: Amount | None
    output_tokens_per_request: Amount | None
    state: PeriodState
    final: bool
    as_of: MomentText | None


class PerformancePage(SpanPage, rename="camel", frozen=True, kw_only=True):
    """What models cost for what they do, in a span of dates."""

    value: list[PerformanceRow]
