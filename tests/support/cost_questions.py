"""Random questions about costs, by people who may see random rows."""

from hypothesis import strategies as st

from chargeback.domain.access.requester import Identity, RowScope
from chargeback.domain.costs.cost_query import CostQuery, Granularity, RowOrder
from chargeback.domain.costs.dimension import Dimension
from chargeback.domain.reports.rows import KINDS
from chargeback.domain.time.days import BookDate, days_between
from chargeback.domain.usage.states import LineState
from tests.support.many_dimensions import APPS, CENTRES, PEOPLE, TENANTS

_VALUES = {
    Dimension.COST_CENTRE: (*CENTRES, "prod", "product/sear", "nobody's"),
    Dimension.APPLICATION: (*APPS, "search", "stranger", ""),
    Dimension.USER: (*PEOPLE, "=cmd()", ""),
    Dimension.MODEL: ("gpt-4o-2024-11-20", "gpt-4o-mini-2024-07-18", "mystery", ""),
    Dimension.OPERATION: ("chat.completions", "responses"),
    Dimension.REGION: ("swedencentral", "eastus2", ""),
    Dimension.DEPLOYMENT_TYPE: ("DataZoneStandard", "GlobalStandard", ""),
    Dimension.METER: ("input_tokens", "cached_input_tokens", "output_tokens", "requests", "fee"),
    Dimension.STATE: tuple(state.value for state in LineState),
    Dimension.KIND: KINDS,
    Dimension.CURRENCY: ("USD", "EUR", "GBP"),
}
_DATES = days_between(BookDate("2026-01-25"), BookDate("2026-05-02"))
_ENDS = [BookDate(f"2026-{end}") for end in ("02-01", "02-28", "03-01", "03-31", "04-01", "04-30")]


@st.composite
def questions(draw: st.DrawFn) -> CostQuery:
    """Any question over months that are mostly there."""
    ends = st.sampled_from(_DATES) | st.sampled_from(_ENDS)
    first, last = sorted((draw(ends), draw(ends)))
    filtered = draw(st.lists(st.sampled_from(list(Dimension)), max_size=3, unique=True))
    return CostQuery(
        first,
        last,
        {each: tuple(draw(st.lists(st.sampled_from(_VALUES[each]), min_size=1, max_size=3))) for each in filtered},
        tuple(draw(st.lists(st.sampled_from(list(Dimension)), max_size=4, unique=True))),
        draw(st.sampled_from(Granularity)),
        draw(st.integers(0, 2)),
        draw(st.sampled_from(RowOrder)),
    )


def identities() -> st.SearchStrategy[Identity]:
    """People and applications, also such that a token should never have."""
    tenants = st.sampled_from((*TENANTS, "another", ""))
    people = st.builds(Identity, tenants, st.sampled_from((*PEOPLE, "nobody")))
    applications = st.builds(Identity, tenants, st.just(""), st.sampled_from((*APPS, "")))
    return people | applications


def scopes() -> st.SearchStrategy[RowScope]:
    """All, some cost centres, own rows, both, or nothing."""
    centres = st.frozensets(st.sampled_from((*CENTRES, "prod", "")), max_size=2)
    return st.just(RowScope(everything=True)) | st.builds(RowScope, st.just(False), centres, st.none() | identities())
